"""Windows are looked at as they are finished: one of no use ends a costly job, and looking never
costs a video."""

import time
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from inference.core.errors import Fault, FaultCode
from inference.core.events import Event, Finished, Window
from inference.core.report import Aspect, Verdict, parse_report
from inference.core.task import (
    PICTURE,
    REPORT,
    RESULT,
    SOUND,
    Task,
    measurements_name,
    segment_name,
    voice_name,
)
from inference.media.audio import mix_voices
from inference.media.video import SegmentWriter
from inference.quality import live_checker
from inference.quality.judge import WindowFault
from inference.rendering.windows import EarlyStop, render_windows
from tests.support.bad_files import write_wav


@pytest.fixture
def ready(task: Task) -> Task:
    """The task of 101 frames in two windows, with its picture, its voice and its sound."""
    picture = task.plan.picture
    random = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(random).resize((picture.width, picture.height)).save(task.prepare_path(PICTURE))
    write_wav(task.folder / voice_name(0), 4, 0.1)
    mix_voices(task, task.prepare_path(SOUND))
    return task


class Black:
    """Makes black windows and notes which."""

    def __init__(self, task: Task) -> None:
        self.made: list[int] = []
        self._task = task

    def __call__(self, index: int) -> Iterator[Event]:
        plan = self._task.plan
        with SegmentWriter(
            self._task.prepare_path(segment_name(index)), plan.width, plan.height
        ) as writer:
            for _ in plan.new_frames(index):
                writer.write(np.zeros((plan.height, plan.width, 3), np.uint8))
        self.made.append(index)
        yield from ()


def test_a_first_window_of_no_use_ends_the_work_and_is_made_anew(ready: Task) -> None:
    maker = Black(ready)
    for tries in (1, 2):
        with pytest.raises(Fault) as told:
            list(render_windows(ready, "some", maker, time.monotonic(), EarlyStop.SURE))
        frames = len(ready.plan.new_frames(0))
        assert told.value.code is FaultCode.BAD_WINDOW
        assert told.value.message.startswith(f"All {frames} frames of the first window are black.")
        assert "Another try" in told.value.message
        assert maker.made == [0] * tries
        assert not (ready.folder / segment_name(0)).exists()


def test_a_first_window_past_a_limit_that_may_be_wrong_is_told_of_and_ends_only_a_strict_job(
    ready: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = WindowFault("The first window is odd.", sure=False)
    monkeypatch.setattr(live_checker, "find_first_window_fault", lambda measured: odd)
    maker = Black(ready)
    events = list(render_windows(ready, "some", maker, time.monotonic(), EarlyStop.SURE))
    faults = [event.fault for event in events if isinstance(event, Window)]
    assert faults == [odd.message, None] and isinstance(events[-1], Finished)
    with pytest.raises(Fault, match="The first window is odd. This happens"):
        list(render_windows(ready, "some", maker, time.monotonic(), EarlyStop.STRICT))


def test_what_costs_nothing_is_made_to_its_end_and_reported_on(ready: Task) -> None:
    maker = Black(ready)
    *_, last = render_windows(ready, "some", maker, time.monotonic())
    assert isinstance(last, Finished) and last.result.report == REPORT
    report = parse_report((ready.folder / REPORT).read_bytes())
    found = {finding.aspect: finding.verdict for finding in report.findings}
    assert found[Aspect.PICTURE] is Verdict.FAIL and found[Aspect.LENGTH] is Verdict.PASS

    # a run that goes on after a stop needs the numbers, not the windows
    before = {
        index: (ready.folder / measurements_name(index)).stat().st_mtime_ns for index in (0, 1)
    }
    (ready.folder / REPORT).unlink()
    list(render_windows(ready, "some", maker, time.monotonic()))
    assert maker.made == [0, 1]
    assert (ready.folder / REPORT).exists()
    after = {
        index: (ready.folder / measurements_name(index)).stat().st_mtime_ns for index in (0, 1)
    }
    assert after == before


def test_torn_measurements_are_made_anew(ready: Task) -> None:
    list(render_windows(ready, "some", Black(ready), time.monotonic()))
    path = ready.folder / measurements_name(0)
    whole = path.read_bytes()
    for torn in (b"", whole[: len(whole) // 2], whole.replace(b"yaw", b"old")):
        path.write_bytes(torn)
        (ready.folder / REPORT).unlink()
        list(render_windows(ready, "some", Black(ready), time.monotonic()))
        assert (ready.folder / REPORT).exists() and path.read_bytes() == whole


def test_a_video_that_can_not_be_looked_at_is_finished_all_the_same(ready: Task) -> None:
    (ready.folder / PICTURE).write_bytes(b"torn")
    *_, last = render_windows(ready, "some", Black(ready), time.monotonic(), EarlyStop.STRICT)
    assert isinstance(last, Finished) and last.result.report is None
    assert (ready.folder / RESULT).exists() and not (ready.folder / REPORT).exists()

"""A video that is taken up again, also after a kill, ends as if it had never been left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.core.events import Cancelled, Event, Finished, Stage, StageName, Step, Window
from inference.core.task import Task, segment_name, state_name
from inference.core.timing import PlannedWindow
from inference.jobs import history
from inference.media.video import SegmentWriter
from inference.multitalk import runner, window_generator
from inference.multitalk.models import attention, transformer
from inference.multitalk.models.attention import Kernel
from inference.multitalk.pipeline import Pipeline, PipelineOptions, Scene
from inference.multitalk.runtime.kernels import KernelChoice
from tests.support.media import ROOT, decoded
from tests.support.processes import ON_FEW_CORES
from tests.support.tiny_networks import shrunk
from tests.support.tiny_tasks import (
    ONE_WINDOW_S,
    TWO_WINDOWS_S,
    in_many_windows,
    small_task,
    tiny_engine,
)

ENGINE = tiny_engine()


def make(task: Task) -> list[Event]:
    return list(ENGINE.generate(task, lambda: False))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[Path, list[bytes]]:
    """The frames that each segment was made of.

    What is compared is what the encoder is given: of noise in frames as small as 64x32, libx264
    now and then makes another file (a few of 400 times), whatever the number of its threads.
    """
    frames: dict[Path, list[bytes]] = {}

    class Watched(SegmentWriter):
        def __init__(self, path: Path, width: int, height: int) -> None:
            super().__init__(path, width, height)
            self._seen = frames[path] = []

        def write(self, frame: NDArray[np.uint8]) -> None:
            self._seen.append(frame.tobytes())
            super().write(frame)

    monkeypatch.setattr(window_generator, "SegmentWriter", Watched)
    return frames


def frames_of(task: Task, written: dict[Path, list[bytes]]) -> list[bytes]:
    """All frames of the task's video, as they were last made."""
    windows = range(len(task.plan.windows))
    return [frame for i in windows for frame in written[task.folder / segment_name(i)]]


def stop_after_two_windows(task: Task) -> None:
    events: list[Event] = []
    for event in ENGINE.generate(task, lambda: Window(1, segment_name(1), 37) in events):
        events.append(event)
    assert events[-1] == Cancelled(37, "result.mp4")


@pytest.mark.parametrize(("handed_on", "made_again"), [(True, [2]), (False, [0, 1, 2])])
def test_who_was_cancelled_goes_on_to_the_same_frames(
    handed_on: bool, made_again: list[int], tmp_path: Path, written: dict[Path, list[bytes]]
) -> None:
    whole, stopped = (in_many_windows(tmp_path / name, 3) for name in ("whole", "stopped"))
    make(whole)
    stop_after_two_windows(stopped)
    if not handed_on:  # then all is made again
        (stopped.folder / state_name(1)).unlink()
    events = make(stopped)
    assert [event.window for event in events if isinstance(event, Step)] == made_again
    assert [event.index for event in events if isinstance(event, Window)] == [0, 1, 2]
    assert len(decoded(stopped.folder / "result.mp4")) == 53
    assert frames_of(stopped, written) == frames_of(whole, written)


@pytest.mark.parametrize("windows", [[(0, 81), (56, 81)], [(0, 57), (32, 53)]])
def test_each_frame_is_in_the_video_once_and_at_its_time(
    windows: list[tuple[int, int]],
    tmp_path: Path,
    written: dict[Path, list[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also of a job that was planned when windows ended with the video."""
    starts = iter([start for start, _ in windows])

    def numbered(self: Pipeline, scene: Scene, recipe: PipelineOptions, latents: Tensor) -> Tensor:
        count = 4 * latents.shape[1] - 3
        numbers = torch.arange(count) + next(starts)  # each frame as bright as its number says
        return (numbers / 127.5 - 1).view(1, -1, 1, 1).expand(3, -1, *scene.picture.shape[1:])

    monkeypatch.setattr(Pipeline, "decode", numbered)
    task = small_task(tmp_path, TWO_WINDOWS_S, steps=1)
    planned = tuple(PlannedWindow(start, frames) for start, frames in windows)
    make(replace(task, plan=replace(task.plan, windows=planned)))
    assert [frame[0] for frame in frames_of(task, written)] == list(range(85))


def test_the_same_seed_gives_the_same_video_and_another_one_does_not(
    tmp_path: Path, written: dict[Path, list[bytes]]
) -> None:
    videos = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        task = small_task(tmp_path / name, ONE_WINDOW_S)
        task = replace(task, plan=replace(task.plan, seed=seed))
        make(task)
        videos.append(frames_of(task, written))
    assert len(videos[0]) == 21
    assert videos[0] == videos[1] != videos[2]


@pytest.mark.parametrize("is_here", [True, False])
def test_who_goes_on_keeps_the_kernel_or_is_told_of_another(
    is_here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = in_many_windows(tmp_path, 2)
    monkeypatch.setattr(runner, "choose_kernel", lambda *_: KernelChoice(Kernel.CUDNN))
    events: list[Event] = []
    with used() as kernels:
        for event in tiny_engine().generate(task, lambda: Window(0, segment_name(0), 21) in events):
            events.append(event)
        assert set(kernels) == {Kernel.CUDNN}
    times = {Kernel.FLASH: 1.0} | ({Kernel.CUDNN: 2.0} if is_here else {})
    monkeypatch.setattr(runner, "choose_kernel", lambda *_: KernelChoice(Kernel.FLASH, times))
    with used() as kernels:
        events = list(tiny_engine().generate(task, lambda: False))
        assert set(kernels) == {Kernel.CUDNN if is_here else Kernel.FLASH}
    note = [e.note for e in events if isinstance(e, Stage) and e.name is StageName.WINDOW][-1]
    assert note is None if is_here else note and "another kind of GPU" in note
    assert isinstance(events[-1], Finished)


@contextmanager
def used() -> Iterator[list[Kernel | None]]:
    """Which kernel each self-attention is computed by."""
    seen: list[Kernel | None] = []

    def watched(*given: Tensor) -> Tensor:
        seen.append(attention._active_kernel.get())
        return attention.attend(*given)

    with patch.object(transformer, "attend", watched):
        yield seen


@pytest.fixture
def worker_environment() -> dict[str, str]:
    chosen = {"PORTRAIT_MODEL": "multitalk-tiny", "PORTRAIT_DEVICE": "cpu"}
    return os.environ | chosen | ON_FEW_CORES


def start(folder: Path, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "inference.jobs.worker", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


@pytest.mark.holds("making, MultiTalk", "kill", "goes on from its last window to the same frames")
def test_killed_in_window_two_it_goes_on_to_the_same_frames(
    tmp_path: Path, worker_environment: dict[str, str]
) -> None:
    whole, killed = (in_two_windows(tmp_path / name) for name in ("whole", "killed"))
    assert start(whole.folder, worker_environment).wait() == 0
    with start(killed.folder, worker_environment) as process:
        while not any(isinstance(e, Step) and e.window == 1 for e in events_of(killed)):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert not (killed.folder / "windows" / "001.mp4").exists(), "killed too late"
    assert start(killed.folder, worker_environment).wait() == 0
    events = events_of(killed)
    assert isinstance(events[-1], Finished)
    assert [e.index for e in events if isinstance(e, Window)] == [0, 1]
    first, second = (decoded(task.folder / "result.mp4") for task in (whole, killed))
    assert len(first) == 85 and np.array_equal(first, second)


def in_two_windows(folder: Path) -> Task:
    """Twice as wide as other small tasks: its files are compared, see `written`."""
    task = small_task(folder, TWO_WINDOWS_S, people=2, steps=10)
    larger = replace(task, plan=shrunk(task.plan, width=128))
    larger.save()
    return larger


def events_of(task: Task) -> list[Event]:
    return [record.event for record in history.read_records(task.folder)]

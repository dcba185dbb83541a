"""MultiTalk's tiny model makes whole videos of real media, in small frames."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from inference import history
from inference.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Frame,
    Stage,
    StageName,
    Step,
    Window,
)
from inference.models.encoders import VideoCoder
from inference.multitalk import production
from inference.multitalk.picture import Box, speaker_masks
from inference.task import SOUND, Task
from tests.media import ROOT, decoded
from tests.small_tasks import HEIGHT, ONE_WINDOW_S, TWO_WINDOWS_S, WIDTH, small_task, tiny_engine

ENGINE = tiny_engine()


def make(task: Task) -> list[Event]:
    return list(ENGINE.generate(task, lambda: False))


@pytest.mark.parametrize("people", [1, 2])
@pytest.mark.parametrize(("seconds", "windows"), [(ONE_WINDOW_S, 1), (TWO_WINDOWS_S, 2)])
def test_there_are_exactly_the_planned_frames(
    seconds: float, windows: int, people: int, tmp_path: Path
) -> None:
    task = small_task(tmp_path, seconds, people)
    events = make(task)
    assert isinstance(events[-1], Finished), events[-1]
    frames = decoded(tmp_path / events[-1].result.path)
    assert len(frames) == task.plan.frames == {1: 21, 2: 85}[windows]
    assert {frame.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    assert [event.index for event in events if isinstance(event, Window)] == list(range(windows))
    assert events[-1].result.engine == "multitalk"


def test_every_step_is_told_with_a_preview_and_the_time_left(tmp_path: Path) -> None:
    task = small_task(tmp_path, TWO_WINDOWS_S, steps=3)
    events = make(task)
    steps = [event for event in events if isinstance(event, Step)]
    assert [(s.window, s.done, s.total) for s in steps] == [
        (window, done, 3) for window in (0, 1) for done in (1, 2, 3)
    ]
    assert steps[0].eta_s is None and steps[-1].eta_s == 0
    assert all(step.eta_s is not None for step in steps[1:])
    assert sum(isinstance(event, Frame) for event in events) == len(steps)
    stages = [event.name for event in events if isinstance(event, Stage)]
    assert stages == [
        StageName.LOADING,
        StageName.LISTENING,
        StageName.LOOKING,
        StageName.WINDOW,
        StageName.WINDOW,
        StageName.FINISHING,
    ]


def test_nothing_that_only_the_next_window_needs_stays_behind(tmp_path: Path) -> None:
    make(small_task(tmp_path, TWO_WINDOWS_S))
    left = {path.name for path in (tmp_path / "windows").iterdir()}
    assert left == {"000.mp4", "001.mp4"}


def test_the_same_seed_gives_the_same_video(tmp_path: Path) -> None:
    videos = []
    for name in ("a", "b"):
        make(small_task(tmp_path / name, ONE_WINDOW_S))
        videos.append(decoded(tmp_path / name / "result.mp4"))
    assert np.array_equal(videos[0], videos[1])


@pytest.fixture
def worker_environment() -> dict[str, str]:
    chosen = {"PORTRAIT_MODEL": "multitalk-tiny", "PORTRAIT_DEVICE": "cpu"}
    return os.environ | chosen


def start(folder: Path, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "inference.worker", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


def test_killed_in_window_two_it_goes_on_to_the_same_frames(
    tmp_path: Path, worker_environment: dict[str, str]
) -> None:
    whole = small_task(tmp_path / "whole", TWO_WINDOWS_S, people=2, steps=8)
    killed = small_task(tmp_path / "killed", TWO_WINDOWS_S, people=2, steps=8)
    assert start(whole.folder, worker_environment).wait() == 0
    with start(killed.folder, worker_environment) as process:
        while not any(is_in_second_window(e) for e in events_of(killed)):
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


def events_of(task: Task) -> list[Event]:
    return [record.event for record in history.events(task.folder)]


def is_in_second_window(event: Event) -> bool:
    return isinstance(event, Step) and event.window == 1


def test_a_cancel_between_two_passes_keeps_what_is_finished(tmp_path: Path) -> None:
    task = small_task(tmp_path, TWO_WINDOWS_S)
    events: list[Event] = []
    for event in ENGINE.generate(task, lambda: any(map(is_in_second_window, events))):
        events.append(event)
    assert events[-1] == Cancelled(57, "result.mp4")
    assert sum(map(is_in_second_window, events)) == 1
    assert len(decoded(tmp_path / "result.mp4")) == 57


def test_a_picture_that_breaks_is_told_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: VideoCoder, latents: Tensor) -> Tensor:
        return torch.full((3, 21, HEIGHT, WIDTH), torch.nan)

    monkeypatch.setattr(VideoCoder, "to_video", broken)
    last = make(small_task(tmp_path, ONE_WINDOW_S))[-1]
    assert isinstance(last, Failed) and last.message.startswith("The model's picture broke.")
    assert not list((tmp_path / "windows").glob("*.mp4"))


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[Box]]]:
    """The boxes that speakers' masks were made of."""
    seen: list[list[Box]] = []

    def recorded(boxes: list[Box], width: int, height: int) -> Tensor:
        seen.append(list(boxes))
        return speaker_masks(boxes, width, height)

    monkeypatch.setattr(production, "speaker_masks", recorded)
    yield seen


def test_two_people_are_told_apart_by_their_faces(tmp_path: Path, masked: list[list[Box]]) -> None:
    task = small_task(tmp_path, ONE_WINDOW_S, people=2, steps=1)
    make(task)
    ((left, right),) = masked
    for box, speaker in zip((left, right), task.plan.speakers, strict=True):
        face = speaker.box
        assert box[0] < face[0] and box[1] < face[1] and box[2] > face[2] and box[3] > face[3]
    assert left[2] < right[2]


def test_shapes_are_logged_where_stages_meet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="inference"):
        make(small_task(tmp_path, ONE_WINDOW_S, steps=1))
    told = caplog.text
    for line in ("voices: torch.float32 (1, 21, 2, 16)", "picture: torch.float32 (3, 32, 64)"):
        assert line in told
    assert "window 0: torch.float32 (3, 21, 32, 64)" in told
    assert (tmp_path / SOUND).exists()

"""While a video is made, what is finished of it plays, with the sound of just that length."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.core.events import Window
from inference.core.inputs import Trim
from inference.core.plan import make_plan
from inference.core.request import Request
from inference.core.task import SOUND, Task, segment_name, voice_name
from inference.core.timing import place_recordings
from inference.media import video
from inference.media.audio import write_sound
from inference.media.ingest import ingest_files
from inference.rendering import partial_video
from inference.rendering.partial_video import PartialVideo
from tests.support.media import ASTRONAUT, VOICE_A, decoded
from tests.support.scripted_engine import write_video

AAC_FRAME = 1024


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """7.75 s of a real voice and all segments of its four windows."""
    folder = tmp_path_factory.mktemp("made")
    picture, recordings = ingest_files(folder, ASTRONAUT, [VOICE_A])
    request = Request(picture, recordings)
    task = Task(request, make_plan(request, 40), folder)
    for window in windows(task):
        before = task.plan.new_frames(window.index).start
        write_video(task.prepare_path(window.path), window.frames_done - before)
    return task


@pytest.fixture
def task(made: Task, tmp_path: Path) -> Task:
    shutil.copytree(made.folder, tmp_path, dirs_exist_ok=True)
    return replace(made, folder=tmp_path)


def windows(task: Task) -> list[Window]:
    return [
        Window(index, segment_name(index), task.plan.new_frames(index).stop)
        for index in range(len(task.plan.windows))
    ]


def sound_of(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as file:
        frames = [frame.to_ndarray()[0] for frame in file.decode(audio=0)]
    return np.concatenate(frames)


def films(task: Task) -> list[str]:
    return sorted(path.name for path in (task.folder / "growing").glob("[0-9]*"))


def test_each_window_makes_the_film_longer(task: Task) -> None:
    film = PartialVideo(task)
    for window in windows(task):
        film.add(window)
        path = task.folder / f"growing/{window.index:03d}.mp4"
        assert len(decoded(path)) == window.frames_done
        samples = window.frames_done * 1920
        assert samples <= len(sound_of(path)) < samples + AAC_FRAME


def test_the_sound_is_the_finished_video_s_and_in_time_with_the_picture(task: Task) -> None:
    placed, samples = place_recordings(task.request.soundtrack), task.plan.frames * 1920
    write_sound([task.folder / voice_name(0)], placed, samples, task.prepare_path(SOUND))
    PartialVideo(task).add(windows(task)[1])
    segments = [task.folder / segment_name(index) for index in range(2)]
    frames = task.plan.new_frames(1).stop
    video.join_segments(segments, task.folder / SOUND, frames, task.folder / "whole.mp4", {})
    whole, grown = sound_of(task.folder / "whole.mp4"), sound_of(task.folder / "growing/001.mp4")
    inside = slice(0, frames * 1920 - 2 * AAC_FRAME)
    np.testing.assert_array_equal(grown[inside], whole[inside])


def test_the_sound_is_encoded_once_also_by_the_next_worker(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, _ = windows(task)
    film = PartialVideo(task)
    film.add(first)

    def encode(sound: Path, frames: int, target: Path) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(partial_video, "encode_sound", encode)
    film.add(second)
    grow_old(task)
    PartialVideo(task).add(third)
    assert films(task) == ["001.mp4", "002.mp4"]


def test_the_newest_two_are_kept_and_one_in_the_end(task: Task) -> None:
    film, seen = PartialVideo(task), []
    for window in windows(task):
        film.add(window)
        seen.append(films(task))
        grow_old(task)
    assert seen == [
        ["000.mp4"],
        ["000.mp4", "001.mp4"],
        ["001.mp4", "002.mp4"],
        ["002.mp4", "003.mp4"],
    ]
    film.clean_up()
    assert [path.name for path in (task.folder / "growing").iterdir()] == ["003.mp4"]


def test_a_film_that_a_page_may_just_have_heard_of_is_kept(task: Task) -> None:
    film = PartialVideo(task)
    for window in windows(task):
        film.add(window)
    film.clean_up()
    assert films(task) == ["000.mp4", "001.mp4", "002.mp4", "003.mp4"]


def grow_old(task: Task) -> None:
    """All films were written a minute ago."""
    for path in (task.folder / "growing").glob("0*.mp4"):
        os.utime(path, (time.time() - 60, time.time() - 60))


def test_a_film_that_fails_leaves_the_one_before(task: Task) -> None:
    film = PartialVideo(task)
    first, second, *_ = windows(task)
    film.add(first)
    (task.folder / second.path).write_bytes(b"not a video")
    with pytest.raises(av.error.InvalidDataError):
        film.add(second)
    assert films(task) == ["000.mp4"]


def test_a_single_window_has_no_film(made: Task, tmp_path: Path) -> None:
    request = replace(made.request, trim=Trim(0, 1))
    short = Task(request, make_plan(request, 40), tmp_path)
    film = PartialVideo(short)
    film.add(Window(0, segment_name(0), short.plan.frames))
    film.clean_up()
    assert list(tmp_path.iterdir()) == []

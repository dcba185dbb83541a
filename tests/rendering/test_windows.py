"""Windows in order, each made once, and what a cancel keeps."""

import json
import time
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from inference.core.events import Cancelled, Event, Finished, Frame, Stage, StageName, Step, Window
from inference.core.inputs import Speaking
from inference.core.plan import make_plan
from inference.core.task import SOUND, Task, segment_name, voice_name
from inference.media.audio import mix_voices
from inference.rendering.windows import RenderingCancelled, render_windows, save_preview
from tests.support.bad_files import write_wav
from tests.support.scripted_engine import write_video


@pytest.fixture
def sounding(task: Task) -> Task:
    """The task of 101 frames in two windows, with its voice and its finished sound."""
    write_wav(task.folder / voice_name(0), 4, 0.1)
    mix_voices(task, task.prepare_path(SOUND))
    return task


class Maker:
    """Makes small segments and notes which; is cancelled in window `stop`."""

    def __init__(self, task: Task, stop: int | None = None) -> None:
        self.made: list[int] = []
        self._task, self._stop = task, stop

    def __call__(self, index: int) -> Iterator[Event]:
        yield Step(1, 2, index, 2)
        if index == self._stop:
            raise RenderingCancelled
        write_video(
            self._task.prepare_path(segment_name(index)), len(self._task.plan.new_frames(index))
        )
        self.made.append(index)
        yield Step(2, 2, index, 2)


def run(task: Task, maker: Maker) -> list[Event]:
    return list(render_windows(task, "some", maker, time.monotonic() - 3))


def streams(path: Path) -> tuple[int, int, dict[str, str]]:
    """Frames of picture, samples of sound, metadata."""
    with av.open(str(path)) as file:
        frames = sum(1 for _ in file.decode(video=0))
        file.seek(0)
        samples = sum(frame.samples for frame in file.decode(audio=0))
        return frames, samples, dict(file.metadata)


def test_a_whole_run(sounding: Task) -> None:
    first, maker = sounding.plan.new_frames(0).stop, Maker(sounding)
    *events, last = run(sounding, maker)
    assert events == [
        Step(1, 2, 0, 2),
        Step(2, 2, 0, 2),
        Window(0, segment_name(0), first),
        Step(1, 2, 1, 2),
        Step(2, 2, 1, 2),
        Window(1, segment_name(1), 101),
        Stage(StageName.FINISHING, "Adding the sound"),
    ]
    assert isinstance(last, Finished)
    result = last.result
    assert (result.frames, result.duration_s, result.fps) == (101, 4.04, 25)
    assert (result.width, result.height) == (896, 448)
    assert result.engine == "some" and 3 <= result.seconds < 60
    frames, samples, _ = streams(sounding.folder / result.path)
    assert frames == 101 and samples >= 101 * 1920


def test_the_video_says_what_it_is_and_how_it_was_made(sounding: Task) -> None:
    request = replace(sounding.request, prompt="A red wall.")
    run(replace(sounding, request=request), Maker(sounding))
    metadata = streams(sounding.folder / "result.mp4")[2]
    assert metadata["title"] == "Talking Portrait" and "AI-generated" in metadata["description"]
    crop = sounding.plan.crop
    assert json.loads(metadata["comment"]) == {
        "ai_generated": True,
        "engine": "some",
        "quality": "draft",
        "seed": 42,
        "shape": "landscape",
        "width": 896,
        "height": 448,
        "frames": 101,
        "crop": [crop.left, crop.top, crop.width],
        "speaking": "together",
        "used_s": [0.0, 4.0],
    }


def test_a_final_video_says_how_it_was_sampled(sounding: Task) -> None:
    request = replace(sounding.request, quality="best", negative_prompt="Rain", audio_guidance=3.5)
    run(Task(request, make_plan(request, 40), sounding.folder), Maker(sounding))
    said = json.loads(streams(sounding.folder / "result.mp4")[2]["comment"])
    assert (said["steps"], said["text_guidance"], said["audio_guidance"]) == (40, 5, 3.5)
    assert "negative_prompt" not in said


def test_a_window_that_is_there_is_told_of_but_not_made_again(sounding: Task) -> None:
    run(sounding, Maker(sounding, stop=1))
    maker = Maker(sounding)
    events = run(sounding, maker)
    assert maker.made == [1]
    assert [event.index for event in events if isinstance(event, Window)] == [0, 1]
    assert events[0] == Window(0, segment_name(0), sounding.plan.new_frames(0).stop)


def test_a_cancel_keeps_the_windows_that_are_finished(sounding: Task) -> None:
    kept = sounding.plan.new_frames(0).stop
    events = run(sounding, Maker(sounding, stop=1))
    assert events[-1] == Cancelled(kept, "result.mp4")
    frames, samples, metadata = streams(sounding.folder / "result.mp4")
    assert frames == kept and kept * 1920 <= samples < (kept + 2) * 1920
    said = json.loads(metadata["comment"])
    assert (said["ai_generated"], said["frames"]) == (True, kept)


def test_a_cancel_in_the_first_window_keeps_nothing(sounding: Task) -> None:
    assert run(sounding, Maker(sounding, stop=0)) == [Step(1, 2, 0, 2), Cancelled(0, None)]
    assert not (sounding.folder / "result.mp4").exists()


def test_an_error_passes_through(sounding: Task) -> None:
    def breaking(index: int) -> Iterator[Event]:
        yield Step(1, 2, index, 2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(render_windows(sounding, "some", breaking, time.monotonic()))


def test_the_sound_is_as_long_as_the_video_and_holds_every_voice(task: Task) -> None:
    recording = task.request.recordings[0]
    both = replace(task.request, recordings=(recording,) * 2, speaking=Speaking.IN_TURN)
    plan = replace(task.plan, frames=205)
    for index in range(2):
        write_wav(task.folder / voice_name(index), 4, 0.1)
    mix_voices(Task(both, plan, task.folder), task.prepare_path(SOUND))
    with wave.open(str(task.folder / SOUND)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
    assert len(samples) == 205 * 1920
    assert all(np.any(samples[round(s * 48_000) :][:4800]) for s in (0, 3.8, 4.1, 7.8))
    assert not samples[8 * 48_000 :].any()


def test_a_preview_takes_the_place_of_the_one_before(task: Task) -> None:
    for shade in (10, 200):
        frame = np.full((32, 64, 3), shade, np.uint8)
        assert save_preview(task, frame) == Frame("frames/latest.jpg")
        with Image.open(task.folder / "frames/latest.jpg") as preview:
            assert (preview.format, preview.size) == ("JPEG", (64, 32))
            assert abs(int(np.asarray(preview).mean()) - shade) < 3
    assert [path.name for path in (task.folder / "frames").iterdir()] == ["latest.jpg"]

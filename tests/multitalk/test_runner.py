"""MultiTalk's tiny model makes whole videos of real media, in small frames."""

import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from inference.core.errors import Fault
from inference.core.events import (
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
from inference.core.framing import fit_crop
from inference.core.inputs import Picture, Shape
from inference.core.task import PICTURE, SOUND, Task, measurements_name
from inference.multitalk import runner, window_generator
from inference.multitalk.conditioning.picture import build_speaker_masks, scale_to_cover
from inference.multitalk.models.encoders import VideoAutoencoder
from inference.multitalk.models.transformer import TimeEmbedding, Transformer
from inference.multitalk.pipeline import Pipeline, PipelineOptions, Scene
from inference.multitalk.sampling.sampler import DenoisingStep
from presets.scenes import DEFAULT_PROMPTS
from presets.schema import Lora
from tests.support.media import decoded
from tests.support.tiny_networks import HEIGHT, WIDTH, live_tensors
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


def test_what_a_window_hands_on_is_kept_until_the_next_one_is_finished(tmp_path: Path) -> None:
    measurements = {
        measurements_name(index).rpartition("/")[2] for index in range(3)
    }  # as they come
    there = {
        event.index: {path.name for path in (tmp_path / "windows").iterdir()} - measurements
        for event in ENGINE.generate(in_many_windows(tmp_path, 3), lambda: False)
        if isinstance(event, Window)
    }
    assert there == {
        0: {"000.mp4", "000.state.safetensors"},
        1: {"000.mp4", "001.mp4", "001.state.safetensors"},
        2: {"000.mp4", "001.mp4", "002.mp4"},
    }


def test_between_windows_only_the_picture_and_the_frames_handed_on_are_in_memory(
    tmp_path: Path,
) -> None:
    held = [
        frames_in_memory()
        for event in ENGINE.generate(in_many_windows(tmp_path, 4), lambda: False)
        if isinstance(event, Window) and event.index > 0
    ]
    assert held == [1 + 5] * 3


def frames_in_memory() -> float:
    """How many frames' worth of memory is held by tensors of frames, or of parts of them."""
    frames = [tensor for tensor in live_tensors(HEIGHT, WIDTH) if tensor.ndim > 2]
    storages = {tensor.untyped_storage().data_ptr(): tensor for tensor in frames}
    held_bytes = sum(tensor.untyped_storage().nbytes() for tensor in storages.values())
    return held_bytes / (3 * HEIGHT * WIDTH * 4)


def test_a_preview_is_there_at_every_step_and_another_after_each_that_is_computed(
    tmp_path: Path,
) -> None:
    seen = []
    for event in ENGINE.generate(small_task(tmp_path, ONE_WINDOW_S, steps=4), lambda: False):
        if isinstance(event, Frame):
            with Image.open(tmp_path / event.path) as preview:
                assert (preview.format, preview.size) == ("JPEG", (WIDTH, HEIGHT))
                seen.append(preview.tobytes())
    assert len(set(seen)) == 3 and seen[3] == seen[2]  # the last step changes no mind


def is_in_second_window(event: Event) -> bool:
    return isinstance(event, Step) and event.window == 1


def test_a_cancel_between_two_passes_keeps_what_is_finished(tmp_path: Path) -> None:
    task = small_task(tmp_path, TWO_WINDOWS_S, steps=3)  # the last of them makes no passes
    events: list[Event] = []
    for event in ENGINE.generate(task, lambda: any(map(is_in_second_window, events))):
        events.append(event)
    assert events[-1] == Cancelled(81, "result.mp4")
    assert sum(map(is_in_second_window, events)) == 1
    assert len(decoded(tmp_path / "result.mp4")) == 81


def test_a_picture_that_breaks_is_told_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: VideoAutoencoder, latents: Tensor) -> Tensor:
        return torch.full((3, 21, HEIGHT, WIDTH), torch.nan)

    monkeypatch.setattr(VideoAutoencoder, "to_video", broken)
    last = make(small_task(tmp_path, ONE_WINDOW_S))[-1]
    assert isinstance(last, Failed) and last.message.startswith("The model's picture broke.")
    assert not list((tmp_path / "windows").glob("*.mp4"))


@pytest.fixture
def recipes() -> list[PipelineOptions]:
    """The recipe of each window that is made, beside `scenes`."""
    return []


@pytest.fixture
def scenes(
    monkeypatch: pytest.MonkeyPatch, recipes: list[PipelineOptions]
) -> Iterator[list[Scene]]:
    """The scene of each window that is made."""
    seen: list[Scene] = []

    class Watched(Pipeline):
        def denoise(
            self, scene: Scene, recipe: PipelineOptions, *rest: Any
        ) -> Iterator[DenoisingStep]:
            seen.append(scene)
            recipes.append(recipe)
            return super().denoise(scene, recipe, *rest)

    monkeypatch.setattr(window_generator, "Pipeline", Watched)
    yield seen


def test_two_people_are_told_apart_by_their_faces_or_share_the_frame(
    tmp_path: Path, scenes: list[Scene]
) -> None:
    task = small_task(tmp_path, ONE_WINDOW_S, people=2, steps=1)
    faces = [speaker.box for speaker in task.plan.speakers]
    make(task)
    shutil.rmtree(tmp_path / "windows")
    make(replace(task, plan=replace(task.plan, speakers=())))  # as it is when none was found
    known, unknown = (scene.masks for scene in scenes)
    assert known is not None and known.equal(build_speaker_masks(faces, WIDTH, HEIGHT))
    assert unknown is not None and unknown.equal(build_speaker_masks([], WIDTH, HEIGHT))
    assert not known.equal(unknown)


def test_past_the_last_frame_a_voice_runs_backwards(tmp_path: Path, scenes: list[Scene]) -> None:
    task = small_task(tmp_path, TWO_WINDOWS_S, steps=1)
    make(task)
    voices, frames = scenes[0].voices, task.plan.frames
    windows = task.plan.windows
    assert [(window.start, window.frames) for window in windows] == [(0, 81), (56, 81)]
    assert voices.shape[1] == 137 + 3  # as the original: miss = end - frames + 3
    assert voices[:, frames:].equal(voices[:, frames - 55 : frames].flip(1))


def test_the_model_sees_the_picture_as_the_original_would(
    tmp_path: Path, scenes: list[Scene]
) -> None:
    task = small_task(tmp_path, ONE_WINDOW_S, steps=1)
    with Image.open(task.prepare_path(PICTURE)) as opened:
        source = opened.convert("RGB")
    crop = fit_crop(Picture(source.width, source.height), (), Shape.LANDSCAPE)  # the middle
    make(replace(task, plan=replace(task.plan, crop=crop)))
    wanted = scale_to_cover(source, WIDTH, HEIGHT)
    assert (scenes[0].picture - wanted).abs().max() <= 1.01 * 2 / 255


def test_each_speaker_has_their_own_recording(tmp_path: Path, scenes: list[Scene]) -> None:
    task = small_task(tmp_path, ONE_WINDOW_S, people=2, steps=1)
    left, right = task.plan.speakers
    crossed = replace(left, audio=right.audio), replace(right, audio=left.audio)
    make(task)
    shutil.rmtree(tmp_path / "windows")
    make(replace(task, plan=replace(task.plan, speakers=crossed)))
    straight, swapped = (scene.voices for scene in scenes)
    assert straight.shape == (2, 24, 2, 16) and not straight[0].allclose(straight[1], atol=0.1)
    assert swapped.equal(straight[[1, 0]])


@pytest.mark.parametrize("people", [1, 2])
def test_where_nothing_was_written_a_prompt_stands_in(
    people: int, tmp_path: Path, scenes: list[Scene]
) -> None:
    task = small_task(tmp_path, ONE_WINDOW_S, people, steps=1)
    for prompt in ("", DEFAULT_PROMPTS[people], "A robot."):
        make(replace(task, request=replace(task.request, prompt=prompt)))
        shutil.rmtree(tmp_path / "windows")
    unwritten, default, written = (scene.prompt for scene in scenes)
    assert unwritten.equal(default) and len(written) == len("A robot.") + 1


def test_what_was_chosen_reaches_the_sampler(
    tmp_path: Path, scenes: list[Scene], recipes: list[PipelineOptions]
) -> None:
    task = small_task(tmp_path, ONE_WINDOW_S, steps=3)
    chosen = replace(task.request, audio_guidance=1.0, negative_prompt="A dog.")
    events = make(replace(task, request=chosen))
    (sampling,) = (recipe.sampling for recipe in recipes)
    assert (sampling.steps, sampling.audio_guidance, sampling.passes) == (3, 1.0, 1)
    assert (sampling.loras, sampling.reuse_last) == ((Lora("lightx2v"),), True)
    assert [event.total for event in events if isinstance(event, Step)] == [3] * 3
    assert len(scenes[0].negative) == len("A dog.") + 1


def test_a_model_that_breaks_is_told_at_its_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Transformer, x: Tensor, time: TimeEmbedding, shape: torch.Size) -> Tensor:
        return torch.full(shape, torch.nan)

    monkeypatch.setattr(Transformer, "predict_velocity", broken)
    events = make(small_task(tmp_path, ONE_WINDOW_S))
    assert isinstance(events[-1], Failed) and events[-1].message.startswith("The model's picture")
    assert not any(isinstance(event, Frame | Step | Window) for event in events)


def test_a_gpu_without_room_is_told_and_what_is_finished_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = small_task(tmp_path, TWO_WINDOWS_S)
    decode, calls = Pipeline.decode, []

    def full(*given: Any) -> Tensor:
        calls.append(given)
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(*given)

    monkeypatch.setattr(Pipeline, "decode", full)
    *_, last = make(task)
    assert isinstance(last, Failed) and last.code == "out_of_memory"
    assert last.message.startswith("The GPU ran out of memory.")
    assert (task.folder / "windows" / "000.mp4").exists()


def test_shapes_are_logged_where_stages_meet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="inference"):
        make(small_task(tmp_path, ONE_WINDOW_S, steps=1))
    told = caplog.text
    for line in ("voices: torch.float32 (1, 24, 2, 16)", "picture: torch.float32 (3, 32, 64)"):
        assert line in told
    assert "window 0: torch.float32 (3, 21, 32, 64)" in told
    assert (tmp_path / SOUND).exists()


def test_trained_weights_are_not_tried_without_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    for device in (None, "cpu", "cuda:3"):
        with pytest.raises(Fault, match="torch can't use .* here. Run make gpu again"):
            runner.Runner("multitalk-14b", device, tmp_path)

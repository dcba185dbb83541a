"""From a task to MultiTalk's events: load, listen, look, make each window, tell how far it is."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from inference.core.errors import Fault, FaultCode
from inference.core.events import Event, Stage, StageName, Step
from inference.core.request import SAMPLE_RATE_HZ
from inference.core.task import PICTURE, SOUND, Task, segment_name, voice_name
from inference.core.timing import SAMPLES_PER_FRAME, Span, place_recordings
from inference.media.audio import mix_voices, read_mono
from inference.media.image import render_crop
from inference.media.video import SegmentWriter
from inference.multitalk import checkpoint
from inference.multitalk.conditioning.picture import build_speaker_masks, scale_to_cover
from inference.multitalk.conditioning.prompt import encode_texts
from inference.multitalk.conditioning.voice import encode_voice, extend_mirrored
from inference.multitalk.models.encoders import AUDIO_RATE_HZ
from inference.multitalk.pipeline import Pipeline, PipelineOptions, Scene, WindowState
from inference.multitalk.preview import render_preview
from inference.multitalk.runtime.gpu import plan_placement, require_gpu_memory, select_device
from inference.multitalk.runtime.kernels import KernelChoice, choose_kernel
from inference.multitalk.runtime.networks import LoadedModel, LoadOptions, load_model
from inference.multitalk.sampling.sampler import DenoisingStep
from inference.rendering.windows import EarlyStop, RenderingCancelled, render_windows, save_preview
from presets.schema import EngineFamily, Lora

logger = logging.getLogger(__name__)

# Rows of features past the last frame that is made, as many as the original adds; two are heard.
_EXTRA_ROWS = 3


class Runner:
    """Makes tasks' videos with one model, which is loaded for the first and kept."""

    def __init__(
        self,
        model: str,
        device: str | None,
        weights: Path | None,
        loras: tuple[Lora, ...] = (),
        strict: bool = False,
    ) -> None:
        """`weights` is the model's folder, None for a model of random weights; `loras` are added to
        those of every quality. `device` is as torch names it; None takes the GPU where there is
        one. `strict`: a first window that seems of no use ends the job. Raises Fault when torch
        can't use the device, or there is none for trained weights."""
        self._model, self._weights, self._loras = model, weights, loras
        self._early_stop = EarlyStop.STRICT if strict else EarlyStop.SURE
        self._device = select_device(device)
        _require_usable(self._device, trained=weights is not None)
        self._loaded: LoadedModel | None = None
        self._attention = KernelChoice()  # until the model is loaded

    def load(self) -> None:
        """Load the model now, rather than for the first task. Raises Fault."""
        self._load(())

    def run(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        """The events of making `task`'s video; a window that an earlier start has finished is
        told of again, but not made again. Raises PortraitError and OSError."""
        try:
            yield from self._run(task, cancelled)
        except torch.OutOfMemoryError as error:
            message = "The GPU ran out of memory. End what else uses it, and go on with this job."
            raise Fault(FaultCode.OUT_OF_MEMORY, message, str(error)) from error

    def _run(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        started = time.monotonic()
        recipe = _build_options(task)
        loaded = self._load(recipe.sampling.loras)
        pixels, frames = task.plan.width * task.plan.height, _find_longest_window(task)
        require_gpu_memory(self._device, pixels, frames)
        yield Stage(StageName.LISTENING, "Listening to the voice")
        mix_voices(task, task.prepare_path(SOUND))
        voices = self._encode_voices(task, loaded)
        yield Stage(StageName.LOOKING, "Looking at the picture")
        scene = self._build_scene(task, loaded, voices)
        checkpoint.delete_orphaned_segments(task)
        work = _WindowGenerator(task, loaded, scene, recipe, self._attention, cancelled)
        # random weights draw nothing but noise, which is what is wanted of them
        early = self._early_stop if self._weights is not None else EarlyStop.NEVER
        yield from render_windows(task, EngineFamily.MULTITALK.value, work.generate, started, early)

    def _load(self, loras: tuple[Lora, ...]) -> LoadedModel:
        """The model, with what a quality changes of it switched on."""
        if self._loaded is None:
            folder, choices = self._weights, LoadOptions()
            if folder is not None:
                chosen = plan_placement(self._device, folder, self._loras)
                logger.debug("placement: %s", chosen.sentence)
                folder = folder / chosen.weights
                compute = getattr(torch, chosen.compute_dtype)
                choices = LoadOptions(compute, chosen.resident_blocks, chosen.keep_text_encoder)
            # tried while there is room: before the model is there
            self._attention = choose_kernel(self._model, self._device, choices.compute_dtype)
            self._loaded = load_model(self._model, folder, self._device, choices)
        self._loaded.set_loras((*loras, *self._loras))
        return self._loaded

    @torch.inference_mode()
    def _encode_voices(self, task: Task, loaded: LoadedModel) -> Tensor:
        """The voices' features (p, f, layers, c), in the order of the speakers, for all windows."""
        samples = task.plan.frames * SAMPLES_PER_FRAME
        features = []
        for index, span in enumerate(place_recordings(task.request.soundtrack)):
            track = read_mono(task.prepare_path(voice_name(index)), span, samples, AUDIO_RATE_HZ)
            if task.request.recordings[index].is_silent:
                track[:] = 0  # a listener: the encoder would make a voice of the faintest noise
            features.append(encode_voice(loaded.networks.audio, track, _locate_sound(span)))
        order = [speaker.audio for speaker in task.plan.speakers] or range(len(features))
        last = task.plan.windows[-1]
        beyond = last.start + last.frames - task.plan.frames + _EXTRA_ROWS
        voices = extend_mirrored(torch.stack([features[index] for index in order]), beyond)
        logger.debug("voices: %s %s", voices.dtype, tuple(voices.shape))
        return voices

    @torch.inference_mode()
    def _build_scene(self, task: Task, loaded: LoadedModel, voices: Tensor) -> Scene:
        plan, speakers = task.plan, len(voices)
        frame = render_crop(
            task.prepare_path(PICTURE),
            plan.picture,
            plan.crop,
            plan.width,
            plan.height,
            Image.Resampling.BILINEAR,  # as for the original
        )
        picture = scale_to_cover(Image.fromarray(frame), plan.width, plan.height).to(self._device)
        networks = loaded.networks
        longest = networks.transformer.params.text_len
        with loaded.text_encoder() as encoder:
            prompt, negative = encode_texts(
                encoder, loaded.tokenizer, task.request.prompts, longest
            )
        masks = None
        if speakers == 2:
            faces = [speaker.box for speaker in plan.speakers]
            masks = build_speaker_masks(faces, plan.width, plan.height).to(self._device)
        scene = Scene(picture, prompt, negative, voices, masks)
        for name, tensor in vars(scene).items():
            if tensor is not None:
                logger.debug("%s: %s %s", name, tensor.dtype, tuple(tensor.shape))
        return scene


class _WindowGenerator:
    """The windows of one task, made one after the other."""

    def __init__(
        self,
        task: Task,
        loaded: LoadedModel,
        scene: Scene,
        recipe: PipelineOptions,
        attention: KernelChoice,
        cancelled: Callable[[], bool],
    ) -> None:
        networks = loaded.networks
        self._pipeline = Pipeline(networks.transformer, networks.video, networks.image.encode)
        self._task, self._scene, self._recipe = task, scene, recipe
        self._attention, self._cancelled = attention, cancelled
        self._kernel = attention.kernel
        self._state: WindowState | None = None
        self._time_left = _TimeLeft([window.frames for window in task.plan.windows])

    def generate(self, index: int) -> Iterator[Event]:
        """Makes window `index` into its segment. Raises Stopped when cancelled."""
        task, window = self._task, self._task.plan.windows[index]
        count = len(task.plan.windows)
        carried, note = (self._state, None) if self._state else self._prepare_state(index)
        yield Stage(StageName.WINDOW, f"Window {index + 1} of {count}", note=note)
        self._pipeline.transformer.kernel = self._kernel
        steps = self._pipeline.denoise(
            self._scene,
            self._recipe,
            window.start,
            window.frames,
            carried,
            self._raise_if_cancelled,
        )
        for denoised in steps:
            yield from self._report_step(denoised, index)
        frames = self._decode(denoised.latents, index)
        self._save_state(index, frames, carried)
        self._write_segment(index, frames)
        checkpoint.delete_before(task, index)

    def _report_step(self, denoised: DenoisingStep, index: int) -> Iterator[Event]:
        """A step, with a look at what it leads to."""
        plan, steps, done = self._task.plan, self._recipe.sampling.steps, denoised.step + 1
        _require_finite(denoised.predicted, index)
        yield save_preview(self._task, render_preview(denoised.predicted, plan.width, plan.height))
        left_s = self._time_left.estimate_s(index, done / steps)
        yield Step(done, steps, index, len(plan.windows), left_s)

    def _decode(self, latents: Tensor, index: int) -> Tensor:
        frames = self._pipeline.decode(self._scene, self._recipe, latents)
        logger.debug("window %d: %s %s", index, frames.dtype, tuple(frames.shape))
        _require_finite(frames, index)
        return frames

    def _prepare_state(self, index: int) -> tuple[WindowState, str | None]:
        """What an earlier start handed on to window `index`, or a fresh start for the first; and
        what is to be said of going on here."""
        if not index:
            return WindowState(torch.Generator().manual_seed(self._task.plan.seed)), None
        self._kernel, note = self._attention.resume_with(
            checkpoint.read_kernel(self._task, index - 1)
        )
        return checkpoint.load(self._task, index - 1, self._scene.picture.device), note

    def _save_state(self, index: int, frames: Tensor, carried: WindowState) -> None:
        """Keeps what the next window needs, in memory and on disk, before its segment is there."""
        windows = self._task.plan.windows
        if index + 1 == len(windows):
            return
        shared = windows[index].start + windows[index].frames - windows[index + 1].start
        self._state = WindowState(carried.generator, frames[:, -shared:].clone())
        checkpoint.save(self._task, index, self._state, self._kernel)

    def _write_segment(self, index: int, frames: Tensor) -> None:
        """Encodes the frames (3, f, H, W) that are new and not past the video's end."""
        plan = self._task.plan
        segment, start = self._task.prepare_path(segment_name(index)), plan.windows[index].start
        with SegmentWriter(segment, plan.width, plan.height) as writer:
            for number in plan.new_frames(index):
                writer.write(_to_pixels(frames[:, number - start]))

    def _raise_if_cancelled(self) -> None:
        if self._cancelled():
            raise RenderingCancelled


class _TimeLeft:
    """How long the rest takes, were it as fast as what was done since the start."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._lengths, self._since = lengths, time.monotonic()
        self._baseline: float | None = None

    def estimate_s(self, window: int, share: float) -> float | None:
        """Seconds left when `share` of window number `window` is done; None after the first step,
        which also warmed the machine up."""
        done = sum(self._lengths[:window]) + share * self._lengths[window]
        if self._baseline is None:
            self._baseline, self._since = done, time.monotonic()
            return None
        rate = (done - self._baseline) / max(time.monotonic() - self._since, 1e-6)
        return round((sum(self._lengths) - done) / rate, 1)


def _require_usable(device: torch.device, trained: bool) -> None:
    there = device.type == "cpu" or (device.index or 0) < torch.cuda.device_count()
    if not there or (trained and device.type == "cpu"):
        message = f"torch can't use {device if not there else 'a GPU'} here. Run make gpu again."
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, message, f"torch {torch.__version__}")


def _require_finite(tensor: Tensor, index: int) -> None:
    if not tensor.isfinite().all():
        message = "The model's picture broke. Try again with another seed."
        raise Fault(FaultCode.INTERNAL, message, f"window {index} is not finite")


def _find_longest_window(task: Task) -> int:
    """Frames of the longest window."""
    return max(window.frames for window in task.plan.windows)


def _build_options(task: Task) -> PipelineOptions:
    sampling = task.request.sampling
    assert sampling is not None, "a quality of this engine samples"
    return PipelineOptions(sampling)


def _locate_sound(span: Span) -> slice:
    """Where a recording sounds on its 16 kHz track."""
    per_sample = SAMPLE_RATE_HZ // AUDIO_RATE_HZ
    return slice(span.start // per_sample, (span.start + span.samples) // per_sample)


def _to_pixels(frame: Tensor) -> NDArray[np.uint8]:
    """A frame (3, H, W), -1 to 1, as RGB uint8 (H, W, 3)."""
    levels = ((frame + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(1, 2, 0).contiguous().cpu().numpy()

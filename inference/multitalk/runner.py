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
from inference.core.plan import find_preset
from inference.core.request import SAMPLE_RATE_HZ
from inference.core.task import PICTURE, SOUND, Task, segment_name, voice_name
from inference.core.timing import SAMPLES_PER_FRAME, Span, spans
from inference.media.audio import read_mono
from inference.media.image import render_crop
from inference.media.mixing import mix_voices
from inference.media.video import SegmentWriter
from inference.multitalk import checkpoint
from inference.multitalk.conditioning.picture import covered, speaker_masks
from inference.multitalk.conditioning.prompt import text_features
from inference.multitalk.conditioning.voice import mirrored, voice_features
from inference.multitalk.models.encoders import AUDIO_RATE_HZ
from inference.multitalk.pipeline import Carried, Pipeline, Recipe, Scene
from inference.multitalk.preview import preview
from inference.multitalk.runtime.gpu import device_of, placement, require_room
from inference.multitalk.runtime.kernels import KernelChoice, choose_kernel
from inference.multitalk.runtime.networks import Choices, Loaded, load
from inference.multitalk.sampling.sampler import Denoised
from inference.rendering.windows import EarlyStop, Stopped, assemble, save_preview
from presets.schema import EngineFamily, Lora

logger = logging.getLogger(__name__)

# Rows of features past the last frame that is made, as many as the original adds; two are heard.
_HEARD_BEYOND = 3


class Production:
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
        self._early = EarlyStop.STRICT if strict else EarlyStop.SURE
        self._device = device_of(device)
        _require_usable(self._device, trained=weights is not None)
        self._loaded: Loaded | None = None
        self._attention = KernelChoice()  # until the model is loaded

    def load(self) -> None:
        """Load the model now, rather than for the first task. Raises Fault."""
        self._load(())

    def make(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        """The events of making `task`'s video; a window that an earlier start has finished is
        told of again, but not made again. Raises PortraitError and OSError."""
        try:
            yield from self._made(task, cancelled)
        except torch.OutOfMemoryError as error:
            message = "The GPU ran out of memory. End what else uses it, and go on with this job."
            raise Fault(FaultCode.OUT_OF_MEMORY, message, str(error)) from error

    def _made(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        started = time.monotonic()
        recipe = _recipe(task)
        loaded = self._load(recipe.sampling.loras)
        pixels, frames = task.plan.width * task.plan.height, _longest(task)
        require_room(self._device, pixels, frames)
        yield Stage(StageName.LISTENING, "Listening to the voice")
        mix_voices(task, task.path(SOUND))
        voices = self._listen(task, loaded)
        yield Stage(StageName.LOOKING, "Looking at the picture")
        scene = self._look(task, loaded, voices)
        checkpoint.drop_unfinishable(task)
        work = _Work(task, loaded, scene, recipe, self._attention, cancelled)
        # random weights draw nothing but noise, which is what is wanted of them
        early = self._early if self._weights is not None else EarlyStop.NEVER
        yield from assemble(task, EngineFamily.MULTITALK.value, work.window, started, early)

    def _load(self, loras: tuple[Lora, ...]) -> Loaded:
        """The model, with what a quality changes of it switched on."""
        if self._loaded is None:
            folder, choices = self._weights, Choices()
            if folder is not None:
                chosen = placement(self._device, folder, self._loras)
                logger.debug("placement: %s", chosen.sentence)
                folder = folder / chosen.weights
                compute = getattr(torch, chosen.compute)
                choices = Choices(compute, chosen.resident, chosen.text_stays)
            # tried while there is room: before the model is there
            self._attention = choose_kernel(self._model, self._device, choices.compute)
            self._loaded = load(self._model, folder, self._device, choices)
        self._loaded.use((*loras, *self._loras))
        return self._loaded

    @torch.inference_mode()
    def _listen(self, task: Task, loaded: Loaded) -> Tensor:
        """The voices' features (p, f, layers, c), in the order of the speakers, for all windows."""
        samples = task.plan.frames * SAMPLES_PER_FRAME
        features = []
        for index, span in enumerate(spans(task.request)):
            track = read_mono(task.path(voice_name(index)), span, samples, AUDIO_RATE_HZ)
            if task.request.recordings[index].silent:
                track[:] = 0  # a listener: the encoder would make a voice of the faintest noise
            features.append(voice_features(loaded.networks.audio, track, _sounding(span)))
        order = [speaker.audio for speaker in task.plan.speakers] or range(len(features))
        last = task.plan.windows[-1]
        beyond = last.start + last.frames - task.plan.frames + _HEARD_BEYOND
        voices = mirrored(torch.stack([features[index] for index in order]), beyond)
        logger.debug("voices: %s %s", voices.dtype, tuple(voices.shape))
        return voices

    @torch.inference_mode()
    def _look(self, task: Task, loaded: Loaded, voices: Tensor) -> Scene:
        plan, speakers = task.plan, len(voices)
        frame = render_crop(
            task.path(PICTURE),
            plan.picture,
            plan.crop,
            plan.width,
            plan.height,
            Image.Resampling.BILINEAR,  # as for the original
        )
        picture = covered(Image.fromarray(frame), plan.width, plan.height).to(self._device)
        networks = loaded.networks
        longest = networks.transformer.params.text_len
        with loaded.text_encoder() as encoder:
            prompt, negative = text_features(encoder, loaded.tokenizer, task.request.words, longest)
        masks = None
        if speakers == 2:
            faces = [speaker.box for speaker in plan.speakers]
            masks = speaker_masks(faces, plan.width, plan.height).to(self._device)
        scene = Scene(picture, prompt, negative, voices, masks)
        for name, tensor in vars(scene).items():
            if tensor is not None:
                logger.debug("%s: %s %s", name, tensor.dtype, tuple(tensor.shape))
        return scene


class _Work:
    """The windows of one task, made one after the other."""

    def __init__(
        self,
        task: Task,
        loaded: Loaded,
        scene: Scene,
        recipe: Recipe,
        attention: KernelChoice,
        cancelled: Callable[[], bool],
    ) -> None:
        networks = loaded.networks
        self._pipeline = Pipeline(networks.transformer, networks.video, networks.image.features)
        self._task, self._scene, self._recipe = task, scene, recipe
        self._attention, self._cancelled = attention, cancelled
        self._kernel = attention.kernel
        self._carried: Carried | None = None
        self._pace = _Pace([window.frames for window in task.plan.windows])

    def window(self, index: int) -> Iterator[Event]:
        """Makes window `index` into its segment. Raises Stopped when cancelled."""
        task, window = self._task, self._task.plan.windows[index]
        count = len(task.plan.windows)
        carried, note = (self._carried, None) if self._carried else self._taken_up(index)
        yield Stage(StageName.WINDOW, f"Window {index + 1} of {count}", note=note)
        self._pipeline.transformer.kernel = self._kernel
        steps = self._pipeline.denoise(
            self._scene, self._recipe, window.start, window.frames, carried, self._check
        )
        for denoised in steps:
            yield from self._told(denoised, index)
        frames = self._decoded(denoised.latents, index)
        self._hand_over(index, frames, carried)
        self._write(index, frames)
        checkpoint.forget(task, index)

    def _told(self, denoised: Denoised, index: int) -> Iterator[Event]:
        """A step, with a look at what it leads to."""
        plan, steps, done = self._task.plan, self._recipe.sampling.steps, denoised.step + 1
        _require_finite(denoised.outlook, index)
        yield save_preview(self._task, preview(denoised.outlook, plan.width, plan.height))
        left_s = self._pace.left_s(index, done / steps)
        yield Step(done, steps, index, len(plan.windows), left_s)

    def _decoded(self, latents: Tensor, index: int) -> Tensor:
        frames = self._pipeline.decode(self._scene, self._recipe, latents)
        logger.debug("window %d: %s %s", index, frames.dtype, tuple(frames.shape))
        _require_finite(frames, index)
        return frames

    def _taken_up(self, index: int) -> tuple[Carried, str | None]:
        """What an earlier start handed on to window `index`, or a fresh start for the first; and
        what is to be said of going on here."""
        if not index:
            return Carried(torch.Generator().manual_seed(self._task.plan.seed)), None
        self._kernel, note = self._attention.resume_with(checkpoint.made_by(self._task, index - 1))
        return checkpoint.load(self._task, index - 1, self._scene.picture.device), note

    def _hand_over(self, index: int, frames: Tensor, carried: Carried) -> None:
        """Keeps what the next window needs, in memory and on disk, before its segment is there."""
        windows = self._task.plan.windows
        if index + 1 == len(windows):
            return
        shared = windows[index].start + windows[index].frames - windows[index + 1].start
        self._carried = Carried(carried.generator, frames[:, -shared:].clone())
        checkpoint.save(self._task, index, self._carried, self._kernel)

    def _write(self, index: int, frames: Tensor) -> None:
        """Encodes the frames (3, f, H, W) that are new and not past the video's end."""
        plan = self._task.plan
        segment, start = self._task.path(segment_name(index)), plan.windows[index].start
        with SegmentWriter(segment, plan.width, plan.height) as writer:
            for number in plan.new_frames(index):
                writer.write(_pixels(frames[:, number - start]))

    def _check(self) -> None:
        if self._cancelled():
            raise Stopped


class _Pace:
    """How long the rest takes, were it as fast as what was done since the start."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._lengths, self._since = lengths, time.monotonic()
        self._begun_at: float | None = None

    def left_s(self, window: int, share: float) -> float | None:
        """Seconds left when `share` of window number `window` is done; None after the first step,
        which also warmed the machine up."""
        done = sum(self._lengths[:window]) + share * self._lengths[window]
        if self._begun_at is None:
            self._begun_at, self._since = done, time.monotonic()
            return None
        rate = (done - self._begun_at) / max(time.monotonic() - self._since, 1e-6)
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


def _longest(task: Task) -> int:
    """Frames of the longest window."""
    return max(window.frames for window in task.plan.windows)


def _recipe(task: Task) -> Recipe:
    sampling = find_preset(task.plan.quality).sampling
    assert sampling is not None, "a quality of this engine samples"
    return Recipe(task.request.tuning.applied(sampling))


def _sounding(span: Span) -> slice:
    """Where a recording sounds on its 16 kHz track."""
    per_sample = SAMPLE_RATE_HZ // AUDIO_RATE_HZ
    return slice(span.start // per_sample, (span.start + span.samples) // per_sample)


def _pixels(frame: Tensor) -> NDArray[np.uint8]:
    """A frame (3, H, W), -1 to 1, as RGB uint8 (H, W, 3)."""
    levels = ((frame + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(1, 2, 0).contiguous().cpu().numpy()

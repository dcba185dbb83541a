"""Execution of a task with MultiTalk: load, encode voices and picture, generate each window."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from inference.core.errors import Fault, FaultCode
from inference.core.events import Event, Stage, StageName
from inference.core.inputs import SAMPLE_RATE_HZ
from inference.core.task import PICTURE, SOUND, Task, voice_name
from inference.core.timing import SAMPLES_PER_FRAME, Span, place_recordings
from inference.media.audio import mix_voices, read_mono
from inference.media.image import render_crop
from inference.multitalk import checkpoint
from inference.multitalk.conditioning.picture import build_speaker_masks, scale_to_cover
from inference.multitalk.conditioning.prompt import encode_texts
from inference.multitalk.conditioning.voice import encode_voice, extend_mirrored
from inference.multitalk.models.encoders import AUDIO_RATE_HZ
from inference.multitalk.pipeline import PipelineOptions, Scene
from inference.multitalk.runtime.gpu import plan_placement, require_gpu_memory, select_device
from inference.multitalk.runtime.kernels import KernelChoice, choose_kernel
from inference.multitalk.runtime.networks import LoadedModel, LoadOptions, load_model
from inference.multitalk.window_generator import WindowGenerator
from inference.rendering.windows import EarlyStop, render_windows
from presets.schema import EngineFamily, Lora

logger = logging.getLogger(__name__)

# Feature rows past the last generated frame, as many as in the original; two have an effect.
_EXTRA_ROWS = 3


class Runner:
    """Runner of tasks with one model, which is loaded for the first task and stays in memory."""

    def __init__(
        self,
        model: str,
        device: str | None,
        weights: Path | None,
        loras: tuple[Lora, ...] = (),
        strict: bool = False,
    ) -> None:
        """Select the device; the model is loaded later.

        `weights` is the model's folder, None for random weights; `loras` are added to those of
        every quality. `device` is torch's name, None for the GPU if there is one. With `strict` a
        first window that is probably unusable ends the job. Raises Fault when torch can't use the
        device, or trained weights have no GPU.
        """
        self._model, self._weights, self._loras = model, weights, loras
        self._early_stop = EarlyStop.STRICT if strict else EarlyStop.SURE
        self._device = select_device(device)
        _require_usable(self._device, trained=weights is not None)
        self._loaded: LoadedModel | None = None
        self._attention = KernelChoice()  # until the model is loaded

    def load(self) -> None:
        """Load the model ahead of the first task. Raises Fault."""
        self._load(())

    def run(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        """Yield the events of the task; finished windows of an earlier start are only reported.

        Raises PortraitError and OSError.
        """
        try:
            yield from self._run(task, cancelled)
        except torch.OutOfMemoryError as error:
            message = "The GPU ran out of memory. End what else uses it, and go on with this job."
            raise Fault(FaultCode.OUT_OF_MEMORY, message, str(error)) from error

    def _run(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        started = time.monotonic()
        options = _build_options(task)
        loaded = self._load(options.sampling.loras)
        pixels, frames = task.plan.width * task.plan.height, _count_longest_window_frames(task)
        require_gpu_memory(self._device, pixels, frames)
        yield Stage(StageName.LISTENING, "Listening to the voice")
        mix_voices(task, task.prepare_path(SOUND))
        voices = self._encode_voices(task, loaded)
        yield Stage(StageName.LOOKING, "Looking at the picture")
        scene = self._build_scene(task, loaded, voices)
        checkpoint.delete_orphaned_segments(task)
        generator = WindowGenerator(task, loaded, scene, options, self._attention, cancelled)
        # random weights draw only noise, so that no check applies
        early = self._early_stop if self._weights is not None else EarlyStop.NEVER
        yield from render_windows(
            task, EngineFamily.MULTITALK.value, generator.generate, started, early, self._model
        )

    def _load(self, loras: tuple[Lora, ...]) -> LoadedModel:
        """Return the model with these LoRAs and the operator's own applied; load it if needed."""
        if self._loaded is None:
            folder, options = self._weights, LoadOptions()
            if folder is not None:
                placement = plan_placement(self._device, folder, self._loras)
                logger.debug("placement: %s", placement.sentence)
                folder = folder / placement.weights
                dtype = getattr(torch, placement.compute_dtype)
                options = LoadOptions(dtype, placement.resident_blocks, placement.keep_text_encoder)
            # before the model is loaded, as the trial needs memory
            self._attention = choose_kernel(self._model, self._device, options.compute_dtype)
            self._loaded = load_model(self._model, folder, self._device, options)
        self._loaded.set_loras((*loras, *self._loras))
        return self._loaded

    @torch.inference_mode()
    def _encode_voices(self, task: Task, loaded: LoadedModel) -> Tensor:
        """Encode the voices, in the order of the speakers, to features (p, f, layers, c)."""
        samples = task.plan.frames * SAMPLES_PER_FRAME
        features = []
        for index, span in enumerate(place_recordings(task.request.soundtrack)):
            track = read_mono(task.prepare_path(voice_name(index)), span, samples, AUDIO_RATE_HZ)
            if task.request.recordings[index].is_silent:
                track[:] = 0  # the encoder would turn faint noise into speech
            features.append(encode_voice(loaded.networks.audio, track, _locate_sound(span)))
        order = [speaker.audio for speaker in task.plan.speakers] or range(len(features))
        last = task.plan.windows[-1]
        extra_rows = last.start + last.frames - task.plan.frames + _EXTRA_ROWS
        voices = extend_mirrored(torch.stack([features[index] for index in order]), extra_rows)
        logger.debug("voices: %s %s", voices.dtype, tuple(voices.shape))
        return voices

    @torch.inference_mode()
    def _build_scene(self, task: Task, loaded: LoadedModel, voices: Tensor) -> Scene:
        """Encode picture, prompts and speakers."""
        plan, speakers = task.plan, len(voices)
        frame = render_crop(
            task.prepare_path(PICTURE),
            plan.picture,
            plan.crop,
            plan.width,
            plan.height,
            Image.Resampling.BILINEAR,  # as in the original
        )
        picture = scale_to_cover(Image.fromarray(frame), plan.width, plan.height).to(self._device)
        networks = loaded.networks
        max_tokens = networks.transformer.params.text_len
        with loaded.text_encoder() as encoder:
            prompt, negative = encode_texts(
                encoder, loaded.tokenizer, task.request.prompts, max_tokens
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


def _require_usable(device: torch.device, trained: bool) -> None:
    exists = device.type == "cpu" or (device.index or 0) < torch.cuda.device_count()
    if not exists or (trained and device.type == "cpu"):
        message = f"torch can't use {device if not exists else 'a GPU'} here. Run make gpu again."
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, message, f"torch {torch.__version__}")


def _count_longest_window_frames(task: Task) -> int:
    """Return the number of frames of the longest window."""
    return max(window.frames for window in task.plan.windows)


def _build_options(task: Task) -> PipelineOptions:
    sampling = task.request.sampling
    assert sampling is not None, "a quality of this engine samples"
    return PipelineOptions(sampling)


def _locate_sound(span: Span) -> slice:
    """Return the range of samples of a recording on its 16 kHz track."""
    per_sample = SAMPLE_RATE_HZ // AUDIO_RATE_HZ
    return slice(span.start // per_sample, (span.start + span.samples) // per_sample)

"""Generation of a task's windows: sampling, preview, progress, checkpoint and segment of each."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.core.errors import Fault, FaultCode
from inference.core.events import Event, Stage, StageName, Step
from inference.core.task import Task, segment_name
from inference.media.video import SegmentWriter
from inference.multitalk import checkpoint
from inference.multitalk.pipeline import Pipeline, PipelineOptions, Scene, WindowState
from inference.multitalk.preview import render_preview
from inference.multitalk.runtime.kernels import KernelChoice
from inference.multitalk.runtime.networks import LoadedModel
from inference.multitalk.sampling.sampler import DenoisingStep
from inference.rendering.windows import RenderingCancelled, save_preview

logger = logging.getLogger(__name__)


class WindowGenerator:
    """Generator of one task's windows, in order."""

    def __init__(
        self,
        task: Task,
        loaded: LoadedModel,
        scene: Scene,
        options: PipelineOptions,
        attention: KernelChoice,
        cancelled: Callable[[], bool],
    ) -> None:
        networks = loaded.networks
        self._pipeline = Pipeline(networks.transformer, networks.video, networks.image.encode)
        self._task, self._scene, self._options = task, scene, options
        self._attention, self._cancelled = attention, cancelled
        self._kernel = attention.kernel
        self._state: WindowState | None = None
        self._time_left = _TimeLeft([window.frames for window in task.plan.windows])

    def generate(self, index: int) -> Iterator[Event]:
        """Generate window `index` and write its segment. Raises RenderingCancelled."""
        task, window = self._task, self._task.plan.windows[index]
        count = len(task.plan.windows)
        state, note = (self._state, None) if self._state else self._prepare_state(index)
        yield Stage(StageName.WINDOW, f"Window {index + 1} of {count}", note=note)
        self._pipeline.transformer.kernel = self._kernel
        steps = self._pipeline.denoise(
            self._scene,
            self._options,
            window.start,
            window.frames,
            state,
            self._raise_if_cancelled,
        )
        for denoised in steps:
            yield from self._report_step(denoised, index)
        frames = self._decode(denoised.latents, index)
        self._save_state(index, frames, state)
        self._write_segment(index, frames)
        checkpoint.delete_before(task, index)

    def _report_step(self, denoised: DenoisingStep, index: int) -> Iterator[Event]:
        """Yield a preview and the progress of a step."""
        plan, steps, done = self._task.plan, self._options.sampling.steps, denoised.step + 1
        _require_finite(denoised.predicted, index)
        yield save_preview(self._task, render_preview(denoised.predicted, plan.width, plan.height))
        left_s = self._time_left.estimate_s(index, done / steps)
        yield Step(done, steps, index, len(plan.windows), left_s)

    def _decode(self, latents: Tensor, index: int) -> Tensor:
        frames = self._pipeline.decode(self._scene, self._options, latents)
        logger.debug("window %d: %s %s", index, frames.dtype, tuple(frames.shape))
        _require_finite(frames, index)
        return frames

    def _prepare_state(self, index: int) -> tuple[WindowState, str | None]:
        """Return the state before window `index`, from its checkpoint unless it is the first, and a
        note on resuming here."""
        if not index:
            return WindowState(torch.Generator().manual_seed(self._task.plan.seed)), None
        self._kernel, note = self._attention.resume_with(
            checkpoint.read_kernel(self._task, index - 1)
        )
        return checkpoint.load(self._task, index - 1, self._scene.picture.device), note

    def _save_state(self, index: int, frames: Tensor, state: WindowState) -> None:
        """Keep the state for the next window in memory and on disk, before the segment exists."""
        windows = self._task.plan.windows
        if index + 1 == len(windows):
            return
        shared = windows[index].start + windows[index].frames - windows[index + 1].start
        self._state = WindowState(state.generator, frames[:, -shared:].clone())
        checkpoint.save(self._task, index, self._state, self._kernel)

    def _write_segment(self, index: int, frames: Tensor) -> None:
        """Encode the frames (3, f, H, W) that are new and not past the video's end."""
        plan = self._task.plan
        segment, start = self._task.prepare_path(segment_name(index)), plan.windows[index].start
        with SegmentWriter(segment, plan.width, plan.height) as writer:
            for number in plan.new_frames(index):
                writer.write(_to_pixels(frames[:, number - start]))

    def _raise_if_cancelled(self) -> None:
        if self._cancelled():
            raise RenderingCancelled


class _TimeLeft:
    """Estimator of the time left, by the speed since the start."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._lengths, self._since = lengths, time.monotonic()
        self._baseline: float | None = None

    def estimate_s(self, window: int, share: float) -> float | None:
        """Return the seconds left when `share` of window number `window` is done.

        None after the first step, which includes the warm-up.
        """
        done = sum(self._lengths[:window]) + share * self._lengths[window]
        if self._baseline is None:
            self._baseline, self._since = done, time.monotonic()
            return None
        rate = (done - self._baseline) / max(time.monotonic() - self._since, 1e-6)
        return round((sum(self._lengths) - done) / rate, 1)


def _require_finite(tensor: Tensor, index: int) -> None:
    if not tensor.isfinite().all():
        message = "The model's picture broke. Try again with another seed."
        raise Fault(FaultCode.INTERNAL, message, f"window {index} is not finite")


def _to_pixels(frame: Tensor) -> NDArray[np.uint8]:
    """Convert a frame (3, H, W), -1 to 1, to RGB uint8 (H, W, 3)."""
    levels = ((frame + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(1, 2, 0).contiguous().cpu().numpy()

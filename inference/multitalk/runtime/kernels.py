"""Which kernel computes attention here: those there are, compared with each other and timed, once.

Only since Hopper cuDNN's is a rival of flash-attn. Whether it can serve a shape is known when it
has, so all that a block attends to is tried, in the sizes of a full window.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from inference.core.request import Shape
from inference.core.timing import MAX_WINDOW_FRAMES
from inference.multitalk.conditioning.picture import LATENT_PX, TOKEN_LATENTS
from inference.multitalk.models.attention import (
    HALF_PRECISION_BYTES,
    Kernel,
    attend,
    can_use_flash,
    use_kernel,
)
from inference.multitalk.models.registry import MODELS
from inference.multitalk.models.transformer import TransformerParams

logger = logging.getLogger(__name__)

_CUDNN_MIN_CAPABILITY = (9, 0)  # compute capability
_IMAGE_TOKENS = 257
_LATENT_FRAMES = (MAX_WINDOW_FRAMES - 1) // 4 + 1
_FRAME_TOKENS = Shape.LANDSCAPE.width * Shape.LANDSCAPE.height // (LATENT_PX * TOKEN_LATENTS) ** 2
_ROUNDS = 3
_MAX_TIME_RATIO = 0.97  # another kernel than the usual one takes at most that part of its time
# The weights and the result are rounded in each of two kernels, by 2^-8 at most in bfloat16.
_TOLERANCE = 4 * 2**-8
_KERNEL_CHANGED_NOTE = (
    "The windows before were made on another kind of GPU: from here on frames differ a little from "
    "those of a video that was never interrupted."
)

AttentionCall = tuple[Tensor, Tensor, Tensor]  # what `attend` is given
Timer = Callable[[Callable[[], object]], float]  # of one run of some work


@dataclass(frozen=True)
class KernelChoice:
    """The kernel to use, and how long all attentions of a block take with each that was tried and
    is right; nothing where there was nothing to choose from."""

    kernel: Kernel = Kernel.TORCH
    milliseconds: Mapping[Kernel, float] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        if not self.milliseconds:
            return self.kernel.value
        others = [f"{k} {ms:.0f}" for k, ms in self.milliseconds.items() if k is not self.kernel]
        own = f"{self.milliseconds[self.kernel]:.0f} ms a block"
        return f"{self.kernel} ({'; '.join([own, *others])})"

    def resume_with(self, made_by: str | None) -> tuple[Kernel, str | None]:
        """The kernel to go on with where `made_by` was used, None if nobody knows: that one, if it
        is here; and what to say if not."""
        here = (*self.milliseconds, self.kernel, Kernel.TORCH)
        if made_by is None:  # before there was a choice it was the usual one, which is tried first
            return here[0], None
        kernel = next((kernel for kernel in here if kernel == made_by), self.kernel)
        if made_by == kernel:
            return kernel, None
        logger.warning("attention was by %s, which is not here; %s goes on", made_by, kernel)
        return kernel, _KERNEL_CHANGED_NOTE


def choose_kernel(model: str, device: torch.device, dtype: torch.dtype) -> KernelChoice:
    """The fastest kernel for a model of the registry on a device, in those numbers.

    Takes a second or two and 3 GB of a GPU that has rivals, and gives them back.
    """
    choice = KernelChoice(Kernel.FLASH if can_use_flash(device, dtype) else Kernel.TORCH)
    if dtype.itemsize == HALF_PRECISION_BYTES and _has_alternatives(device):
        choice = _compare_kernels(choice.kernel, MODELS[model].transformer, device, dtype)
        torch.cuda.empty_cache()
    logger.info("attention by %s", choice.sentence)
    return choice


def _has_alternatives(device: torch.device) -> bool:
    return (
        device.type == "cuda" and torch.cuda.get_device_capability(device) >= _CUDNN_MIN_CAPABILITY
    )


def _compare_kernels(
    usual: Kernel, params: TransformerParams, device: torch.device, dtype: torch.dtype
) -> KernelChoice:
    kernels = list(dict.fromkeys((usual, Kernel.CUDNN, Kernel.TORCH)))
    try:
        with torch.inference_mode(), torch.cuda.device(device):
            return select_fastest(
                kernels,
                build_calls(params, _LATENT_FRAMES, _FRAME_TOKENS, device, dtype),
                measure_gpu_ms,
            )
    except torch.OutOfMemoryError:  # a busy card: it is looked at, not worked with
        return KernelChoice(usual)


def build_calls(
    p: TransformerParams, t: int, s: int, device: torch.device, dtype: torch.dtype
) -> list[AttentionCall]:
    """What a block attends to in a window of (t s) tokens, one speaker or two: noise, laid out in
    memory as in the model."""
    random = torch.Generator(device).manual_seed(0)

    def noise(*size: int) -> Tensor:
        shape = (*size, p.num_heads, p.head_size)
        return torch.randn(shape, generator=random, device=device, dtype=dtype)

    q, k, v = (noise(1, t * s) for _ in range(3))
    frames = q.view(t, s, *q.shape[2:])
    both = noise(t, p.context_tokens, 2)  # keys beside values, as one layer makes them
    first = [(q, k[:, :keys], v[:, :keys]) for keys in (t * s, p.text_len, _IMAGE_TOKENS, s)]
    two = noise(t, 2 * p.context_tokens), noise(t, 2 * p.context_tokens)
    return [*first, (frames, both[:, :, 0], both[:, :, 1].contiguous()), (frames, *two)]


def select_fastest(
    kernels: Sequence[Kernel], calls: Sequence[AttentionCall], milliseconds: Timer
) -> KernelChoice:
    """The first of `kernels`, unless another is clearly faster; one that raises or computes
    something else than torch's own does not count."""
    times: dict[Kernel, float] = {}
    for kernel in kernels:
        try:
            if not _is_accurate(kernel, calls):
                logger.warning("%s computes something else than torch's own here", kernel)
                continue
            with use_kernel(kernel):
                times[kernel] = min(milliseconds(lambda: _run_all(calls)) for _ in range(_ROUNDS))
        except torch.OutOfMemoryError:  # says nothing of the kernel
            raise
        except RuntimeError as error:
            logger.info("%s does not run here: %s", kernel, error)
    if not times:
        return KernelChoice(kernels[0])
    usual, best = next(iter(times)), min(times, key=times.__getitem__)
    return KernelChoice(best if times[best] <= _MAX_TIME_RATIO * times[usual] else usual, times)


def _run_all(calls: Sequence[AttentionCall]) -> None:
    for call in calls:
        attend(*call)


def _is_accurate(kernel: Kernel, calls: Sequence[AttentionCall]) -> bool:
    """Whether each head's output differs by no more than rounding from that of torch's own. What
    is planned or compiled at a first call is so by now."""
    for call in calls:
        with use_kernel(Kernel.TORCH):
            wanted = attend(*call)
        with use_kernel(kernel, strict=kernel is Kernel.CUDNN):
            found = attend(*call)
        off, size = (
            torch.linalg.vector_norm(x, dim=-1, dtype=torch.float32)
            for x in (found - wanted, wanted)
        )
        if not (off <= _TOLERANCE * size).all():  # nor is it so of what is not a number
            return False
    return True


def measure_gpu_ms(work: Callable[[], object]) -> float:
    """How long the current GPU is busy with what `work` gives it to do."""
    begun = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    done = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    begun.record()
    work()
    done.record()
    done.synchronize()
    return float(begun.elapsed_time(done))

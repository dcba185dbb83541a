"""Choice of the attention kernel: available kernels are compared for accuracy and speed, once.

cuDNN's kernel competes with flash-attn only since Hopper. Support for a shape shows only by running
it, so all attentions of a block are tried in the sizes of a full window.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from inference.core.inputs import FRAME_SIZES, Shape
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

_CUDNN_MIN_CAPABILITY = (9, 0)  # compute capability of Hopper
_IMAGE_TOKENS = 257
_LATENT_FRAMES = (MAX_WINDOW_FRAMES - 1) // 4 + 1
_FRAME_TOKENS = FRAME_SIZES[Shape.LANDSCAPE].pixels // (LATENT_PX * TOKEN_LATENTS) ** 2
_ROUNDS = 3
_MAX_TIME_RATIO = (
    0.97  # another kernel replaces the default one only if it is at least that much faster
)
# Two kernels each round the weights and the result, by at most 2^-8 in bfloat16.
_TOLERANCE = 4 * 2**-8
_KERNEL_CHANGED_NOTE = (
    "The windows before were made on another kind of GPU: from here on frames differ a little from "
    "those of a video that was never interrupted."
)

AttentionCall = tuple[Tensor, Tensor, Tensor]  # q, k, v of `attend`
Timer = Callable[[Callable[[], object]], float]  # time of one run of the work, in ms


@dataclass(frozen=True)
class KernelChoice:
    """Kernel to use, and the time of a block's attentions with each accurate kernel.

    No times when there was no alternative.
    """

    kernel: Kernel = Kernel.TORCH
    milliseconds: Mapping[Kernel, float] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """Kernel and times as text."""
        if not self.milliseconds:
            return self.kernel.value
        others = [f"{k} {ms:.0f}" for k, ms in self.milliseconds.items() if k is not self.kernel]
        own = f"{self.milliseconds[self.kernel]:.0f} ms a block"
        return f"{self.kernel} ({'; '.join([own, *others])})"

    def resume_with(self, previous: str | None) -> tuple[Kernel, str | None]:
        """Return the kernel to resume with after windows of kernel `previous`, and a note.

        That is the same kernel if it is available, and a note is returned if it is not. None is an
        unknown kernel.
        """
        available = (*self.milliseconds, self.kernel, Kernel.TORCH)
        if previous is None:  # old versions used the default kernel, which is tried first
            return available[0], None
        kernel = next((kernel for kernel in available if kernel == previous), self.kernel)
        if previous == kernel:
            return kernel, None
        logger.warning("attention was by %s, which is not here; %s goes on", previous, kernel)
        return kernel, _KERNEL_CHANGED_NOTE


def choose_kernel(model: str, device: torch.device, dtype: torch.dtype) -> KernelChoice:
    """Choose the fastest kernel for a model of the registry on a device, in that dtype.

    Takes one or two seconds and, temporarily, 3 GB of a GPU with several kernels.
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
    default: Kernel, params: TransformerParams, device: torch.device, dtype: torch.dtype
) -> KernelChoice:
    kernels = list(dict.fromkeys((default, Kernel.CUDNN, Kernel.TORCH)))
    try:
        with torch.inference_mode(), torch.cuda.device(device):
            return select_fastest(
                kernels,
                build_calls(params, _LATENT_FRAMES, _FRAME_TOKENS, device, dtype),
                measure_gpu_ms,
            )
    except torch.OutOfMemoryError:  # a busy GPU
        return KernelChoice(default)


def build_calls(
    p: TransformerParams, t: int, s: int, device: torch.device, dtype: torch.dtype
) -> list[AttentionCall]:
    """Build noise inputs for all attentions of a block, for one speaker and for two.

    The window has (t s) tokens; the memory layout is that of the model.
    """
    random = torch.Generator(device).manual_seed(0)

    def noise(*size: int) -> Tensor:
        shape = (*size, p.num_heads, p.head_size)
        return torch.randn(shape, generator=random, device=device, dtype=dtype)

    q, k, v = (noise(1, t * s) for _ in range(3))
    frames = q.view(t, s, *q.shape[2:])
    # keys interleaved with values, as the projection returns them
    both = noise(t, p.context_tokens, 2)
    first = [(q, k[:, :keys], v[:, :keys]) for keys in (t * s, p.text_len, _IMAGE_TOKENS, s)]
    two = noise(t, 2 * p.context_tokens), noise(t, 2 * p.context_tokens)
    return [*first, (frames, both[:, :, 0], both[:, :, 1].contiguous()), (frames, *two)]


def select_fastest(
    kernels: Sequence[Kernel], calls: Sequence[AttentionCall], timer: Timer
) -> KernelChoice:
    """Return the first of `kernels`, unless another is clearly faster.

    Kernels that raise or are inaccurate are excluded.
    """
    times: dict[Kernel, float] = {}
    for kernel in kernels:
        try:
            if not _is_accurate(kernel, calls):
                logger.warning("%s computes something else than torch's own here", kernel)
                continue
            with use_kernel(kernel):
                times[kernel] = min(timer(lambda: _run_all(calls)) for _ in range(_ROUNDS))
        except torch.OutOfMemoryError:  # not the fault of the kernel
            raise
        except RuntimeError as error:
            logger.info("%s does not run here: %s", kernel, error)
    if not times:
        return KernelChoice(kernels[0])
    default, best = next(iter(times)), min(times, key=times.__getitem__)
    return KernelChoice(best if times[best] <= _MAX_TIME_RATIO * times[default] else default, times)


def _run_all(calls: Sequence[AttentionCall]) -> None:
    for call in calls:
        attend(*call)


def _is_accurate(kernel: Kernel, calls: Sequence[AttentionCall]) -> bool:
    """Return whether each head's output equals that of torch's own kernel up to rounding.

    Also warms the kernel up.
    """
    for call in calls:
        with use_kernel(Kernel.TORCH):
            expected = attend(*call)
        with use_kernel(kernel, strict=kernel is Kernel.CUDNN):
            computed = attend(*call)
        error, norm = (
            torch.linalg.vector_norm(x, dim=-1, dtype=torch.float32)
            for x in (computed - expected, expected)
        )
        if not (error <= _TOLERANCE * norm).all():  # also false for NaN
            return False
    return True


def measure_gpu_ms(work: Callable[[], object]) -> float:
    """Return how long the current GPU is busy with `work`, in ms."""
    start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    start.record()
    work()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))

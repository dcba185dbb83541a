"""Placement of MultiTalk's 14B model: how many blocks are on the GPU, and in which dtype.

The rule is the same for every GPU: the memory of a window is reserved, then as many blocks as fit;
the rest stays in host memory. bfloat16 if all of it fits, else 8 bits if that fits, else offloaded
bfloat16, which costs no quality and overlaps with computation.

Activation sizes were counted from all allocations of the real model's passes, without a GPU; memory
of cuDNN and the allocator is an allowance.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil, floor, prod

from inference.core.errors import Fault, FaultCode
from weights.names import find_use, is_quantised
from weights.sets import BF16, FP8, ORIGINAL

# Networks beside the transformer, in their dtypes.
TEXT_ENCODER_BYTES = 11_361_820_672
_OTHER_NETWORKS_BYTES = 1_261_532_160 + 507_570_124 + 377_486_848  # picture, video and voice
_LORA_BYTES = 800_000_000  # the largest LoRA of a quality, with the parameters that it replaces
_ALLOWANCE_BYTES = 1_500_000_000  # CUDA context, library workspaces, fragmentation
_PINNED_OVERHEAD = 1.5  # host bytes per byte of a pinned tensor, approximate maximum
_HOST_SPARE_BYTES = 3_000_000_000
_BFLOAT16_MIN_CAPABILITY = (8, 0)  # compute capability; below, flash-attn is missing too (T4: 7.5)
_FIRST_BLOCK = "blocks.0."  # all blocks are equal
_DIM, _BLOCKS, _TEXT_TOKENS, _IMAGE_TOKENS, _VOICE_TOKENS = 5120, 40, 512, 257, 32


@dataclass(frozen=True)
class Gpu:
    """Current state of a GPU; `capability` is CUDA's compute capability, (8, 0) for an A100."""

    name: str
    free_bytes: int
    capability: tuple[int, int]


@dataclass(frozen=True)
class WeightSizes:
    """Bytes of a transformer block, of its parameters for every step, and outside the blocks."""

    block: int
    step: int
    rest: int


@dataclass(frozen=True)
class Placement:
    """Placement of the model.

    `weights` is the set to load, `compute_dtype` a torch name, `resident_blocks` the number of
    blocks on the GPU. Unless kept there, the text encoder is moved to the GPU for each job.
    """

    weights: str
    compute_dtype: str
    resident_blocks: int
    keep_text_encoder: bool

    @property
    def sentence(self) -> str:
        """Placement as text for an operator."""
        if self.resident_blocks == _BLOCKS:
            where = "all blocks on the GPU"
        else:
            where = f"{self.resident_blocks} of {_BLOCKS} blocks on the GPU, the rest travel"
        text = "stays there too" if self.keep_text_encoder else "comes for each video"
        return f"{self.weights} weights, {self.compute_dtype}: {where}; the text encoder {text}"


def compute_weight_sizes(shapes: Mapping[str, tuple[int, ...]], kind: str) -> WeightSizes:
    """Compute the sizes of parameters of these `shapes` in a lean set of that kind."""
    block = step = rest = 0
    for name, shape in shapes.items():
        quantised = kind == FP8 and is_quantised(name, len(shape))
        size = prod(shape) + 4 * shape[0] if quantised else 2 * prod(shape)
        if not name.startswith("blocks."):
            rest += size
        elif name.startswith(_FIRST_BLOCK):
            block += size
            if find_use(name.removeprefix(_FIRST_BLOCK)) == "step":
                step += size
    return WeightSizes(block, step, rest)


def estimate_window_bytes(pixels: int, frames: int) -> int:
    """Return the maximum memory of a window beside the weights.

    That is with two speakers, three passes per step and the step cache; `pixels` are those of a
    frame.
    """
    latent_frames = (frames - 1) // 4 + 1
    tokens = latent_frames * pixels // 256
    stream = 2 * tokens * _DIM
    voice = 6 * _BLOCKS * latent_frames * _VOICE_TOKENS * _DIM
    conditioning = 4 * _BLOCKS * _DIM * (2 * _TEXT_TOKENS + _IMAGE_TOKENS) + 3 * voice
    # the peak within a block; the streams of three passes, and their residuals in the cache
    sampling = conditioning + 11 * stream + 3 * stream + 3 * stream
    decoding = int(pixels * (19_459 + 12.5 * frames + 1_500))
    return max(sampling, decoding) + 12 * pixels * frames + 120_000_000  # frames and voices


def select_placement(
    gpu: Gpu,
    host_free_bytes: int,
    sets: Collection[str],
    shapes: Mapping[str, tuple[int, ...]],
    window: int,
    lora_bytes: int = 0,
) -> Placement:
    """Select the placement for windows of `window` bytes from the `sets` of weights.

    `lora_bytes` is the size of LoRAs beside that of a quality. Raises Fault when GPU or host memory
    is too small for any placement.
    """
    kinds = [BF16] if BF16 in sets or ORIGINAL in sets else []
    kinds += [FP8] if FP8 in sets else []
    sizes = {kind: compute_weight_sizes(shapes, kind) for kind in kinds}
    available = gpu.free_bytes - _ALLOWANCE_BYTES - _OTHER_NETWORKS_BYTES - _LORA_BYTES - lora_bytes
    # used in turns: memory of a window, or the text encoder before the first window
    transient = max(window, TEXT_ENCODER_BYTES)

    def placement(kind: str, resident: int, keep_text_encoder: bool) -> Placement:
        weights = ORIGINAL if kind == BF16 and BF16 not in sets else kind
        compute = "bfloat16" if gpu.capability >= _BFLOAT16_MIN_CAPABILITY else "float16"
        return Placement(weights, compute, resident, keep_text_encoder)

    for kind, size in sizes.items():
        total = size.rest + _BLOCKS * size.block
        if total + window + TEXT_ENCODER_BYTES <= available:
            return placement(kind, _BLOCKS, keep_text_encoder=True)
        if total + transient <= available and _estimate_host_bytes(0, size) <= host_free_bytes:
            return placement(kind, _BLOCKS, keep_text_encoder=False)
    if not kinds:
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, "No set of weights is complete.")
    shortages = []
    for kind, size in sizes.items():
        left = available - size.rest - max(window + 2 * size.step, TEXT_ENCODER_BYTES)
        resident = min(_BLOCKS, left // size.block)
        if resident >= 0 and _estimate_host_bytes(_BLOCKS - resident, size) <= host_free_bytes:
            return placement(kind, resident, keep_text_encoder=False)
        need = _estimate_host_bytes(_BLOCKS - max(0, resident), size)
        shortages.append((max(0, -left), max(0, need - host_free_bytes)))
    raise _build_memory_fault(gpu, host_free_bytes, *min(shortages))


def _estimate_host_bytes(offloaded: int, size: WeightSizes) -> int:
    """Return the host memory for offloaded blocks and the text encoder."""
    return int(offloaded * size.block * _PINNED_OVERHEAD) + TEXT_ENCODER_BYTES + _HOST_SPARE_BYTES


def _build_memory_fault(
    gpu: Gpu, host_free_bytes: int, gpu_deficit: int, host_deficit: int
) -> Fault:
    if gpu_deficit:
        message = (
            f"MultiTalk needs {round_up_gb(gpu.free_bytes + gpu_deficit)} GB of GPU memory, and "
            f"{gpu.name} has {round_down_gb(gpu.free_bytes)} GB free. "
            "End what else uses it, or take a larger GPU."
        )
    else:
        message = (
            f"With {gpu.name} MultiTalk needs {round_up_gb(host_free_bytes + host_deficit)} GB of "
            f"the host's memory, and {round_down_gb(host_free_bytes)} GB are free. "
            "Take a larger machine or GPU."
        )
    return Fault(FaultCode.OUT_OF_MEMORY, message)


def round_up_gb(size: int) -> float:
    """Convert bytes to gigabytes, rounded up to one decimal."""
    return ceil(size / 1e8) / 10


def round_down_gb(size: int) -> float:
    """Convert bytes to gigabytes, rounded down to one decimal."""
    return floor(size / 1e8) / 10

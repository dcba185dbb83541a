"""Where MultiTalk's 14B model lies on a card: how much of it is on the GPU, and in which numbers.

One rule for every card: what a window needs comes first, then as many blocks as fit, the rest waits
in the host's memory; bfloat16 if all of it fits, else 8 bits if that fits, else bfloat16 that
travels, which costs no quality and hides behind the computing.

Sizes of activations were counted with every allocation of the real model's passes, without a GPU;
what cuDNN and the allocator take beside them is an allowance.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil, floor, prod

from inference.core.errors import Fault, FaultCode
from weights.names import find_use, is_quantised
from weights.sets import BF16, FP8, ORIGINAL

# Beside the transformer, in the numbers they run in.
TEXT_ENCODER_BYTES = 11_361_820_672
_OTHER_NETWORKS_BYTES = (
    1_261_532_160 + 507_570_124 + 377_486_848
)  # picture, video and voice networks
_LORA_BYTES = 800_000_000  # the largest one that is used, with what it replaces
_ALLOWANCE_BYTES = 1_500_000_000  # CUDA's own, libraries' scratch, gaps between tensors
_PINNED_OVERHEAD = 1.5  # host memory that pinned tensors take for each byte, at most about
_HOST_SPARE_BYTES = 3_000_000_000
_BFLOAT16_MIN_CAPABILITY = (8, 0)  # compute capability; nor is there flash-attn (T4: 7.5)
_FIRST_BLOCK = "blocks.0."  # all blocks are alike
_DIM, _BLOCKS, _TEXT_TOKENS, _IMAGE_TOKENS, _VOICE_TOKENS = 5120, 40, 512, 257, 32


@dataclass(frozen=True)
class Gpu:
    """A GPU as it is now; `capability` is CUDA's, of which (8, 0) is an A100's."""

    name: str
    free_bytes: int
    capability: tuple[int, int]


@dataclass(frozen=True)
class WeightSizes:
    """The transformer's bytes: of a block, of its part for every step, and outside the blocks."""

    block: int
    step: int
    rest: int


@dataclass(frozen=True)
class Placement:
    """`weights` is the set to load, `compute` torch's name of what it computes in; `resident` of
    the blocks stay on the GPU; the text encoder stays too, or comes for each job."""

    weights: str
    compute_dtype: str
    resident_blocks: int
    keep_text_encoder: bool

    @property
    def sentence(self) -> str:
        if self.resident_blocks == _BLOCKS:
            where = "all blocks on the GPU"
        else:
            where = f"{self.resident_blocks} of {_BLOCKS} blocks on the GPU, the rest travel"
        text = "stays there too" if self.keep_text_encoder else "comes for each video"
        return f"{self.weights} weights, {self.compute_dtype}: {where}; the text encoder {text}"


def compute_weight_sizes(shapes: Mapping[str, tuple[int, ...]], kind: str) -> WeightSizes:
    """What the parameters of these `shapes` take in a lean set of that kind, in bytes."""
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
    """What a window of that many pixels a frame needs at most beside the weights: two speakers,
    three passes a step, and the step cache."""
    latent_frames = (frames - 1) // 4 + 1
    tokens = latent_frames * pixels // 256
    stream = 2 * tokens * _DIM
    voice = 6 * _BLOCKS * latent_frames * _VOICE_TOKENS * _DIM
    kept = 4 * _BLOCKS * _DIM * (2 * _TEXT_TOKENS + _IMAGE_TOKENS) + 3 * voice
    # the block's own peak; three passes' streams, and what the cache keeps of each
    sampling = kept + 11 * stream + 3 * stream + 3 * stream
    decoding = int(pixels * (19_459 + 12.5 * frames + 1_500))
    return max(sampling, decoding) + 12 * pixels * frames + 120_000_000  # frames and voices


def select_placement(
    card: Gpu,
    host_free_bytes: int,
    sets: Collection[str],
    shapes: Mapping[str, tuple[int, ...]],
    window: int,
    own_loras: int = 0,
) -> Placement:
    """How to run windows of `window` bytes with one of the `sets` of weights that are there, and
    `own_loras` bytes of LoRAs beside the one of a quality.

    Raises Fault when the card or the host's memory is too small for any way.
    """
    kinds = [BF16] if BF16 in sets or ORIGINAL in sets else []
    kinds += [FP8] if FP8 in sets else []
    sizes = {kind: compute_weight_sizes(shapes, kind) for kind in kinds}
    room = card.free_bytes - _ALLOWANCE_BYTES - _OTHER_NETWORKS_BYTES - _LORA_BYTES - own_loras
    # what comes and goes: a window's own, or the text encoder before the first window
    passing = max(window, TEXT_ENCODER_BYTES)

    def placement(kind: str, resident: int, text_stays: bool) -> Placement:
        weights = ORIGINAL if kind == BF16 and BF16 not in sets else kind
        compute = "bfloat16" if card.capability >= _BFLOAT16_MIN_CAPABILITY else "float16"
        return Placement(weights, compute, resident, text_stays)

    for kind, size in sizes.items():
        whole = size.rest + _BLOCKS * size.block
        if whole + window + TEXT_ENCODER_BYTES <= room:
            return placement(kind, _BLOCKS, text_stays=True)
        if whole + passing <= room and _estimate_host_bytes(0, size) <= host_free_bytes:
            return placement(kind, _BLOCKS, text_stays=False)
    if not kinds:
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, "No set of weights is complete.")
    short = []
    for kind, size in sizes.items():
        left = room - size.rest - max(window + 2 * size.step, TEXT_ENCODER_BYTES)
        resident = min(_BLOCKS, left // size.block)
        if resident >= 0 and _estimate_host_bytes(_BLOCKS - resident, size) <= host_free_bytes:
            return placement(kind, resident, text_stays=False)
        need = _estimate_host_bytes(_BLOCKS - max(0, resident), size)
        short.append((max(0, -left), max(0, need - host_free_bytes)))
    raise _build_memory_fault(card, host_free_bytes, *min(short))


def _estimate_host_bytes(travelling: int, size: WeightSizes) -> int:
    """Host memory for blocks that travel and the text encoder that comes and goes."""
    return int(travelling * size.block * _PINNED_OVERHEAD) + TEXT_ENCODER_BYTES + _HOST_SPARE_BYTES


def _build_memory_fault(card: Gpu, host_free_bytes: int, on_card: int, on_host: int) -> Fault:
    if on_card:
        message = (
            f"MultiTalk needs {round_up_gb(card.free_bytes + on_card)} GB of GPU memory, and "
            f"{card.name} has {round_down_gb(card.free_bytes)} GB free. "
            "End what else uses it, or take a larger GPU."
        )
    else:
        message = (
            f"With {card.name} MultiTalk needs {round_up_gb(host_free_bytes + on_host)} GB of the "
            f"host's memory, and {round_down_gb(host_free_bytes)} GB are free. "
            "Take a larger machine or GPU."
        )
    return Fault(FaultCode.OUT_OF_MEMORY, message)


def round_up_gb(size: int) -> float:
    """Gigabytes, with one decimal that is never too low."""
    return ceil(size / 1e8) / 10


def round_down_gb(size: int) -> float:
    """Gigabytes, with one decimal that is never too high."""
    return floor(size / 1e8) / 10

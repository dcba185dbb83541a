"""How the model goes on a card: never more than there is, and as much on the GPU as goes."""

import re
from collections.abc import Collection
from math import prod

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st

from inference.core.errors import Fault, FaultCode
from inference.core.framing import MAX_FRAME_PIXELS
from inference.core.timing import MAX_WINDOW_FRAMES
from inference.multitalk.models.registry import MODELS
from inference.multitalk.runtime.placement import (
    TEXT_ENCODER_BYTES,
    Gpu,
    Placement,
    WeightSizes,
    compute_weight_sizes,
    estimate_window_bytes,
    select_placement,
)
from weights.manifest import MULTITALK_14B
from weights.sets import BF16, DTYPES, FP8, LEAN_SETS, ORIGINAL

GB = 10**9
SHAPES = MULTITALK_14B.read_shapes("transformer")
SIZES = {kind: compute_weight_sizes(SHAPES, kind) for kind in LEAN_SETS} | {
    ORIGINAL: compute_weight_sizes(SHAPES, BF16)
}
BLOCKS = 40
WINDOW = estimate_window_bytes(MAX_FRAME_PIXELS, 81)
CARDS = {
    "H200": (140, (9, 0)),
    "H100": (79, (9, 0)),
    "A100-80": (80, (8, 0)),
    "L40S": (44.5, (8, 9)),
    "A100-40": (39.5, (8, 0)),
    "A10": (22, (8, 6)),
    "T4": (14.6, (7, 5)),
}
OF = {"o": ORIGINAL, "b": BF16, "f": FP8}
# Card, sets, GB of the host's memory; what is loaded, blocks on the GPU, whether the text stays.
TABLE = [
    ("H200", "o", 16, ORIGINAL, 40, True),
    ("H200", "bf", 16, BF16, 40, True),
    ("H100", "o", 200, ORIGINAL, 40, True),
    ("H100", "bfo", 16, BF16, 40, True),
    ("H100", "f", 16, FP8, 40, True),
    ("A100-80", "b", 16, BF16, 40, True),
    ("L40S", "o", 64, ORIGINAL, 30, False),
    ("L40S", "bo", 30, BF16, 30, False),
    ("L40S", "bf", 64, FP8, 40, False),
    ("L40S", "f", 16, FP8, 40, False),
    ("A100-40", "b", 64, BF16, 24, False),
    ("A100-40", "bf", 16, FP8, 40, False),
    ("A10", "b", 64, BF16, 5, False),
    ("A10", "bf", 64, BF16, 5, False),
    ("A10", "bf", 40, FP8, 11, False),
    ("A10", "f", 40, FP8, 11, False),
]

memory = st.integers(0, 1600).map(lambda tenths: tenths * GB // 10)
large = st.integers(200, 1600).map(lambda tenths: tenths * GB // 10)
some_sets = st.sets(st.sampled_from([ORIGINAL, BF16, FP8]), min_size=1)
windows = st.integers(0, 12 * GB)


def card(free_bytes: int, name: str = "A card", capability: tuple[int, int] = (8, 0)) -> Gpu:
    return Gpu(name, free_bytes, capability)


def named(name: str) -> Gpu:
    gigabytes, capability = CARDS[name]
    return card(int(gigabytes * GB), name, capability)


def placed(free: int, host: int, sets: Collection[str], window: int) -> Placement | None:
    try:
        return select_placement(card(free), host, sets, SHAPES, window)
    except Fault:
        return None


def refusal(of: Gpu, host: int, sets: Collection[str] = (BF16, FP8)) -> str:
    with pytest.raises(Fault) as caught:
        select_placement(of, host, sets, SHAPES, WINDOW)
    assert caught.value.code == FaultCode.OUT_OF_MEMORY
    return caught.value.message


def encoder_bytes(part: str) -> int:
    """Of the real network in the numbers it runs in."""
    with torch.device("meta"):
        network = MODELS["multitalk-14b"].get_builders()[part]()
    each = getattr(torch, DTYPES[part]).itemsize
    return sum(parameter.numel() * each for parameter in network.parameters())


def needs(chosen: Placement, window: int) -> tuple[int, float]:
    """Bytes that a placement takes on the card and of the host's memory, counted anew."""
    size, travelling = SIZES[chosen.weights], BLOCKS - chosen.resident_blocks
    lasting = size.rest + chosen.resident_blocks * size.block
    lasting += 2_146_589_132  # picture, video and voice networks
    lasting += 800_000_000 + 1_500_000_000  # a LoRA; what CUDA and the allocator take
    # a block computes while the next one comes
    most = window + (2 * size.step if travelling else 0)
    on_card = lasting + (
        most + TEXT_ENCODER_BYTES if chosen.keep_text_encoder else max(most, TEXT_ENCODER_BYTES)
    )
    waiting = 0.0 if chosen.keep_text_encoder else TEXT_ENCODER_BYTES + 3_000_000_000
    return on_card, waiting + 1.5 * travelling * size.block


@pytest.mark.parametrize(("name", "sets", "host", "weights", "resident", "stays"), TABLE)
def test_each_card_gets_what_fits_it(
    name: str, sets: str, host: int, weights: str, resident: int, stays: bool
) -> None:
    chosen = select_placement(
        named(name), host * GB, [OF[letter] for letter in sets], SHAPES, WINDOW
    )
    assert chosen == Placement(weights, "bfloat16", resident, stays)


@pytest.mark.parametrize("sets", ["o", "b", "f", "bf"])
def test_a_t4_is_too_small_whatever_the_machine(sets: str) -> None:
    message = refusal(named("T4"), 500 * GB, [OF[letter] for letter in sets])
    assert re.fullmatch(
        r"MultiTalk needs 1[67]\.\d GB of GPU memory, and T4 has 14\.\d GB free\. "
        r"End what else uses it, or take a larger GPU\.",
        message,
    )


@pytest.mark.parametrize(("name", "host"), [("L40S", 16), ("A100-40", 30), ("A10", 40)])
def test_a_machine_too_small_for_what_travels_is_refused(name: str, host: int) -> None:
    message = refusal(named(name), host * GB, [BF16])
    assert f"{host}.0 GB are free" in message and "of the host's memory" in message


@pytest.mark.parametrize(("name", "host"), [("T4", 500), ("A10", 30), ("A10", 1)])
def test_a_refusal_names_the_card(name: str, host: int) -> None:
    assert name in refusal(named(name), host * GB)


@given(memory, memory, some_sets)
@example(16 * GB, 64 * GB, {BF16})  # what a card of 16 GiB has beside a desktop
def test_a_refusal_asks_for_more_than_it_says_is_there(
    free: int, host: int, sets: set[str]
) -> None:
    assume(placed(free, host, sets, WINDOW) is None)
    message = refusal(card(free), host, sets)
    asked, there = map(float, re.findall(r"([\d.]+) GB", message))
    assert asked > there, message


@given(memory, memory, some_sets)
def test_what_a_refusal_asks_for_is_enough(free: int, host: int, sets: set[str]) -> None:
    assume(placed(free, host, sets, WINDOW) is None)
    message = refusal(card(free), host, sets)
    asked = round(float(re.findall(r"([\d.]+) GB", message)[0]) * 10) * GB // 10
    if "GPU memory" in message:
        assert placed(asked, 500 * GB, sets, WINDOW) is not None
    else:
        assert placed(free, asked, sets, WINDOW) is not None


@given(large, large, some_sets, windows)
def test_what_is_chosen_never_needs_more_than_there_is(
    free: int, host: int, sets: set[str], window: int
) -> None:
    chosen = placed(free, host, sets, window)
    assume(chosen is not None)
    assert chosen is not None and chosen.weights in sets and 0 <= chosen.resident_blocks <= BLOCKS
    on_card, on_host = needs(chosen, window)
    assert on_card <= free and on_host <= host


@given(st.integers(200, 450), st.sampled_from([ORIGINAL, BF16, FP8]), windows)
def test_one_more_block_would_not_fit(tenths: int, kind: str, window: int) -> None:
    free = tenths * GB // 10
    chosen = select_placement(card(free), 100 * GB, [kind], SHAPES, window)
    assume(chosen.resident_blocks < BLOCKS)
    more = Placement(chosen.weights, chosen.compute_dtype, chosen.resident_blocks + 1, False)
    assert needs(more, window)[0] > free


@given(large, memory, large, memory, some_sets, windows)
def test_more_memory_never_means_fewer_blocks_of_the_same_set_nor_a_refusal(
    free: int, more: int, host: int, more_host: int, sets: set[str], window: int
) -> None:
    before = placed(free, host, sets, window)
    after = placed(free + more, host + more_host, sets, window)
    assume(before is not None)
    assert before is not None and after is not None
    if before.weights == after.weights:
        assert (
            after.resident_blocks >= before.resident_blocks
            and after.keep_text_encoder >= before.keep_text_encoder
        )


@given(memory, memory, windows)
def test_another_set_beside_it_never_makes_a_card_too_small(
    free: int, host: int, window: int
) -> None:
    for kind in (ORIGINAL, BF16, FP8):
        if placed(free, host, [kind], window):
            assert placed(free, host, [ORIGINAL, BF16, FP8], window)


@given(memory, memory, windows)
def test_the_original_goes_where_its_lean_set_goes(free: int, host: int, window: int) -> None:
    lean, original = (placed(free, host, [kind], window) for kind in (BF16, ORIGINAL))
    assert (lean is None) == (original is None)
    if lean and original:
        assert (lean.resident_blocks, lean.keep_text_encoder) == (
            original.resident_blocks,
            original.keep_text_encoder,
        )


@pytest.mark.parametrize(
    ("capability", "compute"),
    [((7, 0), "float16"), ((7, 5), "float16"), ((8, 0), "bfloat16"), ((12, 0), "bfloat16")],
)
def test_old_cards_compute_in_float16(capability: tuple[int, int], compute: str) -> None:
    chosen = select_placement(card(80 * GB, capability=capability), 64 * GB, [BF16], SHAPES, WINDOW)
    assert chosen.compute_dtype == compute


def test_a_sentence_tells_what_was_chosen() -> None:
    assert select_placement(named("H100"), 64 * GB, [BF16], SHAPES, WINDOW).sentence == (
        "bf16 weights, bfloat16: all blocks on the GPU; the text encoder stays there too"
    )
    assert select_placement(named("A10"), 64 * GB, [BF16], SHAPES, WINDOW).sentence == (
        "bf16 weights, bfloat16: 5 of 40 blocks on the GPU, the rest travel; "
        "the text encoder comes for each video"
    )


def test_sizes_are_those_of_the_real_shapes() -> None:
    block = {n.removeprefix("blocks.7."): s for n, s in SHAPES.items() if n.startswith("blocks.7.")}
    outside = sum(prod(shape) for name, shape in SHAPES.items() if not name.startswith("blocks."))
    assert SIZES[BF16] == WeightSizes(
        2 * sum(map(prod, block.values())), 928_324_608 - 225_525_760, 2 * outside
    )
    assert SIZES[BF16].block == 928_324_608
    matrices = [shape for shape in block.values() if len(shape) == 2]
    saved = sum(prod(shape) - 4 * shape[0] for shape in matrices)
    assert SIZES[FP8].block == 928_324_608 - saved
    assert SIZES[FP8].rest == SIZES[BF16].rest
    assert SIZES[BF16].rest + 40 * SIZES[BF16].block == 2 * sum(map(prod, SHAPES.values()))


def test_what_lies_beside_the_transformer_is_as_large_as_the_real_networks() -> None:
    assert encoder_bytes("text") == TEXT_ENCODER_BYTES
    assert encoder_bytes("image") + encoder_bytes("video") + encoder_bytes("audio") == (
        2_146_589_132
    )


@given(st.integers(1, 4000), st.integers(1, 40), st.integers(1, 2000), st.integers(1, 20))
def test_a_window_needs_more_with_more_pixels_and_with_more_frames(
    tokens: int, quads: int, more_tokens: int, more_quads: int
) -> None:
    pixels, frames = 256 * tokens, 4 * quads + 1
    need = estimate_window_bytes(pixels, frames)
    assert estimate_window_bytes(pixels + 256 * more_tokens, frames) > need
    assert estimate_window_bytes(pixels, frames + 4 * more_quads) > need


def test_the_largest_window_has_what_was_counted_and_not_much_more() -> None:
    assert MAX_FRAME_PIXELS == 384 * 1088
    assert MAX_WINDOW_FRAMES == 81
    assert 8.48e9 <= estimate_window_bytes(640 * 640, 81) < 1.25 * 8.48e9

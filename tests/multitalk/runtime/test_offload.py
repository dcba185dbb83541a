"""Blocks that wait elsewhere give the same windows bit for bit, and travel when they must."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from inference.multitalk.models.linear import Linear
from inference.multitalk.models.registry import MODELS
from inference.multitalk.models.transformer import Conditioning, Transformer
from inference.multitalk.pipeline import Pipeline, PipelineOptions
from inference.multitalk.runtime.lora import apply_lora
from inference.multitalk.runtime.offload import BlockOffloader, select_offloaded
from presets.schema import Sampling
from tests.support.tiny_networks import (
    CPU,
    FRAMES,
    MODEL,
    fresh,
    live_tensors,
    loaded,
    random,
    scene,
)
from tests.support.tiny_weights import lora
from weights.names import find_use
from weights.shards import quantise

BLOCKS = 5
RESIDENT = [0, 1, BLOCKS - 1]
THREE_PASSES = Sampling(2, shift=2, text_guidance=5, audio_guidance=4)
ALIGNED = 256  # bytes, to which a packet rounds each parameter up
# What of a block each use needs; the rest is for every step.
PARTS = {
    "text": r"cross_attn\.(k|v|norm_k)\.",
    "image": r"cross_attn\.(k|v|norm_k)_img\.",
    "voice": r"audio_cross_attn\.kv_linear\.",
}
# How often each part is used to make what three passes of a window attend to: two prompts, one
# picture, voices and silence.
ONCE = {"text": 2, "image": 1, "voice": 2}


def transformer(in_8_bits: bool = False) -> Transformer:
    """One of five blocks, with the same numbers every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = Transformer(replace(MODELS[MODEL].transformer, num_layers=BLOCKS))
    model.eval().requires_grad_(False)
    for layer in model.blocks.modules():
        if in_8_bits and isinstance(layer, Linear):
            weight, scale = quantise(layer.weight)
            layer.allocate_fp8()
            assert layer.scale is not None
            layer.weight.copy_(weight)
            layer.scale.copy_(scale)
    return model


def supplied(resident: int, in_8_bits: bool = False) -> Transformer:
    """The same, of whose blocks only so many stay where they are used."""
    model = transformer(in_8_bits)
    BlockOffloader(model, CPU, resident)
    return model


def window(
    model: Transformer, steps: int = 2, before_each: Callable[[], None] = lambda: None
) -> Tensor:
    """The latents of a window of two speakers, after steps of three passes."""
    networks, recipe = loaded().networks, PipelineOptions(replace(THREE_PASSES, steps=steps))
    pipeline = Pipeline(model, networks.video, networks.image.encode)
    made = list(pipeline.denoise(scene(2), recipe, 0, FRAMES, fresh(), before_each))
    return made[-1].latents


def places(model: Transformer) -> dict[str, int]:
    """Where each parameter lies in memory."""
    return {name: parameter.data_ptr() for name, parameter in model.named_parameters()}


def check_home(model: Transformer, before: Mapping[str, int], in_8_bits: bool = False) -> None:
    """Every parameter is where it was, and what it was."""
    assert places(model) == before
    for name, parameter in transformer(in_8_bits).named_parameters():
        assert model.get_parameter(name).view(torch.uint8).equal(parameter.view(torch.uint8))


class Copies(TorchDispatchMode):
    """Counts copies of bytes, which are those of packets, by where these lie and their size."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.times: Counter[tuple[int, int]] = Counter()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function is torch.ops.aten.copy_.default and args[0].dtype is torch.uint8:
            self.times[args[1].data_ptr(), len(args[1])] += 1
        return function(*args, **(kwargs or {}))


def packet_bytes(model: Transformer) -> Counter[str]:
    """The size of each packet of a block, by what it is used for."""
    sizes: Counter[str] = Counter()
    for name, parameter in model.blocks[0].named_parameters():
        use = next((use for use, part in PARTS.items() if re.match(part, name)), "step")
        sizes[use] += -(-parameter.nbytes // ALIGNED) * ALIGNED
    return sizes


@pytest.mark.parametrize("in_8_bits", [False, True])
@pytest.mark.parametrize("resident", RESIDENT)
def test_a_window_is_bit_for_bit_that_of_resident_blocks(resident: int, in_8_bits: bool) -> None:
    model = supplied(resident, in_8_bits)
    before, wanted = places(model), window(transformer(in_8_bits))
    for _ in range(2):
        assert window(model).equal(wanted)
        check_home(model, before, in_8_bits)


@pytest.mark.parametrize("in_8_bits", [False, True])
@pytest.mark.parametrize("resident", RESIDENT)
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_block_travels_once_a_step_and_what_is_used_once_a_window_no_oftener(
    resident: int, steps: int, in_8_bits: bool
) -> None:
    model, away = supplied(resident, in_8_bits), BLOCKS - resident
    with Copies() as copies:
        window(model, steps)
    wanted: Counter[tuple[int, int]] = Counter()  # packets, by size and how often they travel
    for use, size in packet_bytes(model).items():
        wanted[size, {**ONCE, "step": steps}[use]] += away
    assert Counter((size, times) for (_, size), times in copies.times.items()) == wanted


@pytest.mark.parametrize("resident", RESIDENT)
def test_there_is_never_room_for_more_than_two_blocks_on_the_way(resident: int) -> None:
    model, away = supplied(resident), BLOCKS - resident
    size, asked = packet_bytes(model)["step"], list[None]()

    def room() -> int:
        return sum(tensor.dtype is torch.uint8 for tensor in live_tensors(size))

    def before_each() -> None:
        asked.append(None)
        if len(asked) in (1, BLOCKS, 3 * BLOCKS):  # the first pass, one in between, the last
            assert room() == away + min(2, away)  # homes, and places on the device

    window(model, 1, before_each)
    assert len(asked) == 3 * BLOCKS and room() == away


def ended_at(number: int) -> Callable[[], None]:
    """What ends the work before that pass through a block."""
    asked: list[None] = []

    def before_each() -> None:
        asked.append(None)
        if len(asked) == number:
            raise InterruptedError

    return before_each


@pytest.mark.parametrize("resident", RESIDENT)
@pytest.mark.parametrize("number", [1, 2, 5, 3 * BLOCKS, 3 * BLOCKS + 7, 6 * BLOCKS])
def test_after_an_end_in_the_middle_the_next_window_is_right(resident: int, number: int) -> None:
    model = supplied(resident)
    before = places(model)
    with pytest.raises(InterruptedError) as ended:
        window(model, 2, ended_at(number))
    assert ended.tb is not None  # it is still there, and keeps no block from going home
    check_home(model, before)
    assert window(model).equal(window(transformer()))


@pytest.mark.parametrize("use", ["text", "step"])
def test_a_visit_that_is_broken_off_leaves_every_block_at_home(use: Any) -> None:
    model = supplied(1)
    before = places(model)
    for count in range(BLOCKS + 1):
        visit = model.iterate_blocks(use)
        blocks = [next(visit) for _ in range(count)]
        assert all(ours is block for ours, block in zip(blocks, model.blocks, strict=False))
        del visit
        check_home(model, before)


@pytest.mark.parametrize("in_8_bits", [False, True])
@pytest.mark.parametrize("resident", RESIDENT)
def test_a_lora_goes_on_and_off_while_blocks_travel(resident: int, in_8_bits: bool) -> None:
    model, plain = supplied(resident, in_8_bits), transformer(in_8_bits)
    before, without = places(model), window(plain)
    for name in ("fusionx", "lightx2v"):
        off, plain_off = (apply_lora(each, lora(name), 1.0, CPU) for each in (model, plain))
        changed = window(plain)
        assert window(model).equal(changed) and not changed.allclose(without, atol=1e-3)
        off()
        plain_off()
        assert window(model).equal(without)
        check_home(model, before, in_8_bits)


@given(st.integers(1, 60), st.integers(0, 80))
def test_all_but_the_resident_blocks_travel_evenly_spread(blocks: int, resident: int) -> None:
    away = select_offloaded(blocks, resident)
    assert len(away) == max(0, blocks - resident) == len(set(away))
    assert all(0 <= index < blocks for index in away)
    gaps = {b - a for a, b in zip(away, away[1:], strict=False)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_steps_do_without_what_is_used_once_a_window() -> None:
    """Numbers that would spoil everything they touch take its place once it has been used."""
    model = transformer()
    p = model.params
    given = Conditioning(
        model.project_text(random(1, 9, p.text_dim)),
        model.project_image(random(2, 1, 17, p.clip_dim)),
        model.project_voices(random(3, 1, FRAMES, p.audio_layers, p.audio_channels), 0, FRAMES),
        model.compute_rotation(6, 4, 8),
    )
    latents, known = random(4, p.out_dim, 6, 4, 8), random(5, p.in_dim - p.out_dim, 6, 4, 8)
    wanted = model(latents, known, model.embed_timestep(500.0), given)
    for name, parameter in model.blocks.named_parameters():
        if find_use(name.partition(".")[2]) != "step":
            parameter.fill_(torch.nan)
    assert model(latents, known, model.embed_timestep(500.0), given).equal(wanted)
    spoilt = model.project_text(random(1, 9, p.text_dim)) + model.project_image(
        random(2, 1, 17, p.clip_dim)
    )
    assert not any(keys.isfinite().any() for keys, _ in spoilt)

"""LoRA files change what they name as trained, and nothing else, until they are switched off; what
does not fit is refused."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from inference.multitalk.models.linear import Linear
from inference.multitalk.runtime.lora import apply_lora
from tests.support.tiny_networks import CPU, random
from tests.support.tiny_weights import LORA_MODULES, networks
from tests.support.tiny_weights import lora as released
from weights.shards import quantise
from weights.tensors import MismatchError

DOWN, UP = random(1, 4, 6), random(2, 5, 4)  # rank 4, from 6 to 5
NAMINGS = [("lora_down", "lora_up"), ("lora_A", "lora_B")]
PREFIXES = ["", "diffusion_model."]
X = random(9, 3, 6)


class Part(nn.Module):
    """Layers of every kind that the model has."""

    def __init__(self) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.empty(1, 6, 5))
        self.q, self.k, self.norm = Linear(6, 5), Linear(6, 5), nn.LayerNorm(5)
        self.rms = nn.RMSNorm(5)


def model(dtype: torch.dtype = torch.float32) -> nn.Module:
    """Two such parts, a head and a convolution, with the same numbers every time."""
    made = nn.Module()
    made.blocks, made.head = nn.ModuleList([Part(), Part()]), Part()
    made.patch_embedding = nn.Conv3d(3, 5, (1, 2, 2), (1, 2, 2))
    for seed, parameter in enumerate(made.parameters(), start=20):
        parameter.requires_grad_(False).copy_(random(seed, *parameter.shape))
    return made.to(dtype)


def lora(module: str = "blocks.0.q", naming: tuple[str, str] = NAMINGS[0]) -> dict[str, Tensor]:
    return {f"{module}.{name}.weight": t for name, t in zip(naming, (DOWN, UP), strict=True)}


def on(network: nn.Module, named: dict[str, Tensor], scale: float = 1.0) -> Callable[[], None]:
    return apply_lora(network, named, scale, CPU)


def working(network: nn.Module) -> dict[str, Tensor]:
    """All parameters as they work: a layer's weight is what it makes of unit vectors."""
    found = {name: parameter.float() for name, parameter in network.named_parameters()}
    for name, layer in network.named_modules():
        if isinstance(layer, Linear):
            units = torch.eye(layer.in_features, dtype=layer.bias.dtype)
            made = functional_call(layer, {"bias": torch.zeros_like(layer.bias)}, (units,))
            found[f"{name}.weight"] = made.T.float()
    return found


def changes(network: nn.Module, before: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those parameters that work differently, and by how much."""
    now = working(network)
    return {name: t - before[name] for name, t in now.items() if not t.equal(before[name])}


def check_changes(named: dict[str, Tensor], scale: float, wanted: dict[str, Tensor]) -> None:
    network = model()
    before = working(network)
    on(network, named, scale)
    found = changes(network, before)
    assert set(found) == set(wanted)
    for name, change in wanted.items():
        torch.testing.assert_close(found[name], change, rtol=1e-4, atol=1e-5)


def state(network: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """The parameters themselves, and their bytes."""
    return {
        name: (parameter, parameter.detach().clone().view(torch.uint8))
        for name, parameter in network.named_parameters()
    }


def check_untouched(network: nn.Module, before: dict[str, tuple[Tensor, Tensor]]) -> None:
    """The parameters are the same objects with the same bytes, and nothing runs beside them."""
    now = dict(network.named_parameters())
    assert now.keys() == before.keys()
    for name, (parameter, data) in before.items():
        assert now[name] is parameter and parameter.detach().view(torch.uint8).equal(data)
    layers = [layer for layer in network.modules() if isinstance(layer, Linear)]
    assert layers and all(not layer.deltas for layer in layers)


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_either_naming_is_understood(prefix: str, naming: tuple[str, str]) -> None:
    named = lora(f"{prefix}blocks.0.q", naming)
    check_changes(named, 1.2, {"blocks.0.q.weight": 1.2 * UP @ DOWN})


def test_what_the_original_passes_over_is_told_once_and_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    named = lora() | {f"blocks.{n}.q.alpha": torch.tensor(2.0) for n in (0, 1)}
    named |= {"blocks.1.diff_m": random(8, 1, 6, 5), "elsewhere.alpha": torch.ones(2)}
    with caplog.at_level("INFO", "inference"):
        check_changes(named, 3.0, {"blocks.0.q.weight": 3 * UP @ DOWN})
    assert [record.getMessage() for record in caplog.records] == [
        "3 keys *.alpha are passed over, as the original does",
        "1 keys *.diff_m are passed over, as the original does",
    ]


@pytest.mark.parametrize(
    "named", [{"patch_embedding.diff": random(7, 5, 2, 1, 2, 2)}, lora("patch_embedding")]
)
def test_a_patch_embedding_of_other_channels_is_passed_over_with_a_warning(
    named: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    others = lora() | {"patch_embedding.diff_b": random(8, 5)}
    wanted = {"blocks.0.q.weight": UP @ DOWN, "patch_embedding.bias": random(8, 5)}
    check_changes(others | named, 1.0, wanted)
    (record,) = caplog.records
    assert record.levelname == "WARNING" and "patch_embedding.weight" in record.getMessage()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_plain_differences_are_added_to_whatever_they_name(prefix: str) -> None:
    named = {
        f"{prefix}blocks.0.q.diff": random(7, 5, 6),
        f"{prefix}blocks.0.q.diff_b": random(8, 5),
        f"{prefix}blocks.1.norm.diff": random(9, 5),
        f"{prefix}blocks.1.norm.diff_b": random(10, 5),
        f"{prefix}blocks.1.rms.diff": random(11, 5),
        f"{prefix}blocks.1.modulation.diff": random(12, 1, 6, 5),
        f"{prefix}head.modulation.diff": random(15, 1, 6, 5),
        f"{prefix}patch_embedding.diff": random(13, 5, 3, 1, 2, 2),
        f"{prefix}patch_embedding.diff_b": random(14, 5),
    }
    leaves = {"diff": ".weight", "diff_b": ".bias"}
    wanted = dict[str, Tensor]()
    for key, tensor in named.items():
        module, _, ending = key.removeprefix(prefix).rpartition(".")
        wanted[module + ("" if "modulation" in key else leaves[ending])] = tensor / 2
    check_changes(named, 0.5, wanted)


@pytest.mark.parametrize("full", [False, True])
def test_factors_of_a_convolution_have_its_shape(full: bool) -> None:
    down, up = random(1, 4, 3, 1, 2, 2), random(2, 5, 4, 1, 1, 1)
    named = {"patch_embedding.lora_down.weight": down, "patch_embedding.lora_up.weight": up}
    wanted = torch.einsum("or,rithw->oithw", up.flatten(1), down)
    if full:
        named["patch_embedding.diff"] = random(3, 5, 3, 1, 2, 2)
        wanted = wanted + named["patch_embedding.diff"]
    check_changes(named, 1.0, {"patch_embedding.weight": wanted})


def test_an_8_bit_layer_is_changed_as_any_other() -> None:
    network = model()
    layer = network.get_submodule("blocks.0.q")
    assert isinstance(layer, Linear)
    weight, scale = quantise(layer.weight)
    layer.allocate_fp8()
    assert layer.scale is not None
    layer.weight.copy_(weight)
    layer.scale.copy_(scale)
    before, bytes_before = working(network), state(network)
    off = on(network, lora() | {"blocks.0.q.diff": random(7, 5, 6)})
    assert layer.weight.dtype is torch.float8_e4m3fn
    assert layer.weight.view(torch.uint8).equal(bytes_before["blocks.0.q.weight"][1])
    found = changes(network, before)
    assert set(found) == {"blocks.0.q.weight"}
    torch.testing.assert_close(found["blocks.0.q.weight"], UP @ DOWN + random(7, 5, 6))
    off()
    check_untouched(network, bytes_before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_off_is_as_never_on_and_on_again_as_on(dtype: torch.dtype) -> None:
    network, named = model(dtype), lora() | {"blocks.0.k.diff_b": random(8, 5)}
    named |= {"blocks.1.norm.diff": random(9, 5)}
    named |= {"patch_embedding.diff": random(13, 5, 3, 1, 2, 2)}
    never, before = working(network), state(network)
    for _ in range(2):
        off = on(network, named, 0.7)
        now = working(network)
        assert {name for name in now if not now[name].equal(never[name])} == {
            "blocks.0.q.weight",
            "blocks.0.k.bias",
            "blocks.1.norm.weight",
            "patch_embedding.weight",
        }
        fresh = model(dtype)
        on(fresh, named, 0.7)
        assert all(tensor.equal(now[name]) for name, tensor in working(fresh).items())
        off()
        check_untouched(network, before)
        assert all(tensor.equal(never[name]) for name, tensor in working(network).items())


@pytest.mark.parametrize("name", ["fusionx", "lightx2v"])
def test_files_as_they_are_released_fit_the_model(name: str) -> None:
    network = networks().transformer
    before, never = state(network), working(network)
    off = on(network, released(name))
    found = changes(network, never)
    assert set(found) == {
        *(f"{module}.{leaf}" for module in LORA_MODULES for leaf in ("weight", "bias")),
        "blocks.0.norm3.weight",
        "blocks.1.modulation",
    }
    off()
    check_untouched(network, before)


def everything(seed: int) -> dict[str, Tensor]:
    """A LoRA of every kind of change, of its own rank and numbers."""
    rank = seed % 7 + 1
    return {
        "blocks.0.q.lora_down.weight": random(seed, rank, 6),
        "blocks.0.q.lora_up.weight": random(seed + 1, 5, rank),
        "blocks.0.q.diff": random(seed + 2, 5, 6),
        "blocks.0.q.diff_b": random(seed + 3, 5),
        "blocks.1.norm.diff": random(seed + 4, 5),
        "blocks.1.norm.diff_b": random(seed + 5, 5),
        "head.modulation.diff": random(seed + 6, 1, 6, 5),
        "patch_embedding.lora_down.weight": random(seed + 7, rank, 3, 1, 2, 2),
        "patch_embedding.lora_up.weight": random(seed + 8, 5, rank, 1, 1, 1),
        "patch_embedding.diff_b": random(seed + 9, 5),
    }


def summed(named: dict[str, Tensor], strength: float) -> dict[str, Tensor]:
    """What such a LoRA adds to each parameter, in plain arithmetic."""
    down, up = (named[f"patch_embedding.lora_{name}.weight"] for name in ("down", "up"))
    product = named["blocks.0.q.lora_up.weight"] @ named["blocks.0.q.lora_down.weight"]
    added = {
        "blocks.0.q.weight": product + named["blocks.0.q.diff"],
        "blocks.0.q.bias": named["blocks.0.q.diff_b"],
        "blocks.1.norm.weight": named["blocks.1.norm.diff"],
        "blocks.1.norm.bias": named["blocks.1.norm.diff_b"],
        "head.modulation": named["head.modulation.diff"],
        "patch_embedding.weight": torch.einsum("or,rithw->oithw", up.flatten(1), down),
        "patch_embedding.bias": named["patch_embedding.diff_b"],
    }
    return {name: strength * tensor for name, tensor in added.items()}


def test_several_add_up_in_every_parameter_and_go_off_in_turn() -> None:
    network, loras = model(), [(everything(30), 0.7), (everything(51), -1.5), (everything(72), 1.0)]
    before, never, off, wanted = state(network), working(network), [], dict[str, Tensor]()
    for named, strength in loras:
        off.append((on(network, named, strength), wanted))
        added = summed(named, strength)
        wanted = {name: tensor + wanted.get(name, 0) for name, tensor in added.items()}
    while off:
        found = changes(network, never)
        assert found.keys() == wanted.keys()
        for name, tensor in wanted.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5)
        switch_off, wanted = off.pop()
        switch_off()
    check_untouched(network, before)


def test_numbers_are_summed_in_float32_and_rounded_once_to_the_parameters_own() -> None:
    network = model(torch.bfloat16)
    bias, kernel = (
        network.get_parameter(name) for name in ("blocks.0.q.bias", "patch_embedding.weight")
    )
    down, up = random(1, 4, 3, 1, 2, 2).half(), random(2, 5, 4, 1, 1, 1).half()
    named = {"patch_embedding.lora_down.weight": down, "patch_embedding.lora_up.weight": up}
    on(network, named | {"blocks.0.q.diff_b": random(8, 5).half()})
    product = (up.flatten(1).float() @ down.flatten(1).float()).view_as(kernel)
    assert network.get_parameter("patch_embedding.weight").equal(
        (kernel.float() + product).bfloat16()
    )
    wanted = (bias.float() + random(8, 5).half().float()).bfloat16()
    assert network.get_parameter("blocks.0.q.bias").equal(wanted)


def test_of_what_does_not_fit_nothing_is_changed() -> None:
    network, named = model(), lora("blocks.0.k") | {"blocks.1.q.diff_b": random(8, 5)}
    before = state(network)
    with pytest.raises(MismatchError, match="head.q.diff: the change is"):
        on(network, named | {"head.q.diff": random(7, 6, 5)})
    check_untouched(network, before)


def test_an_empty_file_changes_nothing() -> None:
    network = model()
    before = state(network)
    on(network, {})()
    check_untouched(network, before)

"""Which tensors a part's files hold, however they are laid out; what does not fit is named."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from inference.multitalk.models.registry import MODELS
from inference.multitalk.runtime.networks import load_model
from tests.support.tiny_networks import CPU, MODEL
from tests.support.tiny_weights import state
from tests.support.weight_sets import Weights, laid_out, tensors_of
from weights.loading import load_part
from weights.manifest import INDEX
from weights.names import to_network_name
from weights.sets import BF16, FP8, NETWORKS, ORIGINAL
from weights.tensors import MismatchError, find_tensors, read_header, read_metadata, require_match

A, B = {"a": torch.ones(2), "x": torch.zeros(3)}, {"b": torch.ones(1, 2)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A part in two files, no index."""
    part = tmp_path / "transformer"
    part.mkdir()
    save_file(A, part / "1.safetensors")
    save_file(B, part / "2.safetensors", metadata={"source": "here"})
    return part


def index(part: Path, weight_map: object, name: str = INDEX) -> None:
    (part / name).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def where(part: Path) -> dict[str, str]:
    return {name: source.file.name for name, source in find_tensors(part).items()}


def refused(part: Path) -> str:
    with pytest.raises(MismatchError) as caught:
        find_tensors(part)
    return str(caught.value)


def test_without_an_index_all_files_count_whole(folder: Path) -> None:
    assert where(folder) == {"a": "1.safetensors", "x": "1.safetensors", "b": "2.safetensors"}


def test_a_source_says_where_the_numbers_are(folder: Path) -> None:
    source = find_tensors(folder)["b"]
    assert (source.name, source.shape, source.dtype) == ("b", (1, 2), "F32")
    data = source.file.read_bytes()[source.start :]
    assert data == B["b"].numpy().tobytes()


def test_an_index_decides_which_of_two_files_counts(folder: Path) -> None:
    save_file({"a": torch.zeros(9)}, folder / "0.safetensors")
    index(folder, {"a": "1.safetensors"})
    assert where(folder) == {"a": "1.safetensors", "x": "1.safetensors", "b": "2.safetensors"}
    index(folder, {"a": "0.safetensors"})
    assert where(folder)["a"] == "0.safetensors" and find_tensors(folder)["a"].shape == (9,)


def test_files_that_an_index_does_not_name_count_whole(folder: Path) -> None:
    index(folder, {"a": "1.safetensors", "x": "1.safetensors"})
    assert where(folder)["b"] == "2.safetensors"


def test_an_index_kept_as_a_backup_says_nothing(folder: Path) -> None:
    index(folder, {"a": "nowhere.safetensors"}, f"{INDEX}.base")
    assert where(folder)["a"] == "1.safetensors"


def test_a_tensor_that_two_files_hold_is_named_with_both(folder: Path) -> None:
    save_file({"a": torch.ones(2)}, folder / "3.safetensors")
    assert refused(folder) == "a is in 1.safetensors and in 3.safetensors"


def test_a_tensor_under_two_names_is_named_with_both_files(folder: Path) -> None:
    names = ("blocks.0.self_attn.q.bias", "blocks.0.attn1.to_q.bias")
    for number, name in enumerate(names, start=3):
        save_file({name: torch.ones(2)}, folder / f"{number}.safetensors")
    assert refused(folder) == f"{names[0]} is in 3.safetensors and in 4.safetensors"


@pytest.mark.parametrize("file", ["nowhere.safetensors", "2.safetensors"])
def test_what_an_index_promises_and_does_not_keep_is_named(folder: Path, file: str) -> None:
    index(folder, {"a": file})
    assert refused(folder) == f"a is not in {file}, where the index has it"
    index(folder, {"z": file})
    assert refused(folder) == f"z is not in {file}, where the index has it"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"weight_map": 5}', '{"weight_map": ["a"]}']
)
def test_a_damaged_index_is_named(folder: Path, text: str) -> None:
    (folder / INDEX).write_text(text)
    assert refused(folder).startswith(f"{INDEX} is damaged")


@pytest.mark.parametrize("left", [0, 5, 8, 40, -1])
def test_a_truncated_file_is_named(folder: Path, left: int) -> None:
    file = folder / "2.safetensors"
    file.write_bytes(file.read_bytes()[:left])
    assert refused(folder).startswith("2.safetensors is damaged")
    assert read_metadata(file) == {}


def _longer(data: bytearray) -> None:
    data += b"more"


def _length_wrong(data: bytearray) -> None:
    data[0] += 8


def _length_huge(data: bytearray) -> None:
    data[6] = 1


def _not_json(data: bytearray) -> None:
    data[8] = ord("[")


def _offset_wrong(data: bytearray) -> None:
    data[:] = data.replace(b"[0,8]", b"[0,7]")


def _dtype_unknown(data: bytearray) -> None:
    data[:] = data.replace(b'"F32"', b'"F99"')


@pytest.mark.parametrize(
    "damage", [_longer, _length_wrong, _length_huge, _not_json, _offset_wrong, _dtype_unknown]
)
def test_a_file_with_a_damaged_header_is_named(folder: Path, damage: object) -> None:
    file = folder / "2.safetensors"
    data = bytearray(file.read_bytes())
    damage(data)  # type: ignore[operator]
    file.write_bytes(data)
    assert refused(folder).startswith("2.safetensors is damaged")
    with pytest.raises(MismatchError, match="2.safetensors is damaged"):
        list(read_header(file))


def test_a_folder_without_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"no .safetensors file in {tmp_path}"):
        find_tensors(tmp_path)


def test_what_is_written_beside_the_tensors_is_read(folder: Path) -> None:
    assert read_metadata(folder / "2.safetensors") == {"source": "here"}
    assert read_metadata(folder / "1.safetensors") == {}
    assert read_metadata(folder / "absent.safetensors") == {}


def test_all_faults_of_names_and_shapes_are_told_at_once() -> None:
    wanted = {"a": (1, 2), "b": (3,), "c": ()}
    require_match(wanted, {"c": (), "b": [3], "a": (1, 2)})
    with pytest.raises(MismatchError) as caught:
        require_match(wanted, {"a": (2, 1), "b": (3,), "d": (4,)})
    assert str(caught.value) == "1 missing: c; 1 unexpected: d; 1 misshapen: a (2, 1) for (1, 2)"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return laid_out(tmp_path_factory.mktemp("layouts") / "weights", BF16, FP8)


def loaded(part: Path) -> dict[str, Tensor]:
    """The network of that name, built without memory and filled from a folder."""
    with torch.device("meta"):
        network: nn.Module = MODELS[MODEL].get_builders()[part.name]()
    load_part(network, find_tensors(part), lambda _: CPU, torch.float32)
    assert not any(parameter.is_meta for parameter in network.parameters())
    return dict(network.state_dict())


def check_same(part: Path, wanted: dict[str, Tensor]) -> None:
    found = loaded(part)
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0, msg=name)


def multitalk(weights: Weights) -> Path:
    return weights.download("transformer/multitalk.safetensors")


def in_diffusers_layout(weights: Weights, part: Path) -> dict[str, str]:
    """Write the base under Diffusers' names beside MultiTalk's file; returns where it lies."""
    part.mkdir()
    shutil.copy(multitalk(weights), part)
    ours = load_file(multitalk(weights))
    base = {name: tensor for name, tensor in state("transformer").items() if name not in ours}
    converted = convert_wan_transformer_to_diffusers(dict(base))
    assert sum(name not in base for name in converted) > len(base) / 2
    names, lies = list(converted), dict[str, str]()
    for number in range(3):
        file = f"diffusion_pytorch_model-{number + 1:05}-of-00003.safetensors"
        chosen = {name: converted[name].contiguous() for name in names[number::3]}
        save_file(chosen, part / file)
        lies |= dict.fromkeys(chosen, file)
    return lies


def with_norm_x_rounded(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """As MultiTalk's file has them."""
    return {n: t.bfloat16().float() if "norm_x" in n else t for n, t in tensors.items()}


@pytest.mark.parametrize("part", NETWORKS)
def test_the_original_layout_gives_each_network_its_own_tensors(
    weights: Weights, part: str
) -> None:
    wanted = state(part)
    if part == "transformer":
        wanted = with_norm_x_rounded(wanted)
    if part == "image":
        wanted = {name: tensor.bfloat16().float() for name, tensor in wanted.items()}
    if part == "text":
        wanted["encoder.embed_tokens.weight"] = wanted["shared.weight"]
    check_same(weights.set(ORIGINAL) / part, wanted)


@pytest.mark.parametrize("indexed", [None, "base", "all"])
def test_diffusers_layout_gives_the_same_transformer(
    weights: Weights, tmp_path: Path, indexed: str | None
) -> None:
    part = tmp_path / "transformer"
    lies = in_diffusers_layout(weights, part)
    if indexed == "all":
        lies |= dict.fromkeys(load_file(multitalk(weights)), "multitalk.safetensors")
    if indexed:
        index(part, lies)
    check_same(part, with_norm_x_rounded(state("transformer")))


def test_the_index_decides_in_diffusers_layout_too(weights: Weights, tmp_path: Path) -> None:
    part = tmp_path / "transformer"
    lies = in_diffusers_layout(weights, part)
    name = next(name for name in lies if to_network_name("transformer", name) != name)
    save_file({name: torch.zeros(1)}, part / "another.safetensors")
    index(part, lies)
    check_same(part, with_norm_x_rounded(state("transformer")))


@pytest.mark.parametrize("part", NETWORKS)
def test_the_bf16_layout_gives_the_original_s_tensors_rounded(weights: Weights, part: str) -> None:
    dtypes = {"transformer": torch.bfloat16, "text": torch.bfloat16, "image": torch.float16}
    original = loaded(weights.set(ORIGINAL) / part)
    dtype = dtypes.get(part, torch.float32)
    check_same(weights.set(BF16) / part, {n: t.to(dtype).float() for n, t in original.items()})
    assert {t.dtype for t in tensors_of(weights.set(BF16) / part).values()} == {dtype}


def test_the_8_bit_layout_gives_the_same_names_and_scales_beside_them(weights: Weights) -> None:
    original = find_tensors(weights.set(ORIGINAL) / "transformer")
    found = find_tensors(weights.set(FP8) / "transformer")
    scales = {name for name in found if name.endswith(".scale")}
    assert found.keys() - scales == original.keys() and scales
    assert {name: found[name].shape for name in original} == {
        name: source.shape for name, source in original.items()
    }
    network = load_model(MODEL, weights.set(FP8), CPU).networks.transformer
    kept = dict(network.state_dict())
    assert kept.keys() == found.keys()
    for name in scales:
        assert kept[name].dtype is torch.float32
        assert kept[name.replace(".scale", ".weight")].dtype is torch.float8_e4m3fn

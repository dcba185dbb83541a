"""The real model's files, with their real headers and sizes and nothing in them: all names resolve.

The files are sparse: 100 GB that take no room on the disk.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLWan
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    UMT5Config,
    UMT5EncoderModel,
)

from inference.multitalk.models.registry import MODELS
from weights.lock import compute_sha256
from weights.manifest import INDEX, MULTITALK_14B, HubFile
from weights.tensors import MismatchError, StoredTensor, find_tensors
from weights.verify import require_shapes

SHAPES = MULTITALK_14B.read_shapes("transformer")
SPEC = MODELS["multitalk-14b"]
SHARD_BYTES = 9_850_000_000  # of tensors at most: so Wan's names fall into files of Wan's sizes
TEXT_SHARD_BYTES = 5_000_000_000
BYTES = {"F32": 4, "BF16": 2}
PT = {"format": "pt"}
Tensors = Mapping[str, tuple[str, tuple[int, ...]]]  # kind of number and shape, by name


def is_multitalk_s(name: str) -> bool:
    return "audio" in name or "norm_x" in name


def size_of(tensor: tuple[str, tuple[int, ...]]) -> int:
    return BYTES[tensor[0]] * torch.Size(tensor[1]).numel()


def write_sparse(file: Path, tensors: Tensors, metadata: Mapping[str, str] | None) -> int:
    """A file with everything but the numbers, as safetensors orders it; returns its header's bytes.

    The widest numbers come first, then names by the alphabet.
    """
    header: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    position = 0
    for name in sorted(tensors, key=lambda name: (-BYTES[tensors[name][0]], name)):
        end = position + size_of(tensors[name])
        dtype, shape = tensors[name]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": (position, end)}
        position = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as opened:
        opened.write(len(text).to_bytes(8, "little") + text)
        opened.truncate(8 + len(text) + position)
    return len(text)


def spread(tensors: Tensors, most_bytes: int) -> list[dict[str, tuple[str, tuple[int, ...]]]]:
    """The tensors in their order, a new file where the last one would become too large."""
    files: list[dict[str, tuple[str, tuple[int, ...]]]] = [{}]
    for name, tensor in tensors.items():
        size = sum(map(size_of, files[-1].values())) + size_of(tensor)
        if files[-1] and size > most_bytes:
            files.append({})
        files[-1][name] = tensor
    return files


def of_place(start: str) -> list[HubFile]:
    return [file for file in MULTITALK_14B.files if file.path_in_set.startswith(start)]


def write_transformer(weights: Path, without: str = "") -> Path:
    """Wan's seven files, MultiTalk's one and both indexes; one tensor may be left out of its file,
    though not of the index."""
    part = weights / "transformer"
    part.mkdir()
    base: Tensors = {n: ("F32", s) for n, s in SHAPES.items() if not is_multitalk_s(n)}
    own: Tensors = {
        n: ("BF16" if "norm_x" in n else "F32", s) for n, s in SHAPES.items() if is_multitalk_s(n)
    }
    weight_map: dict[str, str] = {}
    files = of_place("transformer/diffusion_pytorch_model-0")
    for file, tensors in zip(files, spread(base, SHARD_BYTES), strict=True):
        name = Path(file.path_in_set).name
        write_sparse(part / name, {n: t for n, t in tensors.items() if n != without}, PT)
        weight_map |= dict.fromkeys(tensors, name)
    write_index(part / f"{INDEX}.base", weight_map)
    kept = {name: tensor for name, tensor in own.items() if name != without}
    write_sparse(part / "multitalk.safetensors", kept, None)
    write_index(part / INDEX, weight_map | dict.fromkeys(own, "multitalk.safetensors"))
    return part


def write_index(file: Path, weight_map: Mapping[str, str]) -> None:
    total = sum(4 * torch.Size(SHAPES[name]).numel() for name in weight_map)
    content = {"metadata": {"total_size": total}, "weight_map": weight_map}
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def shapes(found: Mapping[str, StoredTensor]) -> dict[str, tuple[int, ...]]:
    return {name: source.shape for name, source in found.items()}


def test_all_names_and_shapes_resolve_through_the_indexes_to_their_files(tmp_path: Path) -> None:
    part = write_transformer(tmp_path)
    found = find_tensors(part)
    require_shapes(MULTITALK_14B, "transformer", found)
    assert len(found) == 1633 and shapes(found) == SHAPES
    own = {name for name, source in found.items() if source.file.name == "multitalk.safetensors"}
    assert own == {name for name in SHAPES if is_multitalk_s(name)} and len(own) == 330
    assert {source.dtype for name, source in found.items() if "norm_x" in name} == {"BF16"}
    assert len({source.file for source in found.values()}) == 8


def test_each_file_has_to_the_byte_the_size_that_was_published_and_takes_no_disk(
    tmp_path: Path,
) -> None:
    part = write_transformer(tmp_path)
    files = of_place("transformer/diffusion_pytorch_model-") + of_place("transformer/multitalk")
    found = {file.path_in_set: (part / Path(file.path_in_set).name).stat() for file in files}
    assert {place: stat.st_size for place, stat in found.items()} == {
        file.path_in_set: file.size_bytes for file in files
    }
    assert sum(stat.st_size for stat in found.values()) > 75e9
    assert sum(512 * stat.st_blocks for stat in found.values()) < 2e6
    with (part / "multitalk.safetensors").open("rb") as opened:
        assert int.from_bytes(opened.read(8), "little") == 36_232


def test_wan_s_index_so_made_is_to_the_byte_the_published_one(tmp_path: Path) -> None:
    (wan,) = of_place(f"transformer/{INDEX}.base")
    made = write_transformer(tmp_path) / f"{INDEX}.base"
    assert (made.stat().st_size, compute_sha256(made)) == (wan.size_bytes, wan.sha256)


def test_every_tensor_lies_in_its_file_behind_the_one_before(tmp_path: Path) -> None:
    by_file: dict[Path, list[StoredTensor]] = {}
    for source in find_tensors(write_transformer(tmp_path)).values():
        by_file.setdefault(source.file, []).append(source)
    for file, tensors in by_file.items():
        tensors.sort(key=lambda source: source.start)
        ends = [source.start + size_of((source.dtype, source.shape)) for source in tensors]
        assert [source.start for source in tensors[1:]] == ends[:-1]
        assert ends[-1] == file.stat().st_size


@pytest.mark.parametrize(
    "name", ["blocks.39.norm_x.bias", "blocks.17.ffn.2.weight", "audio_proj.norm.weight"]
)
def test_a_tensor_that_is_not_where_the_index_has_it_is_named(tmp_path: Path, name: str) -> None:
    part = write_transformer(tmp_path, without=name)
    with pytest.raises(
        MismatchError, match=rf"^{name} is not in \S+\.safetensors, where the index"
    ):
        find_tensors(part)
    (part / INDEX).unlink()
    with pytest.raises(MismatchError, match=rf"^1 missing: {name}$"):
        require_shapes(MULTITALK_14B, "transformer", find_tensors(part))


def test_wan_s_own_index_leaves_multitalk_s_file_whole(tmp_path: Path) -> None:
    part = write_transformer(tmp_path)
    (part / f"{INDEX}.base").replace(part / INDEX)
    require_shapes(MULTITALK_14B, "transformer", find_tensors(part))


def test_a_tensor_too_many_and_one_of_another_shape_are_named(tmp_path: Path) -> None:
    part = write_transformer(tmp_path)
    write_sparse(part / "more.safetensors", {"stranger": ("F32", (5120, 5120))}, PT)
    with pytest.raises(MismatchError, match="^1 unexpected: stranger$"):
        require_shapes(MULTITALK_14B, "transformer", find_tensors(part))
    (part / "more.safetensors").unlink()
    found = find_tensors(part)
    found["head.head.bias"] = replace(found["head.head.bias"], shape=(63,))
    with pytest.raises(MismatchError, match=r"^1 misshapen: head.head.bias \(63,\) for \(64,\)$"):
        require_shapes(MULTITALK_14B, "transformer", found)


def test_the_networks_of_that_size_want_exactly_those_tensors() -> None:
    with torch.device("meta"):
        network = SPEC.get_builders()["transformer"]()
    assert {name: tuple(t.shape) for name, t in network.state_dict().items()} == SHAPES


def _video() -> torch.nn.Module:
    return AutoencoderKLWan(**SPEC.video)  # type: ignore[no-any-return]


def _text() -> torch.nn.Module:
    return UMT5EncoderModel(UMT5Config(**SPEC.text))  # type: ignore[no-any-return]


def _image() -> torch.nn.Module:
    config = CLIPVisionConfig(**SPEC.image, projection_dim=1024)
    return CLIPVisionModelWithProjection(config)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("part", "build", "dtype"),
    [("video", _video, "F32"), ("text", _text, "F32"), ("image", _image, "BF16")],
)
def test_encoders_files_of_the_published_sizes_hold_what_the_networks_want(
    tmp_path: Path, part: str, build: Callable[[], torch.nn.Module], dtype: str
) -> None:
    with torch.device("meta"):
        saved, network = build().state_dict(), SPEC.get_builders()[part]()
    twice = "encoder.embed_tokens.weight"
    tensors = {name: (dtype, tuple(t.shape)) for name, t in saved.items() if name != twice}
    (tmp_path / part).mkdir()
    for file, inside in zip(of_place(f"{part}/"), spread(tensors, TEXT_SHARD_BYTES), strict=True):
        write_sparse(tmp_path / file.path_in_set, inside, PT)
        assert (tmp_path / file.path_in_set).stat().st_size == file.size_bytes
    wanted = {name: tuple(t.shape) for name, t in network.state_dict().items() if name != twice}
    assert shapes(find_tensors(tmp_path / part)) == wanted

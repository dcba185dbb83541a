"""Makes a lean set of the original one: each network in the numbers it runs in, in files of 2 GB.

One piece of a tensor is in memory at a time. A file that is finished is kept when the run ends in
the middle.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from weights.assemble import place_file, require_original
from weights.disk import Disk
from weights.errors import WeightsError
from weights.hub_errors import to_weights_error
from weights.loading import allocate_buffer, read_pieces
from weights.lock import compute_sha256
from weights.manifest import VOICE_CONFIG, Manifest
from weights.names import is_quantised
from weights.sets import (
    DTYPES,
    FP8,
    NETWORKS,
    OTHER_PARTS,
    SetMarker,
    delete_marker,
    find_missing,
    is_original_deleted,
    read_marker,
    write_marker,
)
from weights.shards import TensorSpec, open_shard, quantise
from weights.tensors import FLOAT8, SCALE_SUFFIX, StoredTensor, find_tensors, read_metadata
from weights.verify import require_shapes

_SHARD_BYTES = 2 << 30
_WEIGHT = ".weight"


@dataclass(frozen=True)
class _Shard:
    """A file of the lean set, and the tensors that go into it."""

    path: Path
    tensors: Mapping[str, StoredTensor]


def prepare(
    weights: Path, manifest: Manifest, kind: str, say: Callable[[str], None], disk: Disk
) -> bool:
    """Make the set `kind` (bf16 or fp8) below `weights`, on `disk`. False if it was there already.

    Raises WeightsError when the original set is not complete or fit, or the disk is full.
    """
    folder = weights / manifest.model / kind
    if is_original_deleted(weights, manifest.model) and not find_missing(folder):
        return False
    original, mark = require_original(weights, manifest)
    others = _list_other_files(mark)
    if _is_done(folder, mark, others):
        return False
    found = {part: find_tensors(original / part) for part in NETWORKS}
    for part in NETWORKS:
        require_shapes(manifest, part, found[part])
    shards = [
        shard for part in NETWORKS for shard in _plan_shards(folder / part, found[part], kind)
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        advice = " and run it again; what is finished is kept."
        disk.require_space(folder, _count_remaining_bytes(shards, mark.source, kind), advice)
        delete_marker(folder)
        for number, shard in enumerate(shards, start=1):
            if not _is_finished(shard.path, mark.source):
                say(f"{kind}: file {number} of {len(shards)}")
                _write_shard(shard, mark.source, kind, disk)
        for name in others:
            # no symbolic link: the originals may be deleted when the lean set is there
            place_file(original / name, folder / name, (os.link, shutil.copyfile))
        _delete_stale_files(
            folder, [*(shard.path for shard in shards), *(folder / name for name in others)]
        )
        write_marker(folder, _build_marker(folder, mark, shards, others))
    except OSError as error:
        raise to_weights_error(error, f"the {kind} set") from error
    return True


def _list_other_files(mark: SetMarker) -> list[str]:
    """Files of the set that no network's tensors are in."""
    return [
        name for name in mark.sizes if name.partition("/")[0] in OTHER_PARTS or name == VOICE_CONFIG
    ]


def _is_done(folder: Path, original: SetMarker, others: Sequence[str]) -> bool:
    mark = read_marker(folder)
    if mark is None or mark.source != original.source or find_missing(folder):
        return False
    found = {name: mark.sha256.get(name) for name in _list_other_files(mark)}
    return found == {name: original.sha256[name] for name in others}


def _plan_shards(folder: Path, found: Mapping[str, StoredTensor], kind: str) -> Iterator[_Shard]:
    """The files of a part, in order; a tensor larger than a file has one of its own."""
    number, tensors, size = 1, dict[str, StoredTensor](), 0
    for name, source in found.items():
        added = sum(entry.size_bytes for entry in _list_specs(folder.name, name, source, kind))
        if tensors and size + added > _SHARD_BYTES:
            yield _Shard(folder / f"model-{number:05}.safetensors", tensors)
            number, tensors, size = number + 1, {}, 0
        tensors[name] = source
        size += added
    yield _Shard(folder / f"model-{number:05}.safetensors", tensors)


def _list_specs(part: str, name: str, source: StoredTensor, kind: str) -> list[TensorSpec]:
    """What a tensor becomes: itself in the part's numbers, or in 8 bits with its scales."""
    if part == "transformer" and kind == FP8 and is_quantised(name, len(source.shape)):
        scale = name.removesuffix(_WEIGHT) + SCALE_SUFFIX
        return [
            TensorSpec(name, source.shape, torch.float8_e4m3fn),
            TensorSpec(scale, source.shape[:1], torch.float32),
        ]
    return [TensorSpec(name, source.shape, getattr(torch, DTYPES[part]))]


def _write_shard(shard: _Shard, fingerprint: str, kind: str, disk: Disk) -> None:
    part = shard.path.parent.name
    entries = {name: _list_specs(part, name, src, kind) for name, src in shard.tensors.items()}
    flat = [entry for each in entries.values() for entry in each]
    buffer = allocate_buffer()
    with open_shard(shard.path, flat, {"source": fingerprint}, disk.write_atomically) as writer:
        for name, source in shard.tensors.items():
            first, *scale = entries[name]
            for piece in read_pieces(source, buffer):
                stored = piece if scale else piece.to(first.dtype)
                _require_finite(name, source, stored)
                if scale:
                    stored, factors = quantise(stored)
                    writer.write(scale[0].name, factors)
                writer.write(name, stored)


def _require_finite(name: str, source: StoredTensor, piece: torch.Tensor) -> None:
    if source.dtype == FLOAT8:
        raise WeightsError(f"{source.file} holds 8-bit numbers. Prepare from the original set.")
    if not piece.isfinite().all():
        raise WeightsError(f"{name} in {source.file} has numbers that are not finite or too large.")


def _is_finished(path: Path, fingerprint: str) -> bool:
    return read_metadata(path).get("source") == fingerprint


def _count_remaining_bytes(shards: Sequence[_Shard], fingerprint: str, kind: str) -> int:
    """Of the tensors that are still to be written."""
    return sum(
        entry.size_bytes
        for shard in shards
        if not _is_finished(shard.path, fingerprint)
        for name, source in shard.tensors.items()
        for entry in _list_specs(shard.path.parent.name, name, source, kind)
    )


def _delete_stale_files(folder: Path, wanted: Sequence[Path]) -> None:
    """Delete what an earlier version left: a loader would read it."""
    for path in folder.glob("*/**/*"):
        if path.is_file() and path not in wanted:
            path.unlink()


def _build_marker(
    folder: Path, original: SetMarker, shards: Sequence[_Shard], others: Sequence[str]
) -> SetMarker:
    written = [shard.path.relative_to(folder).as_posix() for shard in shards]
    sizes = {name: (folder / name).stat().st_size for name in (*written, *others)}
    hashes = {name: compute_sha256(folder / name) for name in written}
    return SetMarker(
        original.source, sizes, hashes | {name: original.sha256[name] for name in others}
    )

"""Preparation of lean sets: each network in the dtype it runs in, in files of 2 GB.

One piece of a tensor is in memory at a time. Finished files are kept when a run is interrupted.
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
    """File of the lean set, and the original tensors that go into it."""

    path: Path
    tensors: Mapping[str, StoredTensor]


def prepare(
    weights: Path, manifest: Manifest, kind: str, print_line: Callable[[str], None], disk: Disk
) -> bool:
    """Write the set `kind` (bf16 or fp8) below `weights`; return False if it was complete already.

    Raises WeightsError when the original set is incomplete or does not fit the model, or the disk
    is full.
    """
    folder = weights / manifest.model / kind
    if is_original_deleted(weights, manifest.model) and not find_missing(folder):
        return False
    original, marker = require_original(weights, manifest)
    others = _list_other_files(marker)
    if _is_done(folder, marker, others):
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
        disk.require_space(folder, _count_remaining_bytes(shards, marker.source, kind), advice)
        delete_marker(folder)
        for number, shard in enumerate(shards, start=1):
            if not _is_finished(shard.path, marker.source):
                print_line(f"{kind}: file {number} of {len(shards)}")
                _write_shard(shard, marker.source, kind, disk)
        for name in others:
            # no symbolic link: the originals may be deleted beside a complete lean set
            place_file(original / name, folder / name, (os.link, shutil.copyfile))
        wanted = [*(shard.path for shard in shards), *(folder / name for name in others)]
        _delete_stale_files(folder, wanted)
        write_marker(folder, _build_marker(folder, marker, shards, others))
    except OSError as error:
        raise to_weights_error(error, f"the {kind} set") from error
    return True


def _list_other_files(marker: SetMarker) -> list[str]:
    """Return the set's files that hold no network's tensors."""
    files = marker.sizes
    return [n for n in files if n.partition("/")[0] in OTHER_PARTS or n == VOICE_CONFIG]


def _is_done(folder: Path, original: SetMarker, others: Sequence[str]) -> bool:
    marker = read_marker(folder)
    if marker is None or marker.source != original.source or find_missing(folder):
        return False
    hashes = {name: marker.sha256.get(name) for name in _list_other_files(marker)}
    return hashes == {name: original.sha256[name] for name in others}


def _plan_shards(folder: Path, found: Mapping[str, StoredTensor], kind: str) -> Iterator[_Shard]:
    """Yield the files of a part, in order; a tensor larger than a file gets one of its own."""
    number, tensors, size_bytes = 1, dict[str, StoredTensor](), 0
    for name, source in found.items():
        added_bytes = sum(spec.size_bytes for spec in _list_specs(folder.name, name, source, kind))
        if tensors and size_bytes + added_bytes > _SHARD_BYTES:
            yield _Shard(folder / f"model-{number:05}.safetensors", tensors)
            number, tensors, size_bytes = number + 1, {}, 0
        tensors[name] = source
        size_bytes += added_bytes
    yield _Shard(folder / f"model-{number:05}.safetensors", tensors)


def _list_specs(part: str, name: str, source: StoredTensor, kind: str) -> list[TensorSpec]:
    """Return the tensors to write for one: itself in the part's dtype, or 8 bits and scales."""
    if part == "transformer" and kind == FP8 and is_quantised(name, len(source.shape)):
        scale = name.removesuffix(_WEIGHT) + SCALE_SUFFIX
        return [
            TensorSpec(name, source.shape, torch.float8_e4m3fn),
            TensorSpec(scale, source.shape[:1], torch.float32),
        ]
    return [TensorSpec(name, source.shape, getattr(torch, DTYPES[part]))]


def _write_shard(shard: _Shard, fingerprint: str, kind: str, disk: Disk) -> None:
    part = shard.path.parent.name
    specs = {name: _list_specs(part, name, src, kind) for name, src in shard.tensors.items()}
    flat = [spec for several in specs.values() for spec in several]
    buffer = allocate_buffer()
    with open_shard(shard.path, flat, {"source": fingerprint}, disk.write_atomically) as writer:
        for name, source in shard.tensors.items():
            weight, *scale = specs[name]
            for piece in read_pieces(source, buffer):
                stored = piece if scale else piece.to(weight.dtype)
                _require_finite(name, source, stored)
                if scale:
                    stored, scales = quantise(stored)
                    writer.write(scale[0].name, scales)
                writer.write(name, stored)


def _require_finite(name: str, source: StoredTensor, piece: torch.Tensor) -> None:
    if source.dtype == FLOAT8:
        raise WeightsError(f"{source.file} holds 8-bit numbers. Prepare from the original set.")
    if not piece.isfinite().all():
        raise WeightsError(f"{name} in {source.file} has numbers that are not finite or too large.")


def _is_finished(path: Path, fingerprint: str) -> bool:
    return read_metadata(path).get("source") == fingerprint


def _count_remaining_bytes(shards: Sequence[_Shard], fingerprint: str, kind: str) -> int:
    """Return the size of the tensors that are not written yet."""
    return sum(
        spec.size_bytes
        for shard in shards
        if not _is_finished(shard.path, fingerprint)
        for name, source in shard.tensors.items()
        for spec in _list_specs(shard.path.parent.name, name, source, kind)
    )


def _delete_stale_files(folder: Path, wanted: Sequence[Path]) -> None:
    """Delete files that an earlier version left, and that a loader would read."""
    for path in folder.glob("*/**/*"):
        if path.is_file() and path not in wanted:
            path.unlink()


def _build_marker(
    folder: Path, original: SetMarker, shards: Sequence[_Shard], others: Sequence[str]
) -> SetMarker:
    written = [shard.path.relative_to(folder).as_posix() for shard in shards]
    sizes = {name: (folder / name).stat().st_size for name in (*written, *others)}
    hashes = {name: compute_sha256(folder / name) for name in written}
    hashes |= {name: original.sha256[name] for name in others}
    return SetMarker(original.source, sizes, hashes)

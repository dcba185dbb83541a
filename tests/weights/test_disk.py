"""Lean sets come about on a Volume as on a disk, and only where there is room."""

import shutil
import tempfile
from pathlib import Path

import pytest
from torch import Tensor

from tests.support.weight_sets import Weights, contents, files, laid_out
from weights import disk
from weights.disk import Volume
from weights.errors import WeightsError
from weights.sets import BF16, FP8
from weights.shards import ShardWriter


@pytest.fixture
def weights(tmp_path: Path) -> Weights:
    return laid_out(tmp_path / "weights")


def test_on_a_volume_nothing_is_open_there_while_it_is_made(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensors are written in any order, which there uploads the whole file again; and the free
    space that it reports does not count."""
    wanted, seen = laid_out(tmp_path / "elsewhere", FP8), 0

    def write(writer: ShardWriter, name: str, piece: Tensor) -> None:
        nonlocal seen
        seen += 1
        assert not list(weights.set(FP8).rglob("*.part"))
        written(writer, name, piece)

    written = ShardWriter.write
    monkeypatch.setattr(ShardWriter, "write", write)
    monkeypatch.delattr(shutil, "disk_usage")
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "own"))
    assert weights.prepare(FP8, Volume()) and seen
    assert contents(weights.set(FP8)) == contents(wanted.set(FP8))
    assert not list((tmp_path / "own").iterdir())


def test_too_little_disk_is_told_before_anything_is_written(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(WeightsError, match=r"GB are needed in .*, and .* GB are free\. Free some"):
        weights.prepare(BF16)
    assert not files(weights.set(BF16))

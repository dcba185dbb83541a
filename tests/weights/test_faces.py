"""The weights that ship are the ones that were recorded."""

from dataclasses import replace

import pytest

from weights.manifest import FACE_DETECTOR, FACE_MESH, WeightFile


@pytest.mark.parametrize("file", [FACE_DETECTOR, FACE_MESH], ids=lambda file: str(file.path.name))
def test_what_ships_is_intact(file: WeightFile) -> None:
    assert file.is_intact()
    assert not replace(file, sha256="0" * 64).is_intact()
    assert not replace(file, size_bytes=file.size_bytes + 1).is_intact()
    assert not replace(file, path=file.path.with_name("missing")).is_intact()

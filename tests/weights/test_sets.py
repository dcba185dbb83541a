"""A set of weights counts only when its mark and everything that the mark names are there."""

import json
from pathlib import Path

import pytest

from weights.sets import (
    BF16,
    DTYPES,
    FP8,
    LEAN_SETS,
    NETWORKS,
    ORIGINAL,
    SetMarker,
    delete_marker,
    find_missing,
    list_complete_sets,
    read_marker,
    write_marker,
)

MARK = "complete.json"
SIZES = {"text/model.safetensors": 4, "tokenizer/empty": 0}


def made(folder: Path) -> Path:
    for name, size in SIZES.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(b"x" * size)
    write_marker(folder, SetMarker("source", SIZES, {}))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path / BF16)


def test_a_mark_comes_back_as_it_was_written(folder: Path) -> None:
    mark = SetMarker("another", {"a": 1, "b/c": 1 << 40}, {"a": "0" * 64})
    write_marker(folder, mark)
    assert read_marker(folder) == mark
    assert not list(folder.glob("*.part"))


def test_a_folder_without_a_mark_has_none(tmp_path: Path) -> None:
    assert read_marker(tmp_path) is None and read_marker(tmp_path / "absent") is None
    assert find_missing(tmp_path) == find_missing(tmp_path / "absent") == MARK


def test_a_mark_can_be_taken_away_more_than_once(folder: Path) -> None:
    delete_marker(folder)
    delete_marker(folder)
    assert find_missing(folder) == MARK
    assert all((folder / name).exists() for name in SIZES)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", "null", "{}", '{"source": "a"}', '{"other": 1}', '"text"', "\0"]
)
def test_a_damaged_mark_is_none(folder: Path, text: str) -> None:
    (folder / MARK).write_text(text)
    assert read_marker(folder) is None and find_missing(folder) == MARK


def test_a_mark_that_is_no_text_is_none(folder: Path) -> None:
    (folder / MARK).write_bytes(b"\xff\xfe\x80")
    assert read_marker(folder) is None


def test_nothing_is_missing_of_a_complete_set(folder: Path) -> None:
    assert find_missing(folder) is None
    (folder / "text" / "more").write_text("what nobody asked for")
    assert find_missing(folder) is None


@pytest.mark.parametrize("name", list(SIZES))
def test_a_file_that_is_gone_or_of_another_size_is_named(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content + b"!")
    assert find_missing(folder) == name
    (folder / name).unlink()
    assert find_missing(folder) == name
    (folder / name).mkdir()
    assert find_missing(folder) == name


def test_a_link_to_what_is_gone_is_missing(folder: Path) -> None:
    name = "text/model.safetensors"
    (folder / name).rename(folder / "elsewhere")
    (folder / name).symlink_to(folder / "elsewhere")
    assert find_missing(folder) is None
    (folder / "elsewhere").unlink()
    assert find_missing(folder) == name


def test_complete_sets_are_listed_the_leanest_to_read_first(tmp_path: Path) -> None:
    assert list_complete_sets(tmp_path / "absent") == list_complete_sets(tmp_path) == ()
    for kind in (ORIGINAL, FP8, BF16):
        made(tmp_path / kind)
    made(tmp_path / "something-else")
    assert list_complete_sets(tmp_path) == (BF16, FP8, ORIGINAL)
    delete_marker(tmp_path / BF16)
    (tmp_path / ORIGINAL / "text/model.safetensors").unlink()
    assert list_complete_sets(tmp_path) == (FP8,)


def test_every_network_has_its_numbers() -> None:
    assert set(DTYPES) == set(NETWORKS)
    assert ORIGINAL not in LEAN_SETS and set(LEAN_SETS) == {BF16, FP8}


def test_a_mark_is_plain_json_that_a_person_can_read(folder: Path) -> None:
    assert json.loads((folder / MARK).read_text())["sizes"] == SIZES

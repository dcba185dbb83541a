"""A folder of pictures and recordings, paired by name; a table found in it comes first."""

from pathlib import Path

import pytest

from inference.batch.batch import rows
from inference.batch.item import Row, told_apart
from inference.core.errors import InputError


def test_pictures_go_with_the_recordings_of_their_names(tmp_path: Path) -> None:
    for name in ("b.JPG", "b.wav", "a.png", "a.m4a", "a-2.mp3", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    assert rows(tmp_path) == [
        Row("a", tmp_path / "a.png", (tmp_path / "a.m4a", tmp_path / "a-2.mp3")),
        Row("b", tmp_path / "b.JPG", (tmp_path / "b.wav",)),
    ]


def test_a_picture_of_its_own_keeps_its_recording(tmp_path: Path) -> None:
    for name in ("a.png", "a.wav", "a-2.png", "a-2.wav"):
        (tmp_path / name).touch()
    assert [row.recordings for row in rows(tmp_path)] == [
        (tmp_path / "a.wav",),
        (tmp_path / "a-2.wav",),
    ]


@pytest.mark.parametrize(
    ("names", "bad", "says"),
    [
        (["a.png", "alone.webp"], "alone", "There is no recording for alone.webp."),
        (["a.png", "c.wav"], "c", "There is no picture for c.wav."),
        (["a.png", "b.png", "b-2.wav"], "b", "There is no recording for b.png."),
        (["a.png", "b.png", "b.mp3", "b.wav"], "b", "b.mp3 and b.wav are recordings of the same"),
        (["a.png", "b.png", "b.jpg", "b.wav"], "b", "An earlier row is called b as well."),
    ],
)
def test_what_has_no_partner_is_a_row_with_a_sentence(
    tmp_path: Path, names: list[str], bad: str, says: str
) -> None:
    for name in [*names, "a.wav"]:
        (tmp_path / name).touch()
    refused = [(row.name, row.refusal) for row in rows(tmp_path) if row.refusal]
    assert [name for name, _ in refused] == [bad] and refused[0][1].startswith(says)


def test_a_folder_that_names_nothing_to_make_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(InputError, match="holds no picture"):
        rows(tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        rows(tmp_path / "nowhere")


def test_the_one_table_of_a_folder_says_what_to_make(tmp_path: Path) -> None:
    for name in ("a.png", "a.wav", "b.png"):
        (tmp_path / name).touch()
    (tmp_path / "list.csv").write_text("image,audio,name\na.png,a.wav,first\n")
    expected = [Row("first", tmp_path / "a.png", (tmp_path / "a.wav",))]
    assert rows(tmp_path) == rows(tmp_path / "list.csv") == expected
    (tmp_path / "other.CSV").touch()
    with pytest.raises(InputError, match="holds 2 tables: list.csv, other.CSV. Name the one"):
        rows(tmp_path)


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a/b\\c:d", "a_b_c_d"),
        (".hidden", "hidden"),
        ("..", "_"),
        ("Zoë, 1. Versuch", "Zoë, 1. Versuch"),
        ("x\0\n", "x_"),
        ("ü" * 300, "ü" * 100),
    ],
)
def test_names_can_be_those_of_files(given: str, safe: str) -> None:
    assert [row.name for row in told_apart([Row(given)])] == [safe]


def test_names_that_a_disk_takes_for_one_are_refused() -> None:
    told = told_apart([Row("Zoë"), Row("zoe\u0308"), Row("a/b"), Row("a_b"), Row("ab")])
    assert [bool(row.refusal) for row in told] == [False, True, False, True, False]

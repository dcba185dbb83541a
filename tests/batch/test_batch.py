"""A folder of pictures and recordings, paired by name; a table found in it comes first."""

from pathlib import Path

import pytest

from inference.batch.batch import read_items
from inference.batch.item import BatchItem, make_names_unique
from inference.core.errors import InputError


def test_pictures_go_with_the_recordings_of_their_names(tmp_path: Path) -> None:
    for name in ("b.JPG", "b.wav", "a.png", "a.m4a", "a-2.mp3", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    assert read_items(tmp_path) == [
        BatchItem("a", tmp_path / "a.png", (tmp_path / "a.m4a", tmp_path / "a-2.mp3")),
        BatchItem("b", tmp_path / "b.JPG", (tmp_path / "b.wav",)),
    ]


def test_a_picture_of_its_own_keeps_its_recording(tmp_path: Path) -> None:
    for name in ("a.png", "a.wav", "a-2.png", "a-2.wav"):
        (tmp_path / name).touch()
    assert [row.recordings for row in read_items(tmp_path)] == [
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
    refused = [(row.name, row.refusal) for row in read_items(tmp_path) if row.refusal]
    assert [name for name, _ in refused] == [bad] and refused[0][1].startswith(says)


def test_a_folder_that_names_nothing_to_make_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(InputError, match="holds no picture"):
        read_items(tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        read_items(tmp_path / "nowhere")


def test_the_one_table_of_a_folder_says_what_to_make(tmp_path: Path) -> None:
    for name in ("a.png", "a.wav", "b.png"):
        (tmp_path / name).touch()
    (tmp_path / "list.csv").write_text("image,audio,name\na.png,a.wav,first\n")
    expected = [BatchItem("first", tmp_path / "a.png", (tmp_path / "a.wav",))]
    assert read_items(tmp_path) == read_items(tmp_path / "list.csv") == expected
    (tmp_path / "other.CSV").touch()
    with pytest.raises(InputError, match="holds 2 tables: list.csv, other.CSV. Name the one"):
        read_items(tmp_path)


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
    assert [row.name for row in make_names_unique([BatchItem(given)])] == [safe]


def test_names_that_a_disk_takes_for_one_are_refused() -> None:
    told = make_names_unique(
        [
            BatchItem("Zoë"),
            BatchItem("zoe\u0308"),
            BatchItem("a/b"),
            BatchItem("a_b"),
            BatchItem("ab"),
        ]
    )
    assert [bool(row.refusal) for row in told] == [False, True, False, True, False]

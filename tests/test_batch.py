"""A folder of pictures and recordings, paired by name."""

from pathlib import Path

import pytest

from inference.batch import Row, rows
from inference.errors import InputError


def test_pictures_go_with_the_recordings_of_their_names(tmp_path: Path) -> None:
    for name in ("b.JPG", "b.wav", "a.png", "a.m4a", "a-2.mp3", "notes.txt", "alone.webp", "c.wav"):
        (tmp_path / name).touch()
    assert rows(tmp_path) == [
        Row("a", tmp_path / "a.png", (tmp_path / "a.m4a", tmp_path / "a-2.mp3")),
        Row("alone", tmp_path / "alone.webp", ()),
        Row("b", tmp_path / "b.JPG", (tmp_path / "b.wav",)),
    ]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(InputError, match="holds no picture"):
        rows(tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        rows(tmp_path / "nowhere")

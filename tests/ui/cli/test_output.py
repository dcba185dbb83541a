"""A video arrives whole or not at all."""

from pathlib import Path

import pytest

from inference.core.errors import InputError
from ui.cli.output import copy_into_place, require_writable


def test_it_replaces_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "made.mp4").write_bytes(b"new")
    (tmp_path / "out.mp4").write_bytes(b"old")
    copy_into_place(tmp_path / "made.mp4", tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == b"new"


def test_a_link_leads_to_the_new_video(tmp_path: Path) -> None:
    (tmp_path / "made.mp4").write_bytes(b"new")
    (tmp_path / "real.mp4").write_bytes(b"old")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "real.mp4")
    copy_into_place(tmp_path / "made.mp4", tmp_path / "link.mp4")
    assert (tmp_path / "link.mp4").is_symlink()
    assert (tmp_path / "real.mp4").read_bytes() == b"new"


@pytest.mark.holds("command line", "torn file", "the older video stays")
def test_a_failed_copy_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"old")
    with pytest.raises(OSError):
        copy_into_place(tmp_path / "missing.mp4", tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "is a folder"),
        ("out.avi", "does not end in .mp4"),
        ("no/out.mp4", "no folder"),
        ("x" * 241 + ".mp4", "too long"),
    ],
)
def test_a_place_that_can_not_work_is_refused_early(
    tmp_path: Path, name: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        require_writable(tmp_path / name)

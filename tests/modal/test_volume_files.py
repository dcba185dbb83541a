"""Commits are merged by file, and snapshots keep what they had."""

import os
import shutil
from pathlib import Path

import pytest

from tests.modal.standin.volume_files import Survey, VolumeFiles, survey


@pytest.fixture
def files(tmp_path: Path) -> VolumeFiles:
    """A Volume with two files."""
    files = VolumeFiles(tmp_path / "store")
    commit(files, tmp_path / "first", {"a.txt": "a", "sub/b.txt": "b"}, {})
    return files


def commit(files: VolumeFiles, view: Path, texts: dict[str, str], before: Survey) -> Survey:
    """Write the files into a container's view, and commit it."""
    for path, text in texts.items():
        (view / path).parent.mkdir(parents=True, exist_ok=True)
        (view / path).write_text(text)
    return files.merge(view, before, survey(view))


def content(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_only_what_differs_is_taken_over(files: VolumeFiles, tmp_path: Path) -> None:
    view = tmp_path / "view"
    seen = shown(files, view)
    commit(files, tmp_path / "other", {"a.txt": "other", "c.txt": "c"}, {})
    commit(files, view, {"sub/b.txt": "new", "sub/deep/d.txt": "d"}, seen)
    assert content(files.content) == {
        "a.txt": "other",
        "c.txt": "c",
        "sub/b.txt": "new",
        "sub/deep/d.txt": "d",
    }


def shown(files: VolumeFiles, view: Path) -> Survey:
    """A view of what is committed, as `before` for its next commit."""
    shutil.copytree(files.content, view, symlinks=True)
    return survey(view)


def test_deletions_are_taken_over_but_spare_what_others_added(
    files: VolumeFiles, tmp_path: Path
) -> None:
    view = tmp_path / "view"
    seen = shown(files, view)
    commit(files, tmp_path / "other", {"sub/c.txt": "c"}, {})
    shutil.rmtree(view / "sub")
    files.merge(view, seen, survey(view))
    assert content(files.content) == {"a.txt": "a", "sub/c.txt": "c"}


def test_a_file_may_become_a_folder_and_a_folder_a_link(files: VolumeFiles, tmp_path: Path) -> None:
    view = tmp_path / "view"
    seen = shown(files, view)
    (view / "a.txt").unlink()
    (view / "a.txt").mkdir()
    (view / "a.txt" / "in.txt").write_text("in")
    shutil.rmtree(view / "sub")
    (view / "sub").symlink_to("a.txt")
    files.merge(view, seen, survey(view))
    assert (files.content / "a.txt/in.txt").read_text() == "in"
    assert os.readlink(files.content / "sub") == "a.txt"


def test_a_snapshot_costs_nothing_and_keeps_what_it_had(files: VolumeFiles, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    files.snapshot(snapshot)
    assert (snapshot / "a.txt").samefile(files.content / "a.txt")
    commit(files, tmp_path / "view", {"a.txt": "new"}, {})
    files.remove("sub")
    assert content(snapshot) == {"a.txt": "a", "sub/b.txt": "b"}
    assert content(files.content) == {"a.txt": "new"}


def test_paths_cannot_leave_the_volume(files: VolumeFiles) -> None:
    for path in ("../x", "/../x", "sub/../../../x"):
        assert files.inside(path).is_relative_to(files.content)

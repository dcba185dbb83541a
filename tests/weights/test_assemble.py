"""Downloads become the set `original`, whole or not at all, however an earlier run ended."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.weight_sets import Weights, downloaded, files, laid_out, stamps
from weights.assemble import place_file, require_original
from weights.errors import WeightsError
from weights.manifest import INDEX
from weights.sets import ORIGINAL, download_path, find_missing, lock_path

MARK = "complete.json"
SHARD = "transformer/diffusion_pytorch_model-00003-of-00007.safetensors"
LORA = "loras/fusionx.safetensors"
Way = Callable[[Path, Path], object]


@pytest.fixture
def weights(tmp_path: Path) -> Weights:
    return downloaded(tmp_path / "weights")


def refusing(*_: object, **__: object) -> None:
    raise OSError("not on this disk")


def check_whole(weights: Weights) -> None:
    """Everything lies in its place, nothing else does, and the set counts as complete."""
    folder = weights.set(ORIGINAL)
    places = {file.path_in_set for file in weights.manifest.files}
    assert {path.relative_to(folder).as_posix() for path in files(folder)} == places | {MARK}
    for place in places:
        assert (folder / place).read_bytes() == weights.download(place).read_bytes()
    assert find_missing(folder) is None
    assert not weights.assemble()


def test_multitalk_s_index_is_in_place_and_wan_s_is_kept_beside_it(weights: Weights) -> None:
    assert weights.assemble()
    folder = weights.set(ORIGINAL) / "transformer"
    hub = weights.folder / "hub"
    assert (folder / INDEX).samefile(hub / "MeiGen-AI/MeiGen-MultiTalk" / INDEX)
    wan = hub / "Wan-AI/Wan2.1-I2V-14B-480P"
    assert (folder / f"{INDEX}.base").samefile(wan / INDEX)
    assert "multitalk.safetensors" in (folder / INDEX).read_text()
    assert "multitalk.safetensors" not in (folder / f"{INDEX}.base").read_text()
    check_whole(weights)


def test_files_are_not_copied_where_they_can_be_linked(weights: Weights) -> None:
    weights.assemble()
    for file in weights.manifest.files:
        target = weights.set(ORIGINAL) / file.path_in_set
        assert target.samefile(download_path(weights.folder, file)) and not target.is_symlink()


@pytest.mark.parametrize("without", [("link",), ("link", "symlink")])
def test_a_disk_without_links_gets_the_same_set(
    weights: Weights, without: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in without:
        monkeypatch.setattr(os, name, refusing)
    assert weights.assemble()
    assert (weights.set(ORIGINAL) / SHARD).is_symlink() == ("symlink" not in without)
    before = stamps(weights.set(ORIGINAL))
    check_whole(weights)
    assert stamps(weights.set(ORIGINAL)) == before


@pytest.mark.parametrize("without", [("link",), ("link", "symlink")])
def test_times_that_lost_their_nanoseconds_are_the_same(
    weights: Weights, without: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in without:
        monkeypatch.setattr(os, name, refusing)
    weights.assemble()
    for path in files(weights.folder):
        if not path.is_symlink():
            os.utime(path, (0, path.stat().st_mtime_ns // 10**9))
    check_whole(weights)


def test_a_set_of_links_is_complete_wherever_it_is_mounted(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refusing)
    weights.assemble()
    other = weights.folder.rename(weights.folder.with_name("other"))
    manifest = replace(weights.manifest, shapes=other / weights.manifest.shapes.name)
    elsewhere = replace(weights, folder=other, manifest=manifest)
    weights.folder.mkdir()  # so that nothing is found there
    assert find_missing(elsewhere.set(ORIGINAL)) is None
    check_whole(elsewhere)


@pytest.mark.parametrize(
    ("ways", "is_link"),
    [
        ((os.link, os.symlink, shutil.copy2), False),
        ((refusing, os.symlink, shutil.copy2), True),
        ((refusing, refusing, shutil.copy2), False),
    ],
)
def test_the_first_way_that_works_is_taken(
    tmp_path: Path, ways: tuple[Way, ...], is_link: bool
) -> None:
    source, target = tmp_path / "source", tmp_path / "deep" / "target"
    source.write_text("new")
    target.parent.mkdir()
    target.write_text("old")
    place_file(source, target, ways)
    assert target.read_text() == "new" and target.is_symlink() == is_link
    assert target.samefile(source) == (ways[1] is not refusing)
    assert list(target.parent.iterdir()) == [target]


def test_when_no_way_works_what_was_there_stays(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new")
    target.write_text("old")
    with pytest.raises(OSError, match="not on this disk"):
        place_file(source, target, (refusing, refusing))
    assert target.read_text() == "old"


def test_a_second_run_touches_nothing(weights: Weights) -> None:
    assert weights.assemble()
    before = stamps(weights.set(ORIGINAL))
    assert not weights.assemble()
    assert stamps(weights.set(ORIGINAL)) == before


def _mark_gone(folder: Path) -> None:
    (folder / MARK).unlink()


def _mark_cut(folder: Path) -> None:
    (folder / MARK).write_text('{"source": ')


def _file_gone(folder: Path) -> None:
    (folder / SHARD).unlink()


def _file_older(folder: Path) -> None:
    (folder / SHARD).unlink()
    (folder / SHARD).write_bytes(b"of an older version")


def _link_broken(folder: Path) -> None:
    (folder / SHARD).unlink()
    (folder / SHARD).symlink_to(folder / "nowhere")


def _link_absolute(folder: Path) -> None:
    """As an earlier version made it."""
    (folder / SHARD).unlink()
    (folder / SHARD).symlink_to(next((folder.parents[1] / "hub").rglob(Path(SHARD).name)))


def _stranger(folder: Path) -> None:
    shutil.copy(folder / SHARD, folder / "transformer" / "model-00001.safetensors")


def _part_left(folder: Path) -> None:
    (folder / MARK).unlink()
    (folder / f"{SHARD}.part").write_bytes(b"half")
    (folder / SHARD).unlink()


def _part_linked(folder: Path) -> None:
    os.link(folder / SHARD, folder / f"{SHARD}.part")


@pytest.mark.parametrize(
    "broken",
    [
        _mark_gone,
        _mark_cut,
        _file_gone,
        _file_older,
        _link_broken,
        _link_absolute,
        _stranger,
        _part_left,
        _part_linked,
    ],
)
def test_a_half_done_run_is_repaired(weights: Weights, broken: Callable[[Path], None]) -> None:
    weights.assemble()
    broken(weights.set(ORIGINAL))
    assert weights.assemble()
    check_whole(weights)


def test_a_download_of_another_version_takes_the_old_one_s_place(weights: Weights) -> None:
    weights.assemble()
    folder, path = weights.set(ORIGINAL), weights.download("transformer/config.json")
    _, before = require_original(weights.folder, weights.manifest)
    path.unlink()
    path.write_text('{"new": 1}')
    weights.record("transformer/config.json")
    assert weights.assemble()
    assert (folder / "transformer/config.json").read_text() == '{"new": 1}'
    assert require_original(weights.folder, weights.manifest)[1].source != before.source
    check_whole(weights)


def test_loras_that_were_not_fetched_are_left_out_and_taken_up_later(weights: Weights) -> None:
    kept = weights.download(LORA).rename(weights.folder / "kept")
    assert weights.assemble()
    _, before = require_original(weights.folder, weights.manifest)
    assert LORA not in before.sizes and not (weights.set(ORIGINAL) / LORA).exists()
    kept.rename(weights.download(LORA))
    assert weights.assemble()
    _, after = require_original(weights.folder, weights.manifest)
    assert LORA in after.sizes and after.source == before.source
    check_whole(weights)


@pytest.mark.parametrize("fault", ["missing", "unchecked", "changed"])
def test_a_download_that_is_not_right_is_told_and_no_set_counts(
    weights: Weights, fault: str
) -> None:
    file, path = weights.file(SHARD), weights.download(SHARD)
    if fault == "missing":
        path.unlink()
    elif fault == "changed":
        path.write_bytes(path.read_bytes() + b"!")
    else:
        lock_path(weights.folder).unlink()
        weights.record(*(f.path_in_set for f in weights.manifest.files if f is not file))
    with pytest.raises(WeightsError) as caught:
        weights.assemble()
    assert str(caught.value) == f"{file.key} is {fault}. Run python -m weights download."
    assert find_missing(weights.set(ORIGINAL)) == MARK


def test_only_a_complete_set_is_given_out(tmp_path: Path) -> None:
    weights = laid_out(tmp_path / "weights")
    (weights.set(ORIGINAL) / SHARD).unlink()
    with pytest.raises(WeightsError) as caught:
        require_original(weights.folder, weights.manifest)
    assert str(weights.set(ORIGINAL) / SHARD) in str(caught.value)
    assert "python -m weights download" in str(caught.value)

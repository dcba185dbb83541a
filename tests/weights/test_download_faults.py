"""A download that can't go on ends with one line, and leaves nothing half done that looks whole."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from tests.support.hub import Hub
from tests.support.weights_runner import (
    FILES,
    PATIENCE_S,
    Ended,
    Machine,
    content,
    ended,
    keys,
    know,
)

LOST = FILES[3]
OTHERS = [file for file in FILES if file != LOST]
AS_ROOT = os.geteuid() == 0


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """A machine that has everything but the file LOST."""
    machine.lose(LOST)
    return machine


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """`folder` is a disk of that size of its own."""
    if not AS_ROOT or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"this root can't mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def failed(machine: Machine, done: Ended, *words: str) -> None:
    """It was told with these words; LOST is missing still, and all else is as it was."""
    line = done.told()
    assert all(word in line for word in words), line
    assert not machine.marked()
    assert machine.checked() == keys(OTHERS)
    assert not machine.place(LOST).exists()
    assert not list(machine.weights.rglob("*.incomplete"))


def recovers(machine: Machine) -> None:
    """The next download fetches what was missing, and that alone."""
    machine.hub.fetched.clear()
    machine.download()
    assert machine.hub.fetched == [LOST.key]
    assert machine.marked() and not machine.strays()


@pytest.mark.parametrize("lfs_from", [1024, 10_000], ids=["in LFS", "in git"])
@pytest.mark.holds("weights", "torn file", "found by its hash and fetched anew")
def test_a_wrong_byte_is_found_and_the_file_deleted(
    machine: Machine, hub: Hub, lfs_from: int
) -> None:
    hub.lfs_from = lfs_from
    hub.tamper.add(LOST.key)
    failed(machine, machine.run("download"), LOST.key, "damaged", "Run the download again")
    hub.tamper.clear()
    recovers(machine)


def test_a_wrong_byte_in_a_first_download_is_found_and_all_else_kept(
    tmp_path: Path, hub: Hub
) -> None:
    machine = Machine(tmp_path, hub)
    hub.tamper.add(FILES[-1].key)
    assert FILES[-1].key in machine.run("download").told()
    assert machine.checked() == keys(FILES[:-1])
    assert not machine.original.exists()


def test_an_answer_that_is_cut_every_time_is_told(machine: Machine, hub: Hub) -> None:
    hub.cut[LOST.key] = 1000
    failed(machine, machine.run("download"), LOST.key, "connection", "Check the network")


def test_an_answer_that_is_cut_once_is_asked_for_again(machine: Machine, hub: Hub) -> None:
    hub.cut[LOST.key], hub.stall[LOST.key] = 1000, 500
    process = machine.start("download")
    assert hub.stalled.wait(PATIENCE_S)
    hub.cut.clear()  # of later answers
    hub.release()
    assert ended(process).status == 0
    assert machine.place(LOST).read_bytes() == content(LOST)
    assert machine.marked() and not machine.strays()


@pytest.mark.parametrize("replaced", [b"shorter", bytes(len(content(LOST)))], ids=["size", "hash"])
def test_a_file_that_was_replaced_on_the_hub_is_refused(
    machine: Machine, hub: Hub, replaced: bytes
) -> None:
    (hub.folder / LOST.key).write_bytes(replaced)
    failed(machine, machine.run("download"), LOST.key, "replaced")


@pytest.mark.parametrize("known", [{"size_bytes": 7}, {"sha256": "0" * 64}], ids=["size", "hash"])
def test_a_file_that_is_not_what_the_manifest_knows_is_refused(
    tmp_path: Path, hub: Hub, known: dict[str, str | int]
) -> None:
    machine = Machine(tmp_path, hub)
    know(hub.folder, FILES[0], **known)
    line = machine.run("download").told()
    assert FILES[0].key in line and "replaced" in line
    assert not machine.place(FILES[0]).exists()
    assert not machine.original.exists()


def test_too_little_space_is_told_before_anything_is_asked(tmp_path: Path, hub: Hub) -> None:
    machine = Machine(tmp_path, hub)
    know(hub.folder, FILES[-1], size_bytes=10**18)
    _no_space(machine)
    assert not hub.connections


def test_what_a_volume_of_modal_says_of_its_space_is_no_matter(tmp_path: Path, hub: Hub) -> None:
    machine = Machine(tmp_path, hub)
    know(hub.folder, FILES[-1], size_bytes=10**18)
    line = machine.run("download", MODAL_IS_REMOTE="1").told()
    assert FILES[-1].key in line and "replaced" in line  # by a smaller one


def test_too_little_space_for_what_the_hub_has_is_told_before_anything_is_fetched(
    tmp_path: Path, hub: Hub
) -> None:
    machine = Machine(tmp_path, hub)
    with small_disk(machine.weights, "1025m"):
        (hub.folder / LOST.key).write_bytes(bytes(3_000_000))
        _no_space(machine)
    assert not hub.fetched


@pytest.mark.holds("weights", "full disk", "told; goes on when there is room")
def test_a_disk_that_gets_full_is_told_and_then_goes_on(
    tmp_path: Path, hub: Hub, finished: Machine
) -> None:
    with small_disk(tmp_path / "disk", "1200m"):
        machine = finished.copied(tmp_path / "disk", hub)
        machine.lose(LOST)
        big = bytes(200_000)
        (hub.folder / LOST.key).write_bytes(big)
        (machine.weights / "lock.json").write_text(_without_lost(machine))
        hub.stall[LOST.key] = 1000
        process = machine.start("download")
        assert hub.stalled.wait(PATIENCE_S)
        remount(tmp_path / "disk", f"size={_used(tmp_path / 'disk') + 8192}")
        hub.release()
        failed(machine, ended(process), LOST.key, "disk is full", "Free some space", "is kept")
        remount(tmp_path / "disk", "size=1200m")
        recovers(machine)
        assert machine.place(LOST).read_bytes() == big


@pytest.mark.holds("weights", "read-only", "told with the folder's name")
def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, hub: Hub, finished: Machine
) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "1200m") if AS_ROOT else nullcontext():
        machine = finished.copied(disk, hub)
        machine.lose(LOST)
        if AS_ROOT:  # whom modes don't stop
            remount(disk, "ro")
        else:
            for folder in (machine.original, machine.weights / "hub"):
                folder.chmod(0o500)
        line = machine.run("download").told()
        assert str(machine.weights) in line and "PORTRAIT_WEIGHTS" in line
        assert not hub.fetched


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path, hub: Hub) -> None:
    machine = Machine(tmp_path, hub)
    machine.weights.write_text("not a folder")
    line = machine.run("download").told()
    assert str(machine.weights) in line and "PORTRAIT_WEIGHTS" in line


@pytest.mark.holds("weights", "no network", "told; what is there stays")
def test_no_network_is_told(machine: Machine, hub: Hub, tmp_path: Path) -> None:
    with Hub(tmp_path / "gone") as gone:
        pass  # whose port nobody listens at now
    done = machine.run("download", HF_ENDPOINT=gone.address)
    failed(machine, done, LOST.key, "connection", "Check the network", "What is finished is kept")
    recovers(machine)


def test_offline_is_told_when_files_are_missing_and_no_matter_when_not(
    machine: Machine, hub: Hub
) -> None:
    done = machine.run("download", HF_HUB_OFFLINE="1")
    failed(machine, done, LOST.key, "HF_HUB_OFFLINE", "Unset it")
    assert not hub.connections
    recovers(machine)
    machine.download(HF_HUB_OFFLINE="1")


@pytest.mark.holds("weights", "two servers", "the second is told to wait")
def test_two_downloads_at_once_do_not_meet(machine: Machine, hub: Hub) -> None:
    hub.stall[LOST.key] = 1000
    first = machine.start("download")
    assert hub.stalled.wait(PATIENCE_S)
    line = machine.run("download").told()
    assert str(machine.weights) in line and "Wait until it is done" in line
    hub.release()
    assert ended(first).status == 0
    assert hub.fetched == [LOST.key]
    assert machine.marked() and not machine.strays()


def test_a_damaged_lock_is_told_and_once_deleted_files_are_checked_not_fetched(
    machine: Machine, hub: Hub
) -> None:
    path = machine.weights / "lock.json"
    path.write_bytes(path.read_bytes()[:1000])
    line = machine.run("download").told()
    assert str(path) in line and "Delete it" in line
    assert not hub.fetched
    path.unlink()
    recovers(machine)


def _no_space(machine: Machine) -> None:
    line = machine.run("download").told()
    assert str(machine.weights) in line and "GB are needed" in line
    assert "Free some space" in line and "PORTRAIT_WEIGHTS" in line


def _without_lost(machine: Machine) -> str:
    """The lock as if LOST had never been there."""
    return json.dumps({key: entry for key, entry in machine.lock().items() if key != LOST.key})


def _used(folder: Path) -> int:
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize

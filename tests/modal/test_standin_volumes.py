"""Volumes show what Modal's would, and no more: to containers and to clients."""

import io
import os
from pathlib import Path

import modal
import pytest

from tests.modal.sample_app import SHARED
from tests.modal.standin.handle import StandIn
from tests.modal.trying import client, desk, read, standin, until, volume

__all__ = ["client", "standin", "volume"]

SECOND_NS = 10**9


def test_changes_show_after_commit_and_reload(
    standin: StandIn, client: modal.Client, volume: modal.Volume
) -> None:
    one, two = desk(client, "one"), desk(client, "two")
    standin.background_commits(False)
    try:
        assert two.read.remote("story/a.txt") is None
        one.write.remote("story/a.txt", "first")
        assert one.read.remote("story/a.txt") == "first"
        assert read(volume, "story/a.txt") is None
        one.commit.remote()
        assert read(volume, "story/a.txt") == "first"
        assert two.read.remote("story/a.txt") is None
        two.reload.remote()
        assert two.read.remote("story/a.txt") == "first"

        two.write.remote("story/b.txt", "other")
        two.write.remote("story/a.txt", "second")
        two.commit.remote()
        one.commit.remote()  # what it has not changed since is not taken back
        assert read(volume, "story/a.txt") == "second"
        assert one.read.remote("story/a.txt") == "first"
        one.remove.remote("story/a.txt")
        one.commit.remote()
        assert [e.path for e in volume.listdir("story")] == ["story/b.txt"]
        two.rename.remote("story", "tale")
        two.commit.remote()
        assert [e.path for e in volume.listdir("/", recursive=True)] == [
            "tale",
            "tale/a.txt",
            "tale/b.txt",
        ]
    finally:
        standin.background_commits(True)


def test_what_is_not_to_be_relied_on(client: modal.Client) -> None:
    """Times, whole links, hard links, free space, and locks between containers."""
    one, two = desk(client, "one"), desk(client, "two")
    one.write.remote("odd/a.txt", "first")
    assert one.link.remote("odd/whole", str(SHARED / "odd/a.txt")) is False
    assert one.link.remote("odd/short", "a.txt") is False
    assert one.read.remote("odd/whole") == one.read.remote("odd/short") == "first"
    exact_ns = one.time_ns.remote("odd/a.txt")
    one.commit.remote()
    two.reload.remote()
    assert two.read.remote("odd/whole") is None and two.read.remote("odd/short") == "first"
    assert two.time_ns.remote("odd/a.txt") == exact_ns // SECOND_NS * SECOND_NS
    assert two.time_ns.remote("odd") == 0 != one.time_ns.remote("odd")
    on_volume, beside = one.free.remote()
    assert on_volume == 0 < beside
    for holder in (one, two):
        holder.lock.remote("odd/a.txt")
    for holder in (one, two):
        holder.unlock.remote()


def test_an_open_file_prevents_a_reload(client: modal.Client) -> None:
    one = desk(client, "one")
    one.write.remote("open.txt", "")
    message = one.reload_while_open.remote("open.txt")
    assert "there are open files preventing the operation" in message
    assert "path open.txt is open" in message
    one.reload.remote()


def test_changes_are_committed_now_and_then_and_at_an_orderly_end(
    standin: StandIn, client: modal.Client, volume: modal.Volume
) -> None:
    one, two = desk(client, "one"), desk(client, "two")
    one.write.remote("now-and-then.txt", "seen")
    assert until(lambda: read(volume, "now-and-then.txt")) == "seen"
    standin.background_commits(False)
    try:
        orderly = one.write.remote("ended.txt", "kept")
        sudden = two.write.remote("killed.txt", "lost")
        standin.preempt(orderly)
        standin.kill(sudden)
        until(lambda: not {orderly, sudden} & {c["task"] for c in standin.containers()})
    finally:
        standin.background_commits(True)
    assert read(volume, "ended.txt") == "kept"
    assert read(volume, "killed.txt") is None


def test_a_client_uploads_lists_reads_and_removes(
    standin: StandIn, volume: modal.Volume, tmp_path: Path
) -> None:
    large = os.urandom(9 << 20) + bytes(1 << 20)  # more than one block, and zeros at the end
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.txt").write_text("x")
    with volume.batch_upload() as batch:
        batch.put_file(io.BytesIO(large), "up/large.bin")
        batch.put_directory(str(tmp_path), "/up/folder")
    with pytest.raises(FileExistsError), volume.batch_upload() as batch:
        batch.put_file(io.BytesIO(b""), "up/large.bin")
    assert b"".join(volume.read_file("up/large.bin")) == large
    entries = {(e.path, e.type.name, e.size) for e in volume.listdir("up", recursive=True)}
    assert {("up/large.bin", "FILE", len(large)), ("up/folder/sub/x.txt", "FILE", 1)} <= entries
    assert (standin.volume_folder("shared") / "up/folder/sub/x.txt").read_text() == "x"

    assert standin.modal("volume", "ls", "shared", "up/folder").stdout.split() == ["up/folder/sub"]
    target = tmp_path / "got"
    done = standin.modal("volume", "get", "shared", "up/folder/sub/x.txt", str(target))
    assert done.returncode == 0 and target.read_text() == "x", done.stderr
    with pytest.raises(modal.exception.InvalidError):
        volume.remove_file("up")
    volume.remove_file("up", recursive=True)
    with pytest.raises(FileNotFoundError):
        volume.remove_file("up")
    with pytest.raises(modal.exception.NotFoundError):
        volume.listdir("up")

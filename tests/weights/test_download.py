"""Weights come from the hub once and whole; a kill costs only what was under way."""

import hashlib
import os
import shutil
import signal

import pytest

from tests.support.hub import Hub
from tests.support.weights_runner import FILES, Machine, content, finished_in, keys, know
from weights.manifest import MULTITALK_14B

SHARD, LAST = FILES[3], FILES[-1]


def test_a_first_download_fetches_every_file_once_and_the_second_asks_nothing(
    bare: Machine, hub: Hub
) -> None:
    bare.download()
    assert sorted(hub.fetched) == keys(FILES)
    for file in FILES:
        place = bare.weights / "hub" / file.repo.name / file.name
        assert place.read_bytes() == content(file)
        entry = bare.lock()[file.key]
        assert entry["commit"] == hub.commit(file.repo.name)
        assert entry["size_bytes"] == len(content(file))
        assert entry["sha256"] == hashlib.sha256(content(file)).hexdigest()
        assert (bare.original / file.path_in_set).read_bytes() == content(file)
    assert bare.marked() and not bare.strays()

    connections = len(hub.connections)
    bare.download()
    assert len(hub.connections) == connections
    assert len(hub.fetched) == len(FILES)


def test_one_quality_fetches_only_what_it_needs_and_another_only_the_rest(
    bare: Machine, hub: Hub
) -> None:
    bare.download("--quality", "fast")
    fast = MULTITALK_14B.select_files("fast")
    assert sorted(hub.fetched) == keys(fast)
    assert bare.marked()
    hub.fetched.clear()
    bare.download("--quality", "balanced")
    assert hub.fetched == [file.key for file in FILES if file.lora == "fusionx"]
    hub.fetched.clear()
    bare.download("--quality", "best")
    assert not hub.fetched


@pytest.mark.holds("weights", "kill", "only what is missing is fetched")
def test_after_a_kill_only_what_was_not_finished_is_fetched(bare: Machine, hub: Hub) -> None:
    killed = bare.stopped_at(LAST, signal.SIGKILL)
    assert bare.strays()
    finished = bare.checked()
    assert finished and LAST.key not in finished
    # of those it had told, at once; it may have been at the next ones
    assert set(finished_in(killed.out)) <= {
        file.path_in_set for file in FILES if file.key in finished
    }
    assert not bare.marked()
    hub.fetched.clear()
    bare.download()
    assert LAST.key in hub.fetched and not set(hub.fetched) & set(finished)
    assert bare.checked() == keys(FILES)
    assert bare.marked() and not bare.strays()


def test_a_kill_while_all_else_was_there_leaves_a_set_that_is_not_marked(
    machine: Machine, hub: Hub
) -> None:
    machine.lose(SHARD)
    machine.stopped_at(SHARD, signal.SIGKILL)
    assert not machine.marked()
    assert len(machine.checked()) == len(FILES) - 1


@pytest.mark.parametrize("damaged", ["another byte", "truncated", "emptied"])
def test_a_file_that_was_damaged_after_its_check_is_fetched_anew(
    machine: Machine, hub: Hub, damaged: str
) -> None:
    whole = content(SHARD)
    wrong = {"another byte": whole[:-1] + b"?", "truncated": whole[:-1], "emptied": b""}[damaged]
    machine.damage(SHARD, wrong)
    machine.download()
    assert hub.fetched == [SHARD.key]
    assert machine.place(SHARD).read_bytes() == (machine.original / SHARD.path_in_set).read_bytes()
    assert machine.place(SHARD).read_bytes() == whole
    assert machine.marked() and not machine.strays()


def test_a_file_that_was_only_touched_is_checked_and_not_fetched(
    machine: Machine, hub: Hub
) -> None:
    os.utime(machine.place(SHARD), ns=(1, 1))
    assert SHARD.key not in machine.checked()
    machine.download()
    assert SHARD.key in machine.checked()
    assert not hub.connections


def test_files_moved_to_another_disk_are_not_fetched_again(machine: Machine, hub: Hub) -> None:
    elsewhere = machine.weights.with_name("elsewhere")
    shutil.move(machine.weights, elsewhere)
    machine.weights = elsewhere
    machine.download()
    assert not hub.connections


def test_a_copied_file_with_the_hash_that_is_known_is_taken(bare: Machine, hub: Hub) -> None:
    known = hashlib.sha256(content(SHARD)).hexdigest()
    know(hub.folder, SHARD, size_bytes=len(content(SHARD)), sha256=known)
    bare.place(SHARD).parent.mkdir(parents=True)
    bare.place(SHARD).write_bytes(content(SHARD))
    bare.download()
    assert SHARD.key not in hub.fetched
    assert sorted([*hub.fetched, SHARD.key]) == keys(FILES)
    assert bare.lock()[SHARD.key]["sha256"] == known
    assert bare.marked()


def test_a_copied_file_with_another_hash_is_fetched_instead(bare: Machine, hub: Hub) -> None:
    know(hub.folder, SHARD, sha256=hashlib.sha256(content(SHARD)).hexdigest())
    bare.place(SHARD).parent.mkdir(parents=True)
    bare.place(SHARD).write_bytes(content(LAST))
    bare.download()
    assert sorted(hub.fetched) == keys(FILES)
    assert bare.place(SHARD).read_bytes() == content(SHARD)

"""`python -m weights` at a terminal: what it prints where, and how it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inference.core.settings import ROOT
from tests.support.hub import Hub
from tests.support.weights_runner import FILES, Machine, content, finished_in, keys
from weights.manifest import MULTITALK_14B
from weights.sets import LEAN_SETS

SHARD, LAST = FILES[3], FILES[-1]


def status(machine: Machine) -> tuple[dict[str, str], list[str]]:
    """What `status` says: each file's state, and the lines below the table."""
    done = machine.run("status")
    assert (done.status, done.err) == (0, "")
    assert not machine.hub.connections
    lines = done.out.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    return {row[0]: row[3] for row in rows}, lines[-1 - len(LEAN_SETS) :]


def test_status_lists_every_file_when_nothing_is_there(bare: Machine) -> None:
    states, sets = status(bare)
    assert states == {file.key: "missing" for file in FILES}
    folder = bare.weights / MULTITALK_14B.model
    assert sets == [f"{folder / kind}: not made" for kind in ("original", *LEAN_SETS)]
    assert not bare.weights.exists()


def test_status_tells_what_is_complete_changed_and_gone(machine: Machine) -> None:
    states, sets = status(machine)
    assert states == {file.key: "checked" for file in FILES}
    assert sets[0] == f"{machine.original}: complete"

    machine.damage(SHARD, content(LAST))
    machine.lose(LAST)
    (machine.original / LAST.path_in_set).unlink()
    states, sets = status(machine)
    assert (states[SHARD.key], states[LAST.key]) == ("changed", "missing")
    assert sets[0] == f"{machine.original}: {LAST.path_in_set} is missing"


def test_a_download_prints_what_it_does_and_no_more(bare: Machine) -> None:
    out = bare.download().out
    assert sorted(finished_in(out)) == sorted(file.path_in_set for file in FILES)
    begin, *files, fetched, made = out.splitlines()
    assert files[-1].startswith(f"{len(FILES)} of {len(FILES)}: ")
    assert files[-1].endswith(", 0.1 of 0.1 MB")
    assert [begin, fetched, made] == [
        f"To fetch: {len(FILES)} of {len(FILES)} files, 0.1 MB.",
        f"Fetched and checked: {len(FILES)}.",
        f"{bare.original} is complete.",
    ]
    assert bare.download().out.splitlines() == [
        "Every file is there already.",
        f"{bare.original} is complete already; nothing to do.",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("download", "--quality", "draft"), ("'draft'", "fast, balanced, best")),
        (("download", "--quality", ""), ("fast, balanced, best",)),
        (("prepare", "--dtype", "int4"), ("'int4'", "bf16, fp8")),
        (("prepare", "--dtype"), ("--dtype",)),
        (("download", "--everything"), ("--everything",)),
        (("download", "now"), ("now",)),
        (("fetch",), ("fetch",)),
    ],
)
def test_what_cannot_be_used_is_told_with_status_2(
    bare: Machine, hub: Hub, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    done = bare.run(*arguments)
    line = done.told(2)
    assert all(word in line for word in words), line
    assert done.out == ""
    assert not hub.connections and not bare.weights.exists()


def test_a_setting_that_cannot_be_used_is_told_with_status_2(bare: Machine) -> None:
    done = bare.run("status", PORTRAIT_RUNNING="many")
    assert "PORTRAIT_RUNNING" in done.told(2)
    assert done.out == ""


@pytest.mark.parametrize("command", ["assemble", "prepare"])
def test_what_needs_files_that_are_missing_says_to_download_them(
    bare: Machine, command: str
) -> None:
    done = bare.run(command)
    assert "Run python -m weights download." in done.told()
    assert done.out == ""


def test_verify_names_each_fault_and_unmarks_the_set(machine: Machine) -> None:
    machine.place(SHARD).write_bytes(content(LAST)[::-1])
    done = machine.run("verify")
    assert "Run python -m weights download" in done.told()
    faults = [line for line in done.out.splitlines() if line.startswith(f"{machine.place(SHARD)}:")]
    assert len(faults) == 1 and "SHA-256" in faults[0]
    assert not machine.marked()


def test_ctrl_c_ends_a_download_at_once_and_the_next_goes_on(bare: Machine, hub: Hub) -> None:
    done = bare.stopped_at(LAST, signal.SIGINT)
    assert done.told(130) == "Stopped. What is finished is kept."
    assert done.out.startswith("To fetch") and finished_in(done.out)
    finished = bare.checked()
    assert finished and not bare.marked()
    hub.fetched.clear()
    bare.download()
    assert LAST.key in hub.fetched and not set(hub.fetched) & set(finished)
    assert bare.checked() == keys(FILES)
    assert bare.marked() and not bare.strays()


def test_the_real_command_says_what_it_can_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "weights", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("status", "download", "assemble", "prepare", "verify"):
        assert command in done.stdout

"""The memory and environment of processes that know secrets are closed to others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference.core.confinement.confine import Support, find_support
from inference.core.settings import ROOT

# Root's privileges go on both sides: with them a process reads all, and is read by none without.
UNPRIVILEGED = """
import ctypes, os, sys
from inference.core.confinement.confine import _drop_capabilities
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # or the next program would get them back
_drop_capabilities(0)
print("ready", flush=True)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
READER = """
import sys, time
from pathlib import Path
read = Path(f"/proc/{sys.argv[1]}/environ").read_bytes
end = time.monotonic() + 60
try:
    while time.monotonic() < end:
        read()
        time.sleep(0.01)
except PermissionError:
    print("closed")
"""


def without_privileges(*command: str) -> list[str]:
    return [sys.executable, "-c", UNPRIVILEGED, *command]


@pytest.mark.skipif(sys.platform != "linux", reason="macOS shows no environments")
@pytest.mark.parametrize(
    "command", [["app.py", "serve", "--port", "0"], ["-m", "inference.jobs.worker", "--wait"]]
)
def test_the_environment_of_servers_and_workers_is_closed(
    command: list[str], tmp_path: Path
) -> None:
    environment = os.environ | {"PORTRAIT_DATA": str(tmp_path), "PORTRAIT_API_TOKEN": "secret"}
    process = subprocess.Popen(
        without_privileges(*command),
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        reader = without_privileges("-c", READER, str(process.pid))
        done = subprocess.run(reader, cwd=ROOT, capture_output=True, text=True, check=True)
        process.kill()
    assert done.stdout.endswith("closed\n")


@pytest.mark.parametrize(
    ("support", "words"),
    [
        (Support(7, True), "Landlock 7, seccomp"),
        (Support(0, True), "seccomp; no Landlock: a broken decoder could read and change"),
        (Support(3, False), "Landlock 3; no seccomp: a broken decoder could open connections"),
        (Support(0, False), "no Landlock: a broken decoder could"),
    ],
)
def test_what_a_system_lacks_is_said_with_what_it_lets_happen(support: Support, words: str) -> None:
    assert support.sentence.startswith(words)
    assert support.is_whole == (";" not in support.sentence)


LACKING = """
import os, socket, sys
from pathlib import Path
from inference.core.confinement import confine, landlock, seccomp
setattr(*{
    "landlock": (landlock, "find_version", lambda: 0),
    "seccomp": (seccomp, "_find_machine", lambda: None),
    "version 3": (landlock, "find_version", lambda: 2),
}[sys.argv[1]])
confine.warn_if_open()
confine.confine(confine.Reach([Path(sys.argv[2])]))
for name, reach in (
    ("file", lambda: open("/etc/passwd")),
    ("socket", socket.socket),
    ("cutting short", lambda: os.open(sys.argv[2], os.O_RDONLY | os.O_TRUNC)),
):
    try:
        reach()
    except PermissionError:
        print("no", name)
"""


@pytest.mark.skipif(not find_support().is_whole, reason="no Landlock or no seccomp here")
@pytest.mark.parametrize(
    ("lacks", "held"),
    [
        ("landlock", ["socket", "cutting short"]),
        ("seccomp", ["file", "cutting short"]),
        ("version 3", ["file", "socket", "cutting short"]),
    ],
)
def test_where_a_part_is_missing_the_other_holds_and_the_log_says_so(
    lacks: str, held: list[str], tmp_path: Path
) -> None:
    readable = tmp_path / "readable"
    readable.write_text("whole")
    command = [sys.executable, "-W", "ignore", "-c", LACKING, lacks, str(readable)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"no {each}" for each in held]
    assert readable.read_text() == "whole"
    assert ("files are decoded with less protection here" in done.stderr) == (
        "version" not in lacks
    )


FAILING = """
from inference.core.confinement import confine, landlock, seccomp
from inference.core.errors import Fault
for module, name in ((landlock, "restrict_files"), (seccomp, "filter_calls")):
    before = getattr(module, name)
    setattr(module, name, lambda _: False)
    try:
        confine.confine(confine.Reach())
    except Fault as fault:
        print(fault.details.rpartition(" ")[2])
    setattr(module, name, before)
"""


@pytest.mark.skipif(not find_support().is_whole, reason="no Landlock or no seccomp here")
def test_a_part_that_fails_leaves_nothing_open() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FAILING]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Landlock", "seccomp"]

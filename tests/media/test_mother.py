"""Decoders' processes are forked by a mother process, where that is safe, and start alike.

The functions whose names start with an underscore play decoders, in the child process.
"""

import ctypes
import errno
import gc
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from inference.core.errors import Fault, InputError
from inference.core.settings import ROOT
from inference.media.ingest import PICTURE_OPERATION
from inference.media.sandbox.mother import FAULT_STATUS, Mother
from inference.media.sandbox.runner import DIRECT, Budget, Call, Operation, _parse_answer
from tests.media.test_sandbox import _hang, _Said, check_refused
from tests.media.test_sandbox import playing as playing_there
from tests.support.media import VOICE_A

linux = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked here")


def _tell_its_mother(source: Path, target: Path) -> _Said:
    return _Said(str(os.getppid()))


def _tell_and_hang(source: Path, target: Path) -> _Said:
    target.write_text(f"{os.getpid()} {os.getppid()}.")
    return _hang(source, target.with_name("unused"))


def _start_threads(source: Path, target: Path) -> _Said:
    threading.stack_size(65536)
    for _ in range(500):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return _hang(source, target)


def _search_memory(source: Path, target: Path) -> _Said:
    """Look for a name near all objects; the system tells which pages there are."""
    libc, file = ctypes.CDLL(None), os.open(target, os.O_WRONLY)
    gc.unfreeze()
    found = 0
    for near in {id(each) >> 20 for each in gc.get_objects()}:
        for page in range(near << 20, near + 1 << 20, 4096):
            if libc.pwrite(file, ctypes.c_void_p(page), 4096, 0) == 4096:
                found += bool(re.search(b"/of-an[o]ther-visitor", ctypes.string_at(page, 4096)))
    return _Said(f"found {found}")


def playing(name: str) -> Operation:
    return replace(PICTURE_OPERATION, entry=f"tests.media.test_mother:{name}")


def test_where_nothing_is_forked_each_child_is_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    (answer,) = DIRECT.run(Call(playing_there("_finish"), VOICE_A, tmp_path / "target"))
    assert "HOME" not in answer["words"]
    check_refused(playing_there("_segfault"), tmp_path)
    error = check_refused(playing_there("_hang", budget=Budget(20, wall_s=1.0)), tmp_path)
    assert "takes too long" in error.message


@linux
def test_a_mother_that_is_killed_is_replaced_and_none_outlives_the_server(tmp_path: Path) -> None:
    """The server is a process that is killed while it waits for a child."""
    target = tmp_path / "target"
    code = (
        "import ctypes, os, signal, sys; from pathlib import Path\n"
        "from inference.media.sandbox.runner import DIRECT, Call\n"
        "from tests.media.test_mother import playing, VOICE_A\n"
        "mothers = []\n"
        "for _ in range(2):\n"
        "    call = Call(playing('_tell_its_mother'), VOICE_A, Path(sys.argv[1]))\n"
        "    mothers += [int(DIRECT.run(call)[0]['words'])]\n"
        "    os.kill(mothers[-1], signal.SIGKILL)\n"
        "print(*mothers, ctypes.CDLL(None).prctl(3), flush=True)\n"  # PR_GET_DUMPABLE
        "DIRECT.run(Call(playing('_tell_and_hang'), VOICE_A, Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(target)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        first, second, shows_memory = server.stdout.readline().split()
        assert first != second and shows_memory == "0"
        while not (target.exists() and (pids := target.read_text()).endswith(".")):
            time.sleep(0.01)
        server.kill()
    deadline = time.monotonic() + 60
    while any(Path("/proc", pid).exists() for pid in pids.strip(".").split()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@linux
def test_after_one_mother_the_next_goes_on_and_a_second_loss_is_no_fault_of_the_file(
    tmp_path: Path,
) -> None:
    target, lost = tmp_path / "target", set[str]()

    def kill_mothers() -> None:
        end = time.monotonic() + 20
        while len(lost) < 2 and time.monotonic() < end:
            if target.exists() and (told := target.read_text()).endswith("."):
                mother = told.strip(".").split()[1]
                if mother not in lost:
                    lost.add(mother)
                    os.kill(int(mother), signal.SIGKILL)
            time.sleep(0.01)

    with ThreadPoolExecutor() as threads:
        threads.submit(kill_mothers)
        with pytest.raises(Fault, match="Something broke on our side"):
            DIRECT.run(Call(playing("_tell_and_hang"), VOICE_A, target))


def test_where_no_process_can_be_started_the_fault_is_ours_and_the_mother_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, "no more processes")

    monkeypatch.setattr(os, "fork", refuse)
    told, tell = os.pipe()
    given = [tell, *(os.dup(tell) for _ in range(3))]
    with socket.socket() as channel:
        Mother(channel, modules={"json"})._follow({"number": 1, "module": "json"}, given)
    with open(told) as pipe:
        assert pipe.read().endswith(str(FAULT_STATUS))  # and nothing is left open


@linux
def test_a_child_learns_nothing_of_the_others(tmp_path: Path) -> None:
    DIRECT.run(Call(playing("_tell_its_mother"), VOICE_A, tmp_path / "of-another-visitor"))
    (found,) = DIRECT.run(Call(playing("_search_memory"), VOICE_A, tmp_path / "target"))
    assert found["words"] == "found 0"


@linux
def test_a_child_with_very_many_threads_is_ended(tmp_path: Path) -> None:
    error = check_refused(playing("_start_threads"), tmp_path)
    assert "could not be opened" in error.message


@pytest.mark.parametrize(
    "answer", ["", "nonsense", "[1]", '{"error": {"code": 1}}', '{"result": 3}', "9" * 2**21]
)
def test_an_answer_that_is_none_is_that_of_a_damaged_file(answer: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="could not be opened"):
        _parse_answer(PICTURE_OPERATION, answer.encode())

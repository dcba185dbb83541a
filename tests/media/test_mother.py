"""Decoders' processes are forked by a mother process, where that is safe, and start alike.

The functions whose names start with an underscore play decoders, in the child process.
"""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from inference.core.errors import InputError
from inference.core.settings import ROOT
from inference.media.ingest import PICTURE_OPERATION
from inference.media.sandbox.runner import DIRECT, Budget, Call, Operation, _parse_answer
from tests.media.test_sandbox import _hang, _Said, check_refused
from tests.media.test_sandbox import playing as playing_there
from tests.support.media import VOICE_A


def _tell_its_mother(source: Path, target: Path) -> _Said:
    return _Said(str(os.getppid()))


def _tell_and_hang(source: Path, target: Path) -> _Said:
    target.write_text(f"{os.getpid()} {os.getppid()}.")
    return _hang(source, target.with_name("unused"))


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


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked here")
def test_a_mother_that_is_killed_is_replaced_and_none_outlives_the_server(tmp_path: Path) -> None:
    """The server is a process that is killed while it waits for a child."""
    target = tmp_path / "target"
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from inference.media.sandbox.runner import DIRECT, Call\n"
        "from tests.media.test_mother import playing, VOICE_A\n"
        "mothers = []\n"
        "for _ in range(2):\n"
        "    call = Call(playing('_tell_its_mother'), VOICE_A, Path(sys.argv[1]))\n"
        "    mothers += [int(DIRECT.run(call)[0]['words'])]\n"
        "    os.kill(mothers[-1], signal.SIGKILL)\n"
        "print(*mothers, flush=True)\n"
        "DIRECT.run(Call(playing('_tell_and_hang'), VOICE_A, Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(target)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        first, second = server.stdout.readline().split()
        assert first != second
        while not (target.exists() and (pids := target.read_text()).endswith(".")):
            time.sleep(0.01)
        server.kill()
    deadline = time.monotonic() + 60
    while any(Path("/proc", pid).exists() for pid in pids.strip(".").split()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    "answer", ["", "nonsense", "[1]", '{"error": {"code": 1}}', '{"result": 3}', "9" * 2**21]
)
def test_an_answer_that_is_none_is_that_of_a_damaged_file(answer: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="could not be opened"):
        _parse_answer(PICTURE_OPERATION, answer.encode())

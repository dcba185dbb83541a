"""The stand-in does what Modal does, as far as the app relies on it: shown with Modal's client."""

import os
import signal
import urllib.request
from pathlib import Path

import modal
import pytest

from tests.modal.conftest import needs_root
from tests.modal.sample_app import NAME
from tests.modal.standin.handle import StandIn
from tests.modal.trying import (
    APP,
    PATIENCE_S,
    client,
    function,
    notes,
    running,
    runs,
    standin,
    until,
)

__all__ = ["client", "notes", "standin"]


def test_a_lost_containers_input_is_run_again(
    standin: StandIn, client: modal.Client, notes: modal.Dict
) -> None:
    call = function(client, "wait").spawn("lost")
    runs(notes, "lost", 1)
    first = running(standin, "wait")
    os.kill(first["pid"], signal.SIGKILL)
    runs(notes, "lost", 2)
    notes["lost go"] = True
    answer = call.get(timeout=PATIENCE_S)
    assert answer["run"] == 2 and answer["task"] != first["task"]
    assert [answer["input"]] == first["running"] and answer["call"] == call.object_id


def test_retries_come_to_an_end(standin: StandIn, client: modal.Client, notes: modal.Dict) -> None:
    call = function(client, "wait").spawn("doomed")
    for run in (1, 2):
        runs(notes, "doomed", run)
        standin.kill(running(standin, "wait")["task"])
    with pytest.raises(modal.exception.InternalFailure, match="container exited with 137"):
        call.get(timeout=PATIENCE_S)
    call = function(client, "fail").spawn("often", 2)
    assert call.get(timeout=PATIENCE_S) == 3
    with pytest.raises(ValueError, match="failure 3"):
        function(client, "fail").remote("too often", 3)


def test_preemption_interrupts_and_is_no_failure(
    standin: StandIn, client: modal.Client, notes: modal.Dict
) -> None:
    call = function(client, "wait").spawn("preempted")
    for run in (1, 2, 3):  # more often than there are retries
        runs(notes, "preempted", run)
        standin.preempt(running(standin, "wait")["task"])
    runs(notes, "preempted", 4)
    assert notes["preempted interrupted"]
    notes["preempted go"] = True
    assert call.get(timeout=PATIENCE_S)["run"] == 4


def test_another_process_waits_and_cancels(
    standin: StandIn, client: modal.Client, notes: modal.Dict
) -> None:
    kept, dropped = (function(client, "wait").spawn(key) for key in ("kept", "dropped"))
    until(lambda: notes.get("kept") and notes.get("dropped"))
    with pytest.raises(TimeoutError):
        modal.FunctionCall.from_id(kept.object_id, client=client).get(timeout=0)
    before = {c["task"] for c in standin.containers()}
    code = "import modal, sys; call = modal.FunctionCall.from_id(sys.argv[1]); "
    done = standin.python("-c", code + "call.cancel()", dropped.object_id)
    assert done.returncode == 0, done.stderr
    with pytest.raises(modal.exception.RemoteError):
        dropped.get(timeout=PATIENCE_S)
    until(lambda: len([c for c in standin.containers() if c["running"]]) == 1)
    assert before <= {c["task"] for c in standin.containers()}  # they stay warm
    notes["kept go"] = True
    done = standin.python("-c", code + "print(call.get()['run'])", kept.object_id)
    assert done.stdout == "1\n", done.stderr


def test_terminated_is_for_good(standin: StandIn, client: modal.Client, notes: modal.Dict) -> None:
    call = function(client, "wait").spawn("terminated")
    runs(notes, "terminated", 1)
    before, task = standin.runs("wait"), running(standin, "wait")["task"]
    call.cancel(terminate_containers=True)
    with pytest.raises(modal.exception.RemoteError):
        call.get(timeout=PATIENCE_S)
    until(lambda: task not in {c["task"] for c in standin.containers()})
    assert standin.runs("wait") == before and notes["terminated"] == 1


def test_each_run_has_its_time(standin: StandIn, client: modal.Client) -> None:
    once, always = (function(client, "sleep").spawn(f"{n} sleeps", n) for n in (1, 9))
    assert once.get(timeout=PATIENCE_S) == 2
    with pytest.raises(modal.exception.FunctionTimeoutError):
        always.get(timeout=PATIENCE_S)
    assert standin.runs("sleep") == 4


def test_a_web_function_takes_and_streams(standin: StandIn, notes: modal.Dict) -> None:
    asked = standin.request(NAME, "web", "/upload", bytes(3 << 20))
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
        assert answer.headers["Content-Type"] == "text/plain"
        assert answer.read() == b"3145728\nend\n"
    asked = standin.request(NAME, "web", "/stream")
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
        assert answer.readline() == b"0\n"  # while the rest is still to come
        notes["stream go"] = True
        assert answer.readline() == b"end\n"


def test_a_container_has_what_was_declared_and_nothing_else(client: modal.Client) -> None:
    large = bytes(3 << 20)  # too much for a message
    assert function(client, "look").remote(large) == {
        "files": ["baked.txt", "sample_app.py"],
        "project": False,
        "word": "hidden",
        "image": "two words",
        "read_only": True,
        "baked": "broken",
        "length": len(large),
    }


def test_declarations_are_recorded(standin: StandIn) -> None:
    found = standin.functions(NAME)
    assert sorted(found) == ["Card.*", "Desk.*", "Frail.*", "fail", "look", "sleep", "wait", "web"]
    image = found["wait"].pop("image")
    assert found["wait"] == {
        "app": NAME,
        "name": "wait",
        "methods": [],
        "gpus": ["H100", "A100-80GB:2"],
        "cpu": 2,
        "memory_mb": 512,
        "timeout_s": 600,
        "startup_timeout_s": 300,
        "retries": 1,
        "idle_s": 120,
        "min_containers": 0,
        "max_containers": 3,
        "max_inputs": 1,
        "single_use": False,
        "volumes": [
            {"path": "/vol/shared", "name": "shared", "read_only": True, "sub_path": ""},
        ],
        "secrets": ["known"],
        "files": ["/root/baked.txt", "/root/sample_app.py"],
        "memory_snapshot": True,
        "experimental": {"enable_gpu_snapshot": "True"},
        "web_url": "",
    }
    commands = standin.images()[image]
    assert commands[0].startswith("FROM python:3.12") and commands[-1] == "COPY . /"
    assert found["web"]["max_inputs"] == 10
    assert found["web"]["web_url"] == standin.url(NAME, "web")
    assert standin.unimplemented() == []


_WRONG = """
import modal
if not modal.is_local():
    import forgotten
app = modal.App("wrong", include_source=False)
secrets = [modal.Secret.from_name("absent")] if {secret} else []
@app.function(image=modal.Image.debian_slim().add_local_file(__file__, "/root/wrong.py"),
              secrets=secrets, gpu={gpu!r})
def imports():
    pass
"""


def test_mistakes_are_told(standin: StandIn, tmp_path: Path) -> None:
    app = tmp_path / "wrong.py"
    app.write_text(_WRONG.format(secret=True, gpu=None))
    done = standin.modal("deploy", str(app))
    assert done.returncode and "Secret 'absent' not found" in done.stdout + done.stderr
    app.write_text(_WRONG.format(secret=False, gpu="H1000"))
    done = standin.modal("deploy", str(app))
    assert done.returncode and "Invalid GPU type" in done.stdout + done.stderr
    (tmp_path / "forgotten.py").touch()
    app.write_text(_WRONG.format(secret=False, gpu=None))
    done = standin.modal("run", str(app))
    assert done.returncode and "No module named 'forgotten'" in done.stdout + done.stderr
    assert "No module named 'forgotten'" in standin.output()


def test_containers_end_with_the_server_however_it_ends(tmp_path: Path) -> None:
    needs_root()
    with StandIn(tmp_path / "modal", secrets={"known": {"WORD": ""}}) as standin:
        assert standin.modal("deploy", APP).returncode == 0
        code = "import modal, sys; modal.Function.from_name('sample', 'wait').spawn('')"
        assert standin.python("-c", code).returncode == 0
        pid = running(standin, "wait")["pid"]
        assert standin._server
        standin._server.kill()
        until(lambda: not Path(f"/proc/{pid}").exists())
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()

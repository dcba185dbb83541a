"""The stand-in does what Modal does, as far as the app relies on it: shown with Modal's client."""

import io
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import modal
import pytest

from tests.modal.conftest import needs_root
from tests.modal.sample_app import NAME
from tests.modal.standin.handle import Running, StandIn

APP = "tests/modal/sample_app.py"
PATIENCE_S = 120


def runs(notes: modal.Dict, key: str, number: int) -> None:
    """Wait for that run of a call."""
    until(lambda: notes.get(key) == number)


def until(condition: Callable[[], Any]) -> Any:
    """What `condition` says once it says something."""
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Modal, with the sample app deployed."""
    needs_root()
    secrets = {"known": {"WORD": "hidden"}}
    with StandIn(tmp_path_factory.mktemp("modal"), secrets=secrets) as standin:
        done = standin.modal("deploy", APP)
        assert done.returncode == 0, done.stdout + done.stderr
        yield standin


@pytest.fixture(scope="module")
def client(standin: StandIn) -> Iterator[modal.Client]:
    """Modal's client in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in standin.environment.items():
            patch.setenv(name, value)
        client = modal.Client.from_credentials("ak-test", "as-test")
        yield client
        client.close()


@pytest.fixture
def volume(client: modal.Client) -> modal.Volume:
    return modal.Volume.from_name("shared", client=client)


@pytest.fixture
def notes(client: modal.Client) -> modal.Dict:
    return modal.Dict.from_name("notes", create_if_missing=True, client=client)


def function(client: modal.Client, name: str) -> Any:
    return modal.Function.from_name(NAME, name, client=client)


def desk(client: modal.Client, name: str) -> Any:
    """Somebody with a view of the Volume of their own."""
    return modal.Cls.from_name(NAME, "Desk", client=client)(name=name)


def read(volume: modal.Volume, name: str) -> str | None:
    """What everybody else would see."""
    try:
        return b"".join(volume.read_file(name)).decode()
    except FileNotFoundError:
        return None


def running(standin: StandIn, name: str) -> Running:
    """The container of that function which has something to do."""

    def find() -> Running | None:
        found = standin.containers()
        return next((c for c in found if c["function"] == name and c["running"]), None)

    found: Running = until(find)
    return found


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


def test_a_function_has_its_time(client: modal.Client) -> None:
    with pytest.raises(modal.exception.FunctionTimeoutError):
        function(client, "sleep").remote()


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
        "length": len(large),
    }


def test_declarations_are_recorded(standin: StandIn) -> None:
    found = standin.functions(NAME)
    assert sorted(found) == ["Desk.*", "fail", "look", "sleep", "wait", "web"]
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
app = modal.App("wrong", include_source=False)
secrets = [modal.Secret.from_name("absent")] if {secret} else []
@app.function(image=modal.Image.debian_slim().add_local_file(__file__, "/root/wrong.py"),
              secrets=secrets, gpu={gpu!r})
def imports():
    import forgotten
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

"""A small app for trying the stand-in: each function shows something that Modal does."""

import asyncio
import fcntl
import importlib
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import modal
import modal.experimental

NAME = "sample"
SHARED = Path("/vol/shared")
HERE = Path(__file__)

image = (
    modal.Image.debian_slim(python_version="3.12")
    .env({"SAMPLE": "two words"})
    .add_local_file(HERE, "/root/baked.txt", copy=True)
    .add_local_file(HERE, "/root/sample_app.py")
)
app = modal.App(NAME, image=image, include_source=False)
shared = modal.Volume.from_name("shared", create_if_missing=True)
notes = modal.Dict.from_name("notes", create_if_missing=True)


def count(key: str) -> int:
    """How often this was called with `key`, in all containers."""
    number: int = notes.get(key, 0) + 1
    notes[key] = number
    return number


def _noted(key: str) -> threading.Event:
    """Return an event that is set once `key` is noted.

    A call of the client that ends while it is interrupted drops the interruption, so the thread
    that is to be interrupted makes none.
    """
    event = threading.Event()

    def poll() -> None:
        while not notes.get(key):
            time.sleep(0.05)
        event.set()

    threading.Thread(target=poll, daemon=True).start()
    return event


@app.cls(volumes={str(SHARED): shared}, max_containers=1)
class Desk:
    """Each has a container, and so a view of the Volume, of its own."""

    name: str = modal.parameter()

    @modal.method()
    def write(self, name: str, text: str) -> str:
        """Returns which container has done it."""
        (SHARED / name).parent.mkdir(parents=True, exist_ok=True)
        (SHARED / name).write_text(text)
        return os.environ["MODAL_TASK_ID"]

    @modal.method()
    def remove(self, name: str) -> None:
        (SHARED / name).unlink()

    @modal.method()
    def rename(self, name: str, target: str) -> None:
        (SHARED / name).rename(SHARED / target)

    @modal.method()
    def read(self, name: str) -> str | None:
        return (SHARED / name).read_text() if (SHARED / name).exists() else None

    @modal.method()
    def commit(self) -> None:
        shared.commit()

    @modal.method()
    def reload(self) -> None:
        shared.reload()

    @modal.method()
    def reload_while_open(self, name: str) -> str:
        with open(SHARED / name):
            try:
                shared.reload()
            except RuntimeError as error:
                return str(error)
        return ""

    @modal.method()
    def link(self, name: str, target: str) -> bool:
        """A symbolic link; returns whether there can be a hard one, too."""
        (SHARED / name).symlink_to(target)
        try:
            (SHARED / f"{name}-hard").hardlink_to(SHARED / name)
        except PermissionError:
            return False
        return True

    @modal.method()
    def time_ns(self, name: str) -> int:
        return (SHARED / name).stat().st_mtime_ns

    @modal.method()
    def free(self) -> tuple[int, int]:
        """Bytes on the Volume and beside it."""
        return shutil.disk_usage(SHARED).free, shutil.disk_usage("/").free

    @modal.method()
    def lock(self, name: str) -> None:
        """Nobody else is to have it until `unlock`; raises BlockingIOError if somebody has."""
        self.held = (SHARED / name).open("a")
        fcntl.flock(self.held, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @modal.method()
    def unlock(self) -> None:
        self.held.close()

    @modal.method()
    def leave(self) -> str:
        """Its last work; returns which container has done it."""
        modal.experimental.stop_fetching_inputs()
        return os.environ["MODAL_TASK_ID"]


@app.cls(gpu="H100", enable_memory_snapshot=True)
class Card:
    """Loads torch before there is a GPU, and asks it for devices when it is hasty."""

    hasty: bool = modal.parameter(default=False)

    @modal.enter(snap=True)
    def load(self) -> None:
        self.torch = importlib.import_module("torch")
        if self.hasty:
            self.torch.accelerator.is_available()

    @modal.method()
    def count(self) -> int:
        number: int = self.torch.cuda.device_count()
        return number


@app.cls(gpu="H100")
class Frail:
    """Can't be started the first `times` that somebody tries."""

    times: int = modal.parameter()

    @modal.enter()
    def break_down(self) -> None:
        if count(f"starts {self.times}") <= self.times:
            raise OSError("it broke down")

    @modal.method()
    def work(self) -> int:
        """Returns how often it was started."""
        number: int = notes[f"starts {self.times}"]
        return number


@app.function(
    gpu=["H100", "A100-80GB:2"],
    cpu=2,
    memory=512,
    timeout=600,
    startup_timeout=300,
    retries=modal.Retries(max_retries=1, initial_delay=1.0),
    scaledown_window=120,
    max_containers=3,
    volumes={str(SHARED): shared.with_mount_options(read_only=True)},
    secrets=[modal.Secret.from_name("known", required_keys=["WORD"])],
    enable_memory_snapshot=True,
    experimental_options={"enable_gpu_snapshot": True},
)
def wait(key: str) -> dict[str, Any]:
    """Note that it runs, and wait for somebody to note "go"."""
    run = count(key)
    try:
        _noted(f"{key} go").wait()
    except KeyboardInterrupt:
        notes[f"{key} interrupted"] = True
        while notes.get(f"{key} hold"):
            time.sleep(0.05)
        raise
    return {
        "run": run,
        "input": modal.current_input_id(),
        "call": modal.current_function_call_id(),
        "task": os.environ["MODAL_TASK_ID"],
    }


@app.function(retries=2)
def fail(key: str, times: int) -> int:
    """Raise so often, then answer how often it was called."""
    number = count(key)
    if number <= times:
        raise ValueError(f"failure {number}")
    return number


@app.function(timeout=1, retries=1)
def sleep(key: str, times: int) -> int:
    """Take too long so often, then answer how often it was called."""
    number = count(key)
    if number <= times:
        time.sleep(60)
    return number


@app.function(
    volumes={str(SHARED): shared.with_mount_options(read_only=True)},
    secrets=[modal.Secret.from_name("known")],
)
def look(data: bytes) -> dict[str, Any]:
    """What a container finds, with the length of what it was given."""
    try:
        (SHARED / "forbidden").write_text("")
        read_only = False
    except OSError:
        read_only = True
    return {
        "files": sorted(path.name for path in Path("/root").iterdir() if path.is_file()),
        "project": HERE.with_name("test_standin.py").exists(),
        "word": os.environ["WORD"],
        "image": os.environ["SAMPLE"],
        "read_only": read_only,
        "baked": Path("/root/baked.txt").read_text(),
        "length": len(data),
    }


@app.function(max_containers=1)
@modal.concurrent(max_inputs=10)
@modal.asgi_app()
def web() -> Any:
    """Answers with the length of what was sent, or with a stream."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        length, more = 0, True
        while more:
            message = await receive()
            length, more = length + len(message["body"]), message["more_body"]
        task = os.environ["MODAL_TASK_ID"].encode()
        headers = [(b"content-type", b"text/plain"), (b"task", task)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"%d\n" % length, "more_body": True})
        if scope["path"] == "/stream":
            while not await notes.get.aio("stream go"):
                await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"end\n", "more_body": False})

    return answer

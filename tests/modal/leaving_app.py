"""A small app whose calls end their own container, in the ways the product does."""

import ctypes
import os
import signal
import threading
from pathlib import Path

import modal

import inference
from inference.cloud.watchdog import leave_container

NAME = "leaving"
PRODUCT = Path(inference.__path__[0])

image = (
    modal.Image.debian_slim(python_version="3.12")
    .add_local_dir(PRODUCT, "/root/inference", ignore=["**/__pycache__"])
    .add_local_file(__file__, "/root/leaving_app.py")
)
app = modal.App(NAME, image=image, include_source=False)
notes = modal.Dict.from_name("notes", create_if_missing=True)


@app.cls(retries=3, max_containers=1)
class Worker:
    """One container at a time, which may be left."""

    @modal.method()
    def work(self, leave: bool) -> str:
        """Returns which container has done it."""
        if leave:
            leave_container()
        return os.environ["MODAL_TASK_ID"]

    @modal.method()
    def hang(self, key: str) -> None:
        """Do what no signal and no exception ends, until the container is left by a thread."""
        notes[key] = notes.get(key, 0) + 1
        call = modal.current_function_call_id() or ""
        threading.Thread(target=leave_container, args=[call], daemon=True).start()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGINT})
        ctypes.CDLL(None).sleep(600)

"""The media that ships with the project, and the real command line and server to try it on."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from inference import queue

ROOT = Path(__file__).resolve().parents[1]
MEDIA = ROOT / "presets" / "media"
ASTRONAUT = MEDIA / "astronaut.png"  # one smiling face, 512x512
DRAWN_ONE = MEDIA / "drawn_one.png"
DRAWN_PAIR = MEDIA / "drawn_pair.png"  # two faces, one mouth open and one shut
VOICE_A = MEDIA / "voice_a.wav"  # 7.75 s
VOICE_B = MEDIA / "voice_b.wav"  # 5.8 s


def decoded(video: Path) -> list[NDArray[np.uint8]]:
    """Every frame of `video`, RGB uint8 (height, width, 3)."""
    with av.open(str(video)) as file:
        return [f.to_ndarray(format="rgb24").astype(np.uint8) for f in file.decode(video=0)]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(data: Path, worker: str = queue.WORKER) -> Iterator[str]:
    """The real server in a process of its own, with its data in `data`; yields its address.

    `worker` is the module that runs its jobs.
    """
    port = free_port()
    code = (
        f"import sys, app; from inference import queue; queue.WORKER = {worker!r};"
        "sys.exit(app.main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", str(port)],
        cwd=ROOT,
        env=os.environ | {"PORTRAIT_DATA": str(data)},
        stdout=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{address}/healthz", timeout=1):
                    break
            except OSError:
                assert process.poll() is None, "the server ended"
                time.sleep(0.05)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0, "Ctrl-C is the usual way to end it"

"""Speed and memory of the command line, measured as a user would: `make bench`.

Times are noisy, so each is also given as a ratio to encoding the same still frames in this run.
Memory is the peak sum of PSS over the command and all its processes (Linux only).
"""

import subprocess
import sys
import tempfile
import threading
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from inference.media.video import SegmentWriter
from tests.bench import transformer, weights
from tests.support.media import ASTRONAUT, DRAWN_PAIR, ROOT, VOICE_A, VOICE_B
from tests.support.page_sessions import Session, action_s, crowd
from tests.support.servers import serving

_SAMPLE_S = 0.02  # between two looks at memory
_CROWD = 20  # people whose videos are being made


@dataclass(frozen=True)
class Run:
    """One whole command: wall time and peak memory."""

    seconds: float
    peak_mb: float


def run(*arguments: str | Path) -> Run:
    """Run `python app.py ...` to its end, watching the memory of its whole process tree."""
    started = time.monotonic()
    command = [sys.executable, "app.py", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        peak = [0.0]
        watcher = threading.Thread(target=_watch, args=(process, peak))
        watcher.start()
        status = process.wait()
        watcher.join()
    if status:
        raise SystemExit(f"{command} ended with status {status}")
    return Run(time.monotonic() - started, peak[0])


def _watch(process: "subprocess.Popen[bytes]", peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], _tree_mb(process.pid))
        time.sleep(_SAMPLE_S)


def _tree_mb(pid: int) -> float:
    """Sum of PSS in MB over a process and its descendants; one that just ended counts nothing."""
    total = 0
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0.0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except (psutil.Error, AttributeError):
            continue
    return total / 1e6


def lengthened(source: Path, seconds: float, target: Path) -> Path:
    """`source` repeated until it is `seconds` long."""
    with wave.open(str(source)) as voice:
        parameters, data = voice.getparams(), voice.readframes(voice.getnframes())
    need = round(seconds * parameters.framerate) * parameters.sampwidth * parameters.nchannels
    with wave.open(str(target), "wb") as out:
        out.setparams(parameters)
        out.writeframes((data * (need // len(data) + 1))[:need])
    return target


def still_encode_s(frames: int, folder: Path) -> float:
    """Seconds to encode `frames` equal frames of noise-free grey: the floor of any engine here."""
    frame = np.full((448, 896, 3), 128, np.uint8)
    started = time.monotonic()
    with SegmentWriter(folder / "still.mp4", 896, 448) as writer:
        for _ in range(frames):
            writer.write(frame)
    return time.monotonic() - started


def page(data: Path) -> None:
    """Print how long the page takes to start, and an action on it alone and in a crowd."""
    started = time.monotonic()
    with serving(data) as server:
        print(f"The page answers {time.monotonic() - started:.1f} s after its start.")
        with Session(server.address) as session:
            session.act(do="example", name="astronaut")
            while 'data-state="draft"' not in session.act(do="refresh"):
                time.sleep(_SAMPLE_S)
            alone = action_s(session)
            with crowd(server.address, _CROWD):
                times = action_s(session) / alone
        print(
            f"An action takes {1000 * alone:.0f} ms, {times:.1f} times that beside {_CROWD} others."
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        floor = still_encode_s(500, folder) / 20
        print("| clip | s | s per video s | times a still's encoding | peak PSS, MB |")
        print("|---|---|---|---|---|")
        peaks = []
        for seconds in (20, 120):
            voice = lengthened(VOICE_A, seconds, folder / f"{seconds}.wav")
            second = lengthened(VOICE_B, seconds, folder / f"{seconds}b.wav")
            one: list[str | Path] = ["--image", ASTRONAUT, "--audio", voice]
            two: list[str | Path] = ["--image", DRAWN_PAIR, "--audio", voice, "--audio2", second]
            for title, given in (("one face", one), ("two faces", two)):
                done = run("generate", *given, "-o", folder / "out.mp4")
                rate = done.seconds / seconds
                print(
                    f"| {seconds} s, {title} | {done.seconds:.1f} | {rate:.2f} "
                    f"| {rate / floor:.1f} | {done.peak_mb:.0f} |"
                )
                peaks.append(done.peak_mb)
        print(f"\n120 s costs {peaks[2] - peaks[0]:.0f} MB more than 20 s (one face), ", end="")
        print(f"{peaks[3] - peaks[1]:.0f} MB more (two faces).")
        page(folder / "data")
    transformer.main()
    weights.main()


if __name__ == "__main__":
    main()

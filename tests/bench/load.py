"""Many people at the page and a long queue, with the real draft engine: `make load`.

Each session opens the page, takes an example, and goes on as a person does: it polls, looks at its
history, writes a scene, gives another recording. Prints how long each action took, and how the
memory of the server went. Ends with status 1 if an action failed or the memory grew.
"""

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from tests.support.api_client import TOKEN, bearer
from tests.support.media import ASTRONAUT, VOICE_A
from tests.support.page_sessions import Session
from tests.support.servers import Server
from ui.media.uploads import HEADER

SESSIONS, DRAFTS, SECONDS = 50, 200, 600.0
MOST_GROWTH = 1.2  # of the memory, in half of the time
_WAIT_S = 0.5  # of a page between two looks at the server while a video is made
_SAMPLE_S = 1.0
_ARRIVAL = 0.2  # of the time, in which people come one after another
# how often people do something, compared with other things
_ACTIONS = {"poll": 60, "draw anew": 20, "history": 8, "scene": 8, "open": 3, "recording": 1}


class Load:
    """What was measured: seconds of each action, failures, MB of the server."""

    def __init__(self, address: str) -> None:
        self._address, self._end = address, 0.0
        self._lock = threading.Lock()
        self.took: dict[str, list[float]] = defaultdict(list)
        self.failures: list[str] = []
        self.memory_mb: list[float] = []

    def begin(self, seconds: float) -> None:
        """Begin the time in which people act."""
        self._end = time.monotonic() + seconds

    @property
    def is_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self._end

    def measure(self, name: str, action: Callable[[], object]) -> None:
        """Do something, and note how long it took or why it failed."""
        started = time.monotonic()
        try:
            action()
        except (httpx.HTTPError, AssertionError) as error:
            with self._lock:
                self.failures.append(f"{name}: {error!r}")
        else:
            with self._lock:
                self.took[name].append(time.monotonic() - started)

    def visit(self, number: int, comes_after_s: float) -> None:
        """Be one of the people, until the time is over."""
        time.sleep(comes_after_s)
        choose = random.Random(number)
        names, weights = list(_ACTIONS), list(_ACTIONS.values())
        with Session(self._address) as session:
            do: dict[str, Callable[[], object]] = {
                "poll": session.pulse,
                "draw anew": lambda: session.act(do="refresh"),
                "history": lambda: session.act(do="refresh", view="history"),
                "scene": lambda: session.act(do="set", field="prompt", value=f"{choose.random()}"),
                "open": lambda: session.http.get("/").raise_for_status(),
                "recording": lambda: self._give_recording(session),
            }
            self.measure("example", lambda: session.act(do="example", name="astronaut"))
            while self.is_on:
                time.sleep(choose.uniform(0, 2 * _WAIT_S))
                name = choose.choices(names, weights)[0]
                self.measure(name, do[name])

    def _give_recording(self, session: Session) -> None:
        sent = session.http.post(
            "/upload?kind=voice", content=VOICE_A.read_bytes(), headers={HEADER: "1"}
        )
        upload = sent.raise_for_status().json()["upload"]
        session.act(do="voice", slot=0, upload=upload, name=VOICE_A.name)

    def queue_drafts(self, count: int) -> None:
        """Send drafts of a program, which wait beside those of the people."""
        with httpx.Client(base_url=self._address, headers=bearer(), timeout=60) as program:

            def send() -> None:
                files = {"image": ASTRONAUT.read_bytes(), "audio": VOICE_A.read_bytes()}
                program.post("/api/jobs", files=files).raise_for_status()

            for _ in range(count):
                self.measure("draft sent", send)

    def watch(self, pid: int) -> None:
        """Note the server's memory, until the time is over."""
        process = psutil.Process(pid)
        while self.is_on:
            self.memory_mb.append(process.memory_info().rss / 1e6)
            time.sleep(_SAMPLE_S)

    def compute_growth(self) -> float:
        """Return how often the memory of the first half fits into that of the second."""
        half = len(self.memory_mb) // 2
        return statistics.mean(self.memory_mb[half:]) / statistics.mean(self.memory_mb[:half])


def put_under_load(server: Server, sessions: int, drafts: int, seconds: float) -> Load:
    """Return what was measured of a started server."""
    load = Load(server.address)
    people = [
        threading.Thread(target=load.visit, args=(number, _ARRIVAL * seconds * number / sessions))
        for number in range(sessions)
    ]
    watcher = threading.Thread(target=load.watch, args=(server.pid,))
    load.queue_drafts(drafts)
    load.begin(seconds)
    for thread in (*people, watcher):
        thread.start()
    for thread in (*people, watcher):
        thread.join()
    return load


def report(load: Load) -> bool:
    """Print what was measured; return whether it is good."""
    print("| action | times | p50, ms | p95, ms |")
    print("|---|---|---|---|")
    for name, took in sorted(load.took.items()):
        parts = statistics.quantiles(took, n=20, method="inclusive") if len(took) > 1 else took * 19
        print(f"| {name} | {len(took)} | {1000 * parts[9]:.0f} | {1000 * parts[18]:.0f} |")
    growth, samples = load.compute_growth(), load.memory_mb
    print(f"\nThe server had {samples[0]:.0f} MB at first, {samples[-1]:.0f} at the end, ", end="")
    print(f"{max(samples):.0f} at most; in the second half {growth:.2f} times the first half's.")
    print(len(load.failures), "actions failed.", *load.failures[:5])
    return growth <= MOST_GROWTH and not load.failures


def main() -> int:
    """Measure this machine; return the exit status."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--drafts", type=int, default=DRAFTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = Server(
            Path(folder),
            PORTRAIT_API_TOKEN=TOKEN,
            PORTRAIT_QUEUE="1000",
            PORTRAIT_QUEUE_PER_PERSON="1000",
        )
        server.start()
        workers: list[psutil.Process] = []
        try:
            load = put_under_load(server, given.sessions, given.drafts, given.seconds)
            workers = psutil.Process(server.pid).children(recursive=True)
        finally:
            server.stop()
            for worker in workers:  # its draft would go on
                if worker.is_running():
                    worker.kill()
    return 0 if report(load) else 1


if __name__ == "__main__":
    sys.exit(main())

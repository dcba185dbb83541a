"""Sessions of the page without a browser: they open it, poll it and act, as its script does."""

import json
import secrets
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

_POLL_S = 0.5  # as often as the page of somebody whose video is being made


class Session:
    """One browser at `address`, with its cookie."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=60)
        self._client.get("/").raise_for_status()
        parts = self._client.get("/config").raise_for_status().json()
        self._bus = next(
            one for one in parts["dependencies"] if ["click"] == [t[1] for t in one["targets"]]
        )
        self._hash = secrets.token_hex(8)

    def pulse(self) -> str:
        """What tells whether the page has changed."""
        version: str = self._client.get("/pulse").raise_for_status().json()["version"]
        return version

    def act(self, **values: object) -> str:
        """Send an action over the bus; returns the head of the page that was answered."""
        event = {
            "data": [],
            "event_data": values,
            "fn_index": self._bus["id"],
            "trigger_id": self._bus["targets"][0][0],
            "session_hash": self._hash,
        }
        self._client.post("/gradio_api/queue/join", json=event).raise_for_status()
        with self._client.stream(
            "GET", "/gradio_api/queue/data", params={"session_hash": self._hash}
        ) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data: ")) if line else {}
                if message.get("msg") == "process_completed":
                    assert message["success"], message
                    head: str = message["output"]["data"][1]
                    return head
        raise AssertionError("no answer came")

    def close(self) -> None:
        self._client.close()


@contextmanager
def crowd(address: str, size: int) -> Iterator[None]:
    """So many people whose videos are being made: each polls, and renders the page anew."""
    done = threading.Event()

    def stay() -> None:
        session = Session(address)
        while not done.wait(_POLL_S):
            session.pulse()
            session.act(do="refresh")
        session.close()

    threads = [threading.Thread(target=stay) for _ in range(size)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def action_s(session: Session, times: int = 20) -> float:
    """Seconds that one action takes, of several the middle one."""
    took = []
    for _ in range(times):
        started = time.monotonic()
        session.act(do="refresh")
        took.append(time.monotonic() - started)
    return statistics.median(took)

"""Sessions of the page without a browser: they open it, poll it and act, as its script does."""

import json
import secrets
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import httpx

from ui.access.identity import OWNER_COOKIE
from ui.session.commands import DECODING_ACTIONS

_POLL_S = 0.5  # as often as the page of somebody whose video is being made


class Session:
    """One browser at `address`, with its cookie; there may be several hosts.

    `like`: one that has opened the page, which is the same for everybody.
    """

    def __init__(self, address: str, host: str = "", like: "Session | None" = None) -> None:
        headers = {"Host": host} if host else {}
        self.http = httpx.Client(base_url=address, timeout=60, headers=headers)
        self._hash = secrets.token_hex(8)
        self._events: dict[str, int]
        if like:
            self.http.cookies.set(OWNER_COOKIE, secrets.token_hex(32))
            self._events = like._events
            return
        self.http.get("/").raise_for_status()
        events = self.http.get("/config").raise_for_status().json()["dependencies"]
        self._events = {event["targets"][0][1]: event["id"] for event in events}

    def pulse(self) -> str:
        """What tells whether the page has changed."""
        version: str = self.http.get("/pulse").raise_for_status().json()["version"]
        return version

    def begin(self, event_name: str = "", /, **values: object) -> None:
        """Send an action over the bus, as its own event or another."""
        is_long = values["do"] in DECODING_ACTIONS
        event = {
            "data": [],
            "event_data": values,
            "fn_index": self._events[event_name or ("upload" if is_long else "click")],
            "session_hash": self._hash,
        }
        self.http.post("/gradio_api/queue/join", json=event).raise_for_status()

    def act(self, event_name: str = "", /, **values: object) -> str:
        """Send an action over the bus; returns the page that was answered."""
        self.begin(event_name, **values)
        with self.http.stream(
            "GET", "/gradio_api/queue/data", params={"session_hash": self._hash}
        ) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data:") or "{}")
                if message.get("msg") == "process_completed":
                    assert message["success"], message
                    return "".join(message["output"]["data"])
        raise AssertionError("no answer came")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()


@contextmanager
def crowd(address: str, size: int) -> Iterator[None]:
    """So many people whose videos are being made: each polls, and renders the page anew."""
    done = threading.Event()

    def stay() -> None:
        with Session(address) as session:
            while not done.wait(_POLL_S):
                session.pulse()
                session.act(do="refresh")

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

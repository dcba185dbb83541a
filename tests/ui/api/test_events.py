"""A listener hears each event once, in order, and that it is over, whatever happens on the way."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from inference.core.events import Cancelled, Finished, Step
from inference.jobs import lock
from inference.jobs.history import HistoryWriter
from tests.support.api_client import Server
from tests.support.played_jobs import PLANS
from tests.support.scripted_engine import result
from ui.api import events
from ui.api.events import follow

PATIENCE_S = 20
MADE = Finished(result(PLANS["draft"]))


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def heard(chunks: list[str]) -> list[str]:
    """The ids of what was heard; the end as it is."""
    out = []
    for chunk in chunks:
        fields = dict(line.split(": ", 1) for line in chunk.strip().split("\n"))
        out.append(fields["id"] if "id" in fields else f"{fields['event']} {fields['data']}")
    return out


async def listen(
    stream: AsyncIterator[str], on: Callable[[str], None] = lambda chunk: None
) -> list[str]:
    """All that is said till the end, without comments; `on` is called at each piece."""
    chunks = []
    with anyio.fail_after(PATIENCE_S):
        async for chunk in stream:
            on(chunk)
            if not chunk.startswith(":"):
                chunks.append(chunk)
    return chunks


def test_what_is_over_is_told_at_once(server: Server) -> None:
    folder = server.job(Step(1, 4, 0, 2), MADE)
    chunks = anyio.run(listen, follow(folder, -1))
    assert heard(chunks) == ["0", "1", "2", 'end {"state": "finished"}']
    told = json.loads(chunks[1].split("data: ")[1])
    assert (told["type"], told["done"], told["total"]) == ("step", 1, 4)
    assert heard(anyio.run(listen, follow(folder, 1)))[0] == "2"


def test_it_follows_a_job_at_work_and_past_a_stop(server: Server) -> None:
    folder = server.job(Cancelled(0))
    server.jobs.resume(folder)
    written = HistoryWriter(folder)
    (folder / "waiting").unlink()
    descriptor = lock.acquire(folder / "lock")
    assert descriptor is not None

    def go_on(chunk: str) -> None:  # each time it has heard one event the next one happens
        if "id: 2" in chunk:
            written.append(Step(1, 4, 0, 2))
        elif "id: 3" in chunk:
            written.append(MADE)

    with open(descriptor):
        chunks = anyio.run(listen, follow(folder, -1), go_on)
    assert heard(chunks) == ["0", "1", "2", "3", "4", 'end {"state": "finished"}']


@pytest.mark.parametrize("how", ["killed", "deleted"])
def test_it_ends_with_a_worker_that_is_killed_and_with_a_job_that_is_deleted(
    server: Server, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(events, "_LOOKS", 1)
    folder, comments = server.job(), []

    def end(chunk: str) -> None:
        if chunk.startswith(":"):
            comments.append(chunk)
            if how == "deleted":
                server.jobs.delete(folder)
            else:
                (folder / "waiting").unlink()

    chunks = anyio.run(listen, follow(folder, -1), end)
    assert heard(chunks) == ["0", 'end {"state": "interrupted"}'] and len(comments) == 1

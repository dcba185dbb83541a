"""A job's events as they happen, over HTTP: Server-Sent Events.

The history on disk is followed, so a listener costs neither a thread nor a place at the worker, and
one that comes back says what it heard last and goes on from there.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio

from inference.core.events import Record
from inference.jobs import history
from inference.jobs.state import State, read_state

STREAM = "text/event-stream"
AT_WORK = (State.QUEUED, State.RUNNING)
_LOOK_S = 0.2  # between two looks at the history's size
_LOOKS = 25  # without news until the listener is told that we are still there


def plain(record: Record) -> dict[str, Any]:
    """The record as it is on disk, without what is meant for the log."""
    values: dict[str, Any] = json.loads(record.to_json())
    values.pop("details", None)
    return values


async def follow(folder: Path, after: int) -> AsyncIterator[str]:
    """The records numbered above `after`, as they come; then `end` with the state, once nobody
    works on the job. A comment every few seconds keeps the connection."""
    while True:
        size = history.read_size(folder)
        now, news = await anyio.to_thread.run_sync(_read, folder, after)
        for record in news:
            yield _event(plain(record))
            after = record.seq
        if now not in AT_WORK:
            yield f"event: end\ndata: {json.dumps({'state': now})}\n\n"
            return
        if not news:
            yield ": still here\n\n"
        await _growth(folder, size)


def _read(folder: Path, after: int) -> tuple[State, list[Record]]:
    """The state comes first: one at rest adds no more records to those that are read then."""
    return read_state(folder), history.read_records(folder, after)


async def _growth(folder: Path, size: int) -> None:
    """Returns when the history has another size, or after a while."""
    for _ in range(_LOOKS):
        if history.read_size(folder) != size:
            return
        await anyio.sleep(_LOOK_S)


def _event(values: dict[str, Any]) -> str:
    return f"id: {values['seq']}\nevent: {values['type']}\ndata: {json.dumps(values)}\n\n"

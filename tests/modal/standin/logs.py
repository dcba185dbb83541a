"""What an operator looks at: an app's log and its containers."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from modal_proto import api_pb2 as pb

from tests.modal.standin.deploys import App, Deploys
from tests.modal.standin.dispatch import found
from tests.modal.standin.fleet import Fleet

_POLL_S = 0.05
_FOLLOWED_S = 5  # how long an answer goes on if it isn't said


class Logs:
    """What apps print, and who prints it."""

    def __init__(self, deploys: Deploys, fleet: Fleet) -> None:
        self._deploys, self._fleet = deploys, fleet

    def _app(self, app_id: str) -> App:
        return found(self._deploys.apps, app_id, "App")

    async def AppGetLogs(self, r: Any, peer: object) -> AsyncIterator[pb.TaskLogsBatch]:
        app, sent = self._app(r.app_id), int(r.last_entry_id or 0)
        end = time.monotonic() + (r.timeout or _FOLLOWED_S)
        while time.monotonic() < end:
            stopped = app.state == pb.APP_STATE_STOPPED
            done = stopped and not self._fleet.of_app(r.app_id)
            news = app.output[sent:]
            if news:
                sent += len(news)
                yield _batch(news, str(sent))
            if done:
                yield pb.TaskLogsBatch(app_done=True, entry_id=str(sent))
                return
            await asyncio.sleep(_POLL_S)

    async def AppFetchLogs(self, r: Any, peer: object) -> pb.AppFetchLogsResponse:
        lines = self._app(r.app_id).output
        return pb.AppFetchLogsResponse(batches=[_batch(lines[-r.limit or None :], "")])

    async def TaskList(self, r: Any, peer: object) -> pb.TaskListResponse:
        chosen = [self._app(r.app_id)] if r.app_id else self._deploys.running()
        tasks = [
            pb.TaskStats(
                task_id=c.task_id,
                app_id=app.app_id,
                app_description=app.name,
                started_at=c.since,
                enqueued_at=c.since,
            )
            for app in chosen
            for c in self._fleet.of_app(app.app_id)
        ]
        return pb.TaskListResponse(tasks=tasks)


def _batch(lines: list[str], entry_id: str) -> pb.TaskLogsBatch:
    stdout = pb.FILE_DESCRIPTOR_STDOUT
    items = [pb.TaskLogs(data=text, file_descriptor=stdout) for text in lines]
    return pb.TaskLogsBatch(items=items, entry_id=entry_id)

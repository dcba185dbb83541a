"""Remote job: a task that is sent to Modal, and followed to its end.

Its files are sent and a call is spawned; from then on the job runs without this process. Events are
read from the status store, and finished files are fetched. After a crash, another process finds the
handle in the task's folder and resumes; see `inference.jobs.resume`.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ParamSpec, TypeVar

from inference.cloud.client import ModalClient, Unreachable
from inference.cloud.remote_handle import RemoteHandle, read_handle, write_handle
from inference.core.errors import Fault
from inference.core.events import (
    FINAL,
    Cancelled,
    Event,
    Failed,
    Finished,
    Frame,
    Record,
    Stage,
    StageName,
    Window,
)
from inference.core.files import write_whole
from inference.core.task import PREVIEW, PREVIOUS_REMOTE, REMOTE, RESULT, Task, segment_name
from presets.quality import PRESETS

logger = logging.getLogger(__name__)

_LISTEN_S = 0.5  # between two reads of the status
_SILENCE_S = 5.0  # without an event, then the call is checked
_UNREACHABLE_S = 15 * 60.0  # without an answer: a laptop that slept, a router that restarts
_PAUSE_S = 3.0  # between two tries to reach it
_P = ParamSpec("_P")
_T = TypeVar("_T")


class RemoteJob:
    """One task that the deployed app carries out."""

    def __init__(self, client: ModalClient, task: Task, cancelled: Callable[[], bool]) -> None:
        self._client, self._task, self._cancelled = client, task, cancelled
        self._job = task.folder.name

    def run(self) -> Iterator[Event]:
        """Start or resume the job; yield its events to the final one. Raises Fault and OSError."""
        handle = read_handle(self._task.folder)
        if handle and not self._retry(self._has_ended, handle):
            yield self._retry(self._read_last_stage)
            startup = _StartupStages(self._client, self._task, began=True)
        else:
            yield Stage(StageName.STARTING, "Sending the inputs to Modal")
            startup = _StartupStages(self._client, self._task)
            handle = self._spawn_call(handle)
        yield from self._follow(handle, startup)

    def _has_ended(self, handle: RemoteHandle) -> bool:
        """Tell whether the call ended and every event was handled, so that a new one is needed."""
        if self._read_new_records(handle):
            return False
        return not self._find_call(handle) or self._find_end_fault(handle) is not None

    def _find_end_fault(self, handle: RemoteHandle) -> Fault | None:
        """Return why the call that makes the attempt ended; None while it runs."""
        return self._client.find_end_fault(self._find_call(handle))

    def _find_call(self, handle: RemoteHandle) -> str:
        """Return the id of the call that makes the attempt, "" if unknown.

        Of several spawned calls it is the first that began; a machine may have been killed between
        spawning a call and storing its id.
        """
        return self._client.status.find_call(self._job, handle.attempt) or handle.call

    def _spawn_call(self, before: RemoteHandle | None) -> RemoteHandle:
        """Spawn a call and return its handle.

        It makes a new attempt, unless `before` is of a process that was killed before it knew its
        call: that attempt is used then, and if its call has begun meanwhile, `before` itself.
        """
        calls = self._client.find_calls(before) if before else set()
        if before and calls and not self._has_ended(before):
            return before
        task, previous = self._task, read_handle(self._task.folder, PREVIOUS_REMOTE)
        if previous:
            self._client.delete_job(previous)
            (task.folder / PREVIOUS_REMOTE).unlink()
        task.save()  # the command line has not saved it
        handle = RemoteHandle(self._job, call="", attempt=secrets.token_hex(8))
        if before and before.attempt and not calls:
            handle = replace(before, seen=-1)
        for call in calls:  # a call that only seems to have ended would write into the same folder
            self._client.cancel_call(call)
        write_handle(task.folder, handle)
        self._try_commit()  # a later process has to find the call, which costs money
        self._client.status.begin_attempt(self._job, handle.attempt)
        self._client.send(task, self._job)
        family = PRESETS[task.plan.quality].engine
        handle = replace(handle, call=self._client.spawn(family, self._job, handle.attempt))
        write_handle(task.folder, handle)
        self._try_commit()
        return handle

    def _read_last_stage(self) -> Stage:
        """Return the current stage, because an engine's first event has to be a stage."""
        records = self._client.status.read_records(self._job)
        stages = [record.event for record in records if isinstance(record.event, Stage)]
        return stages[-1] if stages else Stage(StageName.STARTING, "Waiting for a machine")

    def _follow(self, handle: RemoteHandle, startup: "_StartupStages") -> Iterator[Event]:
        """Yield the new events, after fetching the files that they name."""
        cancelled, last_event = False, time.monotonic()
        end_fault: Fault | None = None
        while True:
            new = self._retry(self._read_new_records, handle)
            if new and handle.seen < 0:
                handle = replace(handle, call=self._retry(self._find_call, handle))
            for record in new:
                handle = replace(handle, seen=record.seq)
                yield from self._handle_event(record.event, handle)
                if isinstance(record.event, FINAL):
                    return
            if new:
                last_event = time.monotonic()
            elif end_fault:  # and no event came after it
                yield Failed(end_fault.code, end_fault.message, end_fault.details)
                return
            elif time.monotonic() - last_event > _SILENCE_S:
                end_fault = self._retry(self._find_end_fault, handle)
                last_event = time.monotonic()
            if handle.seen < 0:
                yield from self._retry(startup.read_new)
            if self._cancelled() and not cancelled:
                cancelled = True
                self._retry(self._client.status.cancel, self._job)
                if handle.seen < 0:  # no container has begun: none will stop by itself
                    for call in self._retry(self._client.find_calls, handle):
                        self._retry(self._client.cancel_call, call)
                    yield self._build_cancelled()
                    return
            time.sleep(_LISTEN_S)

    def _read_new_records(self, handle: RemoteHandle) -> list[Record]:
        records = self._client.status.read_attempt(self._job, handle.attempt)
        return [record for record in records if record.seq > handle.seen]

    def _handle_event(self, event: Event, handle: RemoteHandle) -> Iterator[Event]:
        """Fetch the files of `event`, yield it, and then store `handle`."""
        task = self._task
        if isinstance(event, Frame):
            self._retry(self._fetch_preview)
        elif isinstance(event, Window) and not (task.folder / event.path).exists():
            self._fetch(segment_name(event.index))
        elif isinstance(event, Finished) or (isinstance(event, Cancelled) and event.path):
            self._fetch(RESULT)
            if isinstance(event, Finished) and event.result.report:
                self._fetch(event.result.report)
        try:
            yield event
        finally:
            write_handle(task.folder, handle, sync=False)
            if isinstance(event, Finished):
                self._clean_up()

    def _fetch(self, name: str) -> None:
        self._retry(self._client.fetch, self._job, name, self._task.prepare_path(name))

    def _fetch_preview(self) -> None:
        jpeg = self._client.status.read_preview(self._job)
        if jpeg is not None:
            write_whole(self._task.prepare_path(PREVIEW), jpeg, sync=False)

    def _clean_up(self) -> None:
        """Delete the job on Modal once its video is committed here."""
        try:
            if not (self._try_commit() and self._client.is_committed(self._task.folder / RESULT)):
                return  # it will be swept there
            self._client.delete_data(self._job)
            (self._task.folder / REMOTE).unlink(missing_ok=True)
        except Fault as fault:
            logger.warning("what Modal has of this job stays: %s", fault.details)

    def _try_commit(self) -> bool:
        """Try to make the written files survive this machine; return whether that is certain.

        Otherwise Modal's background commit does it some seconds later.
        """
        try:
            self._client.commit()
        except Fault as fault:
            logger.warning("not kept yet: %s", fault.details)
            return False
        return True

    def _build_cancelled(self) -> Cancelled:
        """Return the final event of a job that is cancelled before a container has begun.

        Frames that were kept by an earlier cancel stay kept.
        """
        task, frames = self._task, 0
        for index in range(len(task.plan.windows)):
            if (task.folder / segment_name(index)).exists():
                frames = task.plan.new_frames(index).stop
        has_video = (task.folder / RESULT).exists()
        return Cancelled(frames if has_video else 0, RESULT if has_video else None)

    def _retry(self, call: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
        """Call until Modal is reached. Raises Unreachable after _UNREACHABLE_S."""
        until = time.monotonic() + _UNREACHABLE_S
        while True:
            try:
                return call(*arguments, **named)
            except Unreachable as error:
                if time.monotonic() > until:
                    raise
                logger.warning("Modal is not reached: %s", error.details)
                time.sleep(_PAUSE_S)


class _StartupStages:
    """Stages before the container writes its first event."""

    def __init__(self, client: ModalClient, task: Task, began: bool = False) -> None:
        """Create before the call is spawned; with `began`, these stages were yielded already."""
        self._client = client
        self._on_gpu = PRESETS[task.plan.quality].engine.needs_gpu
        self._loads_before = client.status.read_loading() if self._on_gpu else None
        self._since, self._starting, self._loading = time.monotonic(), began, began

    def read_new(self) -> list[Stage]:
        """Return the stages that began since the last call."""
        if not self._starting:
            self._starting = True
            if not self._on_gpu:
                return [Stage(StageName.STARTING, "Starting a machine")]
            usual_s = self._client.status.read_usual_s(StageName.STARTING)
            return [Stage(StageName.STARTING, "Starting a GPU", usual_s=usual_s)]
        if (
            self._on_gpu
            and not self._loading
            and self._client.status.read_loading() != self._loads_before
        ):
            self._loading = True
            self._client.status.add_stage_time(StageName.STARTING, time.monotonic() - self._since)
            usual_s = self._client.status.read_usual_s(StageName.LOADING)
            return [Stage(StageName.LOADING, "Loading MultiTalk", usual_s=usual_s)]
        return []

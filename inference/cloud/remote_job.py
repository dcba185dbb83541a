"""A task on its way to Modal and back.

Its files go there, a call is spawned, and from then on nobody here is needed: what happens is read
from the board, and what is finished is fetched. Whoever comes after a crash or a closed laptop
finds the mark in the task's folder and listens on.
"""

import logging
import os
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
from inference.core.task import PREVIEW, PREVIOUS_REMOTE, REMOTE, RESULT, Task, segment_name
from presets.quality import PRESETS
from presets.schema import EngineFamily

logger = logging.getLogger(__name__)

_LISTEN_S = 0.5  # between two looks at the board
_SILENCE_S = 5.0  # after which it is asked whether the call is alive
_UNREACHABLE_S = 15 * 60.0  # without Modal: a laptop that slept, a router that starts again
_PAUSE_S = 3.0  # ... between two tries
_P = ParamSpec("_P")
_T = TypeVar("_T")


class RemoteJob:
    """Has one task carried out by the deployed app."""

    def __init__(self, cloud: ModalClient, task: Task, cancelled: Callable[[], bool]) -> None:
        self._cloud, self._task, self._cancelled = cloud, task, cancelled
        self._job = task.folder.name

    def run(self) -> Iterator[Event]:
        """What happens, from here to the final event. Raises Fault and OSError."""
        mark = read_handle(self._task.folder)
        if mark and not self._retry(self._has_ended, mark):
            yield self._retry(self._read_last_stage)
            waits = _StartupStages(self._cloud, self._task, heard=True)
        else:
            yield Stage(StageName.STARTING, "Sending the inputs to Modal")
            waits = _StartupStages(self._cloud, self._task)
            mark = self._spawn_call(mark)
        yield from self._follow(mark, waits)

    def _has_ended(self, mark: RemoteHandle) -> bool:
        """Whether all that the call had to say was heard, so that it takes a new one to go on."""
        if self._read_new_records(mark):
            return False
        return not self._find_call(mark) or self._find_end_fault(mark) is not None

    def _find_end_fault(self, mark: RemoteHandle) -> Fault | None:
        """Why the call that makes the attempt ended; None while it lasts."""
        return self._cloud.find_end_fault(self._find_call(mark))

    def _find_call(self, mark: RemoteHandle) -> str:
        """The id of the call that makes the attempt: the first one that began, of several that
        were spawned by machines which were lost before they could write it down."""
        return self._cloud.status.find_call(self._job, mark.attempt) or mark.call

    def _spawn_call(self, before: RemoteHandle | None) -> RemoteHandle:
        """Have a call make the task: a new attempt of it, unless one may have been spawned by
        somebody who was ended `before` they knew. It may have begun by now, too."""
        calls = self._cloud.find_calls(before) if before else set()
        if before and calls and not self._has_ended(before):
            return before
        task, given_up = self._task, read_handle(self._task.folder, PREVIOUS_REMOTE)
        if given_up:
            self._cloud.delete_job(given_up)
            (task.folder / PREVIOUS_REMOTE).unlink()
        task.save()  # which a command line does not need for itself
        mark = RemoteHandle(self._job, call="", attempt=secrets.token_hex(8))
        if before and before.attempt and not calls:
            mark = replace(before, seen=-1)
        for call in calls:  # one that only seems to be over would write into the same folder
            self._cloud.cancel_call(call)
        write_handle(task.folder, mark)
        self._try_commit()  # whoever comes after us must know of what is paid for
        self._cloud.status.begin_attempt(self._job, mark.attempt)
        self._cloud.send(task, self._job)
        family = PRESETS[task.plan.quality].engine
        mark = replace(mark, call=self._cloud.spawn(family, self._job, mark.attempt))
        write_handle(task.folder, mark)
        self._try_commit()
        return mark

    def _read_last_stage(self) -> Stage:
        """The stage that somebody before us heard of: an engine's first event is one."""
        records = self._cloud.status.read_records(self._job)
        stages = [record.event for record in records if isinstance(record.event, Stage)]
        return stages[-1] if stages else Stage(StageName.STARTING, "Waiting for a machine")

    def _follow(self, mark: RemoteHandle, waits: "_StartupStages") -> Iterator[Event]:
        """What is told from now on, with the files that belong to it."""
        asked, heard = False, time.monotonic()
        ending: Fault | None = None
        while True:
            new = self._retry(self._read_new_records, mark)
            if new and mark.seen < 0:
                mark = replace(mark, call=self._retry(self._find_call, mark))
            for record in new:
                mark = replace(mark, seen=record.seq)
                yield from self._handle_event(record.event, mark)
                if isinstance(record.event, FINAL):
                    return
            if new:
                heard = time.monotonic()
            elif ending:
                yield Failed(ending.code, ending.message, ending.details)
                return
            elif time.monotonic() - heard > _SILENCE_S:
                ending, heard = self._retry(self._find_end_fault, mark), time.monotonic()
            if mark.seen < 0:
                yield from self._retry(waits.read_new)
            if self._cancelled() and not asked:
                asked = True
                self._retry(self._cloud.status.cancel, self._job)
                if mark.seen < 0:  # nobody is there who could stop in good order
                    for call in self._retry(self._cloud.find_calls, mark):
                        self._retry(self._cloud.cancel_call, call)
                    yield self._build_cancelled()
                    return
            time.sleep(_LISTEN_S)

    def _read_new_records(self, mark: RemoteHandle) -> list[Record]:
        records = self._cloud.status.read_attempt(self._job, mark.attempt)
        return [record for record in records if record.seq > mark.seen]

    def _handle_event(self, event: Event, mark: RemoteHandle) -> Iterator[Event]:
        """`event`, once what it speaks of is here; `mark` is kept once it is told."""
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
            write_handle(task.folder, mark)
            if isinstance(event, Finished):
                self._clean_up()

    def _fetch(self, name: str) -> None:
        self._retry(self._cloud.fetch, self._job, name, self._task.prepare_path(name))

    def _fetch_preview(self) -> None:
        jpeg = self._cloud.status.read_preview(self._job)
        if jpeg is not None:
            target = self._task.prepare_path(PREVIEW)
            part = target.with_suffix(".part")
            part.write_bytes(jpeg)
            os.replace(part, target)

    def _clean_up(self) -> None:
        """All is here, for certain: nothing of it stays there."""
        try:
            if not (self._try_commit() and self._cloud.is_committed(self._task.folder / RESULT)):
                return  # it is swept there some day
            self._cloud.delete_data(self._job)
            (self._task.folder / REMOTE).unlink(missing_ok=True)
        except Fault as fault:
            logger.warning("what Modal has of this job stays: %s", fault.details)

    def _try_commit(self) -> bool:
        """Whether what is written here outlives this machine from now on. Modal keeps it some
        seconds later in any case."""
        try:
            self._cloud.commit()
        except Fault as fault:
            logger.warning("not kept yet: %s", fault.details)
            return False
        return True

    def _build_cancelled(self) -> Cancelled:
        """The end of a job that was stopped before its turn: what an earlier stop kept, stays."""
        task, frames = self._task, 0
        for index in range(len(task.plan.windows)):
            if (task.folder / segment_name(index)).exists():
                frames = task.plan.new_frames(index).stop
        there = (task.folder / RESULT).exists()
        return Cancelled(frames if there else 0, RESULT if there else None)

    def _retry(self, ask: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
        """What `ask` answers; while Modal can't be reached it is asked again, for a long time."""
        until = time.monotonic() + _UNREACHABLE_S
        while True:
            try:
                return ask(*arguments, **named)
            except Unreachable as error:
                if time.monotonic() > until:
                    raise
                logger.warning("Modal is not reached: %s", error.details)
                time.sleep(_PAUSE_S)


class _StartupStages:
    """The stages of the time until a container says its first word."""

    def __init__(self, cloud: ModalClient, task: Task, heard: bool = False) -> None:
        """To be made before the call is spawned; `heard`: of the first stage already."""
        self._cloud = cloud
        self._on_gpu = PRESETS[task.plan.quality].engine is EngineFamily.MULTITALK
        self._loads_before = cloud.status.read_loading() if self._on_gpu else None
        self._since, self._starting, self._loading = time.monotonic(), heard, heard

    def read_new(self) -> list[Stage]:
        """The stages that began since this was asked last."""
        if not self._starting:
            self._starting = True
            if not self._on_gpu:
                return [Stage(StageName.STARTING, "Starting a machine")]
            usual_s = self._cloud.status.read_usual_s(StageName.STARTING)
            return [Stage(StageName.STARTING, "Starting a GPU", usual_s=usual_s)]
        if (
            self._on_gpu
            and not self._loading
            and self._cloud.status.read_loading() != self._loads_before
        ):
            self._loading = True
            self._cloud.status.add_stage_time(StageName.STARTING, time.monotonic() - self._since)
            usual_s = self._cloud.status.read_usual_s(StageName.LOADING)
            return [Stage(StageName.LOADING, "Loading MultiTalk", usual_s=usual_s)]
        return []

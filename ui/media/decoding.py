"""Decoding of visitors' files: a few at once, one at a time for each visitor, slow ones last.

A file that takes long gives way to those who wait, and is decoded anew beside them: a few files on
which a decoder hangs must not hold up everyone.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

import anyio

from inference.core.errors import Fault, FaultCode
from inference.media.ingest import PICTURE_OPERATION, RECORDING_OPERATION
from inference.media.sandbox.runner import Call, Sandbox, SandboxClosed, TookTooLong
from ui.strings import text

_AT_ONCE, _SLOW_AT_ONCE = 2, 1  # calls; each file of one may take 1.5 GiB
_SLOW_S = 4  # of decoding, after which a file gives way
_MAX_THREADS = 64  # of actions that wait for their files
_MAX_ACTIONS, _MAX_ACTIONS_EACH = 200, 5  # on their way, of all visitors and of one
_MAX_SLOW = 8  # calls that gave way
_INPUTS = (PICTURE_OPERATION, RECORDING_OPERATION)  # that a job is made of

T = TypeVar("T")
_Answers = list[dict[str, Any]]


class Turn(Generic[T]):
    """An action of `owner` that decodes files, on its way.

    `count_before` returns how many files are decoded before its own.
    """

    def __init__(self, owner: str, before: int) -> None:
        self.owner = owner
        self.count_before: Callable[[], int] = lambda: before
        self.task: asyncio.Task[T]

    async def has_ended(self, within_s: float) -> bool:
        """Wait for the end of the action; return whether it came."""
        ended, _ = await asyncio.wait({self.task}, timeout=within_s)
        return bool(ended)


_turn: ContextVar[Turn[Any] | None] = ContextVar("turn", default=None)


class DecodingQueue(Sandbox):
    """Sandbox of a server, in which calls take turns.

    `announce` is called after each that read a picture or recording: a job may follow.
    """

    def __init__(self, announce: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._announce = announce
        self._lane, self._slow_lane = _Lane(_AT_ONCE), _Lane(_SLOW_AT_ONCE)
        self._threads = anyio.CapacityLimiter(_MAX_THREADS)
        self._owners: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._turns: set[Turn[Any]] = set()

    def run(self, *calls: Call) -> _Answers:
        """Run all calls at once, when it is their turn; see `Sandbox.run`."""
        answers = self._take_turns(calls)
        if any(call.operation in _INPUTS for call in calls):
            self._announce()
        return answers

    def _take_turns(self, calls: Sequence[Call]) -> _Answers:
        gave_way = False

        def must_stop(waited_s: float) -> bool:
            nonlocal gave_way
            gave_way = waited_s >= _SLOW_S and self._lane.count_waiting() > 0
            return gave_way

        try:
            return self._lane.run(lambda: self._run(calls, must_stop))
        except TookTooLong as error:
            if not gave_way:
                raise
            if self._slow_lane.count_waiting() >= _MAX_SLOW:
                raise Fault(FaultCode.QUEUE_FULL, text.TOO_MANY_UPLOADS) from error
        return self._slow_lane.run(lambda: self._run(calls, spent_s=_SLOW_S))

    def close(self) -> None:
        """End all children, and refuse the calls that wait and further ones with a Fault."""
        super().close()
        self._lane.close()
        self._slow_lane.close()

    def start(self, owner: str, action: Callable[[], T]) -> Turn[T]:
        """Start an action that decodes files, once the earlier ones of `owner` have ended.

        To be called in the server's event loop. The action goes on if nobody waits for it. Raises
        Fault when too many are on their way.
        """
        own = sum(turn.owner == owner for turn in self._turns)
        if own >= _MAX_ACTIONS_EACH or len(self._turns) >= _MAX_ACTIONS:
            raise Fault(FaultCode.QUEUE_FULL, text.TOO_MANY_UPLOADS)
        turn: Turn[T] = Turn(owner, before=len(self._turns))
        context = copy_context()
        context.run(_turn.set, turn)
        turn.task = asyncio.create_task(self._run_action(owner, action), context=context)
        self._turns.add(turn)
        turn.task.add_done_callback(lambda _: self._turns.discard(turn))
        return turn

    async def _run_action(self, owner: str, action: Callable[[], T]) -> T:
        lock = self._owners.setdefault(owner, asyncio.Lock())
        async with lock:
            return await anyio.to_thread.run_sync(action, limiter=self._threads)


class _Lane:
    """Threads for calls, which start in the order in which they came."""

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, "decoding")
        self._calls: list[Future[_Answers]] = []

    def run(self, call: Callable[[], _Answers]) -> _Answers:
        """Run `call` when it is its turn. Raises Fault if the lane is closed before."""
        try:
            future = self._threads.submit(call)
        except RuntimeError as error:
            raise SandboxClosed from error
        self._calls.append(future)
        if turn := _turn.get():
            turn.count_before = lambda: self._count_before(future)
        try:
            return future.result()
        except CancelledError as error:
            raise SandboxClosed from error
        finally:
            self._calls.remove(future)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def count_waiting(self) -> int:
        return len(self._list_waiting())

    def _count_before(self, future: Future[_Answers]) -> int:
        waiting = self._list_waiting()
        return waiting.index(future) if future in waiting else 0

    def _list_waiting(self) -> list[Future[_Answers]]:
        return [each for each in self._calls if not (each.running() or each.done())]

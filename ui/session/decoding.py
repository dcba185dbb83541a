"""Decoding of visitors' files: a few at once, one at a time for each visitor, slow ones last.

A file first gets a short budget. What takes longer is decoded anew, beside the others: a few files
on which a decoder hangs must not hold up everyone.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

import anyio

from inference.media.sandbox import Budget, Call, Sandbox, TookTooLong

_AT_ONCE, _SLOW_AT_ONCE = 2, 1  # calls; each file of one may take 1.5 GiB
_FIRST_BUDGET = Budget(cpu_s=5, wall_s=10)
_MAX_THREADS = 64  # of actions that wait for their files

T = TypeVar("T")
_Answers = list[dict[str, Any]]


class Turn(Generic[T]):
    """A visitor's action that decodes files, on its way.

    `count_before` returns how many calls start before its own.
    """

    def __init__(self) -> None:
        self.count_before: Callable[[], int] = lambda: 0
        self.task: asyncio.Task[T]

    async def has_ended(self, within_s: float) -> bool:
        """Wait for the end of the action; return whether it came."""
        ended, _ = await asyncio.wait({self.task}, timeout=within_s)
        return bool(ended)


_turn: ContextVar[Turn[Any] | None] = ContextVar("turn", default=None)


class DecodingQueue(Sandbox):
    """Sandbox of a server, in which calls take turns."""

    def __init__(self) -> None:
        super().__init__()
        self._lane, self._slow_lane = _Lane(_AT_ONCE), _Lane(_SLOW_AT_ONCE)
        self._threads = anyio.CapacityLimiter(_MAX_THREADS)
        self._owners: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[Any]] = set()

    def run(self, *calls: Call, budget: Budget | None = None) -> _Answers:
        """Run all calls at once, when it is their turn; see `Sandbox.run`."""
        whole = budget or calls[0].operation.budget
        rest = Budget(whole.cpu_s - _FIRST_BUDGET.cpu_s, whole.wall_s - _FIRST_BUDGET.wall_s)
        run = super().run
        try:
            try:
                return self._lane.run(lambda: run(*calls, budget=_FIRST_BUDGET))
            except TookTooLong:
                return self._slow_lane.run(lambda: run(*calls, budget=rest))
        except CancelledError:
            return run(*calls)  # refuses, as it is closed

    def close(self) -> None:
        """End all children, and refuse the calls that wait and further ones with a Fault."""
        super().close()
        self._lane.close()
        self._slow_lane.close()

    def start(self, owner: str, action: Callable[[], T]) -> Turn[T]:
        """Start an action that decodes files, once the earlier ones of `owner` have ended.

        To be called in the server's event loop. The action goes on if nobody waits for it.
        """
        turn: Turn[T] = Turn()
        context = copy_context()
        context.run(_turn.set, turn)
        turn.task = asyncio.create_task(self._run_action(owner, action), context=context)
        self._tasks.add(turn.task)
        turn.task.add_done_callback(self._tasks.discard)
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
        """Run `call` when it is its turn. Raises CancelledError if the lane is closed before."""
        try:
            future = self._threads.submit(call)
        except RuntimeError as error:
            raise CancelledError from error
        self._calls.append(future)
        if turn := _turn.get():
            turn.count_before = lambda: self._count_before(future)
        try:
            return future.result()
        finally:
            self._calls.remove(future)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _count_before(self, future: Future[_Answers]) -> int:
        waiting = [each for each in self._calls if not (each.running() or each.done())]
        return waiting.index(future) if future in waiting else 0

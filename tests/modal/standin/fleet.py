"""Which containers there are, and which input goes to which of them.

A container is started when there is more to do than the others of its function can take on, and
ended when it was idle for its function's time. One that gets no more inputs, because it is of an
older deploy or because its machine is taken away, is replaced while it lives. When one dies, what
it was doing is done again by another: without limit if the machine was taken away, otherwise as
often as the function's retry policy says. That counts for what takes too long, too. (Modal tries
again without end to start what a deployed app needs; here a test is to see an end.)
"""

import asyncio
import logging
import math
import shutil
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from modal_proto import api_pb2 as pb

from tests.modal.standin.call import Call
from tests.modal.standin.containers import Container
from tests.modal.standin.deploys import Deploys
from tests.modal.standin.starts import Starts

_MOST = 10  # containers of a function that sets no limit
_FAILED_STARTS = 3  # one after the other, and nobody waits any longer
_POLL_S = 50  # how long a container waits for an input before it asks again
_IDLE_S = 60  # Modal's time for functions that set none
_STATUS = pb.GenericResult

logger = logging.getLogger(__name__)


class Fleet:
    """All containers; those that are asked to end have `grace_s` for it."""

    def __init__(self, starts: Starts, deploys: Deploys, grace_s: float) -> None:
        self._starts, self._deploys, self._grace_s = starts, deploys, grace_s
        self.printed: Callable[[Container, str], None]
        self.containers: dict[str, Container] = {}
        self.runs: Counter[str] = Counter()  # inputs that were handed out, by function
        self.blind: list[str] = []  # functions of the containers that ended so
        self._queues: defaultdict[str, deque[Call]] = defaultdict(deque)
        self._changed = asyncio.Condition()
        self._starting = asyncio.Lock()
        self._in_vain: Counter[str] = Counter()  # failed starts one after the other
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done beside everything else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            logger.error("The stand-in failed.", exc_info=task.exception())

    def of_app(self, app_id: str) -> list[Container]:
        """The containers of an app."""
        containers = list(self.containers.values())
        return [c for c in containers if self._deploys.get(c.function_id).app_id == app_id]

    def waiting(self, function_id: str) -> int:
        """How many inputs no container has."""
        return len(self._queues[function_id])

    async def submit(self, call: Call) -> None:
        """Give it to a container when there is one."""
        if call.output is not None:
            return
        async with self._changed:
            self._queues[call.function_id].append(call)
            self._changed.notify_all()
        await self._grow(call.function_id)

    async def _grow(self, function_id: str) -> None:
        """Start as many containers as there is work for."""
        function = self._deploys.get(function_id).function
        most = function.autoscaler_settings.max_containers or function.concurrency_limit or _MOST
        async with self._starting:
            while True:
                all_of_it = [c for c in self.containers.values() if c.function_id == function_id]
                fit = [c for c in all_of_it if not c.retired]
                work = self.waiting(function_id) + sum(len(c.running) for c in fit)
                if self._closing or len(fit) >= most or work <= sum(c.slots for c in fit):
                    return
                await self._start(function_id)

    async def _start(self, function_id: str) -> None:
        container = self._starts.new(function_id)
        self.containers[container.task_id] = container
        try:
            close = await self._starts.begin(container)
        except Exception as error:  # a full disk, say: whoever waits is to hear of it
            del self.containers[container.task_id]
            await self._give_up(container, f"container could not be started: {error}")
            raise
        self.do(self._attend(container, close))

    async def _attend(self, container: Container, close: Callable[[], None]) -> None:
        """Print what it prints, and see to what it leaves."""
        async for line in container.output():
            self.printed(container, line.decode(errors="replace"))
        status = await container.wait()
        close()
        self.blind += [container.function.function_name] * container.blind
        del self.containers[container.task_id]
        await self._take_back(container, status)
        await asyncio.to_thread(shutil.rmtree, container.folder, ignore_errors=True)
        if self.waiting(container.function_id):
            await self._grow(container.function_id)

    async def _take_back(self, container: Container, status: int) -> None:
        """Have its inputs run again, or end them."""
        why = f"container exited with {status}"
        for call in list(container.running.values()):
            if not self._runs_again(container, call):
                await call.end(_failure(call), why)
        container.running.clear()
        if container.ready or container.told_to_end or container.killed:
            return
        self._starts.failed(container)
        self._in_vain[container.function_id] += 1
        told = container.failure and not self._deploys.lasts(container.function_id)
        if told or self._in_vain[container.function_id] >= _FAILED_STARTS:
            await self._give_up(container, why)

    def _runs_again(self, container: Container, call: Call) -> bool:
        """Have one of its inputs run again if that may be; False if not."""
        function = container.function
        excused = container.excused and not call.late
        if call.has_answered and function.webhook_config.type:
            return False
        if not (excused or call.may_fail_again(function.retry_policy)):
            return False
        call.again()
        delay_s = 0 if excused else call.delay_s(function.retry_policy)
        self.do(self._submit_later(call, delay_s))
        return True

    async def _give_up(self, container: Container, why: str) -> None:
        """Nobody waits for a function that cannot start."""
        status = _STATUS.GENERIC_STATUS_INTERNAL_FAILURE
        result = container.failure or pb.GenericResult(status=status, exception=why)
        queue = self._queues[container.function_id]
        self._in_vain[container.function_id] = 0
        while queue:
            call = queue.popleft()
            await call.finish(pb.FunctionPutOutputsItem(input_id=call.input_id, result=result))

    async def take(self, container: Container) -> Call | None:
        """The next input for it; None if there is none for now, or never if it is retired."""
        container.ready = True
        self._in_vain[container.function_id] = 0
        settings = container.function.autoscaler_settings
        idle_s = container.function.task_idle_timeout_secs or settings.scaledown_window or _IDLE_S
        queue = self._queues[container.function_id]
        try:
            async with self._changed:
                wait = self._changed.wait_for(lambda: queue or container.retired)
                await asyncio.wait_for(wait, min(idle_s, _POLL_S))
                if not container.retired and container.alive:
                    call = queue.popleft()
                    container.running[call.input_id] = call
                    self.runs[container.function.function_name] += 1
                    self.do(self._limit(container, call, call.run))
                    return call
        except TimeoutError:
            if not container.running and time.time() - container.last_used >= idle_s:
                container.retired = True
        return None

    async def _limit(self, container: Container, call: Call, run: int) -> None:
        """Interrupt it after the function's time, and end the container if that does not help."""

        def goes_on() -> bool:
            return call.run == run and container.running.get(call.input_id) is call

        await asyncio.sleep(container.function.timeout_secs or math.inf)
        if goes_on():
            call.late = True
            container.excused = container.excused or container.slots > 1  # all go with the one
            await container.cancelled.put(call.input_id)
            await asyncio.sleep(self._grace_s)
            if goes_on():
                container.kill()

    async def put(self, container: Container, output: pb.FunctionPutOutputsItem) -> None:
        """What became of one of its inputs."""
        call = container.running.pop(output.input_id, None)
        container.last_used = time.time()
        if call is None or call.output is not None:
            return
        if not call.late and output.result.status != _STATUS.GENERIC_STATUS_FAILURE:
            await call.finish(output)
        elif not self._runs_again(container, call):
            await (call.end(_failure(call), "timed out") if call.late else call.finish(output))

    async def _submit_later(self, call: Call, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        await self.submit(call)

    async def cancel(self, call: Call, terminate: bool = False) -> None:
        """End it, wherever it is; its container goes on unless it is to `terminate`."""
        if call.output is not None:
            return
        for container in list(self.containers.values()):
            if call.input_id in container.running:
                container.excused = container.excused or terminate or container.slots > 1
                await container.cancelled.put(call.input_id)
                if terminate:
                    self.do(self.end(container))
        if call in self._queues[call.function_id]:
            self._queues[call.function_id].remove(call)
        await call.end(_STATUS.GENERIC_STATUS_TERMINATED, "cancelled")

    async def end(self, container: Container) -> None:
        """Ask it to end, and kill it if it does not."""
        told = container.interrupt()
        await self._notify()
        end = time.monotonic() + self._grace_s
        while container.task_id in self.containers:
            told = told or container.interrupt()
            if time.monotonic() > end and not container.killed:
                container.kill()
            await asyncio.sleep(0.02)

    async def preempt(self, container: Container) -> None:
        """Its machine is needed by somebody else. What it does begins anew elsewhere, even while
        it is still at it; only requests are answered by one, as long as it lives."""
        container.excused = True
        await self.retire([container])
        for call in [] if container.function.webhook_config.type else [*container.running.values()]:
            if self._runs_again(container, call):
                del container.running[call.input_id]
        await self.end(container)

    async def retire(self, containers: Iterable[Container]) -> None:
        """They get no more inputs, and end when they are done; others are started for them."""
        for container in containers:
            container.retired = True
            self.do(self._grow(container.function_id))
        await self._notify()

    async def renew(self, app_id: str) -> None:
        """What has an older version of a function gives way to what has the new one."""
        await self.retire(
            c
            for c in self.of_app(app_id)
            if c.function is not self._deploys.get(c.function_id).function
        )

    async def stop(self, app_id: str) -> None:
        """An app has come to its end, and so have its calls."""
        for function_id, queue in list(self._queues.items()):
            if queue and self._deploys.get(function_id).app_id == app_id:
                for call in list(queue):
                    await self.cancel(call)
        for container in self.of_app(app_id):
            for call in list(container.running.values()):
                await call.end(_STATUS.GENERIC_STATUS_TERMINATED, "the app was stopped")
            self.do(self.end(container))

    async def close(self) -> None:
        """End all containers, and start none any more."""
        self._closing = True
        await asyncio.gather(*map(self.end, list(self.containers.values())))

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _failure(call: Call) -> Any:
    return _STATUS.GENERIC_STATUS_TIMEOUT if call.late else _STATUS.GENERIC_STATUS_INTERNAL_FAILURE

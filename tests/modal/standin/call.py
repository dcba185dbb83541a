"""One call of a function: its input, what streams in and out, and its end."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Any, Literal

from modal_proto import api_pb2 as pb

Direction = Literal["in", "out"]
_SHORT_S = 0.1  # before a failed input is tried again; Modal waits a second and more


class Call:
    """The call `number` of a function, whose input may be run several times."""

    def __init__(self, number: int, function_id: str, item: pb.FunctionInput, kind: Any) -> None:
        self.call_id, self.input_id = f"fc-{number}", f"in-{number}"
        self.function_id, self.item, self.kind = function_id, item, kind
        self.output: pb.FunctionPutOutputsItem | None = None
        self.run = 0  # counts how often it was run again, for whatever reason
        self.late = False  # this run has taken too long, and was told so
        self.failures = 0  # those of them that count against the retry policy
        self._data: dict[Direction, list[pb.DataChunk]] = {"in": [], "out": []}
        self._changed = asyncio.Condition()

    @property
    def has_answered(self) -> bool:
        """Something of the answer was passed on, which cannot be taken back."""
        return bool(self._data["out"])

    def again(self) -> None:
        """Begin another run."""
        self.run, self.late = self.run + 1, False

    def may_fail_again(self, policy: pb.FunctionRetryPolicy) -> bool:
        """Whether there is a retry left; it is used up by asking."""
        self.failures += 1
        return bool(self.failures <= policy.retries)

    def delay_s(self, policy: pb.FunctionRetryPolicy) -> float:
        """How long to wait before the next try."""
        return min(_SHORT_S, float(policy.initial_delay_ms) / 1000)

    async def put(self, direction: Direction, chunks: Iterable[pb.DataChunk]) -> None:
        """Add to a stream; what a run before this one has sent already is left out."""
        async with self._changed:
            stream = self._data[direction]
            known = len(stream)
            stream.extend(chunk for chunk in chunks if chunk.index > known)
            self._changed.notify_all()

    async def stream(self, direction: Direction, start: int = 0) -> AsyncIterator[pb.DataChunk]:
        """The chunks after the first `start`, as they come, until the call has ended."""
        stream = self._data[direction]
        while True:
            async with self._changed:
                await self._changed.wait_for(partial(self._has_news, stream, start))
                chunks: Sequence[pb.DataChunk] = stream[start:]
            for chunk in chunks:
                yield chunk
            start += len(chunks)
            if self.output is not None and start >= len(stream):
                return

    def _has_news(self, stream: list[pb.DataChunk], start: int) -> bool:
        return len(stream) > start or self.output is not None

    async def finish(self, output: pb.FunctionPutOutputsItem) -> None:
        """It has ended so, unless it had ended before."""
        async with self._changed:
            if self.output is None:
                self.output = output
            self._changed.notify_all()

    async def end(self, status: Any, why: str) -> None:
        """It has ended without an answer."""
        result = pb.GenericResult(status=status, exception=why)
        await self.finish(pb.FunctionPutOutputsItem(input_id=self.input_id, result=result))

    async def result(self, timeout_s: float) -> pb.FunctionPutOutputsItem | None:
        """How it ended, or None if it has not after that time."""
        async with self._changed:
            try:
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: self.output is not None), timeout_s
                )
            except TimeoutError:
                return None
        return self.output

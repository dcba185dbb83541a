"""From remote procedure calls to the methods of the services that answer them.

A service has a method for each call it answers, with the call's name: a coroutine function that
takes the request and the container that asks (None: a client), or an async generator function for
a call whose answer is a stream. Calls that nobody answers are remembered.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import grpclib.const
import grpclib.server
from grpclib import GRPCError, Status
from modal_proto import api_grpc

Value = TypeVar("Value")
Stream = grpclib.server.Stream[Any, Any]
Observer = Callable[[str, Any], None]


class _Anything:
    """Has each attribute: Modal's table of calls wants methods, which are put in later."""

    def __getattr__(self, name: str) -> None:
        return None


def _table() -> dict[str, grpclib.const.Handler]:
    return api_grpc.ModalClientBase.__mapping__(_Anything())  # type: ignore[arg-type]


def found(table: Mapping[str, Value], key: str, what: str) -> Value:
    """What `table` has for `key`; the caller is told with NOT_FOUND if there is none."""
    if key not in table:
        raise GRPCError(Status.NOT_FOUND, f"{what} '{key}' not found")
    return table[key]


class Dispatcher:
    """Modal's service for those who talk through one socket: a container, or all clients."""

    def __init__(
        self, services: Sequence[object], observe: Observer, unanswered: set[str], peer: Any = None
    ) -> None:
        self._services, self._observe = services, observe
        self._unanswered, self._peer = unanswered, peer

    def __mapping__(self) -> dict[str, grpclib.const.Handler]:
        return {
            path: handler._replace(func=self._handle(path.rpartition("/")[2], handler))
            for path, handler in _table().items()
        }

    def _handle(self, name: str, handler: grpclib.const.Handler) -> Callable[[Stream], Any]:
        method = next((getattr(s, name) for s in self._services if hasattr(s, name)), None)

        async def handle(stream: Stream) -> None:
            request = await stream.recv_message()
            self._observe(name, request)
            if method is None:
                self._unanswered.add(name)
                raise GRPCError(Status.UNIMPLEMENTED, f"The stand-in does not know {name}.")
            if inspect.isasyncgenfunction(method):
                async for reply in method(request, self._peer):
                    await stream.send_message(reply)
                return
            reply = await method(request, self._peer)
            await stream.send_message(handler.reply_type() if reply is None else reply)

        return handle

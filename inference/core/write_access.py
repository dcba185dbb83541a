"""Permission to change the data folder: of this machine alone, or of several machines in turn.

A folder on a local disk may always be changed. A folder that several machines share (a Volume in
the cloud) is changed by one of them at a time; see `inference.cloud.writer`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from inference.core.errors import Fault, FaultCode

MOVING_MESSAGE = "The app is moving to another machine. This goes on by itself in a moment."


class WriteUnavailable(Fault):
    """The change must wait, because another machine holds the write access."""

    def __init__(self) -> None:
        super().__init__(FaultCode.MOVING, MOVING_MESSAGE)


class WriteAccess(Protocol):
    """Permission to change the data folder."""

    @property
    def granted(self) -> bool:
        """Whether the folder may be changed now."""

    def require(self) -> None:
        """Raise WriteUnavailable unless the folder may be changed now."""

    def hold(self) -> AbstractContextManager[None]:
        """Hold the access during a change: it is not handed over before the change ends.

        Raises WriteUnavailable when the change can't begin now.
        """

    def commit(self) -> None:
        """Make all writes so far outlive this machine. Raises Fault."""

    def subscribe(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Call `begin` when background changes become allowed, and `end` when they cease to be."""

    def close(self) -> None:
        """Give up the access for good."""


class SoleWriter:
    """Access to a folder that no other machine changes."""

    granted = True

    def __init__(self) -> None:
        self._end: Callable[[], None] = lambda: None

    def require(self) -> None:
        pass

    @contextmanager
    def hold(self) -> Iterator[None]:
        yield

    def commit(self) -> None:
        pass

    def subscribe(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self._end = end
        begin()

    def close(self) -> None:
        self._end()

"""Who may change the folder of data: this machine alone, or one of several that take turns.

A folder on this machine's disk may always be changed. One that several machines see (a Volume in
the cloud) is changed by one of them at a time; see `inference.cloud.writer`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from inference.core.errors import Fault, FaultCode

MOVING_MESSAGE = "The app is moving to another machine. This goes on by itself in a moment."


class WriteUnavailable(Fault):
    """A change has to wait for this machine's turn."""

    def __init__(self) -> None:
        super().__init__(FaultCode.MOVING, MOVING_MESSAGE)


class WriteAccess(Protocol):
    """Permission to change the folder of data."""

    @property
    def granted(self) -> bool:
        """Whether the folder may be changed now."""

    def require(self) -> None:
        """Raise Moving unless the folder may be changed now."""

    def hold(self) -> AbstractContextManager[None]:
        """Enter a change, which is let finish before another machine's turn comes.

        Raises Moving when it can't begin now.
        """

    def commit(self) -> None:
        """Make what was written outlive this machine. Raises Fault."""

    def subscribe(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Call `begin` when changes may be made on one's own account, and `end` when no more."""

    def close(self) -> None:
        """Give the access up, for good."""


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

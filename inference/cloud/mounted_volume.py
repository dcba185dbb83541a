"""Volume mounted in this container: the part of `modal.Volume` that is used."""

from typing import Protocol

OPEN_FILES = "open files"  # part of the client's message when open files prevent a reload


class MountedVolume(Protocol):
    """A mounted `modal.Volume`."""

    def reload(self) -> None: ...

    def commit(self) -> None: ...


def commit(volume: MountedVolume) -> None:
    """Make what was written to `volume` survive this machine. Raises the client's errors."""
    try:
        volume.commit()
    except RuntimeError as error:  # committed; open files only prevent the reload after it
        if OPEN_FILES not in str(error):
            raise

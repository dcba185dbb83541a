"""A Volume that is mounted in this container: what is used of `modal.Volume`."""

from typing import Protocol

OPEN_FILES = "open files"  # in what the client says of a reload that they prevent


class MountedVolume(Protocol):
    """A mounted `modal.Volume`."""

    def reload(self) -> None: ...

    def commit(self) -> None: ...


def commit(volume: MountedVolume) -> None:
    """Make what was written to `volume` outlive this machine. Raises what the client raises."""
    try:
        volume.commit()
    except RuntimeError as error:  # it is committed; what is open only keeps it from being reloaded
        if OPEN_FILES not in str(error):
            raise

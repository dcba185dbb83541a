"""How far downloads are: a bar for each file and one for all, on a terminal only."""

from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

_ALL = "all files"


class Bars:
    """A context manager; shows nothing where standard error is no terminal."""

    def __init__(self, total_bytes: int) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._all = self._progress.add_task(_ALL, total=total_bytes)

    def of(self, name: str) -> Any:
        """What the hub's client makes its bar of (all of a tqdm that it uses), for that file."""
        progress, all_files = self._progress, self._all

        class Bar:
            def __init__(self, *, total: int | None = None, initial: int = 0, **_: Any) -> None:
                self._task = progress.add_task(name, total=total, completed=initial)

            def update(self, count: int = 1) -> None:
                for task in (self._task, all_files):
                    progress.advance(task, count)

            def __enter__(self) -> Self:
                return self

            def __exit__(self, *_: object) -> None:
                progress.remove_task(self._task)

        return Bar

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

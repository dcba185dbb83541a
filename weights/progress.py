"""How far downloads are: on a terminal a bar for each file and one for all, elsewhere a line for
each file that is finished."""

from collections.abc import Callable
from threading import Lock
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


def format_bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


class DownloadProgress:
    """A context manager, for so many files of `total_bytes`; `say` is told the lines that stand for
    bars where standard error is no terminal. May be used by several threads."""

    def __init__(self, files: int, total_bytes: int, say: Callable[[str], None]) -> None:
        self._of, self._total, self._say = files, format_bytes(total_bytes), say
        self._finished, self._finished_bytes, self._counting = 0, 0, Lock()
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

    def create_bar_class(self, name: str) -> Any:
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

    def finish_file(self, name: str, size_bytes: int) -> None:
        """A file is in its place, checked."""
        if not self._progress.disable:
            return
        with self._counting:
            self._finished += 1
            self._finished_bytes += size_bytes
            done = format_bytes(self._finished_bytes).removesuffix(self._total[-3:])
            line = f"{self._finished} of {self._of}: {name}, {format_bytes(size_bytes)}"
            self._say(f"{line}, {done} of {self._total}")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

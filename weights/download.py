"""Download of weight files from the Hugging Face hub, each checked by size and hash.

The hub's client compares sizes at most, and cannot resume a file that it did not finish. So files
arrive in a staging folder and move to their final path once their hash is right: a file at its
final path is complete.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Self

import httpx2
from filelock import FileLock, Timeout
from huggingface_hub import HfFileMetadata, get_hf_file_metadata, hf_hub_download, hf_hub_url
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from weights.disk import Disk
from weights.errors import WeightsError
from weights.hub_errors import to_weights_error
from weights.lock import LockEntry, LockFile, compute_sha256, matches_etag
from weights.manifest import HubFile
from weights.sets import download_path, hub_folder, lock_path

# The client's warnings are about what it retries, or what we report in our own words.
logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
_MAX_DOWNLOADS = 4  # in parallel; more gain nothing on one connection to the hub
_ADVICE = ", or set PORTRAIT_WEIGHTS to a larger disk."
_INCOMING = ".arriving"
_ALL = "all files"

PrintLine = Callable[[str], None]


@dataclass(frozen=True)
class _RemoteFile:
    """File to fetch, with the hub's metadata of it."""

    file: HubFile
    commit: str
    size_bytes: int
    etag: str


def format_bytes(count: int) -> str:
    """Return a size in GB or MB, with one decimal."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


class DownloadProgress:
    """Progress of several downloads; a context manager, safe to use from several threads.

    On a terminal (standard error) a bar for each file and one for all. Elsewhere `print_line` gets
    a line for each finished file.
    """

    def __init__(self, files: int, total_bytes: int, print_line: PrintLine) -> None:
        self._files, self._total, self._print_line = files, format_bytes(total_bytes), print_line
        self._finished, self._finished_bytes, self._lock = 0, 0, Lock()
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
        """Return a class with the part of tqdm's interface that the hub's client uses."""
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
        """Count a file that is complete, and print its line where there are no bars."""
        if not self._progress.disable:
            return
        with self._lock:
            self._finished += 1
            self._finished_bytes += size_bytes
            done = format_bytes(self._finished_bytes).removesuffix(self._total[-3:])  # the unit
            line = f"{self._finished} of {self._files}: {name}, {format_bytes(size_bytes)}"
            self._print_line(f"{line}, {done} of {self._total}")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def download(weights: Path, files: Sequence[HubFile], print_line: PrintLine, disk: Disk) -> int:
    """Fetch the missing ones of the `files` below `weights`; return how many were fetched.

    Files that are there and checked cost no request. Raises WeightsError when the hub refuses, the
    disk is full, or a file differs from its record; complete files are kept.
    """
    with _lock_folder(weights):
        lock = LockFile(lock_path(weights))
        absent = [file for file in files if not _is_checked(weights, lock, file)]
        if not absent:
            return 0
        disk.require_space(weights, sum(file.size_bytes or 0 for file in absent), _ADVICE)
        queried = [_query_hub(file, lock) for file in absent]
        wanted = [remote for remote in queried if not _record_existing(weights, lock, remote)]
        total_bytes = sum(remote.size_bytes for remote in wanted)
        disk.require_space(weights, total_bytes, _ADVICE)
        incoming = hub_folder(weights) / _INCOMING
        for orphan in incoming.rglob("*.incomplete"):  # of a run that was killed
            orphan.unlink()
        print_line(f"To fetch: {len(wanted)} of {len(files)} files, {format_bytes(total_bytes)}.")
        with DownloadProgress(len(wanted), total_bytes, print_line) as progress:
            fetch = partial(_fetch, weights, incoming, lock, progress)
            _run_parallel([partial(fetch, remote) for remote in wanted])
        shutil.rmtree(incoming, ignore_errors=True)
        return len(wanted)


def _run_parallel(jobs: Sequence[Callable[[], None]]) -> None:
    """Run the jobs in a pool; after a failure start no more, and wait for the running ones."""
    pool = ThreadPoolExecutor(_MAX_DOWNLOADS)
    try:
        for future in [pool.submit(job) for job in jobs]:
            future.result()
    except KeyboardInterrupt:  # don't wait for downloads of gigabytes
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


@contextmanager
def _lock_folder(weights: Path) -> Iterator[None]:
    """Hold the folder's lock; raise WeightsError if another process has it."""
    try:
        hub_folder(weights).mkdir(parents=True, exist_ok=True)
        with FileLock(hub_folder(weights) / ".lock", timeout=0):
            yield
    except Timeout as error:
        message = f"Another download into {weights} is at work. Wait until it is done."
        raise WeightsError(message) from error
    except OSError as error:
        raise to_weights_error(error, str(weights)) from error


def _is_checked(weights: Path, lock: LockFile, file: HubFile) -> bool:
    """Return whether the file is present and checked; hash it first if it is unchecked."""
    path, entry = download_path(weights, file), lock.get(file)
    state = lock.state(file, path)
    if state in ("checked", "missing"):
        return state == "checked"
    sha256 = entry.sha256 if entry else file.sha256
    if sha256 is None or compute_sha256(path) != sha256:
        return False
    _record(lock, file, path, entry.commit if entry else file.repo.revision, sha256)
    return True


def _query_hub(file: HubFile, lock: LockFile) -> _RemoteFile:
    """Return the hub's metadata of the file; raise WeightsError if its size has changed."""
    revision = lock.resolve_revision(file)
    try:
        answer: HfFileMetadata = get_hf_file_metadata(
            hf_hub_url(file.repo.name, file.name, revision=revision)
        )
    except (OSError, httpx2.HTTPError) as error:
        raise to_weights_error(error, file.key, revision) from error
    if not (answer.commit_hash and answer.etag and answer.size is not None):
        raise WeightsError(f"The hub does not say what {file.key} is. Try again later.")
    entry = lock.get(file)
    size = entry.size_bytes if entry else file.size_bytes
    if size not in (None, answer.size):
        raise WeightsError(
            f"{file.key} has {answer.size} bytes on the hub, and {size} were recorded. "
            "It was replaced there. Update this project."
        )
    return _RemoteFile(file, answer.commit_hash, answer.size, answer.etag)


def _record_existing(weights: Path, lock: LockFile, wanted: _RemoteFile) -> bool:
    """Record a present but unrecorded file if it is the hub's; return whether it is."""
    path, file = download_path(weights, wanted.file), wanted.file
    if lock.state(file, path) != "unchecked" or path.stat().st_size != wanted.size_bytes:
        return False
    sha256 = compute_sha256(path)
    if file.sha256 not in (None, sha256) or not matches_etag(path, sha256, wanted.etag):
        return False
    _record(lock, file, path, wanted.commit, sha256)
    return True


def _fetch(
    weights: Path, incoming: Path, lock: LockFile, progress: DownloadProgress, wanted: _RemoteFile
) -> None:
    """Fetch one file, check it, move it to its final path and record it."""
    file, folder = wanted.file, incoming / wanted.file.repo.name
    try:
        hf_hub_download(
            file.repo.name,
            file.name,
            revision=wanted.commit,
            local_dir=folder,
            tqdm_class=progress.create_bar_class(file.path_in_set),
        )
        path = folder / file.name
        sha256 = _require_intact(path, wanted, lock.get(file))
        target = download_path(weights, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
        _record(lock, file, target, wanted.commit, sha256)
        progress.finish_file(file.path_in_set, wanted.size_bytes)
    except (OSError, httpx2.HTTPError) as error:
        raise to_weights_error(error, file.key, wanted.commit) from error


def _require_intact(path: Path, wanted: _RemoteFile, entry: LockEntry | None) -> str:
    """Return the downloaded file's SHA-256; delete it and raise WeightsError if it is wrong."""
    file = wanted.file
    size_bytes, sha256 = path.stat().st_size, compute_sha256(path)
    expected = entry.sha256 if entry else file.sha256
    intact = size_bytes == wanted.size_bytes and matches_etag(path, sha256, wanted.etag)
    if intact and expected in (None, sha256):
        return sha256
    path.unlink()
    if intact:
        message = "was replaced on the hub, so it was not taken. Update this project"
    else:
        message = "arrived damaged, so it was deleted. Run the download again"
    raise WeightsError(f"{file.key} {message}.")


def _record(lock: LockFile, file: HubFile, path: Path, commit: str, sha256: str) -> None:
    stat = path.stat()
    entry = LockEntry(file.repo.revision, commit, stat.st_size, sha256, stat.st_mtime_ns)
    lock.record(file, entry)

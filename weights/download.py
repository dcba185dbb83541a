"""Fetches weight files from the Hugging Face hub, each once, and lets only checked ones through.

The hub's client compares sizes at most and keeps nothing of a file that it did not finish, so files
arrive in a folder of their own and move to their place when their hash is right. A file that is in
its place is whole.
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

# What the client warns of is tried again, or told in our own sentence.
logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
_MAX_DOWNLOADS = 4  # downloads; more gain nothing on one connection to the hub
_ADVICE = ", or set PORTRAIT_WEIGHTS to a larger disk."
_INCOMING = ".arriving"
_ALL = "all files"

PrintLine = Callable[[str], None]


@dataclass(frozen=True)
class _RemoteFile:
    """A file to fetch, and what the hub says of it."""

    file: HubFile
    commit: str
    size_bytes: int
    etag: str


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


def download(weights: Path, files: Sequence[HubFile], say: PrintLine, disk: Disk) -> int:
    """Bring the `files` to their place below `weights`, on `disk`; returns how many had to be
    fetched.

    Those that are there and checked cost no request. Raises WeightsError, with all that arrived
    whole kept, when the hub refuses, the disk is full, or a file is not what it should be.
    """
    with _lock_folder(weights):
        lock = LockFile(lock_path(weights))
        absent = [file for file in files if not _is_checked(weights, lock, file)]
        if not absent:
            return 0
        disk.require_space(weights, sum(file.size_bytes or 0 for file in absent), _ADVICE)
        asked = [_query_hub(file, lock) for file in absent]
        wanted = [each for each in asked if not _record_existing(weights, lock, each)]
        total_bytes = sum(each.size_bytes for each in wanted)
        disk.require_space(weights, total_bytes, _ADVICE)
        arriving = hub_folder(weights) / _INCOMING
        for orphan in arriving.rglob("*.incomplete"):  # of a run that was killed
            orphan.unlink()
        say(f"To fetch: {len(wanted)} of {len(files)} files, {format_bytes(total_bytes)}.")
        with DownloadProgress(len(wanted), total_bytes, say) as bars:
            fetch = partial(_fetch, weights, arriving, lock, bars)
            _run_parallel([partial(fetch, each) for each in wanted])
        shutil.rmtree(arriving, ignore_errors=True)
        return len(wanted)


def _run_parallel(jobs: Sequence[Callable[[], None]]) -> None:
    """Run the jobs, some at a time; after a failure those that are under way still end."""
    pool = ThreadPoolExecutor(_MAX_DOWNLOADS)
    try:
        for future in [pool.submit(job) for job in jobs]:
            future.result()
    except KeyboardInterrupt:  # whoever pressed it does not wait
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


@contextmanager
def _lock_folder(weights: Path) -> Iterator[None]:
    """Only one process fetches into a folder at a time."""
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
    """Whether the file is there and as it was when it was checked; checks it if that is due."""
    path, entry = download_path(weights, file), lock.get(file)
    found = lock.state(file, path)
    if found in ("checked", "missing"):
        return found == "checked"
    sha256 = entry.sha256 if entry else file.sha256
    if sha256 is None or compute_sha256(path) != sha256:
        return False
    _record(lock, file, path, entry.commit if entry else file.repo.revision, sha256)
    return True


def _query_hub(file: HubFile, lock: LockFile) -> _RemoteFile:
    """What the hub says of the file; Raises WeightsError if that is not what was recorded."""
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
    """Whether a file that nothing is recorded of is what the hub has; then it is recorded."""
    path, file = download_path(weights, wanted.file), wanted.file
    if lock.state(file, path) != "unchecked" or path.stat().st_size != wanted.size_bytes:
        return False
    sha256 = compute_sha256(path)
    if file.sha256 not in (None, sha256) or not matches_etag(path, sha256, wanted.etag):
        return False
    _record(lock, file, path, wanted.commit, sha256)
    return True


def _fetch(
    weights: Path, arriving: Path, lock: LockFile, bars: DownloadProgress, wanted: _RemoteFile
) -> None:
    """Fetch one file, check it, move it to its place and write it down."""
    file, folder = wanted.file, arriving / wanted.file.repo.name
    try:
        hf_hub_download(
            file.repo.name,
            file.name,
            revision=wanted.commit,
            local_dir=folder,
            tqdm_class=bars.create_bar_class(file.path_in_set),
        )
        path = folder / file.name
        sha256 = _require_intact(path, wanted, lock.get(file))
        target = download_path(weights, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
        _record(lock, file, target, wanted.commit, sha256)
        bars.finish_file(file.path_in_set, wanted.size_bytes)
    except (OSError, httpx2.HTTPError) as error:
        raise to_weights_error(error, file.key, wanted.commit) from error


def _require_intact(path: Path, wanted: _RemoteFile, entry: LockEntry | None) -> str:
    """The SHA-256 of what arrived. Raises WeightsError, and deletes it, if it is not right."""
    file = wanted.file
    found, sha256 = path.stat().st_size, compute_sha256(path)
    expected = entry.sha256 if entry else file.sha256
    right = found == wanted.size_bytes and matches_etag(path, sha256, wanted.etag)
    if right and expected in (None, sha256):
        return sha256
    path.unlink()
    if right:
        message = "was replaced on the hub, so it was not taken. Update this project"
    else:
        message = "arrived damaged, so it was deleted. Run the download again"
    raise WeightsError(f"{file.key} {message}.")


def _record(lock: LockFile, file: HubFile, path: Path, commit: str, sha256: str) -> None:
    found = path.stat()
    entry = LockEntry(file.repo.revision, commit, found.st_size, sha256, found.st_mtime_ns)
    lock.record(file, entry)

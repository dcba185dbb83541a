"""Store of sessions: a folder for each browser.

A reload, a second tab or a new server reads the same session. Files in a session have random names
and are never changed, only replaced, so a page or a job that still uses one is not disturbed.
"""

import hashlib
import math
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from weakref import WeakValueDictionary

from pydantic import TypeAdapter

from inference.core.files import (
    PART,
    UnreadableFile,
    delete_path,
    isolate,
    read_json,
    write_whole,
)
from inference.core.write_access import SoleWriter, WriteAccess
from inference.jobs import lock
from inference.jobs.state import ID
from presets.quality import PRESETS
from ui.media.serving import SESSIONS_FOLDER
from ui.session.session import Session

SESSION_FILE = "desk.json"
PERMISSIONS = "permissions"  # in the data folder: a file for each browser that has stated it
_SCRATCH = "tmp"  # no owner's id begins so
_SCRATCH_LOCK = ".lock"  # suffix beside the scratch folder
_ID_BYTES = 16
_FILE_NAME = re.compile(r"[\w-][\w.-]{0,99}", re.ASCII)
_DAY_S = 24 * 60 * 60
_PERMISSION_S = 365 * _DAY_S  # from the last final video; a browser's cookie is kept as long
_SESSION = TypeAdapter(Session)


class SessionStore:
    """Sessions in one data folder, each named by its owner.

    Methods that write raise WriteUnavailable while `access` is not granted.
    """

    def __init__(self, data: Path, access: WriteAccess | None = None) -> None:
        self._root, self._access = data / SESSIONS_FOLDER, access or SoleWriter()
        self._permissions = data / PERMISSIONS
        self._locks: WeakValueDictionary[str, threading.RLock] = WeakValueDictionary()
        self._locks_lock = threading.Lock()

    def make_folder(self, owner: str) -> Path:
        """Return the session's folder, created if needed, readable by this user alone."""
        folder = self._root / owner
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def lock(self, owner: str) -> threading.RLock:
        """Return the lock to hold while the session is read, changed and saved."""
        with self._locks_lock:
            found = self._locks.get(owner) or threading.RLock()
            self._locks[owner] = found
            return found

    def load(self, owner: str) -> Session:
        """Return the saved session; an empty one if there is none, or it can't be read."""
        try:
            return self.read(owner)
        except UnreadableFile:
            return Session()

    def read(self, owner: str) -> Session:
        """Return the saved session; an empty one if there is none. Raises UnreadableFile."""
        try:
            return _read_session(self._root / owner / SESSION_FILE)
        except FileNotFoundError:
            return Session()

    def compute_version(self, owner: str) -> str:
        """Return a hash of the saved session.

        Not its modification time: a Volume may store whole seconds.
        """
        try:
            return hashlib.sha256((self._root / owner / SESSION_FILE).read_bytes()).hexdigest()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return ""

    def has_permission(self, owner: str) -> bool:
        """Return whether this browser has stated that its faces and voices may be used."""
        return bool(owner) and (self._permissions / owner).exists()

    def state_permission(self, owner: str, stated: bool = True) -> None:
        """Keep that statement, beside the session and for longer, or take it back."""
        self._access.require()
        if stated:
            self._permissions.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._permissions / owner).touch(mode=0o600)
        else:
            (self._permissions / owner).unlink(missing_ok=True)

    def store_file(self, owner: str, path: Path, kind: str) -> str:
        """Move the file at `path` into the session; return its new name, which starts with `kind`.

        Call it and `save` under one `lock`. Raises OSError.
        """
        self._access.require()
        name = f"{kind}-{secrets.token_hex(_ID_BYTES)}{path.suffix}"
        shutil.move(path, self.make_folder(owner) / name)
        return name

    def save(self, owner: str, session: Session) -> None:
        """Save `session`; delete the files that are no longer in it. Raises OSError."""
        self._access.require()
        folder = self.make_folder(owner)
        state = folder / SESSION_FILE
        if state.is_dir():
            delete_path(state)  # foreign; nothing of the session can be read any more
        write_whole(state, _SESSION.dump_json(session))
        for path in folder.iterdir():
            # another server may be writing its own session at the moment
            if path.name not in session.files | {SESSION_FILE} and path.suffix != PART:
                delete_path(path)

    def restore(self, owner: str, folder: Path) -> Session:
        """Link the files of the copy in `folder` into the session; return the copied session.

        Call it and `save` under one `lock`. Raises UnreadableFile, OSError.
        """
        session = _read_session(folder / SESSION_FILE)
        for name in session.files:
            link_file(folder / name, self.make_folder(owner) / name)
        return session

    def save_copy(self, owner: str, session: Session, folder: Path) -> None:
        """Create `folder` and save `session` and its files in it. Raises OSError."""
        folder.mkdir(mode=0o700)
        write_whole(folder / SESSION_FILE, _SESSION.dump_json(session))
        for name in session.files:
            link_file(self.make_folder(owner) / name, folder / name)

    def delete_expired(self, older_than: datetime) -> None:
        """Delete the sessions that were last changed before `older_than`; statements a year later.

        A time to come is of a wrong clock, and replaced by the present one.
        """
        for path in self._permissions.glob("*"):
            with isolate(path):
                if path.stat().st_mtime < older_than.timestamp() - _PERMISSION_S:
                    self.state_permission(path.name, stated=False)
        for folder in self._root.glob("*"):
            with self.lock(folder.name), isolate(folder):
                with suppress(FileNotFoundError, NotADirectoryError):
                    self._delete_expired(folder, older_than.timestamp())

    def is_younger(self, owner: str, session: Session, days: float) -> bool:
        """Return whether one of the session's inputs is younger than `days` days."""
        paths = (self._root / owner / name for name in session.files - {session.crop})
        times = [path.stat().st_mtime for path in paths if path.exists()]
        return max(times, default=0.0) > time.time() - days * _DAY_S

    def delete_leftovers(self) -> None:
        """Delete the scratch folders and half-written files of killed processes."""
        self._access.require()
        for folder in self._root.glob("*"):
            with isolate(folder):
                is_scratch = folder.name.startswith(_SCRATCH) and folder.is_dir()
                if is_scratch and not lock.is_held(folder.with_suffix(_SCRATCH_LOCK)):
                    shutil.rmtree(folder, ignore_errors=True)
                lock.delete_unheld(folder)
        lock.delete_unheld(self._root, f"{_SCRATCH}*{_SCRATCH_LOCK}")

    def _delete_expired(self, folder: Path, older_than_s: float) -> None:
        state = folder / SESSION_FILE  # scratch folders have none
        files = [state] if state.exists() else [*folder.iterdir()]
        # not the folder's own time, which is arbitrary on a Volume
        newest = max((file.stat().st_mtime for file in files), default=math.inf)
        self._access.require()
        if newest < older_than_s:
            shutil.rmtree(folder)
        for file in files if newest > time.time() + _DAY_S else ():
            os.utime(file)

    @contextmanager
    def make_scratch_folder(self) -> Iterator[Path]:
        """Yield a folder for files that are not in a session yet; it is deleted at the end."""
        self._access.require()
        folder = self._root / f"{_SCRATCH}{secrets.token_hex(_ID_BYTES)}"
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock.claim(folder.with_suffix(_SCRATCH_LOCK)):
            folder.mkdir(mode=0o700)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def _read_session(path: Path) -> Session:
    """Return the session stored at `path`. Raises UnreadableFile, OSError."""
    session = read_json(path, _SESSION)
    jobs = (session.draft, session.before, session.final, session.selected, *session.chosen)
    picture, voices = session.picture, filter(None, (*session.voices, session.whole))
    is_possible = (
        all(_FILE_NAME.fullmatch(name) for name in session.files)
        and all(ID.fullmatch(job) for job in jobs if job)
        and session.choices.quality in PRESETS
        and (picture is None or min(picture.picture.width, picture.picture.height) > 0)
        and all(voice.recording.samples > 0 for voice in voices)
    )
    if not is_possible:
        raise UnreadableFile(path, "values that no session has")
    return session


def link_file(source: Path, target: Path) -> None:
    """Hard-link `target` to `source`; copy it where the file system has no links."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        shutil.copyfile(source, target)

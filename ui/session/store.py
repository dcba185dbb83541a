"""Store of sessions: a folder for each browser.

A reload, a second tab or a new server reads the same session. Files in a session have random names
and are never changed, only replaced, so a page or a job that still uses one is not disturbed.
"""

import hashlib
import math
import os
import secrets
import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from inference.core.write_access import SoleWriter, WriteAccess
from ui.media.serving import SESSIONS_FOLDER
from ui.session.session import Session

SESSION_FILE = "desk.json"
_ID_BYTES = 16
_SESSION = TypeAdapter(Session)


class SessionStore:
    """Sessions in one data folder, each named by its owner.

    Methods that write raise WriteUnavailable while `access` is not granted.
    """

    def __init__(self, data: Path, access: WriteAccess | None = None) -> None:
        self._root, self._access = data / SESSIONS_FOLDER, access or SoleWriter()
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def make_folder(self, owner: str) -> Path:
        """Return the session's folder, created if needed, readable by this user alone."""
        folder = self._root / owner
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def lock(self, owner: str) -> threading.RLock:
        """Return the lock to hold while the session is read, changed and saved."""
        return self._locks[owner]

    def load(self, owner: str) -> Session:
        """Return the saved session; an empty one if there is none, or none of this version."""
        try:
            return _SESSION.validate_json((self._root / owner / SESSION_FILE).read_bytes())
        except (FileNotFoundError, ValidationError):
            return Session()

    def compute_version(self, owner: str) -> str:
        """Return a hash of the saved session.

        Not its modification time: a Volume may store whole seconds.
        """
        try:
            return hashlib.sha256((self._root / owner / SESSION_FILE).read_bytes()).hexdigest()
        except FileNotFoundError:
            return ""

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
        part = folder / f"{SESSION_FILE}.part"
        part.write_bytes(_SESSION.dump_json(session))
        os.replace(part, folder / SESSION_FILE)
        for path in folder.iterdir():
            if path.name not in session.files | {SESSION_FILE}:
                path.unlink(missing_ok=True)

    def restore(self, owner: str, folder: Path) -> Session:
        """Link the files of the copy in `folder` into the session; return the copied session.

        Call it and `save` under one `lock`. Raises OSError.
        """
        session = _SESSION.validate_json((folder / SESSION_FILE).read_bytes())
        for name in session.files:
            link_file(folder / name, self.make_folder(owner) / name)
        return session

    def save_copy(self, owner: str, session: Session, folder: Path) -> None:
        """Create `folder` and save `session` and its files in it. Raises OSError."""
        folder.mkdir(mode=0o700)
        (folder / SESSION_FILE).write_bytes(_SESSION.dump_json(session))
        for name in session.files:
            link_file(self.make_folder(owner) / name, folder / name)

    def delete_expired(self, older_than: datetime) -> None:
        """Delete the sessions that were last changed before `older_than`."""
        for folder in self._root.glob("*"):
            with self.lock(folder.name), suppress(FileNotFoundError):
                state = folder / SESSION_FILE  # scratch folders have none
                files = [state] if state.exists() else [*folder.iterdir()]
                # not the folder's own time, which is arbitrary on a Volume
                newest = max((file.stat().st_mtime for file in files), default=math.inf)
                if newest < older_than.timestamp():
                    self._access.require()
                    shutil.rmtree(folder)

    @contextmanager
    def make_scratch_folder(self) -> Iterator[Path]:
        """Yield a folder for files that are not in a session yet; it is deleted at the end."""
        self._access.require()
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._root) as folder:
            yield Path(folder)


def link_file(source: Path, target: Path) -> None:
    """Hard-link `target` to `source`; copy it where the file system has no links."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        shutil.copyfile(source, target)

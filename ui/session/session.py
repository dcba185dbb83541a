"""Session: everything one browser has open, in a folder of its own.

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
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from inference.core.request import Box, CropChoice, Picture, Recording, Shape, Speaking, Trim
from inference.core.tuning import Tuning
from inference.core.write_access import SoleWriter, WriteAccess
from inference.media.phrases import Phrase
from presets.quality import DEFAULT_QUALITY
from ui.media.serving import SESSIONS_FOLDER

SESSION_FILE = "desk.json"
_ID_BYTES = 16

Editor = Literal["", "framing", "trim", "typing", "split"]


@dataclass(frozen=True)
class StoredPicture:
    """Picture in a session.

    `name` is the visitor's own and reaches no path; `file` is the clean PNG, `preview` a smaller
    JPEG of it.
    """

    name: str
    file: str
    preview: str
    picture: Picture


@dataclass(frozen=True)
class StoredVoice:
    """Recording in a session.

    `bars`, each 0 to 1 high, draw it; `phrases` are the times with speech in it.
    """

    name: str
    file: str
    recording: Recording
    bars: tuple[float, ...]
    phrases: tuple[Phrase, ...] = ()


Voices = tuple[StoredVoice | None, StoredVoice | None]  # of the left and of the right speaker


@dataclass(frozen=True)
class Choices:
    """Choices about the inputs.

    `speakers`: boxes of the chosen speakers, left to right; empty if the visitor chose none.
    `quality` is that of the final video. `tuned`: by quality, the values chosen instead of its own.
    """

    shape: Shape = Shape.LANDSCAPE
    speaking: Speaking = Speaking.IN_TURN
    crop: CropChoice | None = None
    trim: Trim | None = None
    speakers: tuple[Box, ...] = ()
    quality: str = DEFAULT_QUALITY
    prompt: str = ""
    seed: int = 42
    negative_prompt: str = ""
    tuned: dict[str, Tuning] = field(default_factory=dict)

    def get_tuning(self, quality: str) -> Tuning:
        """Return the values chosen instead of that quality's own."""
        return self.tuned.get(quality, Tuning())


@dataclass(frozen=True)
class Session:
    """Inputs, choices, jobs and open editors.

    `crop` is the file of the exact crop, drawn from the inputs in `cropped`. `draft` is the newest
    draft, `drafted` the fingerprint of its inputs. `before` is the draft shown until the newest is
    finished; it is deleted then if `replaced`. `final` is the video made from the draft. `kept`:
    the visitor wants the draft itself. `middle`: use a picture without a face. `advanced`, `tuning`
    and `boxes`: folds that are open. `typed`: text to speak. `whole`: the recording that both
    voices were split from, `owners`: the speaker of each of its phrases, 0 left, 1 right.
    `selected`: the job open in the history, `deleting`: whether its deletion is to be confirmed.
    """

    picture: StoredPicture | None = None
    voices: Voices = (None, None)
    choices: Choices = field(default_factory=Choices)
    crop: str | None = None
    cropped: str = ""
    draft: str | None = None
    drafted: str = ""
    before: str | None = None
    replaced: bool = False
    final: str | None = None
    kept: bool = False
    middle: bool = False
    editing: Editor = ""
    advanced: bool = False
    tuning: bool = False
    boxes: bool = False
    typed: str = ""
    whole: StoredVoice | None = None
    owners: tuple[int, ...] = ()
    selected: str | None = None
    deleting: bool = False

    @property
    def files(self) -> frozenset[str]:
        """Names of the files in the session."""
        names = [voice.file for voice in (*self.voices, self.whole) if voice] + [self.crop or ""]
        if self.picture:
            names += [self.picture.file, self.picture.preview]
        return frozenset(filter(None, names))


_SESSION = TypeAdapter(Session)


class SessionStore:
    """Sessions in one data folder, each named by its owner.

    Methods that write raise Moving while `access` is not granted.
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

    def save(self, owner: str, desk: Session) -> None:
        """Save `session`; delete the files that are no longer in it. Raises OSError."""
        self._access.require()
        folder = self.make_folder(owner)
        part = folder / f"{SESSION_FILE}.part"
        part.write_bytes(_SESSION.dump_json(desk))
        os.replace(part, folder / SESSION_FILE)
        for path in folder.iterdir():
            if path.name not in desk.files | {SESSION_FILE}:
                path.unlink(missing_ok=True)

    def restore(self, owner: str, folder: Path) -> Session:
        """Link the files of the copy in `folder` into the session; return the copied session.

        Call it and `save` under one `lock`. Raises OSError.
        """
        desk = _SESSION.validate_json((folder / SESSION_FILE).read_bytes())
        for name in desk.files:
            link_file(folder / name, self.make_folder(owner) / name)
        return desk

    def save_copy(self, owner: str, desk: Session, folder: Path) -> None:
        """Create `folder` and save `session` and its files in it. Raises OSError."""
        folder.mkdir(mode=0o700)
        (folder / SESSION_FILE).write_bytes(_SESSION.dump_json(desk))
        for name in desk.files:
            link_file(self.make_folder(owner) / name, folder / name)

    def delete_expired(self, older_than: datetime) -> None:
        """Delete the sessions that were last changed before `older_than`."""
        for folder in self._root.glob("*"):
            with self.lock(folder.name), suppress(FileNotFoundError):
                saved = folder / SESSION_FILE  # which a scratch folder does not have
                files = [saved] if saved.exists() else [*folder.iterdir()]
                # not the folder's own time, which may be anything on a Volume
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

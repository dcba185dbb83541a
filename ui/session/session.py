"""The desk: what one browser has in front of it. One folder each, so that nothing a browser does
loses it: a reload, a second tab or a new server reads the same desk again.

Files on a desk have random names and are never changed, only replaced by others, so a page or a
job that still uses one is not disturbed.
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

from inference.core.options import Box, CropChoice, Shape, Speaking, Trim
from inference.core.request import Picture, Recording
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
    """A picture that was taken in. `name` is the person's own and reaches no path; `file` is the
    clean PNG, `preview` a smaller JPEG of it."""

    name: str
    file: str
    preview: str
    picture: Picture


@dataclass(frozen=True)
class StoredVoice:
    """A recording that was taken in; `bars`, each 0 to 1 high, draw it, `phrases` are when somebody
    speaks in it."""

    name: str
    file: str
    recording: Recording
    bars: tuple[float, ...]
    phrases: tuple[Phrase, ...] = ()


Voices = tuple[StoredVoice | None, StoredVoice | None]  # of the left and of the right speaker


@dataclass(frozen=True)
class Choices:
    """What was chosen about the inputs. `speakers`: who speaks, left to right, when the person
    said so; empty otherwise. `quality` is that of the final video, `tuned` what was chosen instead
    of a quality's own values, by its name."""

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
        """What was chosen instead of that quality's own values."""
        return self.tuned.get(quality, Tuning())


@dataclass(frozen=True)
class Session:
    """Inputs, choices, jobs and what is open.

    `crop` is the picture of the exact crop, drawn of what `cropped` stands for. `draft` is the
    newest draft, made of what `drafted` stands for; `before` the one on show until it is finished,
    to be deleted then if it may be `replaced`. `final` is the video made of the draft. `kept`: the
    person wants the draft itself. `middle`: also without a face. `advanced`, `tuning` and `boxes`
    are folds that are open. `typed` is a text to be spoken. `whole` is the recording that both
    voices were parted of, `owners` whose each of its phrases is: 0 the left one's, 1 the right
    one's. `selected` is the job that is open in the history, `deleting` whether it is to be
    deleted.
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
        """The names of the files that are on it."""
        names = [voice.file for voice in (*self.voices, self.whole) if voice] + [self.crop or ""]
        if self.picture:
            names += [self.picture.file, self.picture.preview]
        return frozenset(filter(None, names))


_SESSION = TypeAdapter(Session)


class SessionStore:
    """The desks in one folder of data, each named by its owner. What changes one raises Moving
    while `access` is not granted."""

    def __init__(self, data: Path, access: WriteAccess | None = None) -> None:
        self._root, self._access = data / SESSIONS_FOLDER, access or SoleWriter()
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def make_folder(self, owner: str) -> Path:
        """The desk's folder, made when it is not there; only its owner's."""
        folder = self._root / owner
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def lock(self, owner: str) -> threading.RLock:
        """Held while the desk is read, changed and saved."""
        return self._locks[owner]

    def load(self, owner: str) -> Session:
        """The desk as it was saved; an empty one when there is none, or none of this version."""
        try:
            return _SESSION.validate_json((self._root / owner / SESSION_FILE).read_bytes())
        except (FileNotFoundError, ValidationError):
            return Session()

    def compute_version(self, owner: str) -> str:
        """What changes whenever the desk does. Not its time: a Volume may keep whole seconds."""
        try:
            return hashlib.sha256((self._root / owner / SESSION_FILE).read_bytes()).hexdigest()
        except FileNotFoundError:
            return ""

    def store_file(self, owner: str, path: Path, kind: str) -> str:
        """The name, starting with `kind`, that the file at `path` now has on the desk, to which
        it was moved. Call it and `save` under one `lock`. Raises OSError."""
        self._access.require()
        name = f"{kind}-{secrets.token_hex(_ID_BYTES)}{path.suffix}"
        shutil.move(path, self.make_folder(owner) / name)
        return name

    def save(self, owner: str, desk: Session) -> None:
        """Keep `desk` and remove the files that are no longer on it. Raises OSError."""
        self._access.require()
        folder = self.make_folder(owner)
        part = folder / f"{SESSION_FILE}.part"
        part.write_bytes(_SESSION.dump_json(desk))
        os.replace(part, folder / SESSION_FILE)
        for path in folder.iterdir():
            if path.name not in desk.files | {SESSION_FILE}:
                path.unlink(missing_ok=True)

    def restore(self, owner: str, folder: Path) -> Session:
        """The desk that `keep_copy` left in `folder`, with its files on the desk of `owner`.

        Raises OSError. Call it and `save` under one `lock`.
        """
        desk = _SESSION.validate_json((folder / SESSION_FILE).read_bytes())
        for name in desk.files:
            link_file(folder / name, self.make_folder(owner) / name)
        return desk

    def save_copy(self, owner: str, desk: Session, folder: Path) -> None:
        """Leave `desk` and its files in `folder`, which is made. Raises OSError."""
        folder.mkdir(mode=0o700)
        (folder / SESSION_FILE).write_bytes(_SESSION.dump_json(desk))
        for name in desk.files:
            link_file(self.make_folder(owner) / name, folder / name)

    def delete_expired(self, older_than: datetime) -> None:
        """Delete the desks that nobody changed since then."""
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
        """A folder for files on their way to a desk; it goes with whatever is left in it."""
        self._access.require()
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._root) as folder:
            yield Path(folder)


def link_file(source: Path, target: Path) -> None:
    """Have `target` be the same file; a copy where the file system knows no links."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        shutil.copyfile(source, target)

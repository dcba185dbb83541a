"""People at the page, without a browser: they act, and look at what is shown."""

import secrets
import shutil
import time
from datetime import datetime
from pathlib import Path

from inference.core.settings import Settings
from inference.core.write_access import WriteAccess
from inference.jobs.state import is_busy
from inference.jobs.store import JobStore
from ui.media.uploads import UploadStore
from ui.session.controller import Controller
from ui.session.page_state import PageState, Phase

ME, YOU = "a" * 64, "b" * 64
PATIENCE_S = 60


class Person:
    """Someone at the page of a server that starts jobs."""

    def __init__(
        self, settings: Settings, owner: str = ME, access: WriteAccess | None = None
    ) -> None:
        self.data, self.owner = settings.data, owner
        self.jobs = JobStore(settings, access=access)
        self._handlers = Controller(settings, self.jobs, UploadStore(settings.data, access))

    def do(self, name: str, /, **values: object) -> PageState:
        """Act; with what makes a final video say that the face and the voice may be used."""
        said = {"permission": True} if name in ("make", "resume", "restart") else {}
        return self._handlers.handle_event(self.owner, {"do": name, **said, **values})

    def pulse(self) -> str:
        return self._handlers.page_builder.etag(self.owner)

    def sweep(self, now: datetime | None) -> None:
        self._handlers.sweep(now)

    def give(self, kind: str, file: Path, **values: object) -> PageState:
        """Upload `file` and say what it is."""
        upload = uploaded(self.data, file, self.owner)
        return self.do(kind, upload=upload.name, name=file.name, **values)

    def until(self, *phases: Phase) -> PageState:
        """The page once it has come that far."""
        end = time.monotonic() + PATIENCE_S
        while (shown := self.do("refresh")).phase not in phases:
            assert time.monotonic() < end, shown.phase
            time.sleep(0.05)
        return shown

    def history(self) -> list[str]:
        shown = self.do("refresh", view="history")
        assert shown.history is not None and len(shown.history) == shown.history_count
        return [job.id for job in shown.history]


def uploaded(data: Path, file: Path, owner: str = ME) -> Path:
    """A copy of `file` where uploads wait, under its id."""
    target = data / "uploads" / owner / secrets.token_hex(16)
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(file, target))


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def drafted(person: Person) -> PageState:
    """The page with the draft of an example, whose worker has ended."""
    person.do("example", name="astronaut")
    shown, end = person.until(Phase.DRAFT), time.monotonic() + PATIENCE_S
    while any(map(is_busy, person.jobs.list_owned(person.owner))):
        assert time.monotonic() < end
        time.sleep(0.02)
    return shown

"""Programs that use the HTTP API, in front of a server without a page."""

from pathlib import Path
from typing import Any

from httpx2 import Response
from starlette.applications import Starlette
from starlette.testclient import TestClient

from inference.core.events import Event
from inference.core.settings import Settings
from inference.core.write_access import WriteAccess
from inference.jobs import history
from inference.jobs.store import JobStore
from tests.support.played_jobs import new_task
from ui.access.identity import Owners
from ui.api.door import Api, door, owner_of
from ui.web.security import SecurityMiddleware

TOKEN = "correct-horse-battery-staple"


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Server:
    """The API for one folder of data, which starts no jobs; `owner` is who the token stands for."""

    def __init__(
        self,
        data: Path,
        token: str | None = TOKEN,
        access: WriteAccess | None = None,
        **settings: Any,
    ) -> None:
        self.settings = Settings(data=data, api_token=token, **settings)
        self.jobs = JobStore(self.settings, access=access)
        owners = Owners(data)
        self._door = door(self.settings, self.jobs, owners)
        self.owner = owner_of(token or "", owners)

    def client(self, headers: dict[str, str] | None = None) -> TestClient:
        """Somebody who sends `headers` with everything, the token unless they say otherwise."""
        app = Starlette()
        app.add_middleware(Api, door=self._door)
        app.add_middleware(SecurityMiddleware)
        return TestClient(app, headers=bearer() if headers is None else headers)

    def job(self, *events: Event, quality: str = "draft", owner: str | None = None) -> Path:
        """A job that waits, or one of which that happened and on which nobody is at work."""
        task = new_task(self.jobs, self.owner if owner is None else owner, quality)
        self.jobs.submit(task)
        if events:
            (task.folder / "waiting").unlink()
            written = history.HistoryWriter(task.folder)
            for event in events:
                written.append(event)
        return task.folder

    def left(self) -> list[Path]:
        """The folders of all jobs, whoever's."""
        return [*(self.settings.data / "jobs").glob("*")]


def error(answer: Response) -> tuple[int, str]:
    """Status and code of an answer that is no result; its sentence is one."""
    said = answer.json()["error"]
    assert set(said) == {"code", "message"} and said["message"].endswith(".")
    assert "Traceback" not in said["message"] and "--" not in said["message"]
    return answer.status_code, said["code"]

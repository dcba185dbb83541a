"""A server that takes files and nothing else, and browsers that send it some."""

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient

from inference.core.errors import InputError
from ui.access.identity import OWNER_COOKIE, Owners
from ui.media import uploads
from ui.media.uploads import HEADER, UploadStore

MINE, YOURS = {OWNER_COOKIE: "a" * 64}, {OWNER_COOKIE: "b" * 64}
OURS = {HEADER: "1"}
FILE = os.urandom(200_000)


class Server:
    """The upload's route for one folder of data."""

    def __init__(self, data: Path) -> None:
        self.uploads, self.owners, self.root = UploadStore(data), Owners(data), data / "uploads"
        self.app = FastAPI()
        self.app.include_router(uploads.create_router(self.uploads, self.owners))

    def browser(self, cookies: dict[str, str]) -> TestClient:
        return TestClient(self.app, cookies=cookies, headers=OURS)

    def owner(self, cookies: dict[str, str]) -> str:
        owner = self.owners.identify(cookies)
        assert owner
        return owner

    def has(self, cookies: dict[str, str], upload: str) -> bool:
        """Whether that upload is there for that person. It is gone then."""
        try:
            with self.uploads.claim(self.owner(cookies), upload):
                return True
        except InputError:
            return False

    def files(self) -> list[Path]:
        return [path for path in self.root.rglob("*") if path.is_file()]


def send(browser: TestClient, content: bytes = FILE, kind: str = "picture") -> str:
    answer = browser.post(f"/upload?kind={kind}", content=content)
    assert answer.status_code == 200
    upload: str = answer.json()["upload"]
    return upload

"""The server of uploads, and a browser at it."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.support.upload_server import MINE, Server


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / "data")


@pytest.fixture
def me(server: Server) -> TestClient:
    return server.browser(MINE)

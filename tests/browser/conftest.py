"""A real Chromium with the real server, or with a page made by hand for the scripts alone."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserType, Page, expect, sync_playwright

from tests.browser.made_page import Bench, new_tab
from tests.support.media import ROOT, free_port, spoken
from tests.support.servers import serving

ARTIFACTS = ROOT / "tests" / "artifacts"
_PATIENCE_MS = 120_000
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera and a microphone; asked for as usual
]


def chromium_options() -> dict[str, Any]:
    """How to launch headless Chromium: that of $CHROMIUM or the machine's own."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        message = "No Chromium is installed: install the package chromium, or set CHROMIUM."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return {"executable_path": path, "args": _ARGUMENTS}


@contextmanager
def start_playwright() -> Iterator[BrowserType]:
    """What launches browsers; what is expected of their pages may take a while on a busy machine.

    An event loop runs in this thread as long as Playwright lives.
    """
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="package")
def chromium() -> Iterator[BrowserType]:
    """Launches browsers."""
    with start_playwright() as chromium:
        yield chromium


@pytest.fixture(scope="package")
def browser(chromium: BrowserType) -> Iterator[Browser]:
    """A browser whose contexts are people of their own."""
    browser = chromium.launch(**chromium_options())
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def tab(browser: Browser) -> Iterator[Page]:
    """A tab for one test after the other: a context for each takes more than twice as long."""
    with new_tab(browser) as tab:
        yield tab


@pytest.fixture(scope="package")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's folder of data."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="package")
def address(data: Path) -> Iterator[str]:
    """Where the server listens."""
    with serving(data) as server:
        yield server.address


@pytest.fixture(scope="session")
def word(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording so short that its draft is there at once."""
    return spoken(tmp_path_factory.mktemp("word") / "word.wav", seconds=1.6)


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots are kept."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what `/media/<any job>/` shows."""
    return tmp_path_factory.mktemp("films")


@pytest.fixture
def bench(films: Path) -> Iterator[Bench]:
    """A server for the scripts alone."""
    bench, port = Bench(films), free_port()
    config = uvicorn.Config(bench.application(), port=port, log_level="error", lifespan="off")
    bench.server = server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server ended"
        time.sleep(0.01)
    bench.address = f"http://127.0.0.1:{port}"
    yield bench
    server.should_exit = server.force_exit = True
    thread.join()

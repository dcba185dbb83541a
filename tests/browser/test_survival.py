"""Nothing a person does to the browser loses the work, nor does the end of the server."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, expect

from inference.core.settings import Settings
from inference.jobs import lock
from inference.jobs.state import LOCK, State
from inference.jobs.store import JOBS, JobStore
from tests.browser.conftest import chromium_options
from tests.browser.visits import DESKTOP, PHONE, Visit, visit
from tests.support.media import VOICE_A
from tests.support.servers import Server, serving


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that can make final videos."""
    with serving(tmp_path_factory.mktemp("data"), pause_s=0.02) as server:
        yield server


@pytest.fixture
def server(started: Server) -> Server:
    """The server; a final video of four windows stands still after two of them."""
    started.hold.touch()
    return started


def make_final(me: Visit) -> None:
    """Half of a final video."""
    me.draft(VOICE_A)
    me.make()
    me.see("Making your video")
    me.page.locator("tp-player[film*='/growing/']").wait_for()


def test_reload_second_tab_and_stop(browser: Browser, server: Server, artifacts: Path) -> None:
    with visit(browser, server.address, DESKTOP, "light", artifacts) as me:
        make_final(me)
        me.reload()
        me.see("Making your video")
        other = Visit(me.page.context, server.address, None)
        other.see("Making your video")
        me.shoot("11-making")
        me.press("Stop, keep what is finished")
        me.see("Stopped")
        other.see("Stopped")
        expect(me.page.locator("#tp-head p")).to_contain_text("s are finished and kept")
        me.page.wait_for_function(
            "[...document.querySelector('tp-player').shadowRoot.querySelectorAll('video')]"
            ".at(-1).readyState >= 3"
        )
        me.shoot("12-stopped")
        server.hold.unlink()
        me.press("Go on")
        me.see("Your video is ready")
        other.check()


def test_the_growing_film_keeps_its_place(browser: Browser, server: Server) -> None:
    with visit(browser, server.address) as me:
        make_final(me)
        first = me.film
        me.page.locator("tp-player").get_by_role("button", name="Play").click()
        time = (
            "[...document.querySelector('tp-player').shadowRoot.querySelectorAll('video')]"
            ".map(v => v.currentTime).reduce((a, b) => Math.max(a, b), 0)"
        )
        me.page.wait_for_function(f"{time} > 1")
        seen = me.page.evaluate(time)
        server.hold.unlink()
        me.page.wait_for_function(
            "first => document.querySelector('tp-player').getAttribute('film') !== first", arg=first
        )
        me.page.wait_for_function(f"{time} > {seen} + 0.5")
        me.see("Your video is ready")


def test_a_browser_that_was_closed_finds_its_work_again(
    chromium: BrowserType, server: Server, tmp_path: Path
) -> None:
    def open_browser() -> tuple[BrowserContext, Visit]:
        context = chromium.launch_persistent_context(
            tmp_path / "profile", viewport={"width": 390, "height": 844}, **chromium_options()
        )
        return context, Visit(context, server.address, None)

    context, me = open_browser()
    make_final(me)
    context.close()
    context, me = open_browser()
    try:
        me.see("Making your video")
        server.hold.unlink()
        me.see("Your video is ready")
        me.check()
    finally:
        context.close()


@pytest.mark.holds("page", "kill", "the page waits for the server; the work goes on")
def test_the_server_is_killed_and_started_again_in_the_middle(
    browser: Browser, server: Server, artifacts: Path
) -> None:
    context = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]})
    me = Visit(context, server.address, artifacts)
    make_final(me)
    server.kill()
    expect(me.page.get_by_role("status").filter(has_text="Connection lost")).to_be_visible()
    me.shoot("13-connection-lost")
    server.hold.unlink()
    server.start()
    me.see("Your video is ready")  # the work went on, and nobody touched the page
    expect(me.page.get_by_role("status").filter(has_text="Connection lost")).to_have_count(0)
    context.close()


def test_work_that_was_interrupted_goes_on_or_starts_again(
    browser: Browser, server: Server, artifacts: Path
) -> None:
    with visit(browser, server.address, DESKTOP, "dark", artifacts) as me:
        make_final(me)
        end_worker(server.data)
        me.see("Interrupted")
        me.shoot("14-interrupted")
        server.hold.unlink()
        me.press("Go on")
        me.see("Your video is ready")


def end_worker(data: Path) -> None:
    """As when the machine goes down: the one worker is gone."""
    jobs = JobStore(Settings(data=data))
    (running,) = (
        folder for folder in (data / JOBS).iterdir() if jobs.read_state(folder) is State.RUNNING
    )
    pid = lock.read_holder(running / LOCK)
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)

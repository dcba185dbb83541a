"""The deployed page in a real browser: Modal's client and runtime, the small model for a GPU.

Windows are small, and made when the test lets them: so each machine is lost in the middle of one.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visits import DESKTOP, PHONE, Visit, visit
from tests.modal.deployed import APP, GPU, HELD_WINDOWS, PAGE, SMALL_FRAMES, deployed
from tests.modal.people import (
    PATIENCE_S,
    copied,
    draft,
    finished,
    machine,
    make,
    plays,
    saved,
    two_pages,
    until_it_writes,
    until_ready,
    until_window,
)
from tests.modal.standin.handle import StandIn
from tests.support.media import ASTRONAUT, DRAWN_ONE, spoken

PLAN = "3.30 s of speech → 85 frames, 3.40 s (2 windows)"
GROWING = "tp-player[film*='/growing/']"
FIRST_WINDOW = 81  # of its frames


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Modal, with the app deployed."""
    replaced = SMALL_FRAMES | HELD_WINDOWS
    with deployed(tmp_path_factory.mktemp("modal"), replaced=replaced) as standin:
        yield standin


@pytest.fixture
def address(standin: StandIn) -> str:
    """Where the page is."""
    return standin.url(APP, PAGE)


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording that takes two windows."""
    return spoken(tmp_path_factory.mktemp("voice") / "voice.wav", seconds=3.3)


def test_a_video_survives_all_that_can_happen(
    browser: Browser, standin: StandIn, address: str, voice: Path, tmp_path: Path, artifacts: Path
) -> None:
    """Reload and second tab, a new deploy and the page's old machine lost before it has handed
    over, the GPU's machine lost, another deploy and the old machine lost once it has; beside it
    somebody else, who stops their video in the middle."""
    with (
        visit(browser, address, DESKTOP, "light", artifacts) as me,
        visit(browser, address, PHONE, "dark", artifacts) as you,
    ):
        draft(me, ASTRONAUT, voice, steps=2)
        expect(me.page.locator(".tp-plan")).to_have_text(PLAN)
        make(me)
        mine = machine(standin, GPU)
        draft(you, DRAWN_ONE, voice, steps=2)
        make(you)
        yours = machine(standin, GPU, mine)
        until_window(me, 1, of=2)
        me.page.locator("#tp-side img[src*='/media/']").first.wait_for()  # the live frame
        me.shoot("21-modal-making")
        me.reload()
        me.see("Making your video")
        other = Visit(me.page.context, address, None)
        other.see("Making your video")
        other.page.close()
        with two_pages(standin) as (old, _):
            standin.kill(old)  # before it can hand over
        for task in (mine, yours):
            standin.sign(task, "window-1")
        me.page.locator(GROWING).wait_for(timeout=PATIENCE_S * 1000)
        until_window(me, 2, of=2)
        half = copied(standin, me, tmp_path / "half")
        standin.kill(mine)
        you.page.locator(GROWING).wait_for(timeout=PATIENCE_S * 1000)
        you.press("Stop, keep what is finished")
        expect(you.page.locator("#tp-head h1")).to_have_text("Stopped", timeout=PATIENCE_S * 1000)
        you.shoot("23-modal-stopped")
        assert len(saved(you, tmp_path / "you.mp4")) == FIRST_WINDOW
        you.page.close()
        with two_pages(standin) as (old, new):
            until_it_writes(standin, new)
            standin.kill(old)  # once its turn is over
        standin.sign(machine(standin, GPU, mine, yours), "window-2")
        until_ready(me)
        plays(me)
        me.shoot("22-modal-result")
        made = saved(me, tmp_path / "me.mp4")
        me.page.close()
        assert np.array_equal(made, finished(half))
        assert standin.runs(GPU) == 3  # mine was taken to another machine; nobody paid twice
        assert standin.blind() == [] and standin.failed_starts() == {}
        for tab in (me, you):  # what they asked for while the page was gone
            tab.complaints.clear()

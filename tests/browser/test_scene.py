"""What is seen and how it is made, chosen on the page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from presets.scenes import SCENES
from tests.browser.test_everyone import serious
from tests.browser.visits import DESKTOP, PHONE, Visit, visit
from tests.support.servers import Server, serving
from ui.strings import text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that can make final videos, at once."""
    with serving(tmp_path_factory.mktemp("data"), pause_s=0) as server:
        yield server


def number(me: Visit, name: str) -> Locator:
    return me.page.locator(f"input[data-set={name}]")


def choose(me: Visit, name: str, value: str) -> None:
    """Write a number and leave the field."""
    number(me, name).fill(value)
    number(me, name).press("Tab")


def open_folds(me: Visit) -> None:
    """The whole card of the scene."""
    for fold in ("Scene and quality", "Advanced"):
        me.page.locator("summary", has_text=fold).click()
    expect(number(me, "steps")).to_be_visible()


def says_it_first(me: Visit) -> None:
    """Leave the question before a final video, then answer it; a double click is no answer."""
    page = me.page
    make = page.get_by_role("button", name=text.MAKE_FINAL)
    said = page.get_by_role("button", name=text.MAY_USE)
    make.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text(text.ASK_PERMISSION)
    expect(page.get_by_role("button", name=text.ASK_NOT)).to_be_focused()
    me.shoot("26-permission")
    assert serious(page) == []
    said.dispatch_event("click", {"detail": 2})
    page.keyboard.press("Enter")
    expect(make).to_be_focused()
    page.keyboard.press("Enter")
    said.click()


def test_a_scene_and_numbers_are_chosen_and_the_price_follows(
    browser: Browser, server: Server, artifacts: Path
) -> None:
    with visit(browser, server.address, PHONE, "dark", artifacts) as me:
        me.press("Astronaut")
        me.see("Your draft is ready")
        open_folds(me)
        page, draft = me.page, me.film
        prompt = page.locator("textarea[data-set=prompt]")
        prompt.fill("My own words")
        page.get_by_role("button", name="News", exact=True).click()
        pressed = page.get_by_role("button", name="News", exact=True, pressed=True)
        expect(pressed).to_be_visible()
        expect(prompt).to_have_value(SCENES["news"].prompt)
        prompt.press("End")
        prompt.type(" Rain.")  # it can be changed, and is no longer the scene itself
        prompt.press("Tab")
        expect(pressed).to_have_count(0)

        make = page.get_by_role("button", name="Make it with MultiTalk")
        expect(make).to_contain_text("about 3 min 44 s")
        choose(me, "steps", "15")  # twice as many that are computed, for the last costs nothing
        expect(make).to_contain_text("about 6 min 49 s")
        choose(me, "audio_guidance", "1")  # one pass a step instead of two
        expect(make).to_contain_text("about 3 min 44 s")
        assert me.film == draft  # none of it shows in a draft

        choose(me, "steps", "40")
        refusal = page.get_by_role("alert")
        expect(refusal).to_have_text("Steps: 40 is out of range for Balanced. Use 4 to 16.")
        expect(number(me, "steps")).to_have_value("15")
        expect(make).to_contain_text("about 3 min 44 s")
        me.shoot("24-scene")

        page.get_by_role("radio", name="Best").click()
        expect(number(me, "text_guidance")).to_be_visible()
        expect(number(me, "steps")).to_have_value("")  # each quality has its own
        choose(me, "steps", "40")
        expect(refusal).to_have_count(0)
        assert serious(page) == []
        me.reload()
        expect(number(me, "steps")).to_have_value("40")
        expect(prompt).to_have_value(f"{SCENES['news'].prompt} Rain.")


def test_another_number_makes_another_version_and_the_result_tells_it(
    browser: Browser, server: Server, artifacts: Path, word: Path
) -> None:
    with visit(browser, server.address, DESKTOP, "light", artifacts) as me:
        me.draft(word)
        open_folds(me)
        me.press("Song")
        choose(me, "steps", "6")
        me.press("New number")
        expect(number(me, "seed")).not_to_have_value("42")
        seed = number(me, "seed").input_value()
        me.see("Your draft is ready")
        says_it_first(me)
        me.see("Your video is ready")
        me.page.locator("summary", has_text="Settings used").click()
        used = me.page.locator(".tp-used")
        for told in (f"Seed{seed}", "Steps6", "voice2", f"Scene{SCENES['song'].prompt}"):
            expect(used).to_contain_text(told)
        assert serious(me.page) == []
        me.shoot("25-settings-used")
        me.page.get_by_role("button", name=text.TAKE_BACK).press("Enter")
        expect(me.page.get_by_role("status").filter(has_text=text.TAKEN_BACK)).to_be_focused()

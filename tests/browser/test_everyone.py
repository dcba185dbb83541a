"""The page is for everyone: by keyboard alone, read aloud, enlarged, in a crowd, and in private."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.visits import DESKTOP, PHONE, Scheme, Size, Visit, visit
from tests.support.media import ASTRONAUT, DRAWN_PAIR, VOICE_A
from tests.support.page_sessions import crowd
from tests.support.servers import serving

CROWD = 20
WIDTHS = (320, 390, 819, 820, 1024, 1240, 1600)


def serious(page: Page) -> list[str]:
    """What axe finds that keeps somebody out."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_axe_finds_nothing_serious(
    browser: Browser, address: str, artifacts: Path, word: Path, size: Size, scheme: Scheme
) -> None:
    with visit(browser, address, size, scheme, artifacts) as me:
        page = me.page
        assert serious(page) == []
        me.draft(word, DRAWN_PAIR)
        assert serious(page) == []
        me.press("Adjust")
        page.locator("tp-framing").wait_for()
        me.shoot("15-framing")
        assert serious(page) == []
        me.press("Done")
        page.locator("summary", has_text="Scene and quality").click()
        page.get_by_role("radio", name="Portrait").wait_for()
        me.shoot("16-advanced")
        assert serious(page) == []
        page.get_by_role("link", name="History").click()
        me.shoot("17-history")
        assert serious(page) == []


def test_the_history_is_usable(browser: Browser, address: str, artifacts: Path, word: Path) -> None:
    with visit(browser, address, DESKTOP, "light", artifacts) as me:
        page = me.page
        page.add_init_script(SHARING)
        me.reload()
        me.draft(word)
        before = me.film
        me.give("picture", DRAWN_PAIR)
        expect(page.locator(f"tp-player[film]:not([film='{before}'])")).to_have_count(1)
        page.get_by_role("link", name="History").click()
        cards = page.locator("[data-do=select]")
        expect(cards).to_have_count(2)
        use_files(me)
        choose_by_keyboard(me)
        me.shoot("18-history")
        assert serious(page) == []
        page.keyboard.press("Enter")
        question = "Delete these 2 videos for good? Your picture and recording stay on the page."
        expect(page.get_by_role("alert")).to_have_text(question)
        expect(page.get_by_role("button", name="Keep them")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Delete 2")).to_be_focused()
        page.locator(".tp-open [data-do=delete]").focus()
        page.keyboard.press("Enter")
        expect(page.locator("[data-do=delete-not]")).to_be_focused()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(cards).to_have_count(1)
        expect(cards).to_be_focused()
        me.press("Delete")
        me.press("Delete for good")
        expect(cards).to_have_count(0)
        expect(page.locator("#tp-history h1")).to_be_focused()
        page.get_by_role("link", name="Make").click()
        me.see("The draft is deleted")


# A browser that shares files, but has forgotten the press by the time it has the video.
SHARING = """
navigator.canShare = ({ files }) => files[0].type === "video/mp4";
window.shared = [];
navigator.share = async ({ files }) => {
  window.shared.push(files[0].name);
  if (window.shared.length === 1) throw new DOMException("", "NotAllowedError");
};
"""


def use_files(me: Visit) -> None:
    """Play, rename, save and share the second of the history, on a phone."""
    page, details = me.page, me.page.locator(".tp-open")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.locator("[data-do=select]").nth(1).click()
    expect(details.get_by_label("Name")).to_have_value("astronaut - word")
    expect(details.locator("tp-player")).to_be_in_viewport(ratio=1)
    details.get_by_role("button", name="Play").click()
    playing = "document.querySelector('.tp-open tp-player').at > 0.1"
    page.wait_for_function(playing)
    details.get_by_label("Name").fill("Ada <b>1</b>")
    page.keyboard.press("Enter")
    expect(page.locator(".tp-cap b").nth(1)).to_have_text("Ada <b>1</b>")
    expect(details.get_by_label("Name")).to_be_focused()
    with page.expect_download() as saved:
        details.get_by_role("link", name="GIF").click()
    assert saved.value.suggested_filename == "Ada b 1 b - draft.gif"
    details.get_by_role("button", name="Share").click()
    details.get_by_role("button", name="Share now").click()
    expect(details.get_by_role("button", name="Share", exact=True)).to_be_visible()
    assert page.evaluate("window.shared") == ["Ada b 1 b - draft.mp4"] * 2
    me.shoot("18-history")
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})


def choose_by_keyboard(me: Visit) -> None:
    """Open the first of the history, tick it and the second, and stand on their Delete."""
    page = me.page
    boxes, card = page.locator("[data-do=choose]"), page.locator("[data-do=select]").first
    card.focus()
    page.keyboard.press("Enter")
    expect(card).to_have_attribute("aria-pressed", "true")
    expect(card).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(boxes.first).to_be_checked()
    expect(boxes.first).to_be_focused()
    boxes.nth(1).focus()
    page.keyboard.press("Space")
    expect(boxes.nth(1)).to_be_checked()
    page.get_by_role("button", name="Delete 2").focus()


def test_a_draft_is_made_by_keyboard_alone(browser: Browser, address: str) -> None:
    with visit(browser, address) as me:
        page = me.page
        reach(page, "Astronaut")
        page.keyboard.press("Enter")
        me.see("Your draft is ready")
        reach(page, "Tap for sound", "Play")  # it plays by itself, for as long as it lasts
        page.keyboard.press("Enter")
        page.wait_for_function(
            "[...document.querySelector('tp-player').shadowRoot.querySelectorAll('video')]"
            ".some(v => v.currentTime > 0.2)"
        )
        reach(page, "Adjust")
        page.keyboard.press("Enter")
        zoom = page.locator("input[data-framing=zoom]")
        zoom.focus()
        before = zoom.input_value()
        page.keyboard.press("ArrowRight")
        expect(zoom).not_to_have_value(before)
        page.get_by_role("link", name="History").click()
        page.keyboard.press("Escape")  # closes what is seen only: Cancel is not pressed
        expect(page.locator("[data-do=edit-cancel]:not([aria-busy])")).to_have_count(1)
        page.get_by_role("link", name="Make").click()
        expect(zoom).not_to_have_value(before)
        zoom.focus()
        page.keyboard.press("Escape")
        expect(page.locator("tp-framing")).to_have_count(0)
        expect(page.get_by_role("button", name="Adjust")).to_be_focused()
        page.keyboard.press("Enter")
        expect(zoom).to_have_value(before)
        me.see("Your draft is ready")


FOCUSED = (
    "(() => { let e = document.activeElement; while (e.shadowRoot?.activeElement)"
    " e = e.shadowRoot.activeElement;"
    " return e.getAttribute('aria-label') || e.innerText || '' })()"
)


def reach(page: Page, *names: str) -> None:
    """Press Tab until one of these buttons has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED).strip().partition("\n")[0] in names:
            return
    raise AssertionError(f"Tab never reaches {names}")


def test_nothing_lies_beside_the_window_at_any_width(
    browser: Browser, address: str, word: Path
) -> None:
    with visit(browser, address) as me:
        me.draft(word)
        for width in WIDTHS:
            me.page.set_viewport_size({"width": width, "height": 900})
            wide = me.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, width


def test_a_second_browser_reaches_nothing_of_the_first(
    browser: Browser, address: str, data: Path, word: Path
) -> None:
    with visit(browser, address) as me:
        me.draft(word)
        job = (me.film or "").split("/")[2]
        seen = {image.get_attribute("src") or "" for image in me.page.locator("img").all()}
        names = [path.name for path in (data / "desks").rglob("*") if path.is_file()]
        routes = {f"/media/desk/{name}" for name in names}
        routes |= {
            f"/media/{job}/{path.relative_to(data / 'jobs' / job)}"
            for path in (data / "jobs" / job).rglob("*")
            if path.is_file()
        }
        routes |= {
            f"{way}{data}/jobs/{job}/result.mp4"
            for way in ("/gradio_api/file=", "/file=", "/gradio_api/stream/", "/media/..")
        }
        mine = {route for route in seen | routes if fetch(me, route) == 200}
        assert len(mine) > 3
        with visit(browser, address) as you:
            expect(you.page.get_by_role("link", name="History")).to_have_text("History")
            private = {route for route in routes if fetch(you, route) == 200}
            assert private == set()
            you.complaints.clear()  # the browser minds every 404
        me.complaints.clear()


def fetch(visit: Visit, route: str) -> int:
    status: int = visit.page.evaluate("route => fetch(route).then(answer => answer.status)", route)
    return status


def test_beside_a_crowd_the_page_goes_on(browser: Browser, address: str, word: Path) -> None:
    with crowd(address, CROWD), visit(browser, address) as me:
        me.draft(word)
        me.press("Start over")
        me.see("Give a picture a voice")


def test_the_part_that_is_proposed_of_a_long_recording_is_used(
    browser: Browser, tmp_path: Path, artifacts: Path
) -> None:
    with (
        serving(tmp_path, PORTRAIT_MAX_DRAFT_SECONDS="2") as server,
        visit(browser, server.address, PHONE, "light", artifacts) as me,
    ):
        me.give("picture", ASTRONAUT)
        me.give("voice-0", VOICE_A)
        expect(me.page.get_by_role("alert")).to_contain_text("2 s is the most")
        expect(me.page.locator("[data-trim=start]")).to_be_focused()
        expect(me.page.locator("[data-trimmer]")).to_be_in_viewport()
        me.shoot("19-trim")
        me.press("Done")
        me.see("Your draft is ready")
        expect(me.page.locator(".tp-plan")).to_contain_text("2.00 s of speech")

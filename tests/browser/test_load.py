"""The page is there at once, small, and keeps what is done before all of it has come."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.visits import PHONE, Visit, visit

MOST_REQUESTS, MOST_BYTES = 12, 150_000
# what was asked for, and how many bytes came, headers included
LOADED = """() => ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
  .map((entry) => [new URL(entry.name).pathname, entry.transferSize])"""
# where everything lies that is seen, and how its text is set
LAYOUT = """() => [...document.querySelectorAll(
  "header, nav a, h1, h2, section, button, img, p, footer")].filter((e) => e.checkVisibility())
  .map((e) => { const { x, y, width, height } = e.getBoundingClientRect();
    return [e.tagName, ...[x, y + scrollY, width, height].map(Math.round),
      getComputedStyle(e).fontWeight, getComputedStyle(e).color].join() })"""


@contextmanager
def held(me: Visit, files: str) -> Iterator[None]:
    """The page is loaded anew, and some of its files come only at the end."""
    kept: list[Route] = []
    me.page.route(files, lambda route: kept.append(route))
    me.page.goto(me.address, wait_until="commit")
    yield
    for route in kept:
        route.continue_()
    me.page.unroute(files)


def expect_landmarks(page: Page) -> None:
    expect(page.get_by_role("banner")).to_have_count(1)
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("contentinfo")).to_have_count(1)


def test_the_page_is_there_at_once_small_and_keeps_what_was_pressed(
    browser: Browser, address: str
) -> None:
    with visit(browser, address, PHONE) as me:
        page = me.page
        loaded = page.evaluate(LOADED)
        ours = re.compile(r"/|/(style|media)/.*|/pulse")
        own = [entry for entry in loaded if ours.fullmatch(entry[0])]
        assert 3 < len(own) <= MOST_REQUESTS, own
        assert sum(size for _, size in own) <= MOST_BYTES, own
        document = page.request.get(address).text()
        late = [path for path, _ in loaded if path.endswith(".js") and path not in document]
        assert late == [], "the document names all scripts, so that none waits for another"

        with held(me, "**/assets/index-*.js"):
            example = page.get_by_role("button", name="Astronaut")
            expect(example).to_be_visible()
            page.wait_for_function("window.portrait && document.fonts.status === 'loaded'")
            expect(page.locator("html.tp-ready")).to_have_count(0)
            expect_landmarks(page)
            before = page.evaluate(LAYOUT)
            example.focus()
        me.ready()
        assert page.evaluate(LAYOUT) == before
        expect(example).to_be_focused()
        expect_landmarks(page)
        expect(page.get_by_role("status")).to_have_count(1)

        with held(me, "**/joined.js*"):
            page.get_by_role("button", name="Astronaut").click()
        me.see("Your draft is ready")

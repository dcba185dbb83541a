"""The page in front of the page, in a real browser: by keyboard, without scripts, read aloud."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_everyone import serious
from tests.browser.visits import DESKTOP, PHONE, SCHEMES, Scheme, Size
from tests.support.media import ASTRONAUT
from tests.support.servers import serving
from ui.strings import text
from ui.web.auth import SESSION_COOKIE

PASSWORD = "Zwölf Boxkämpfer"
_NUMBER = count(1)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server with a password listens."""
    data = tmp_path_factory.mktemp("data")
    with serving(data, PORTRAIT_PASSWORD=PASSWORD, PORTRAIT_PROXIES="127.0.0.1") as server:
        yield server.address


@contextmanager
def at_the_door(
    browser: Browser,
    address: str,
    size: Size = DESKTOP,
    scheme: Scheme = "light",
    scripts: bool = True,
) -> Iterator[Page]:
    """A browser of its own that was never here."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        java_script_enabled=scripts,
        extra_http_headers={"X-Forwarded-For": f"8.8.8.{next(_NUMBER)}"},  # its own wrong ones
    )
    try:
        page = context.new_page()
        hosts: set[str] = set()
        page.on("request", lambda request: hosts.add(urlparse(request.url).netloc))
        page.goto(address)
        expect(page.get_by_label(text.PASSWORD)).to_be_focused()
        yield page
        assert hosts - {""} == {urlparse(address).netloc}
    finally:
        context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_everyone_can_read_it(
    browser: Browser, address: str, artifacts: Path, size: Size, scheme: Scheme
) -> None:
    with at_the_door(browser, address, size, scheme) as page:
        name = f"{size[0]}-{scheme}-20-sign-in"
        page.screenshot(path=artifacts / f"{name}.png")
        assert serious(page) == []
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text(text.PASSWORD_WRONG)
        page.screenshot(path=artifacts / f"{name}-wrong.png")
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollHeight") <= size[1]
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 19, 17)"
        assert dark == (scheme == "dark")


def test_on_a_narrow_phone_and_on_its_side_the_form_is_seen(browser: Browser, address: str) -> None:
    with at_the_door(browser, address) as page:
        for width, height in ((320, 568), (844, 390)):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            expect(page.get_by_role("button", name=text.SIGN_IN)).to_be_in_viewport(ratio=1)


def test_by_keyboard_wrong_then_right_then_the_page_works(browser: Browser, address: str) -> None:
    with at_the_door(browser, address) as page:
        field = page.get_by_label(text.PASSWORD)
        page.keyboard.type("wrong")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=text.SIGN_IN)).to_be_focused()
        page.keyboard.press("Space")
        expect(page.get_by_role("alert")).to_have_text(text.PASSWORD_WRONG)
        expect(field).to_be_focused()
        expect(field).to_have_value("")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        with page.expect_file_chooser() as chooser:
            page.locator("[data-choose=picture]").first.click()
        chooser.value.set_files(ASTRONAUT)
        expect(page.get_by_alt_text(text.PICTURE_ALT).first).to_be_visible()
        assert page.evaluate("document.cookie") == ""
        page.context.clear_cookies(name=SESSION_COOKIE)  # the month is over, while the page is open
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # ask at once
        expect(page.get_by_label(text.PASSWORD)).to_be_focused()


def test_it_needs_no_script(browser: Browser, address: str) -> None:
    with at_the_door(browser, address, scripts=False) as page:
        page.get_by_label(text.PASSWORD).fill("wrong")
        page.get_by_role("button", name=text.SIGN_IN).click()
        expect(page.get_by_role("alert")).to_have_text(text.PASSWORD_WRONG)
        page.get_by_label(text.PASSWORD).fill(PASSWORD)
        page.get_by_role("button", name=text.SIGN_IN).click()
        page.wait_for_url(f"{address}/")
        expect(page.get_by_label(text.PASSWORD)).to_have_count(0)

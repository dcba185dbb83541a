"""People at the page: a window of a size and scheme each, watched for anything a browser minds."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlparse

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, expect

from tests.support.media import ASTRONAUT
from ui.strings import text

Box = dict[str, float]
Scheme = Literal["light", "dark"]
Size = tuple[int, int]
DESKTOP, PHONE = (1280, 900), (390, 844)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
PATIENCE_MS = 120_000
_CUT_OFF = re.compile("^AbortError|Connection errored out")
_COLOURS_CHANGE_MS = 400  # 120 ms, and the bar moves in 200 ms


class Visit:
    """One tab. `complaints` is what the browser minded, `hosts` whom it asked."""

    def __init__(
        self,
        context: BrowserContext,
        address: str,
        artifacts: Path | None,
        scheme: Scheme = "light",
    ) -> None:
        self.page, self.address = context.new_page(), address
        self._artifacts, self._scheme = artifacts, scheme
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._hear_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlparse(request.url).netloc))
        self.open()

    def open(self) -> None:
        """Go to the page; returns when it shows this browser's state."""
        self.page.goto(self.address)
        self.ready()

    def reload(self) -> None:
        """Load the page anew; it may mind that this cuts off what it was just asking."""
        self.page.reload()
        self.ready()
        self.complaints = [said for said in self.complaints if not _CUT_OFF.search(said)]

    def ready(self) -> None:
        """Wait until the page is there."""
        self.page.locator("html.tp-ready").wait_for()

    def press(self, name: str) -> None:
        """Press the button of that name."""
        self.page.get_by_role("button", name=name).first.click()

    def make(self) -> None:
        """Have a final video made, the first one of this browser."""
        self.press(text.MAKE_FINAL)
        self.press(text.MAY_USE)

    def give(self, place: str, file: Path) -> None:
        """Choose a file for `picture`, `voice-0` or `voice-1`."""
        with self.page.expect_file_chooser() as chooser:
            self.page.locator(f"[data-choose={place}]").first.click()
        chooser.value.set_files(file)

    def draft(self, voice: Path, picture: Path = ASTRONAUT) -> None:
        """Give both, and wait for the draft."""
        self.give("picture", picture)
        self.give("voice-0", voice)
        self.see("Your draft is ready")

    def see(self, headline: str) -> None:
        """Wait for the headline."""
        expect(self.page.locator("#tp-head h1")).to_have_text(headline)

    @property
    def head(self) -> str:
        return self.page.locator("#tp-head h1").inner_text()

    @property
    def film(self) -> str | None:
        """The address of the film on show."""
        return self.page.locator("tp-player").first.get_attribute("film")

    @property
    def frame(self) -> Locator:
        return self.page.locator(".tp-frame").first

    def frame_box(self) -> Box:
        """Where the frame lies on the page."""
        box: Box = self.frame.evaluate(
            "e => { const b = e.getBoundingClientRect();"
            " return {x: b.x, y: b.y + scrollY, width: b.width, height: b.height} }"
        )
        return box

    def shoot(self, state: str, schemes: tuple[Scheme, ...] = ()) -> None:
        """Keep a screenshot of the whole page, in the visit's scheme unless others are named."""
        if self._artifacts is None:
            return
        size = self.page.viewport_size
        for scheme in schemes or (self._scheme,):
            self.page.emulate_media(color_scheme=scheme)
            self.page.wait_for_timeout(_COLOURS_CHANGE_MS)
            name = f"{size and size['width']}-{scheme}-{state}.png"
            self.page.screenshot(path=self._artifacts / name, full_page=True)

    def check(self) -> None:
        """Nothing was minded, nobody else was asked."""
        assert self.complaints == [], self.complaints
        assert self.hosts - {""} == {urlparse(self.address).netloc}

    def _hear_console(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(f"{said.text} {said.location.get('url', '')}")


@contextmanager
def visit(
    browser: Browser,
    address: str,
    size: Size = DESKTOP,
    scheme: Scheme = "light",
    artifacts: Path | None = None,
    motion: bool = False,
) -> Iterator[Visit]:
    """A browser of its own at the page; fails at the end if it complained or asked another host.

    Without `motion` no film plays by itself and nothing turns, which takes half a core here.
    """
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        reduced_motion="no-preference" if motion else "reduce",
    )
    try:
        visit = Visit(context, address, artifacts, scheme)
        yield visit
        visit.check()
    finally:
        context.close()

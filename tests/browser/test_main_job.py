"""Someone with a picture and a recording gets a talking video out of the page."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.media import ASTRONAUT, VOICE_A

Box = dict[str, float]
Scheme = Literal["light", "dark"]
DESKTOP, PHONE = (1280, 900), (390, 844)
PATIENCE_MS = 60_000
PLAN = "7.75 s of speech → 197 frames, 7.88 s (4 windows)"


@contextmanager
def visitor(
    browser: Browser, address: str, size: tuple[int, int], scheme: Scheme
) -> Iterator[Page]:
    """A visitor of the page. Fails at the end if the browser complained or asked another host."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(urlparse(request.url).netloc))
    try:
        page.goto(address)
        page.locator("html.tp-ready").wait_for()
        yield page
        assert complaints == []
        assert hosts - {""} == {urlparse(address).netloc}
    finally:
        context.close()


def give(page: Page, number: int, file: Path) -> None:
    """Choose `file` in the first (picture) or second (recording) card."""
    page.locator("input[type=file]").nth(number).set_input_files(file)


def frame_box(page: Page) -> Box:
    """Where the frame lies on the page."""
    box: Box = page.locator(".tp-frame").evaluate(
        "e => { const b = e.getBoundingClientRect();"
        " return {x: b.x, y: b.y + scrollY, width: b.width, height: b.height} }"
    )
    return box


def camera(
    page: Page, artifacts: Path, size: tuple[int, int], scheme: Scheme
) -> Callable[[str], None]:
    """Takes a screenshot of each state."""

    def shoot(state: str) -> None:
        page.wait_for_timeout(400)  # colours change in 120 ms, the bar moves in 200 ms
        name = f"{size[0]}-{scheme}-{state}.png"
        page.screenshot(path=artifacts / name, full_page=True)

    return shoot


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_a_picture_and_a_voice_become_a_video(
    browser: Browser,
    address: str,
    data: Path,
    artifacts: Path,
    size: tuple[int, int],
    scheme: Scheme,
) -> None:
    with visitor(browser, address, size, scheme) as page:
        shoot = camera(page, artifacts, size, scheme)
        boxes = [frame_box(page)]
        shoot("1-start")

        give(page, 0, ASTRONAUT)
        expect(page.locator(".tp-note")).to_have_text("1 face found")
        crop = page.locator(".tp-frame img")
        page.wait_for_function("document.querySelector('.tp-frame img')?.complete")
        assert crop.evaluate("e => [e.naturalWidth, e.naturalHeight]") == [896, 448]
        boxes.append(frame_box(page))
        shoot("2-picture")

        give(page, 1, VOICE_A)
        expect(page.locator(".tp-plan")).to_have_text(PLAN)
        boxes.append(frame_box(page))
        shoot("3-ready")

        page.get_by_role("button", name="Make the draft").click()
        bar = page.get_by_role("progressbar")
        expect(bar).to_be_visible()
        page.locator(".tp-frame img[src*='frames/latest.jpg']").wait_for()
        expect(bar).to_have_attribute("aria-valuenow", re.compile("^[1-9][0-9]?$"))
        expect(page.locator(".tp-stages")).to_contain_text("Listened to the voice")
        expect(page.locator(".tp-left")).to_contain_text("left")
        boxes.append(frame_box(page))
        shoot("4-making")

        check_video(page)
        boxes.append(frame_box(page))
        expect(page).to_have_title("Ready · Talking Portrait")
        shoot("5-done")
        check_download(page, data)

        page.get_by_role("button", name="Make another").click()
        expect(page.get_by_role("button", name="Choose a picture")).to_be_visible()
        still = boxes if size == DESKTOP else boxes[2:]  # a phone shows the inputs first
        assert all(box == still[0] for box in still)
    left = [path for path in (data / "uploads").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in left) == 0  # Gradio leaves empty ones for a while


def check_video(page: Page) -> None:
    """The finished video waits to be played, plays, and can be wound."""
    film = page.locator(".tp-frame video")
    film.wait_for()
    page.wait_for_function("document.querySelector('video').readyState >= 3")
    width, height, duration, paused = film.evaluate(
        "v => [v.videoWidth, v.videoHeight, v.duration, v.paused]"
    )
    assert (width, height, paused) == (896, 448, True)
    assert duration == pytest.approx(7.88, abs=0.05)
    film.evaluate("v => v.play()")
    page.wait_for_function("document.querySelector('video').currentTime > 0.5")
    film.evaluate("v => { v.pause(); v.currentTime = 6 }")
    page.wait_for_function("!document.querySelector('video').seeking")
    assert film.evaluate("v => v.currentTime") == pytest.approx(6, abs=0.05)


def check_download(page: Page, data: Path) -> None:
    """What is saved is the job's own video."""
    with page.expect_download() as download:
        page.get_by_role("link", name="Download video").click()
    assert download.value.suggested_filename == "talking-portrait.mp4"
    job = urlparse(page.locator("video").get_attribute("src") or "").path.split("/")[2]
    made = data / "jobs" / job / "result.mp4"
    assert Path(download.value.path()).read_bytes() == made.read_bytes()


def test_what_can_not_be_used_is_said_beside_its_card_and_the_page_goes_on(
    browser: Browser, address: str, artifacts: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "holiday.jpg"
    broken.write_text("This is no picture.")
    with visitor(browser, address, DESKTOP, "dark") as page:
        shoot = camera(page, artifacts, DESKTOP, "dark")
        picture, voice = page.locator(".tp-card").all()
        give(page, 0, broken)
        expect(picture.get_by_role("alert")).to_contain_text("not a picture")
        expect(voice.get_by_role("alert")).to_have_count(0)
        shoot("6-bad-picture")

        give(page, 1, ASTRONAUT)
        expect(voice.get_by_role("alert")).to_be_visible()
        give(page, 0, ASTRONAUT)
        expect(picture.locator(".tp-note")).to_have_text("1 face found")
        expect(picture.get_by_role("alert")).to_have_count(0)
        give(page, 1, VOICE_A)
        expect(page.locator(".tp-plan")).to_have_text(PLAN)
        expect(voice.get_by_role("alert")).to_have_count(0)

        give(page, 0, broken)  # the good one stays
        expect(picture.get_by_role("alert")).to_contain_text("not a picture")
        expect(picture.locator(".tp-note")).to_have_text("1 face found")
        expect(page.get_by_role("button", name="Make the draft")).to_be_visible()
        shoot("7-good-one-kept")


def test_a_picture_that_is_too_big_is_refused_before_it_is_sent(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(bytes(21 * 2**20))
    with visitor(browser, address, DESKTOP, "light") as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url))
        give(page, 0, large)
        expect(page.get_by_role("alert")).to_contain_text("This picture is 21 MB; 20 MB is")
        assert not any("upload" in url for url in sent)
        give(page, 0, ASTRONAUT)
        expect(page.locator(".tp-note")).to_have_text("1 face found")
        expect(page.get_by_role("alert")).to_have_count(0)


def test_a_draft_can_be_stopped_and_what_is_finished_is_kept(
    browser: Browser, address: str, artifacts: Path
) -> None:
    with visitor(browser, address, PHONE, "light") as page:
        give(page, 0, ASTRONAUT)
        give(page, 1, VOICE_A)
        page.get_by_role("button", name="Make the draft").click()
        page.wait_for_function(
            "document.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow') > 36"
        )
        page.get_by_role("button", name="Stop, keep what is finished").click()
        expect(page.locator(".tp-head h1")).to_have_text("Stopped")
        expect(page.locator(".tp-head p")).to_contain_text("s are finished and kept")
        page.wait_for_function("document.querySelector('video')?.readyState >= 3")
        assert 2 < page.locator("video").evaluate("v => v.duration") < 7.8
        camera(page, artifacts, PHONE, "light")("8-stopped")

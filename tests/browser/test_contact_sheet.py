"""A batch's contact sheet, opened from the disk without any network."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect

from tests.browser.test_everyone import serious
from tests.browser.visits import DESKTOP, PHONE, Size
from tests.support import batches


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sheet of six rows: two good, one worth a look, one not good, two that failed."""
    folder = tmp_path_factory.mktemp("batch")
    rows = [
        "plain;;a.png;a.wav",
        'Zoë & "co" 100 % #1?;;a.png;a.wav;portrait',
        "look;1;a.png;a.wav",
    ]
    rows += ["bad;2;a.png;a.wav;square", "faceless;4;a.png;a.wav", "gone;;b.png;a.wav"]
    source = batches.table(folder / "in", [row.replace('"', "'") for row in rows])
    with pytest.MonkeyPatch.context() as patch:
        batches.without_decoding(patch)
        assert batches.made(source, folder / "out", batches.Reporting()) == 2
    return folder / "out" / "index.html"


def size_of(size: Size) -> ViewportSize:
    width, height = size
    return {"width": width, "height": height}


def names(page: Page) -> list[str]:
    return page.locator("article:visible h2").all_inner_texts()


def test_it_opens_from_the_disk_and_asks_nobody(
    browser: Browser, sheet: Path, artifacts: Path
) -> None:
    context = browser.new_context(viewport=size_of(DESKTOP), color_scheme="light", offline=True)
    page, complaints, asked = context.new_page(), list[str](), set[str]()

    def hear(said: ConsoleMessage) -> None:
        complaints.append(said.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.add(request.url.partition(":")[0]))
    page.goto(sheet.as_uri())
    assert len(names(page)) == 6 and names(page)[1] == "Zoë & 'co' 100 % #1_"
    look = page.get_by_role("button", name="Worth a look")
    look.click()
    assert names(page) == ["look"]
    expect(look).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Failed").click()
    assert names(page) == ["bad", "faceless", "gone"]
    page.get_by_role("button", name="All").click()
    plays = "v => v.play().then(() => [v.videoWidth, v.controls])"
    for video in page.locator("video").all():
        assert video.get_attribute("poster") and video.evaluate(plays) == [64, True]
    assert page.locator("video").evaluate_all("all => all.filter(v => !v.paused).length") <= 1
    page.screenshot(path=artifacts / "1280-light-contact-sheet.png", full_page=True)
    assert not serious(page)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(size_of(PHONE))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page.screenshot(path=artifacts / "390-dark-contact-sheet.png", full_page=True)
    assert not serious(page)
    assert complaints == [] and asked <= {"file", "data"}
    context.close()

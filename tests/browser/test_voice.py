"""The voice's card: the part to use is dragged and heard, text is typed, a recording is split."""

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, expect

from inference.core.timing import Span
from inference.media.audio import write_sound
from tests.browser.made_page import Bench, opened
from tests.browser.test_everyone import serious
from tests.browser.visits import DESKTOP, PHONE, visit
from tests.support.media import DRAWN_PAIR, VOICE_A, spoken
from tests.support.sounds import chirps, read_wav, write_wav

PART = re.compile(r"^(\d+\.\d+) s to (\d+\.\d+) s, (\d+\.\d+) s$")


def part(page: Page) -> tuple[float, ...]:
    """Start, end and length of the part to use, as they are said."""
    said = PART.fullmatch(page.locator("[data-trim-text]").inner_text())
    assert said
    return tuple(map(float, said.groups()))


def drag(page: Page, start: float, end: float) -> None:
    """Drag on the trimmer's waveform, from share to share of its width."""
    strip = page.locator("[data-edges]")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=3)
    page.mouse.up()


def test_the_edges_are_dragged_and_the_part_between_them_is_heard(
    browser: Browser, address: str, artifacts: Path
) -> None:
    with visit(browser, address, PHONE, "dark", artifacts) as me:
        page = me.page
        me.give("voice-0", VOICE_A)
        me.press("Trim")
        drag(page, 1, 0.5)
        drag(page, 0, 0.25)
        start, end, length = part(page)
        assert abs(start - 7.75 / 4) < 0.1 and abs(end - 7.75 / 2) < 0.1
        drag(page, 0.37, 0.62)  # between the edges: both
        assert abs(part(page)[0] - 7.75 / 2) < 0.1 and abs(part(page)[2] - length) < 0.02
        expect(page.locator("[data-trim=start]")).to_have_value(f"{part(page)[0]:g}")
        play = page.locator("[data-trimmer] [data-play]")
        play.click()
        expect(play).to_have_attribute("aria-pressed", "true")
        page.wait_for_function(f"{HEARD} > 0.51 && {HEARD} < 0.76")
        me.shoot("20-edges")
        assert serious(page) == []
        expect(play).to_have_attribute("aria-pressed", "false")  # it ends by itself
        me.press("Done")
        expect(page.locator("#tp-side")).to_contain_text("of 7.75 s used")


HEARD = (
    "Number(document.querySelector('[data-trimmer] [data-heard]')"
    ".style.getPropertyValue('--heard'))"
)


def test_what_is_heard_is_what_the_video_will_sound_like(
    tab: Page, bench: Bench, tmp_path: Path
) -> None:
    low = np.asarray(chirps(4_800, 4_800) * 0.02, np.int16)
    low[1_000:3_500] = 0
    voices = [
        write_wav(tmp_path / "a.wav", chirps(6_000, 4_800, 2) * 2),
        write_wav(tmp_path / "b.wav", low),
    ]
    spans = [Span(100, 0, 5_000), Span(0, 3_000, 4_000)]
    write_sound(voices, spans, 7_000, tmp_path / "mixed.wav")
    parts = [
        {
            "at": span.start,
            "sides": [side[first:last].tolist() for side in read_wav(path).T / 32768],
        }
        for path, span in zip(voices, spans, strict=True)
        for first, last in [(span.source_start, span.source_start + span.samples)]
    ]
    bench.regions = {
        "tp-head": '<div class="tp-head" data-state="start" data-tab="-"><h1>Mix</h1></div>'
    }
    with opened(tab, bench) as page:
        mixed = page.evaluate(MIX, parts)
    made = read_wav(tmp_path / "mixed.wav") / 32768
    assert np.abs(np.transpose(mixed) - made).max() < 0.001


MIX = """async (parts) => {
  const { mixed } = await import("/style/mixing.js");
  const typed = ({ at, sides }) => ({ at, sides: sides.map((side) => Float32Array.from(side)) });
  return mixed(parts.map(typed), 7000).map((side) => [...side]);
}"""


def test_typed_lines_are_spoken_by_two(browser: Browser, address: str, artifacts: Path) -> None:
    with visit(browser, address, DESKTOP, "light", artifacts) as me:
        page = me.page
        me.give("picture", DRAWN_PAIR)
        expect(page.locator("#tp-side")).to_contain_text("2 faces found")
        me.press("Type it")
        field = page.get_by_label("What is said")
        expect(field).to_be_focused()
        field.fill("1: Привет")
        me.press("Speak this")
        expect(page.get_by_role("alert")).to_contain_text("Use Latin letters")
        expect(field).to_have_value("1: Привет")
        page.keyboard.press("End")
        page.keyboard.type("! Guten Tag, wie geht es?")
        expect(page.get_by_text("so “П” and the like are left out")).to_be_visible()
        field.fill("1: Guten Tag, wie geht es?")
        warning = page.get_by_role("group", name="Type it").get_by_text(
            "does not look like English"
        )
        expect(warning).to_be_visible()
        expect(field).to_be_focused()
        field.fill("1: Hello there.\n2: Hi, how are you?\n1: Fine.")
        me.shoot("21-typed")
        assert serious(page) == []
        expect(warning).to_have_count(0)
        me.press("Speak this")
        expect(page.locator(".tp-lane").nth(0).locator("rect")).to_have_count(2)
        expect(page.locator(".tp-lane").nth(1).locator("rect")).to_have_count(1)
        me.shoot("22-typed-two")
        assert serious(page) == []
        me.press("Type it")
        expect(page.get_by_label("What is said")).to_have_value(re.compile("^1: Hello there"))


def test_one_recording_is_split_between_two(
    browser: Browser, address: str, artifacts: Path, tmp_path: Path
) -> None:
    with visit(browser, address, PHONE, "light", artifacts) as me:
        page = me.page
        me.give("picture", DRAWN_PAIR)
        expect(page.locator("#tp-side")).to_contain_text("2 faces found")
        me.give("voice-0", spoken(tmp_path / "both.wav", 3.0))
        me.press("Split between the two")
        phrases = page.locator("[data-phrase]")
        expect(phrases.first).to_be_focused()
        page.keyboard.press("Enter")
        expect(phrases.first).to_have_attribute("aria-label", re.compile(r"^0\.0 to .* s, right$"))
        page.keyboard.press("Enter")
        expect(phrases.first).to_have_attribute("aria-label", re.compile(r"^0\.0 to .* s, both$"))
        cut_by_keyboard_and_by_ear(page)
        me.shoot("23-split")
        assert serious(page) == []
        me.press("Done")
        split = "One recording, split between the two"
        expect(page.locator("#tp-side")).to_contain_text(split)
        expect(page.locator("[data-line]")).to_have_attribute(
            "aria-label", re.compile("^Left speaks from .*, right speaks from ")
        )
        me.shoot("24-split-two")
        me.press("One voice again")
        expect(page.get_by_role("button", name="Split between the two")).to_be_visible()
        expect(page.locator("#tp-side")).to_contain_text("no voice yet")


def cut_by_keyboard_and_by_ear(page: Page) -> None:
    """Cut a recording where its line is moved to, remove the cut, and let the sound move it."""
    line, cut = page.get_by_label("Line to cut at"), page.locator("[data-cut-here]")
    parts = page.locator("[data-phrase]")
    count = parts.count()
    line.fill("0.5")
    line.press("ArrowRight")
    expect(line).to_have_attribute("aria-valuetext", "0.51 s")
    cut.press("Enter")
    expect(parts).to_have_count(count + 1)
    expect(parts.first).to_have_attribute("aria-label", "0.0 to 0.5 s, both")
    expect(cut).to_have_text("Remove this cut")
    cut.click()
    expect(parts).to_have_count(count)
    expect(cut).to_have_text("Cut here")
    play = page.locator("[data-splitter] [data-play]")
    play.click()
    page.wait_for_function("document.querySelector('[data-cut-line]').value > 0.6")
    play.click()
    expect(play).to_have_attribute("aria-pressed", "false")
    assert play.get_attribute("data-start") == line.input_value()

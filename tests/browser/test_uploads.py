"""Files are chosen, dropped and pasted, and every trouble is said in words."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from inference.core.write_access import MOVING_MESSAGE
from tests.browser.made_page import (
    Bench,
    expect_sent,
    input_regions,
    inputs,
    new_tab,
    opened,
    problem,
    put,
    sent,
    wait_for,
)
from tests.support.media import ASTRONAUT, VOICE_A, VOICE_B

MIB = 2**20
DROP = """([selector, files]) => {
  const data = new DataTransfer();
  for (const { name, type, size } of files) {
    data.items.add(new File([new Uint8Array(size)], name, { type }));
  }
  const target = document.querySelector(selector);
  for (const kind of ["dragover", "drop"]) {
    const event = new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data });
    target.dispatchEvent(event);
    if (kind === "dragover") window.over = document.querySelector("[data-over]")?.dataset.drop;
  }
}"""
PICTURE = {"name": "me.png", "type": "image/png", "size": 10}
VOICE = {"name": "a.wav", "type": "audio/wav", "size": 10}
FILM = {"name": "b.mp4", "type": "video/mp4", "size": 10}


@pytest.fixture(autouse=True)
def cards(bench: Bench) -> None:
    bench.regions = input_regions()


def test_a_file_that_is_refused_while_the_app_moves_is_sent_again(tab: Page, bench: Bench) -> None:
    bench.moving = 2
    with opened(tab, bench, expected=("503",)) as page:
        choose(page, "picture", ASTRONAUT)
        expect(page.locator('[data-status="picture"]')).to_have_text(MOVING_MESSAGE)
        wait_for(page, "window.sent.some((action) => action.do === 'picture')")
        assert bench.uploads == [("picture", ASTRONAUT.read_bytes())]
        expect(page.locator('[data-status="picture"]')).to_have_text("or drop it here")


def choose(page: Page, place: str, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator(f'[data-choose="{place}"]').click()
    chooser.value.set_files(file)


def test_the_chooser_names_endings_beside_types(tab: Page, bench: Bench) -> None:
    # some systems grey out files whose type they don't know
    with opened(tab, bench) as page:
        for place, kinds in (("picture", "image/* .heic .png"), ("voice-0", "audio/* .opus .mkv")):
            with page.expect_file_chooser():
                page.locator(f'[data-choose="{place}"]').click()
            accepted = page.locator("input[type=file]").last.get_attribute("accept") or ""
            assert set(kinds.split()) <= set(accepted.split(","))


def test_a_chosen_file_arrives_whole(tab: Page, bench: Bench) -> None:
    with opened(tab, bench) as page:
        choose(page, "picture", ASTRONAUT)
        first = {"do": "picture", "upload": f"{1:032x}", "name": "astronaut.png"}
        expect_sent(page, first)
        choose(page, "voice-1", VOICE_B)
        expect_sent(
            page, first, {"do": "voice", "slot": 1, "upload": f"{2:032x}", "name": "voice_b.wav"}
        )
        expect(page.locator('[data-status="voice-1"]')).to_have_text("none")
    kinds, bodies = zip(*bench.uploads, strict=True)
    assert kinds == ("picture", "voice")
    assert bodies == (ASTRONAUT.read_bytes(), VOICE_B.read_bytes())


@pytest.mark.parametrize(
    ("target", "files", "given"),
    [
        ('[data-drop="picture"]', [PICTURE], ["picture"]),
        ('[data-drop="voice-0"] h2', [VOICE], ["voice 0"]),
        ("body", [VOICE], ["voice 1"]),  # the first without one
        ("body", [VOICE, FILM], ["voice 1", "voice 0"]),
        ("body", [VOICE, PICTURE], ["voice 1", "picture"]),
        ('[data-drop="voice-0"]', [{**PICTURE, "name": "x.HEIC", "type": ""}], ["picture"]),
        ('[data-drop="picture"]', [FILM], ["voice 1"]),
        ('[data-drop="picture"]', [{**PICTURE, "name": "x.raw", "type": ""}], ["picture"]),
        ("body", [PICTURE, PICTURE], ["picture"]),
    ],
)
def test_what_is_dropped_goes_where_it_belongs(
    tab: Page, bench: Bench, target: str, files: list[dict[str, object]], given: list[str]
) -> None:
    with opened(tab, bench) as page:
        page.evaluate(DROP, [target, files])
        wait_for(page, f"window.sent.filter((a) => a.do !== 'refresh').length >= {len(given)}")
        went = {f"{action['do']} {action.get('slot', '')}".strip() for action in sent(page)}
        assert went == set(given)
        expect(page.locator("[data-over]")).to_have_count(0)


def test_the_place_under_the_pointer_is_marked(tab: Page, bench: Bench) -> None:
    with opened(tab, bench) as page:
        page.evaluate(DROP, ['[data-drop="voice-1"] h2', [VOICE]])
        assert page.evaluate("window.over") == "voice-1"
        expect_sent(page, {"do": "voice", "slot": 1, "upload": f"{1:032x}", "name": "a.wav"})


def test_too_big_and_empty_are_refused_before_anything_is_sent(tab: Page, bench: Bench) -> None:
    big = {"name": "big.png", "type": "image/png", "size": 20 * MIB + 1}
    with opened(tab, bench) as page:
        page.evaluate(DROP, ["body", [big]])
        said = "This picture is 21 MB; 20 MB is the most. Choose a smaller one."
        assert problem(page, "picture") == said
        expect(page.get_by_role("alert")).to_have_count(1)  # although it has two places
        cross = page.get_by_role("button", name="Close this message").locator("svg")
        expect(cross).not_to_have_css("stroke", "none")
        page.evaluate(DROP, ["body", [{**VOICE, "size": 0}]])
        assert problem(page, "voice-1") == "This file is empty. Choose another one."
        put(
            page, "tp-side", inputs().replace("none", "nothing yet")
        )  # an answer takes nothing away
        assert problem(page, "picture") == said
        choose(page, "picture", ASTRONAUT)
        expect(page.locator('[data-problems="picture"]').first).to_be_empty()
        expect_sent(page, {"do": "picture", "upload": f"{1:032x}", "name": "astronaut.png"})
    assert len(bench.uploads) == 1


def test_what_the_server_refuses_is_said_in_its_words(tab: Page, bench: Bench) -> None:
    bench.refusal = "This disk is full."
    with opened(tab, bench, expected=("400",)) as page:
        choose(page, "voice-0", VOICE_A)
        assert problem(page, "voice-0") == "This disk is full."
        assert sent(page) == []


def test_the_page_says_how_far_a_file_is_sent(browser: Browser, bench: Bench) -> None:
    with new_tab(browser) as tab, opened(tab, bench) as page:
        network = page.context.new_cdp_session(page)
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1}
        network.send("Network.emulateNetworkConditions", limits | {"uploadThroughput": 150_000})
        choose(page, "voice-0", VOICE_A)
        status = page.locator('[data-status="voice-0"]')
        expect(status).to_have_text(re.compile(r"^Sending the recording, [1-9]\d* %$"))
        put(page, "tp-side", inputs().replace("none", "nothing yet"))
        expect(status).to_have_text(re.compile(r"^Sending"))  # an answer doesn't take it away
        expect(status).to_have_text("nothing yet", timeout=20_000)
        assert len(sent(page)) == 1


@pytest.mark.holds("upload", "no network", "the page says so; a press sends the file again")
def test_a_lost_connection_is_told_and_a_press_sends_again(tab: Page, bench: Bench) -> None:
    bench.cut = True
    with opened(tab, bench, expected=("net::ERR_",)) as page:
        choose(page, "voice-0", VOICE_A)
        assert problem(page, "voice-0") == "The connection was lost while the file was sent."
        expect(page.locator('[data-status="voice-0"]')).to_have_text("none")
        bench.cut = False
        page.get_by_role("button", name="Send it again").click()
        expect_sent(page, {"do": "voice", "slot": 0, "upload": f"{1:032x}", "name": "voice_a.wav"})
        expect(page.locator('[data-problems="voice-0"]')).to_be_empty()
    assert bench.uploads == [("voice", VOICE_A.read_bytes())]


def test_pictures_are_pasted_by_key_and_by_button(tab: Page, bench: Bench) -> None:
    copy = """async () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    }"""
    allowed = ("clipboard-read", "clipboard-write")
    with opened(tab, bench, permissions=allowed) as page:
        page.evaluate("navigator.clipboard.writeText('words')")
        page.get_by_role("button", name="Paste").click()
        assert problem(page, "picture") == "There is no picture to paste. Copy one first."
        page.evaluate(copy)
        page.get_by_role("button", name="Paste").click()
        wait_for(page, "window.sent.some((action) => action.do === 'picture')")
        page.locator("h1").click()
        page.keyboard.press("Control+v")
        wait_for(page, "window.sent.filter((action) => action.do === 'picture').length === 2")
        page.get_by_label("Scene").focus()
        page.keyboard.press("Control+v")
        assert len(sent(page)) == 2
    assert all(body.startswith(b"\x89PNG") for _, body in bench.uploads)


def test_pasting_that_is_not_allowed_is_told(tab: Page, bench: Bench) -> None:
    with opened(tab, bench) as page:
        page.evaluate(
            "() => { navigator.clipboard.read = () =>"
            " Promise.reject(new DOMException('', 'NotAllowedError')) }"
        )
        page.get_by_role("button", name="Paste").click()
        said = "The browser did not allow pasting. Press Ctrl+V instead."
        assert problem(page, "picture") == said
        page.get_by_role("button", name="Close this message").press("Enter")
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.locator("[data-choose=picture]")).to_be_focused()

"""Files are chosen, dropped, pasted, recorded and taken, and every trouble is said in words."""

import io
import re
from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from inference.core.write_access import MOVING_MESSAGE
from tests.browser.made_page import Bench, opened, put, sent, wait_for
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


def side(given: tuple[int, ...] = ()) -> str:
    """The cards of a picture and two voices; those that are `given` have no recorder."""
    cards = '<section data-drop="picture" data-empty><h2>Picture</h2>'
    cards += '<button data-choose="picture">Choose a picture</button>'
    cards += "<button data-camera>Camera</button><button data-paste>Paste</button>"
    cards += '<span data-status="picture">or drop it here</span><div data-problems="picture">'
    cards += "</div></section>"
    for slot, empty in ((0, ""), (1, "data-empty")):
        cards += f'<section data-drop="voice-{slot}" {empty}><h2>Voice {slot}</h2>'
        cards += f'<button data-choose="voice-{slot}">Choose a recording</button>'
        record = f'<button data-record="voice-{slot}" data-longest="2">Record {slot}</button>'
        cards += "" if slot in given else record
        cards += f'<span data-status="voice-{slot}">none</span><div data-problems="voice-{slot}">'
        cards += "</div></section>"
    return cards


@pytest.fixture(autouse=True)
def cards(bench: Bench) -> None:
    head = '<div class="tp-head" data-state="start" data-tab="Talking Portrait"><h1>Give</h1></div>'
    more = '<textarea aria-label="Scene"></textarea><div data-problems="picture"></div>'
    bench.regions = {"tp-head": head, "tp-side": side(), "tp-foot": more}


def test_a_file_that_is_refused_while_the_app_moves_is_sent_again(
    browser: Browser, bench: Bench
) -> None:
    bench.moving = 2
    with opened(browser, bench, expected=("503",)) as page:
        choose(page, "picture", ASTRONAUT)
        expect(page.locator('[data-status="picture"]')).to_have_text(MOVING_MESSAGE)
        wait_for(page, "window.sent.some((action) => action.do === 'picture')")
        assert bench.uploads == [("picture", ASTRONAUT.read_bytes())]
        expect(page.locator('[data-status="picture"]')).to_have_text("or drop it here")


def choose(page: Page, place: str, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator(f'[data-choose="{place}"]').click()
    chooser.value.set_files(file)


def test_the_chooser_names_endings_beside_types(browser: Browser, bench: Bench) -> None:
    # some systems grey out files whose type they don't know
    with opened(browser, bench) as page:
        for place, kinds in (("picture", "image/* .heic .png"), ("voice-0", "audio/* .opus .mkv")):
            with page.expect_file_chooser():
                page.locator(f'[data-choose="{place}"]').click()
            accepted = page.locator("input[type=file]").last.get_attribute("accept") or ""
            assert set(kinds.split()) <= set(accepted.split(","))


def problem(page: Page, place: str) -> str:
    message = page.locator(f'[data-problems="{place}"] [role=alert] p')
    message.wait_for()
    return message.inner_text()


def expect_sent(page: Page, *actions: Mapping[str, object]) -> None:
    wait_for(page, f"window.sent.filter((a) => a.do !== 'refresh').length >= {len(actions)}")
    assert sent(page) == list(actions)


def test_a_chosen_file_arrives_whole(browser: Browser, bench: Bench) -> None:
    with opened(browser, bench) as page:
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
    browser: Browser, bench: Bench, target: str, files: list[dict[str, object]], given: list[str]
) -> None:
    with opened(browser, bench) as page:
        page.evaluate(DROP, [target, files])
        wait_for(page, f"window.sent.filter((a) => a.do !== 'refresh').length >= {len(given)}")
        went = {f"{action['do']} {action.get('slot', '')}".strip() for action in sent(page)}
        assert went == set(given)
        expect(page.locator("[data-over]")).to_have_count(0)


def test_the_place_under_the_pointer_is_marked(browser: Browser, bench: Bench) -> None:
    with opened(browser, bench) as page:
        page.evaluate(DROP, ['[data-drop="voice-1"] h2', [VOICE]])
        assert page.evaluate("window.over") == "voice-1"
        expect_sent(page, {"do": "voice", "slot": 1, "upload": f"{1:032x}", "name": "a.wav"})


def test_too_big_and_empty_are_refused_before_anything_is_sent(
    browser: Browser, bench: Bench
) -> None:
    big = {"name": "big.png", "type": "image/png", "size": 20 * MIB + 1}
    with opened(browser, bench) as page:
        page.evaluate(DROP, ["body", [big]])
        said = "This picture is 21 MB; 20 MB is the most. Choose a smaller one."
        assert problem(page, "picture") == said
        expect(page.get_by_role("alert")).to_have_count(1)  # although it has two places
        cross = page.get_by_role("button", name="Close this message").locator("svg")
        expect(cross).not_to_have_css("stroke", "none")
        page.evaluate(DROP, ["body", [{**VOICE, "size": 0}]])
        assert problem(page, "voice-1") == "This file is empty. Choose another one."
        put(page, "tp-side", side().replace("none", "nothing yet"))  # an answer takes nothing away
        assert problem(page, "picture") == said
        choose(page, "picture", ASTRONAUT)
        expect(page.locator('[data-problems="picture"]').first).to_be_empty()
        expect_sent(page, {"do": "picture", "upload": f"{1:032x}", "name": "astronaut.png"})
    assert len(bench.uploads) == 1


def test_what_the_server_refuses_is_said_in_its_words(browser: Browser, bench: Bench) -> None:
    bench.refusal = "This disk is full."
    with opened(browser, bench, expected=("400",)) as page:
        choose(page, "voice-0", VOICE_A)
        assert problem(page, "voice-0") == "This disk is full."
        assert sent(page) == []


def test_the_page_says_how_far_a_file_is_sent(browser: Browser, bench: Bench) -> None:
    with opened(browser, bench) as page:
        network = page.context.new_cdp_session(page)
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1}
        network.send("Network.emulateNetworkConditions", limits | {"uploadThroughput": 150_000})
        choose(page, "voice-0", VOICE_A)
        status = page.locator('[data-status="voice-0"]')
        expect(status).to_have_text(re.compile(r"^Sending the recording, [1-9]\d* %$"))
        put(page, "tp-side", side().replace("none", "nothing yet"))
        expect(status).to_have_text(re.compile(r"^Sending"))  # an answer doesn't take it away
        expect(status).to_have_text("nothing yet", timeout=20_000)
        assert len(sent(page)) == 1


def test_a_lost_connection_is_told_and_a_press_sends_again(browser: Browser, bench: Bench) -> None:
    bench.cut = True
    with opened(browser, bench, expected=("net::ERR_",)) as page:
        choose(page, "voice-0", VOICE_A)
        assert problem(page, "voice-0") == "The connection was lost while the file was sent."
        expect(page.locator('[data-status="voice-0"]')).to_have_text("none")
        bench.cut = False
        page.get_by_role("button", name="Send it again").click()
        expect_sent(page, {"do": "voice", "slot": 0, "upload": f"{1:032x}", "name": "voice_a.wav"})
        expect(page.locator('[data-problems="voice-0"]')).to_be_empty()
    assert bench.uploads == [("voice", VOICE_A.read_bytes())]


def test_pictures_are_pasted_by_key_and_by_button(browser: Browser, bench: Bench) -> None:
    copy = """async () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    }"""
    allowed = ("clipboard-read", "clipboard-write")
    with opened(browser, bench, permissions=allowed) as page:
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


def test_pasting_that_is_not_allowed_is_told(browser: Browser, bench: Bench) -> None:
    with opened(browser, bench) as page:
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


def test_the_camera_gives_a_picture(browser: Browser, bench: Bench) -> None:
    with opened(browser, bench, permissions=("camera",)) as page:
        page.get_by_role("button", name="Camera").click()
        page.get_by_role("dialog", name="Take a picture").wait_for()
        page.get_by_role("button", name="Take the picture").click()
        taken = page.get_by_role("img", name="The picture that was taken")
        page.wait_for_function("img => img.naturalWidth > 0", arg=taken.element_handle())
        expect(page.get_by_role("button", name="Use it")).to_be_focused()
        page.get_by_role("button", name="Take another").click()
        expect(taken).to_be_hidden()
        page.get_by_role("button", name="Take the picture").click()
        assert sent(page) == [] and bench.uploads == []
        page.get_by_role("button", name="Use it").click()
        expect_sent(page, {"do": "picture", "upload": f"{1:032x}", "name": "Camera picture"})
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("button", name="Camera")).to_be_focused()
    assert bench.uploads[0][1].startswith(b"\xff\xd8\xff"), "a JPEG"


def test_the_camera_can_be_left(browser: Browser, bench: Bench) -> None:
    with opened(browser, bench, permissions=("camera",)) as page:
        page.get_by_role("button", name="Camera").click()
        page.get_by_role("button", name="Take the picture").wait_for()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert sent(page) == []


@pytest.mark.parametrize(
    ("button", "place", "error", "said"),
    [
        ("Camera", "picture", "NotAllowedError", "The browser did not allow the camera. Allow it"),
        ("Camera", "picture", "NotFoundError", "No camera was found."),
        ("Record 1", "voice-1", "NotAllowedError", "The browser did not allow the microphone."),
        ("Record 1", "voice-1", "NotFoundError", "No microphone was found."),
    ],
)
def test_a_camera_or_microphone_that_can_not_be_had(
    browser: Browser, bench: Bench, button: str, place: str, error: str, said: str
) -> None:
    with opened(browser, bench) as page:
        page.evaluate(
            "(name) => { navigator.mediaDevices.getUserMedia = () =>"
            " Promise.reject(new DOMException('', name)) }",
            error,
        )
        page.get_by_role("button", name=button).click()
        assert problem(page, place).startswith(said)
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_recorder_gives_a_file_that_plays(browser: Browser, bench: Bench) -> None:
    with opened(browser, bench, permissions=("microphone",)) as page:
        page.get_by_role("button", name="Record 0").click()
        page.get_by_role("button", name="Start recording").click()
        expect(page.get_by_role("timer")).to_have_text("0:01 of 0:02")
        page.get_by_role("button", name="Stop").click()
        listen = page.get_by_role("button", name="Listen")
        expect(listen).to_be_focused()
        page.get_by_role("button", name="Record again").click()
        expect(page.get_by_role("meter")).to_have_attribute("aria-label", "Level of the microphone")
        page.get_by_role("button", name="Start recording").click()
        listen.wait_for()  # it stops by itself
        expect(page.get_by_role("timer")).to_have_text("0:02 of 0:02")
        listen.click()
        page.get_by_role("button", name="Pause").wait_for()
        expect(page.get_by_role("timer")).to_have_text("0:01 of 0:02")
        expect(listen).to_be_visible()  # it ends by itself
        assert bench.uploads == []
        page.get_by_role("button", name="Use it").click()
        expect_sent(page, {"do": "voice", "slot": 0, "upload": f"{1:032x}", "name": "Recording"})
        expect(page.get_by_role("dialog")).to_have_count(0)
        put(page, "tp-side", side(given=(0,)))
        expect(page.locator("[data-choose=voice-0]")).to_be_focused()
    [(kind, body)] = bench.uploads
    assert kind == "voice"
    with av.open(io.BytesIO(body), "r") as file:
        frames = list(file.decode(audio=0))
    length_s = sum(frame.samples for frame in frames) / frames[0].sample_rate
    assert 1.5 < length_s < 4
    assert max(float(np.abs(frame.to_ndarray()).max()) for frame in frames) > 0.01, (
        "it is not silent"
    )


MICROPHONE = """(() => {
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 300 });
  window.microphoneGain = new GainNode(context, { gain: 0 });
  const stream = context.createMediaStreamDestination();
  tone.connect(window.microphoneGain).connect(stream);
  tone.start();
  navigator.mediaDevices.getUserMedia = async () => {
    await context.resume();
    return stream.stream.clone();
  };
})()"""


def test_the_level_shows_silence_speech_and_distortion(browser: Browser, bench: Bench) -> None:
    with opened(browser, bench, reduced_motion="reduce", forced_colors="active") as page:
        page.evaluate(MICROPHONE)
        page.evaluate("document.querySelector('[data-record=voice-1]').dataset.longest = 60")
        page.get_by_role("button", name="Record 1").click()
        meter, said = page.get_by_role("meter"), page.get_by_role("dialog").get_by_role("status")
        page.get_by_role("button", name="Start recording").click()
        expect(meter).to_have_attribute("aria-valuetext", "Silence")
        expect(said).to_have_text("We hear nothing. Check the microphone.")
        bar = meter.locator("i")
        dark = bar.evaluate("bar => getComputedStyle(bar).backgroundColor")
        page.evaluate("window.microphoneGain.gain.value = 0.2")
        expect(meter).to_have_attribute("aria-valuetext", "We hear you")
        expect(said).to_be_empty()
        assert float(meter.get_attribute("aria-valuenow") or 0) > 50
        assert bar.bounding_box()["width"] > 100  # type: ignore[index]
        page.evaluate("window.microphoneGain.gain.value = 1.5")
        expect(meter).to_have_attribute("aria-valuetext", "Too loud")
        expect(said).to_contain_text("Move back from the microphone.")
        assert bar.evaluate("bar => getComputedStyle(bar).backgroundColor") != dark
        page.get_by_role("button", name="Stop").click()
        expect(said).to_contain_text("too loud and distorted")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert sent(page) == [] and bench.uploads == []

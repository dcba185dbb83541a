"""Pictures of the camera and recordings of the microphone are looked at and heard before use."""

import io
import re

import av
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

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
)


@pytest.fixture(autouse=True)
def cards(bench: Bench) -> None:
    bench.regions = input_regions()


def test_the_camera_gives_a_picture(tab: Page, bench: Bench) -> None:
    with opened(tab, bench, permissions=("camera",)) as page:
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


def test_the_camera_can_be_left(tab: Page, bench: Bench) -> None:
    with opened(tab, bench, permissions=("camera",)) as page:
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
    tab: Page, bench: Bench, button: str, place: str, error: str, said: str
) -> None:
    with opened(tab, bench) as page:
        page.evaluate(
            "(name) => { navigator.mediaDevices.getUserMedia = () =>"
            " Promise.reject(new DOMException('', name)) }",
            error,
        )
        page.get_by_role("button", name=button).click()
        assert problem(page, place).startswith(said)
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_recorder_gives_a_file_that_plays(tab: Page, bench: Bench) -> None:
    with opened(tab, bench, permissions=("microphone",)) as page:
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
        use = page.get_by_role("button", name="Use it")
        before = use.bounding_box()
        listen.click()
        page.get_by_role("button", name="Pause").wait_for()
        assert use.bounding_box() == before  # nothing moves under a finger
        expect(page.get_by_role("timer")).to_have_text("0:01 of 0:02")
        expect(listen).to_be_visible()  # it ends by itself
        assert bench.uploads == []
        use.click()
        expect_sent(page, {"do": "voice", "slot": 0, "upload": f"{1:032x}", "name": "Recording"})
        expect(page.get_by_role("dialog")).to_have_count(0)
        put(page, "tp-side", inputs(given=(0,)))
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
    with (
        new_tab(browser, reduced_motion="reduce", forced_colors="active") as tab,
        opened(tab, bench) as page,
    ):
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
        expect(meter).to_have_attribute("aria-valuenow", re.compile(r"^(5[1-9]|[6-9]\d|100)"))
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

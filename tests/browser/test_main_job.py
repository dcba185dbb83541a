"""Someone who has never seen the page gets a talking video out of it."""

import wave
from pathlib import Path
from urllib.parse import urlparse

import av
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.visits import DESKTOP, PHONE, SCHEMES, Size, Visit, visit
from tests.support.media import ASTRONAUT, DRAWN_PAIR, VOICE_A, VOICE_B, spoken

PLAN = "7.75 s of speech → 197 frames, 7.88 s (4 windows)"
HEIC = Path(__file__).parents[1] / "data" / "face.heic"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_picture_and_a_voice_become_a_video(
    browser: Browser, address: str, data: Path, artifacts: Path, size: Size
) -> None:
    moving = size == DESKTOP  # the phone asks for reduced motion
    with visit(browser, address, size, artifacts=artifacts, motion=moving) as me:
        page = me.page
        me.see("Give a picture a voice")
        page.evaluate(COUNT_TAPS)
        boxes = [me.frame_box()]
        me.shoot("1-start", SCHEMES)

        me.give("picture", ASTRONAUT)
        expect(page.locator("#tp-side")).to_contain_text("1 face found")
        thumbnail = page.locator("#tp-side img").first
        assert thumbnail.evaluate(
            "e => e.decode().then(() => [e.naturalWidth, e.naturalHeight])"
        ) == [
            896,
            448,
        ]
        boxes.append(me.frame_box())
        me.shoot("2-picture", SCHEMES)

        me.give("voice-0", VOICE_A)
        me.see("Making a draft")
        expect(page.locator(".tp-plan")).to_have_text(PLAN)
        expect(page.get_by_role("progressbar").first).to_be_visible()
        boxes.append(me.frame_box())
        me.shoot("3-drafting")

        me.see("Your draft is ready")
        boxes.append(me.frame_box())
        expect(page).to_have_title("Ready · Talking Portrait")
        check_film(me, moving)
        assert page.evaluate("window.taps") == 3  # two files, and one for the film
        me.shoot("4-draft", SCHEMES)
        check_download(me, data)
        me.reload()
        page.wait_for_function(f"{FILM}?.readyState >= 3")
        assert page.evaluate(f"[{FILM}.paused, {FILM}.muted]") == [True, False]

        me.press("Start over")
        me.see("Give a picture a voice")
        # a phone shows the inputs first at the start, and the frame first from then on
        still = boxes if size == DESKTOP else boxes[2:]
        assert all(box == still[0] for box in still), boxes


def check_film(me: Visit, by_itself: bool) -> None:
    """The draft plays by itself, silently, and a touch lets it be heard; or a touch plays it."""
    player = me.page.locator("tp-player")
    if not by_itself:
        player.get_by_role("button", name="Play").click()
    me.page.wait_for_function(f"{FILM}.duration > 7.8 && {FILM}.currentTime > 0.5")
    width, height, duration, silent = me.page.evaluate(
        f"[{FILM}.videoWidth, {FILM}.videoHeight, {FILM}.duration, {FILM}.muted]"
    )
    assert (width, height, silent) == (896, 448, by_itself)
    assert duration == pytest.approx(7.88, abs=0.05)
    if by_itself:
        player.get_by_role("button", name="Tap for sound").click()
    # it started while it was being made, so little of it may be left
    me.page.wait_for_function(f"!{FILM}.muted && (!{FILM}.paused || {FILM}.ended)")
    expect(player.get_by_role("button", name="Tap for sound")).to_be_hidden()
    me.page.evaluate(f"{FILM}.pause()")


COUNT_TAPS = """() => {
  window.taps = 0;
  addEventListener("click", (event) => event.isTrusted && window.taps++, true);
}"""
FILM = "[...document.querySelector('tp-player').shadowRoot.querySelectorAll('video')].at(-1)"


def check_download(me: Visit, data: Path) -> None:
    """What is saved is the job's own video."""
    with me.page.expect_download() as download:
        me.page.get_by_role("link", name="Download video").first.click()
    assert download.value.suggested_filename == "astronaut - voice a - draft.mp4"
    job = urlparse(me.film or "").path.split("/")[2]
    made = data / "jobs" / job / "result.mp4"
    assert Path(download.value.path()).read_bytes() == made.read_bytes()


def test_an_example_plays_after_two_clicks(browser: Browser, address: str, artifacts: Path) -> None:
    with visit(browser, address, DESKTOP, "light", artifacts) as me:
        me.press("Drawn pair")
        me.see("Your draft is ready")
        expect(me.page.locator("#tp-head p")).to_contain_text("The left one speaks first")
        me.shoot("6-two-people", SCHEMES)
        me.page.locator("tp-player").first.get_by_role("button", name="Play").click()
        me.page.wait_for_function(FILM + ".currentTime > 0.3")


def test_two_people_with_a_recording_each_swapped_and_together(
    browser: Browser, address: str, artifacts: Path, tmp_path: Path
) -> None:
    with visit(browser, address, PHONE, "light", artifacts) as me:
        page = me.page
        me.draft(spoken(tmp_path / "a.wav", 2.0, VOICE_A), DRAWN_PAIR)
        expect(page.locator("#tp-side")).to_contain_text("2 faces found")
        me.give("voice-1", spoken(tmp_path / "b.wav", 1.5, VOICE_B))
        expect(page.locator(".tp-plan")).to_contain_text("3.50 s of speech")
        me.see("Your draft is ready")
        page.get_by_role("radio", name="Together").click()
        expect(page.locator(".tp-plan")).to_contain_text("2.00 s of speech")
        me.see("Your draft is ready")
        first = page.locator("#tp-side .tp-wave, #tp-side svg").first
        expect(first).to_be_visible()
        before = me.film
        me.press("Swap voices")
        page.wait_for_function(
            "before => document.querySelector('tp-player').getAttribute('film') !== before",
            arg=before,
        )
        me.see("Your draft is ready")
        me.shoot("7-two-together")
        me.press("Swap voices")
        expect(page.locator("tp-player").first).to_have_attribute("film", before or "")


def test_a_heic_picture_and_the_sound_of_a_phone_video(
    browser: Browser, address: str, artifacts: Path, tmp_path: Path
) -> None:
    with visit(browser, address, DESKTOP, "light", artifacts) as me:
        me.give("picture", selfie(tmp_path / "selfie.png"))
        check_shapes(me)
        me.give("picture", HEIC)
        me.give("voice-0", phone_video(tmp_path / "IMG_0042.MOV"))
        expect(me.page.locator("#tp-side")).to_contain_text("IMG_0042.MOV")
        me.see("Your draft is ready")
        me.shoot("8-heic-mov")


def selfie(path: Path) -> Path:
    """An upright picture, 3:4."""
    with Image.open(ASTRONAUT) as whole:
        whole.crop((64, 0, 448, 512)).save(path)
    return path


def check_shapes(me: Visit) -> None:
    """An upright picture is Portrait in one tap; the frame takes the shape, on a phone too."""
    frame = me.frame
    expect(frame).to_have_css("aspect-ratio", "896 / 448")
    me.press("Use portrait")
    expect(frame).to_have_css("aspect-ratio", "448 / 896")
    expect(me.page.get_by_role("radio", name="Portrait")).to_be_checked()
    expect(me.page.get_by_role("radio", name="Portrait")).to_be_focused()
    expect(me.page.get_by_role("button", name="Use portrait")).to_have_count(0)
    check_tall(me, DESKTOP)
    check_tall(me, PHONE)
    me.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    me.page.get_by_role("radio", name="Picture’s own").click()
    expect(frame).to_have_css("aspect-ratio", "576 / 704")
    me.press("Turn")
    expect(frame).to_have_css("aspect-ratio", "704 / 576")
    me.page.get_by_role("radio", name="Landscape").click()


def check_tall(me: Visit, size: Size) -> None:
    """The frame fills most of the window's width or height, and fits into it."""
    me.page.set_viewport_size({"width": size[0], "height": size[1]})
    box = me.frame_box()
    assert box["width"] / box["height"] == pytest.approx(1 / 2, abs=0.01)
    assert box["width"] > 0.8 * size[0] or box["height"] > 0.6 * size[1], box
    assert box["width"] <= size[0] and box["height"] < 0.8 * size[1], box
    me.shoot("9-portrait")


def phone_video(path: Path) -> Path:
    """A QuickTime film of two seconds: grey frames and the voice as AAC."""
    with wave.open(str(VOICE_A)) as voice, av.open(str(path), "w", format="mov") as film:
        video = film.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        sound = film.add_stream("aac", rate=voice.getframerate(), layout="mono")
        for _ in range(50):
            grey = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
            film.mux(video.encode(grey))
        samples = np.frombuffer(voice.readframes(2 * voice.getframerate()), np.int16)
        samples = samples.reshape(-1, voice.getnchannels())[:, 0]
        frame = av.AudioFrame.from_ndarray(samples[None].copy(), format="s16", layout="mono")
        frame.sample_rate = voice.getframerate()
        film.mux(sound.encode(frame))
        film.mux(video.encode(None))
        film.mux(sound.encode(None))
    return path


def test_a_picture_that_is_too_big_is_refused_before_it_is_sent(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(bytes(21 * 2**20))
    with visit(browser, address) as me:
        sent: list[str] = []
        me.page.on("request", lambda request: sent.append(request.url))
        me.give("picture", large)
        expect(me.page.get_by_role("alert")).to_contain_text("This picture is 21 MB; 20 MB is")
        assert not any("upload" in url for url in sent)
        me.give("picture", ASTRONAUT)
        expect(me.page.locator("#tp-side")).to_contain_text("1 face found")
        expect(me.page.get_by_role("alert")).to_have_count(0)


def test_what_can_not_be_used_is_said_in_its_card_and_the_page_goes_on(
    browser: Browser, address: str, artifacts: Path, word: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "holiday.jpg"
    broken.write_text("This is no picture.")
    with visit(browser, address, DESKTOP, "dark", artifacts) as me:
        page = me.page
        me.give("picture", broken)
        expect(page.get_by_role("alert")).to_contain_text("not a picture")
        expect(page.get_by_role("alert")).to_have_css("padding-right", "52px")  # beside its button
        me.shoot("9-bad-picture")
        me.give("picture", ASTRONAUT)
        expect(page.locator("#tp-side")).to_contain_text("1 face found")
        expect(page.get_by_role("alert")).to_have_count(0)
        me.give("voice-0", ASTRONAUT)
        expect(page.get_by_role("alert")).to_be_visible()
        me.give("voice-0", word)
        me.see("Your draft is ready")
        me.give("picture", broken)  # the good one stays, and its draft
        expect(page.get_by_role("alert")).to_contain_text("not a picture")
        expect(page.locator("#tp-side")).to_contain_text("1 face found")
        me.see("Your draft is ready")


def test_a_wall_has_no_face_to_draft(
    browser: Browser, address: str, artifacts: Path, word: Path, tmp_path: Path
) -> None:
    wall = tmp_path / "wall.png"
    Image.new("RGB", (640, 480), "teal").save(wall)
    with visit(browser, address, DESKTOP, "light", artifacts) as me:
        me.give("voice-0", word)
        me.give("picture", wall)
        me.see("No face in this picture")
        expect(me.page.get_by_role("alert")).to_contain_text("A draft needs a face")
        me.shoot("10-no-face")
        me.reload()
        me.see("No face in this picture")

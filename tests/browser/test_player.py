"""The player shows films and pictures without a blank moment, and is played by mouse and keys."""

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from inference.media.video import SegmentWriter, join
from inference.timing import FPS
from tests.browser.bench import Bench, opened, put, wait_for

WIDTH, HEIGHT, BITS = 320, 160, 8
PART, PARTS = 40, 4  # frames of each part, and how many there are
JOB, OTHER = "/media/" + "a" * 32, "/media/" + "b" * 32
LINE = '<div data-line data-duration="6.4" style="height:56px">line</div>'
PLAYED = "document.querySelector('tp-player').at"
RUNS = "document.querySelector('tp-player').shadowRoot.querySelector('[aria-label=\"Pause\"]')"
# Every time the browser draws, what the film on show shows: the number that its frame carries as
# bars, whether it is green at the bottom, and its sound.
WATCH = """() => {
  const screen = document.querySelector("tp-player").shadowRoot.querySelector(".screen");
  const canvas = Object.assign(document.createElement("canvas"), { width: 80, height: 40 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  window.seen = [];
  const look = () => {
    const films = [...screen.querySelectorAll("video:not(.coming)")];
    context.clearRect(0, 0, 80, 40);
    if (films.length) context.drawImage(films.at(-1), 0, 0, 80, 40);
    const pixels = context.getImageData(0, 0, 80, 40).data;
    const at = (x, y) => pixels.slice(4 * (80 * y + x), 4 * (80 * y + x) + 4);
    let number = 0;
    for (let bit = 0; bit < 8; bit++) if (at(10 * bit + 5, 10)[0] > 128) number += 2 ** bit;
    const [red, green, blue, alpha] = at(40, 32);
    const heard = films.filter((film) => !film.muted && !film.paused).length;
    const film = green > red + 60 && green > blue + 60 && alpha === 255;
    window.seen.push({ number, heard, film });
    requestAnimationFrame(look);
  };
  look();
}"""


def _frame(number: int) -> NDArray[np.uint8]:
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    frame[:] = (20, 160, 60)
    for bit in range(BITS):
        left = bit * WIDTH // BITS
        frame[: HEIGHT // 2, left : left + WIDTH // BITS] = 255 if number >> bit & 1 else 0
    return frame


@pytest.fixture(scope="module", autouse=True)
def written(films: Path) -> Iterator[None]:
    """1.mp4 to 4.mp4, each longer by a part; red.png and blue.png."""
    seconds = np.arange(PARTS * PART * 48_000 // FPS) / 48_000
    with wave.open(str(films / "voice.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(48_000)
        tone: NDArray[np.int16] = (8000 * np.sin(2 * np.pi * 440 * seconds)).astype(np.int16)
        sound.writeframes(tone.tobytes())
    segments = []
    for part in range(PARTS):
        segments.append(films / f"segment{part}.mp4")
        with SegmentWriter(segments[-1], WIDTH, HEIGHT) as writer:
            for number in range(part * PART, (part + 1) * PART):
                writer.write(_frame(number))
        target = films / f"{part + 1}.mp4"
        join(segments, films / "voice.wav", len(segments) * PART, target, {})
    for name, colour in (("red", "#f00"), ("blue", "#00f")):
        size = 'width="320" height="160"'
        drawn = (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}><rect {size} fill="{colour}"/></svg>'
        )
        (films / f"{name}.svg").write_text(drawn)
    yield


def stage(film: str | None, **attributes: str) -> str:
    """The stage with a player and a voice line."""
    told = {"poster": f"{JOB}/red.svg", "label": "The draft", "duration": "6.4"} | attributes
    if film:
        told["film"] = film
    written = " ".join(f'{name}="{value}"' for name, value in told.items())
    return f'<div class="tp-frame"><tp-player {written}></tp-player></div>{LINE}'


def regions(film: str | None, **attributes: str) -> dict[str, str]:
    head = '<div class="tp-head" data-state="draft" data-tab="Ready"><h1 tabindex="-1">R</h1></div>'
    return {"tp-head": head, "tp-stage": stage(film, **attributes)}


def shows_film(page: Page) -> None:
    page.locator("tp-player .play").wait_for()


def test_a_growing_film_goes_on_without_a_break(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4")
    with opened(browser, bench) as page:
        shows_film(page)
        page.evaluate(WATCH)
        page.locator("tp-player").get_by_role("button", name="Play").click()
        for part in (2, 3, 4):
            wait_for(page, f"{PLAYED} > {(part - 1) * PART / FPS - 0.9}")
            put(page, "tp-stage", stage(f"{JOB}/{part}.mp4"))
        wait_for(page, f"{PLAYED} >= 6.3 && !({RUNS})")
        seen = page.evaluate("window.seen")
    assert all(moment["film"] for moment in seen), "no moment without the film's own picture"
    assert all(moment["heard"] <= 1 for moment in seen), "no moment with two sounds"
    numbers = [moment["number"] for moment in seen]
    steps = np.diff(numbers)
    assert numbers[-1] >= PARTS * PART - 2
    assert steps.min() >= -3, "it does not go back, but for the moment at which it takes over"
    assert steps.max() <= 12, "and never leaps"


def test_a_film_that_ran_out_goes_on_when_there_is_more(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4")
    with opened(browser, bench) as page:
        shows_film(page)
        page.evaluate(WATCH)
        page.keyboard.press("Space")
        wait_for(page, f"{PLAYED} >= 1.5 && !({RUNS})")
        put(page, "tp-stage", stage(f"{JOB}/2.mp4"))
        wait_for(page, f"{PLAYED} > 2")
        page.keyboard.press("Space")
        wait_for(page, f"!({RUNS})")
        seen = page.evaluate("window.seen")
    assert all(moment["film"] for moment in seen)
    assert np.diff([moment["number"] for moment in seen]).min() >= -3


def test_a_film_that_nobody_started_stands_still(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4")
    with opened(browser, bench) as page:
        shows_film(page)
        page.evaluate("document.querySelector('tp-player').seek(1)")
        put(page, "tp-stage", stage(f"{JOB}/2.mp4"))
        expect(page.locator("tp-player .time")).to_have_text("0:01 / 0:03")
        assert page.evaluate(PLAYED) == 1
        assert not page.evaluate(f"Boolean({RUNS})")
        put(page, "tp-stage", stage(f"{OTHER}/3.mp4"))
        expect(page.locator("tp-player .time")).to_have_text("0:00 / 0:04")


def test_the_end_is_not_played_again(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4")
    with opened(browser, bench) as page:
        shows_film(page)
        page.keyboard.press("Space")
        wait_for(page, f"{PLAYED} >= 1.5 && !({RUNS})")
        put(page, "tp-stage", stage(f"{JOB}/1.mp4?finished"))
        wait_for(
            page,
            f"window.performance.getEntriesByName(location.origin + '{JOB}/1.mp4?finished').length",
        )
        page.wait_for_timeout(500)
        assert page.evaluate(PLAYED) >= 1.5
        assert not page.evaluate(f"Boolean({RUNS})")


def test_pictures_change_when_they_are_decoded(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(None)
    with opened(browser, bench, expected=("404",)) as page:
        picture = page.locator("tp-player img")
        expect(picture).to_have_attribute("src", f"{JOB}/red.svg")
        expect(picture).to_have_attribute("alt", "The draft")
        expect(page.locator("tp-player .play")).to_be_hidden()
        put(page, "tp-stage", stage(None, live=f"{JOB}/blue.svg?1"))
        expect(picture).to_have_attribute("src", f"{JOB}/blue.svg?1")
        put(page, "tp-stage", stage(None, live=f"{JOB}/gone.svg"))
        page.wait_for_timeout(300)
        expect(picture).to_have_attribute("src", f"{JOB}/blue.svg?1")
        put(page, "tp-stage", stage(f"{JOB}/1.mp4", chip="Draft", note="free", dim=""))
        shows_film(page)
        expect(picture).not_to_be_visible()
        expect(page.locator("tp-player .chip").first).to_have_text("Draft")
        expect(page.locator("tp-player video")).to_have_css("opacity", "0.6")
        put(page, "tp-stage", stage(None))
        expect(page.locator("tp-player video")).to_have_count(0)
        expect(picture).to_be_visible()


def test_keys_seek_and_play(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/4.mp4")
    with opened(browser, bench) as page:
        shows_film(page)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        wait_for(page, f"{PLAYED} === 2")
        page.keyboard.press("ArrowLeft")
        wait_for(page, f"{PLAYED} === 1")
        seek = page.locator("tp-player").get_by_role("slider", name="Place in the video")
        expect(seek).to_have_attribute("aria-valuetext", "0:01 of 0:06")
        seek.focus()
        page.keyboard.press("ArrowRight")
        wait_for(page, f"{PLAYED} === 2")
        seek.fill("4.5")
        wait_for(page, f"{PLAYED} === 4.5")
        page.keyboard.press("Space")
        wait_for(page, RUNS)
        page.keyboard.press("Space")
        wait_for(page, f"!({RUNS})")
        sound = page.locator("tp-player").get_by_role("button", name="Sound off")
        sound.focus()
        page.keyboard.press("Space")
        expect(page.locator("tp-player").get_by_role("button", name="Sound on")).to_be_focused()
        assert not page.evaluate(f"Boolean({RUNS})"), "Space was for the button"


def test_keys_typed_into_a_field_are_not_for_the_film(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4") | {
        "tp-side": '<textarea aria-label="Scene"></textarea>'
    }
    with opened(browser, bench) as page:
        shows_film(page)
        page.get_by_label("Scene").press_sequentially("a b")
        assert page.get_by_label("Scene").input_value() == "a b"
        assert not page.evaluate(f"Boolean({RUNS})")


def test_the_voice_line_follows_and_seeks(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(None)
    at = "Number(document.querySelector('[data-line]').style.getPropertyValue('--at'))"
    with opened(browser, bench) as page:
        line = page.locator("[data-line]")
        expect(line).not_to_have_attribute("style", "--at")
        line.click()
        put(page, "tp-stage", stage(f"{JOB}/4.mp4"))
        shows_film(page)
        box = line.bounding_box()
        assert box
        middle = box["y"] + box["height"] / 2
        page.mouse.click(box["x"] + box["width"] / 4, middle)
        wait_for(page, f"Math.abs({PLAYED} - 1.6) < 0.02 && Math.abs({at} - 0.25) < 0.01")
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 3 / 4, middle + 200, steps=4)
        page.mouse.up()
        page.mouse.move(box["x"], middle)
        wait_for(page, f"Math.abs({PLAYED} - 4.8) < 0.02 && Math.abs({at} - 0.75) < 0.01")
        put(page, "tp-stage", stage(f"{JOB}/4.mp4", chip="Draft"))  # the region is drawn again
        wait_for(page, f"Math.abs({at} - 0.75) < 0.01")


def test_a_film_that_fails_is_tried_again_and_then_told(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4")
    bench.missing = 2
    with opened(browser, bench, expected=("503",)) as page:
        shows_film(page)
        bench.missing = 1000
        page.clock.install()
        put(page, "tp-stage", stage(f"{OTHER}/2.mp4"))
        message = page.locator("tp-player").get_by_role("alert")
        for _ in range(10):
            page.clock.run_for(3000)
            page.wait_for_timeout(50)
        expect(message).to_contain_text("The video cannot be loaded now. It is kept.")
        expect(page.locator("tp-player .time")).to_have_text("0:00 / 0:01")  # the one before
        bench.missing = 0
        page.clock.resume()
        message.get_by_role("button", name="Try again").click()
        expect(page.locator("tp-player .time")).to_have_text("0:00 / 0:03")
        expect(message).to_be_hidden()


def test_a_reload_keeps_the_place_and_stays_quiet(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/4.mp4")
    with opened(browser, bench) as page:
        shows_film(page)
        page.locator("tp-player").get_by_role("button", name="Sound off").click()
        page.evaluate("document.querySelector('tp-player').seek(3)")
        wait_for(page, f"{PLAYED} === 3")
        page.reload()
        shows_film(page)
        assert page.evaluate(PLAYED) == 3
        assert not page.evaluate(f"Boolean({RUNS})")
        expect(page.locator("tp-player").get_by_role("button", name="Sound on")).to_be_visible()


def test_one_sound_at_a_time(browser: Browser, bench: Bench) -> None:
    play = f'<button data-play="{JOB}/voice.wav" data-label-play="Play the voice"'
    play += ' data-label-pause="Pause" aria-label="Play the voice" aria-pressed="false">v</button>'
    bench.regions = regions(f"{JOB}/4.mp4") | {"tp-side": play}
    with opened(browser, bench) as page:
        shows_film(page)
        page.keyboard.press("Space")
        wait_for(page, RUNS)
        button = page.locator("[data-play]")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(button).to_have_attribute("aria-label", "Pause")
        wait_for(page, f"!({RUNS})")
        put(page, "tp-side", play.replace(">v<", ">w<"))  # drawn again, it still plays
        expect(button).to_have_attribute("aria-pressed", "true")
        page.locator("tp-player").get_by_role("button", name="Play").click()
        expect(button).to_have_attribute("aria-pressed", "false")
        button.click()
        button.click()
        expect(button).to_have_attribute("aria-label", "Play the voice")


def test_a_film_is_silent_on_the_other_page(browser: Browser, bench: Bench) -> None:
    hidden = "<style>[data-view=history] #tp-stage { display: none }</style>"
    bench.regions = regions(f"{JOB}/4.mp4") | {"tp-top": hidden + '<a href="#history">History</a>'}
    with opened(browser, bench) as page:
        shows_film(page)
        page.keyboard.press("Space")
        wait_for(page, RUNS)
        page.get_by_role("link", name="History").click()
        wait_for(page, f"!({RUNS})")


def test_draft_and_final_play_together(browser: Browser, bench: Bench) -> None:
    players = "".join(
        f'<div class="tp-frame"><tp-player film="{job}/4.mp4" label="film"></tp-player></div>'
        for job in (OTHER, JOB)
    )
    pair = f'<button data-play-both>Play both</button><div class="tp-pair">{players}</div>'
    bench.regions = regions(None) | {"tp-below": pair}
    with opened(browser, bench) as page:
        expect(page.locator("#tp-below tp-player .play")).to_have_count(2)
        page.get_by_role("button", name="Play both").click()
        both = "[...document.querySelectorAll('.tp-pair tp-player')]"
        wait_for(page, f"{both}.every((player) => player.at > 0.3)")
        assert page.evaluate(f"{both}.map((player) => player.muted)") == [True, False]


def test_full_screen_and_back(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4")
    with opened(browser, bench) as page:
        shows_film(page)
        page.locator("tp-player").get_by_role("button", name="Full screen").click()
        leave = page.locator("tp-player").get_by_role("button", name="Leave full screen")
        leave.wait_for()
        assert page.evaluate("document.fullscreenElement.localName") == "tp-player"
        leave.click()
        page.locator("tp-player").get_by_role("button", name="Full screen", exact=True).wait_for()


def test_nothing_of_a_film_stands_in_the_way_of_anyone(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4", chip="Draft", note="free")
    with opened(browser, bench) as page:
        shows_film(page)
        found = Axe().run(page, context="tp-player", options={"runOnly": ["wcag2a", "wcag2aa"]})
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found.response["violations"]] == []
    assert found.response["passes"]

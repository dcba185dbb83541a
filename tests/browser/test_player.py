"""The player is played by mouse and keys, alone and beside others."""

import json
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.films import JOB, OTHER, PLAYED, RUNS, regions, shows_film, stage, write_films
from tests.browser.made_page import Bench, new_tab, opened, put, wait_for


@pytest.fixture(scope="module", autouse=True)
def written(films: Path) -> None:
    write_films(films)


def test_keys_seek_and_play(tab: Page, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/4.mp4")
    with opened(tab, bench) as page:
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


def test_keys_typed_into_a_field_are_not_for_the_film(tab: Page, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4") | {
        "tp-side": '<textarea aria-label="Scene"></textarea>'
    }
    with opened(tab, bench) as page:
        shows_film(page)
        page.get_by_label("Scene").press_sequentially("a b")
        assert page.get_by_label("Scene").input_value() == "a b"
        assert not page.evaluate(f"Boolean({RUNS})")


def test_the_voice_line_follows_and_seeks(tab: Page, bench: Bench) -> None:
    bench.regions = regions(None)
    at = "Number(document.querySelector('[data-line]').style.getPropertyValue('--at'))"
    with opened(tab, bench) as page:
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
    with new_tab(browser) as tab, opened(tab, bench, expected=("503",)) as page:
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


def test_a_reload_keeps_the_place_and_stays_quiet(tab: Page, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/4.mp4")
    with opened(tab, bench) as page:
        shows_film(page)
        page.locator("tp-player").get_by_role("button", name="Sound off").click()
        page.evaluate("document.querySelector('tp-player').seek(3)")
        wait_for(page, f"{PLAYED} === 3")
        page.reload()
        shows_film(page)
        assert page.evaluate(PLAYED) == 3
        assert not page.evaluate(f"Boolean({RUNS})")
        expect(page.locator("tp-player").get_by_role("button", name="Sound on")).to_be_visible()


def test_one_sound_at_a_time(tab: Page, bench: Bench) -> None:
    part = {"url": f"{JOB}/voice.wav", "channels": 1, "from": 0, "at": 0, "samples": 48_000}
    play = f"<button data-play='{json.dumps([part])}' data-label-play='Play the voice'"
    play += ' data-label-pause="Pause" aria-label="Play the voice" aria-pressed="false">v</button>'
    bench.regions = regions(f"{JOB}/4.mp4") | {"tp-side": play}
    with opened(tab, bench) as page:
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


def test_a_film_is_silent_on_the_other_page(tab: Page, bench: Bench) -> None:
    hidden = "<style>[data-view=history] #tp-stage { display: none }</style>"
    bench.regions = regions(f"{JOB}/4.mp4") | {"tp-top": hidden + '<a href="#history">History</a>'}
    with opened(tab, bench) as page:
        shows_film(page)
        page.keyboard.press("Space")
        wait_for(page, RUNS)
        page.get_by_role("link", name="History").click()
        wait_for(page, f"!({RUNS})")


def test_draft_and_final_play_together(tab: Page, bench: Bench) -> None:
    players = "".join(
        f'<div class="tp-frame"><tp-player film="{job}/4.mp4" label="film"></tp-player></div>'
        for job in (OTHER, JOB)
    )
    pair = f'<button data-play-both>Play both</button><div class="tp-pair">{players}</div>'
    bench.regions = regions(None) | {"tp-below": pair}
    with opened(tab, bench) as page:
        expect(page.locator("#tp-below tp-player .play")).to_have_count(2)
        page.get_by_role("button", name="Play both").click()
        both = "[...document.querySelectorAll('.tp-pair tp-player')]"
        wait_for(page, f"{both}.every((player) => player.at > 0.3)")
        assert page.evaluate(f"{both}.map((player) => player.muted)") == [True, False]


def test_full_screen_and_back(tab: Page, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4")
    with opened(tab, bench) as page:
        shows_film(page)
        page.locator("tp-player").get_by_role("button", name="Full screen").click()
        leave = page.locator("tp-player").get_by_role("button", name="Leave full screen")
        leave.wait_for()
        assert page.evaluate("document.fullscreenElement.localName") == "tp-player"
        leave.click()
        page.locator("tp-player").get_by_role("button", name="Full screen", exact=True).wait_for()


def test_nothing_of_a_film_stands_in_the_way_of_anyone(tab: Page, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4", chip="Draft", note="free")
    with opened(tab, bench) as page:
        shows_film(page)
        found = Axe().run(page, context="tp-player", options={"runOnly": ["wcag2a", "wcag2aa"]})
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found.response["violations"]] == []
    assert found.response["passes"]

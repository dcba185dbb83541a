"""A film that grows while it is made goes on without a blank moment."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from inference.core.timing import FPS
from tests.browser.films import (
    JOB,
    OTHER,
    PART,
    PARTS,
    PLAYED,
    RUNS,
    WATCH,
    regions,
    shows_film,
    stage,
    write_films,
)
from tests.browser.made_page import Bench, new_tab, opened, put, wait_for


@pytest.fixture(scope="module", autouse=True)
def written(films: Path) -> None:
    write_films(films)


def test_a_growing_film_goes_on_without_a_break(tab: Page, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4")
    with opened(tab, bench) as page:
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


def test_a_film_that_ran_out_goes_on_when_there_is_more(tab: Page, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4")
    with opened(tab, bench) as page:
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


def test_a_film_that_nobody_started_stands_still(tab: Page, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4")
    with opened(tab, bench) as page:
        shows_film(page)
        page.evaluate("document.querySelector('tp-player').seek(1)")
        put(page, "tp-stage", stage(f"{JOB}/2.mp4"))
        expect(page.locator("tp-player .time")).to_have_text("0:01 / 0:03")
        assert page.evaluate(PLAYED) == 1
        assert not page.evaluate(f"Boolean({RUNS})")
        put(page, "tp-stage", stage(f"{OTHER}/3.mp4"))
        expect(page.locator("tp-player .time")).to_have_text("0:00 / 0:04")


def test_what_was_seen_being_made_plays_by_itself_once_and_silently(
    browser: Browser, bench: Bench
) -> None:
    job, third = JOB.split("/")[-1], "/media/" + "c" * 32
    bench.regions = regions(None, making=job)
    with new_tab(browser) as tab, opened(tab, bench) as page:
        page.evaluate(WATCH)
        put(page, "tp-stage", stage(f"{JOB}/1.mp4", making=job))
        wait_for(page, RUNS)
        put(page, "tp-stage", stage(f"{JOB}/2.mp4", making=job))  # it goes on while it grows
        wait_for(page, f"{PLAYED} > 1.7")
        assert not any(moment["heard"] for moment in page.evaluate("window.seen"))
        sound = page.locator("tp-player").get_by_role("button", name="Tap for sound")
        page.keyboard.press("Space")
        wait_for(page, f"!({RUNS})")
        put(page, "tp-stage", stage(f"{JOB}/4.mp4"))  # the whole: not started a second time
        expect(page.locator("tp-player .time")).to_contain_text("/ 0:06")
        assert not page.evaluate(f"Boolean({RUNS})")
        sound.focus()
        page.keyboard.press("Enter")
        wait_for(page, RUNS)
        expect(sound).to_be_hidden()
        wait_for(page, "window.seen.at(-1).heard === 1")

        put(page, "tp-stage", stage(f"{OTHER}/2.mp4"))  # nobody saw it being made
        expect(page.locator("tp-player .time")).to_have_text("0:00 / 0:03")
        assert not page.evaluate(f"Boolean({RUNS})")
        page.emulate_media(reduced_motion="reduce")
        put(page, "tp-stage", stage(None, making="c" * 32))
        put(page, "tp-stage", stage(f"{third}/3.mp4"))
        expect(page.locator("tp-player .time")).to_have_text("0:00 / 0:04")
        assert not page.evaluate(f"Boolean({RUNS})")


def test_the_end_is_not_played_again(tab: Page, bench: Bench) -> None:
    bench.regions = regions(f"{JOB}/1.mp4")
    with opened(tab, bench) as page:
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


def test_pictures_change_when_they_are_decoded(tab: Page, bench: Bench) -> None:
    bench.regions = regions(None)
    with opened(tab, bench, expected=("404",)) as page:
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

"""The scripts around the regions: the pulse, the two pages, headlines, times, trimming."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.made_page import (
    Bench,
    head,
    last,
    new_tab,
    opened,
    put,
    regions,
    sent,
    wait_for,
)
from tests.support.page_states import page as page_state
from ui.session.page_state import Phase
from ui.views import render

TRIMMER = """<div data-trimmer data-duration="62" data-longest="40" data-least="0.4">
<label>Start<input type="range" data-trim="start" min="0" max="62" step="0.01" value="0"></label>
<label>End<input type="range" data-trim="end" min="0" max="62" step="0.01" value="40"></label>
<p data-trim-text></p></div>"""


def test_a_new_state_moves_the_focus_to_the_headline(browser: Browser, bench: Bench) -> None:
    button = '<button data-do="make">Make it</button>'
    bench.regions = regions(stage=button, foot='<input aria-label="Seed">')
    with (
        new_tab(browser, viewport={"width": 390, "height": 844}) as tab,
        opened(tab, bench) as page,
    ):
        page.get_by_role("button", name="Make it").click()
        page.evaluate("scrollTo(0, 500)")
        put(page, "tp-stage", button.replace("Make it", "Stop"))  # the same element still
        put(page, "tp-head", head("making", "40 s left", "Making your video"))
        expect(page.get_by_role("heading", name="Making your video")).to_be_focused()
        assert page.evaluate("scrollY") == 0, "a phone shows the top"
        assert page.title() == "40 s left"
        page.get_by_label("Seed").focus()
        put(page, "tp-head", head("result", "Ready"))
        expect(page.get_by_label("Seed")).to_be_focused()
        assert page.title() == "Ready"


def test_two_pages_by_address(tab: Page, bench: Bench) -> None:
    bench.regions = regions()
    with opened(tab, bench) as page:
        make, history = (
            page.get_by_role("link", name="Make"),
            page.get_by_role("link", name="History"),
        )
        expect(make).to_have_attribute("aria-current", "page")
        history.click()
        expect(page.get_by_role("heading", name="History")).to_be_focused()
        expect(history).to_have_attribute("aria-current", "page")
        expect(make).not_to_have_attribute("aria-current", "page")
        wait_for(page, "window.sent.at(-1)?.do === 'refresh'")
        assert last(page)["view"] == "history"
        page.reload()
        expect(page.get_by_role("heading", name="History")).to_be_visible()
        wait_for(page, "window.sent.at(-1)?.view === 'history'")
        page.get_by_role("button", name="Open").click()  # a job of the history is on the desk then
        expect(page.get_by_role("heading", name="Headline")).to_be_focused()
        page.go_back()
        expect(page.get_by_role("heading", name="History")).to_be_focused()


def test_the_pulse_is_faster_while_there_is_work(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(stage="")
    with new_tab(browser) as tab, opened(tab, bench) as page:
        page.clock.install()
        page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))

        def pulses(after_ms: int) -> int:
            before, waited = len(bench.pulses), 0
            while waited < after_ms:
                page.clock.run_for(100)
                page.wait_for_timeout(20)  # for the answer
                waited += 100
            return len(bench.pulses) - before

        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # by this clock
        resting = pulses(9000)
        put(page, "tp-stage", "<i data-busy></i>")
        pulses(3000)  # until the pace is taken up
        working = pulses(9000)
        page.evaluate(
            "() => { window.away = true;"
            " Object.defineProperty(document, 'hidden', { get: () => window.away });"
            " document.dispatchEvent(new Event('visibilitychange')) }"
        )
        pulses(1000)
        hidden = pulses(9000)
        page.clock.fast_forward(10 * 60_000)  # its server's machine may end from now on
        pulses(300)
        before = len(bench.pulses)
        page.clock.run_for(60_000)
        asleep = len(bench.pulses) - before
        page.evaluate(
            "() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')) }"
        )
        awake = pulses(2000)
    assert asleep == 0 and awake > 0
    assert 2 <= resting <= 4
    assert 12 <= working <= 19
    assert hidden <= 1


def test_a_changed_version_asks_for_the_page_once(tab: Page, bench: Bench) -> None:
    bench.regions = regions(stage="<i data-busy></i>")
    with opened(tab, bench) as page:
        page.wait_for_timeout(1200)
        before = len(sent(page, refreshes=True))
        bench.version = "2"
        page.wait_for_timeout(2000)
        assert len(sent(page, refreshes=True)) == before + 1


@pytest.mark.holds("page", "no network", "the page says so, and goes on by itself")
def test_a_lost_connection_is_said_and_found_again(tab: Page, bench: Bench) -> None:
    bench.regions = regions(stage="<i data-busy></i>")
    with opened(tab, bench, expected=("503",)) as page:
        page.evaluate("window.same = true")
        said = page.get_by_role("status")
        expect(said).to_be_empty()
        bench.pulse_status = 503
        expect(said).to_have_text(
            "Connection lost. The work goes on; this page catches up by itself."
        )
        before = len(sent(page, refreshes=True))
        bench.pulse_status = 200
        expect(said).to_be_empty()
        assert len(sent(page, refreshes=True)) == before + 1
        assert page.evaluate("window.same"), "the page was not loaded again"


def test_a_page_that_the_server_forgot_is_loaded_again(tab: Page, bench: Bench) -> None:
    bench.regions = regions(stage="<i data-busy></i>")
    with opened(tab, bench, expected=("503",)) as page:
        page.evaluate("window.answering = false")
        page.evaluate("window.same = true")
        bench.pulse_status = 503
        page.get_by_text("Connection lost.").wait_for()
        bench.pulse_status = 200
        wait_for(page, "!window.same")


@pytest.mark.parametrize(
    ("slider", "value", "part"),
    [
        ("Start", "1.2", (1.2, 40)),
        ("Start", "50", (50, 50.4)),  # the end goes on before it
        ("Start", "62", (61.6, 62)),
        ("End", "60", (20, 60)),  # no longer than may be
        ("End", "0", (0, 0.4)),
    ],
)
def test_the_part_to_use(
    tab: Page, bench: Bench, slider: str, value: str, part: tuple[float, float]
) -> None:
    bench.regions = regions(side=TRIMMER)
    start, end = part
    with opened(tab, bench) as page:
        expect(page.locator("[data-trim-text]")).to_have_text("0.00 s to 40.00 s, 40.00 s")
        page.get_by_label(slider).fill(value)
        said = f"{start:.2f} s to {end:.2f} s, {end - start:.2f} s"
        expect(page.locator("[data-trim-text]")).to_have_text(said)
        expect(page.get_by_label("End")).to_have_attribute("aria-valuetext", f"{end:.2f} s")
        wait_for(page, "window.sent.some((action) => action.do === 'trim')")
        [action] = sent(page)
        assert action["start"] == pytest.approx(start)
        assert action["end"] == pytest.approx(end)
        shares = page.evaluate(
            "['--from', '--to'].map((name) =>"
            " Number(document.querySelector('[data-trimmer]').style.getPropertyValue(name)))"
        )
        assert shares == pytest.approx([start / 62, end / 62])


def test_times_are_the_visitors_own(browser: Browser, bench: Bench) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    then = datetime(2020, 11, 23, 23, 30, tzinfo=UTC)
    times = f'<time datetime="{now.isoformat()}" data-time="when">then</time>'
    times += f'<time datetime="{then.isoformat()}" data-time="when">then</time>'
    times += f'<time datetime="{then.isoformat()}" data-time="day">then</time>'
    bench.regions = regions(side=times)
    with new_tab(browser, timezone_id="Asia/Tokyo") as tab, opened(tab, bench) as page:
        tokyo = now + timedelta(hours=9)
        shown = page.locator("time")
        expect(shown.nth(0)).to_have_text(f"Today {tokyo:%H:%M}")
        expect(shown.nth(1)).to_have_text("24 November")
        expect(shown.nth(2)).to_have_text("24 November")
        put(page, "tp-side", times.replace("then", "later"))
        expect(shown.nth(2)).to_have_text("24 November")


def test_times_that_go_on_are_counted_between_two_answers(browser: Browser, bench: Bench) -> None:
    times = '<span data-left="{0}" data-later="30">x</span><span data-elapsed="57">x</span>'
    head = '<div class="tp-head" data-state="making" data-tab="{left} · Page" data-left="70" '
    head += 'data-later="30"><h1>Making</h1></div>'
    bench.regions = regions(side=times.format(70)) | {"tp-head": head}
    with new_tab(browser) as tab, opened(tab, bench) as page:
        left, elapsed = page.locator("[data-left]").last, page.locator("[data-elapsed]")
        expect(left).to_have_text(re.compile("^About 1 min .*s left$|^About 5. s left$"))
        expect(elapsed).to_have_text(re.compile("^.* so far$"))
        page.clock.install()
        page.clock.run_for(600_000)  # the next step is late; 30 s begin only later
        expect(left).to_have_text("About 31 s left")
        expect(page).to_have_title("About 31 s left · Page")
        expect(elapsed).to_have_text(re.compile("^1. min .*so far$"))
        put(page, "tp-side", times.format(3000))  # the next step is there
        expect(left).to_have_text(re.compile("^About (50|4.) min"))


def test_upright_videos_and_the_numbers_of_voices_are_seen(browser: Browser, bench: Bench) -> None:
    shown = page_state(Phase.DRAFT, 2)
    assert shown.job
    tall = replace(shown.job, plan=replace(shown.job.plan, width=448, height=896))
    html = render(replace(shown, history=(tall,)))
    bench.regions = regions(side=html.side) | {"tp-history": html.history}
    phone = {"width": 390, "height": 844}
    with (
        new_tab(browser, viewport=phone, forced_colors="active") as tab,
        opened(tab, bench, expected=("404",)) as page,
    ):
        for dot in page.locator(".tp-dot").all():
            expect(dot).to_have_css("forced-color-adjust", "none")  # or all is behind its number
            colours = "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
            assert len(set(dot.evaluate(colours))) == 2
        page.get_by_role("link", name="History").click()
        card = page.locator("[data-do=select]").bounding_box()
        picture = page.locator("[data-do=select] img").bounding_box()
        assert card and picture and 70 < card["height"] < 110 and picture["width"] > 100
        seek = "player => getComputedStyle(player.shadowRoot.querySelector('.seek')).display"
        assert page.locator("tp-player").evaluate(seek) != "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_anyone(browser: Browser, bench: Bench, scheme: str) -> None:
    bench.regions = regions(
        stage='<main><div class="tp-frame"><tp-framing picture="/style/icon.svg" width="100"'
        ' height="100" shape-width="896" shape-height="448" left="0" top="0" crop="100"'
        ' aria-label="The picture" speakers="[]"></tp-framing></div>'
        '<label>Zoom<input type="range" data-framing="zoom"></label>'
        '<button data-record="voice-0" data-longest="40">Record</button></main>'
    )
    kind = {"light": "", "dark": "dark"}[scheme]
    with (
        new_tab(browser, reduced_motion="reduce") as tab,
        opened(tab, bench, permissions=("microphone",)) as page,
    ):
        page.evaluate(
            "kind => document.body.classList.add(...kind.split(' ').filter(Boolean))", kind
        )
        page.get_by_role("button", name="Record").click()
        page.get_by_role("button", name="Start recording").wait_for()
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found.response["violations"]] == []

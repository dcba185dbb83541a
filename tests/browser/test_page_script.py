"""The scripts around the regions: actions, the pulse, the two pages, headlines, times, trimming."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from inference.write_access import MOVING
from tests.browser.bench import Bench, opened, put, sent, wait_for

TOP = """<nav><a href="#make" data-view>Make</a><a href="#history" data-view>History</a></nav>
<style>html:not([data-view=history]) #tp-history, [data-view=history] #tp-head { display: none }
body { min-height: 3000px }</style>"""
HISTORY = '<div class="tp-head"><h1 tabindex="-1">History</h1></div>'
HISTORY += '<button data-do="open" data-job="abc">Open</button>'
TRIMMER = """<div data-trimmer data-duration="62" data-longest="40" data-least="0.4">
<label>Start<input type="range" data-trim="start" min="0" max="62" step="0.01" value="0"></label>
<label>End<input type="range" data-trim="end" min="0" max="62" step="0.01" value="40"></label>
<p data-trim-text></p></div>"""


def head(state: str, tab: str = "Talking Portrait", title: str = "Headline") -> str:
    return (
        f'<div class="tp-head" data-state="{state}" data-tab="{tab}">'
        f'<h1 tabindex="-1">{title}</h1></div>'
    )


def regions(**more: str) -> dict[str, str]:
    """The page's regions; `stage="..."` is #tp-stage."""
    given = {"tp-top": TOP, "tp-head": head("start"), "tp-history": HISTORY}
    return given | {f"tp-{name}": html for name, html in more.items()}


def last(page: Page) -> dict[str, Any]:
    action: dict[str, Any] = page.evaluate("window.sent.at(-1)")
    return action


def test_buttons_fields_and_folds_send_what_they_say(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(
        side='<button data-do="speaks" data-face="2"><b>3</b></button>'
        '<select data-set="quality" aria-label="Quality"><option>fast</option><option>best</option>'
        '</select><input type="checkbox" data-set="loud" aria-label="Loud">'
        '<input type="radio" data-set="shape" value="square" aria-label="Square">'
        '<details data-fold="advanced"><summary>Scene</summary>more</details>'
    )
    with opened(browser, bench) as page:
        page.get_by_text("3").click()
        page.get_by_label("Quality").select_option("best")
        page.get_by_label("Loud").check()
        page.get_by_label("Square").check()
        page.get_by_text("Scene").click()
        wait_for(page, "window.sent.length >= 5")
        put(page, "tp-side", "<details open></details>")  # opened by the server: nothing to send
        assert sent(page) == [
            {"do": "speaks", "face": "2"},
            {"do": "set", "field": "quality", "value": "best"},
            {"do": "set", "field": "loud", "value": True},
            {"do": "set", "field": "shape", "value": "square"},
            {"do": "set", "field": "fold-advanced", "value": True},
        ]
        assert last(page)["view"] == "make"


def test_actions_wait_for_each_other_and_are_not_sent_twice(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(
        stage='<button data-do="make">Make it</button><button data-do="swap">Swap</button>'
    )
    with opened(browser, bench) as page:
        page.evaluate("window.answering = false")
        make = page.get_by_role("button", name="Make it")
        make.click()
        make.click()
        page.get_by_role("button", name="Swap").click()
        expect(make).to_have_attribute("aria-busy", "true")
        wait_for(page, "window.sent.some((action) => action.do === 'make')")  # after busy
        assert sent(page) == [{"do": "make"}]
        page.evaluate("window.answering = true")
        put(page, "tp-bus", '<i data-answer="100"></i>')
        wait_for(page, "window.sent.some((action) => action.do === 'swap')")
        assert sent(page) == [{"do": "make"}, {"do": "swap"}]
        expect(make).not_to_have_attribute("aria-busy", "true")


def test_what_is_refused_while_the_app_moves_is_sent_again(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(
        stage='<button data-do="make">Make it</button><button data-do="swap">Swap</button>'
    )
    with opened(browser, bench) as page:
        page.evaluate("window.moving = true; window.done = []")
        page.evaluate("() => { window.changes = ({ do: what }) => window.done.push(what); }")
        make = page.get_by_role("button", name="Make it")
        make.click()
        page.get_by_role("button", name="Swap").click()
        said = page.get_by_role("status")
        expect(said).to_have_text(MOVING)
        wait_for(page, "window.sent.filter((action) => action.do === 'make').length > 1")
        expect(make).to_have_attribute("aria-busy", "true")
        page.evaluate("window.moving = false")
        wait_for(page, "window.done.join() === 'make,swap'")  # once each, in order
        expect(said).to_be_empty()
        expect(make).not_to_have_attribute("aria-busy", "true")


def test_an_action_without_an_answer_is_told(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(stage='<button data-do="make">Make it</button>')
    with opened(browser, bench) as page:
        page.clock.install()
        page.evaluate("window.answering = false")
        page.get_by_role("button", name="Make it").click()
        page.clock.run_for(21_000)
        said = page.get_by_role("status")
        expect(said).to_have_text("This did not reach the page's server. Try it again.")
        page.evaluate("window.answering = true")
        page.get_by_role("button", name="Make it").click()
        expect(said).to_be_empty()


def test_the_page_is_shown_with_its_first_answer(browser: Browser, bench: Bench) -> None:
    bench.regions = regions()
    with opened(browser, bench) as page:
        page.evaluate("document.documentElement.classList.remove('tp-ready')")
        put(page, "tp-bus", '<i data-answer="0"></i>')
        put(page, "tp-head", head("draft"))
        expect(page.locator("html")).not_to_have_class("tp-ready")
        put(page, "tp-bus", '<i data-answer="1"></i>')
        expect(page.locator("html")).to_have_class("tp-ready")


def test_a_new_state_moves_the_focus_to_the_headline(browser: Browser, bench: Bench) -> None:
    button = '<button data-do="make">Make it</button>'
    bench.regions = regions(stage=button, foot='<input aria-label="Seed">')
    with opened(browser, bench, viewport={"width": 390, "height": 844}) as page:
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


def test_two_pages_by_address(browser: Browser, bench: Bench) -> None:
    bench.regions = regions()
    with opened(browser, bench) as page:
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
    with opened(browser, bench) as page:
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
        page.clock.run_for(10 * 60_000)  # its server's machine may end now
        page.wait_for_timeout(200)
        asleep = pulses(20_000)
        page.evaluate(
            "() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')) }"
        )
        awake = pulses(2000)
    assert asleep == 0 and awake > 0
    assert 2 <= resting <= 4
    assert 12 <= working <= 19
    assert hidden <= 1


def test_a_changed_version_asks_for_the_page_once(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(stage="<i data-busy></i>")
    with opened(browser, bench) as page:
        page.wait_for_timeout(1200)
        before = len(sent(page, refreshes=True))
        bench.version = "2"
        page.wait_for_timeout(2000)
        assert len(sent(page, refreshes=True)) == before + 1


def test_a_lost_connection_is_said_and_found_again(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(stage="<i data-busy></i>")
    with opened(browser, bench, expected=("503",)) as page:
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


def test_a_page_that_the_server_forgot_is_loaded_again(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(stage="<i data-busy></i>")
    with opened(browser, bench, expected=("503",)) as page:
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
    browser: Browser, bench: Bench, slider: str, value: str, part: tuple[float, float]
) -> None:
    bench.regions = regions(side=TRIMMER)
    start, end = part
    with opened(browser, bench) as page:
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
    with opened(browser, bench, timezone_id="Asia/Tokyo") as page:
        tokyo = now + timedelta(hours=9)
        shown = page.locator("time")
        expect(shown.nth(0)).to_have_text(f"Today {tokyo:%H:%M}")
        expect(shown.nth(1)).to_have_text("24 November")
        expect(shown.nth(2)).to_have_text("24 November")
        put(page, "tp-side", times.replace("then", "later"))
        expect(shown.nth(2)).to_have_text("24 November")


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
    with opened(browser, bench, permissions=("microphone",), reduced_motion="reduce") as page:
        page.evaluate(
            "kind => document.body.classList.add(...kind.split(' ').filter(Boolean))", kind
        )
        page.get_by_role("button", name="Record").click()
        page.get_by_role("button", name="Start recording").wait_for()
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found.response["violations"]] == []

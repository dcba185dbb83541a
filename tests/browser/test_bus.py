"""Actions on their way to the server: one after the other, once each, told when not answered."""

from playwright.sync_api import Browser, Page, expect

from inference.core.write_access import MOVING_MESSAGE
from tests.browser.made_page import Bench, last, new_tab, opened, put, regions, sent, wait_for


def test_buttons_fields_and_folds_send_what_they_say(tab: Page, bench: Bench) -> None:
    bench.regions = regions(
        side='<button data-do="speaks" data-face="2"><b>3</b></button>'
        '<select data-set="quality" aria-label="Quality"><option>fast</option><option>best</option>'
        '</select><input type="checkbox" data-set="loud" aria-label="Loud">'
        '<input type="radio" data-set="shape" value="square" aria-label="Square">'
        '<details data-fold="advanced"><summary>Scene</summary>more</details>'
    )
    with opened(tab, bench) as page:
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


def test_actions_wait_for_each_other_and_are_not_sent_twice(tab: Page, bench: Bench) -> None:
    bench.regions = regions(
        stage='<button data-do="make">Make it</button><button data-do="swap">Swap</button>'
    )
    with opened(tab, bench) as page:
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


def test_what_is_refused_while_the_app_moves_is_sent_again(tab: Page, bench: Bench) -> None:
    bench.regions = regions(
        stage='<button data-do="make">Make it</button><button data-do="swap">Swap</button>'
    )
    with opened(tab, bench) as page:
        page.evaluate("window.moving = true; window.done = []")
        page.evaluate("() => { window.changes = ({ do: what }) => window.done.push(what); }")
        make = page.get_by_role("button", name="Make it")
        make.click()
        page.get_by_role("button", name="Swap").click()
        said = page.get_by_role("status")
        expect(said).to_have_text(MOVING_MESSAGE)
        wait_for(page, "window.sent.filter((action) => action.do === 'make').length > 1")
        expect(make).to_have_attribute("aria-busy", "true")
        page.evaluate("window.moving = false")
        wait_for(page, "window.done.join() === 'make,swap'")  # once each, in order
        expect(said).to_be_empty()
        expect(make).not_to_have_attribute("aria-busy", "true")


def test_an_action_without_an_answer_is_told(browser: Browser, bench: Bench) -> None:
    bench.regions = regions(stage='<button data-do="make">Make it</button>')
    with new_tab(browser) as tab, opened(tab, bench) as page:
        page.clock.install()
        page.evaluate("window.answering = false")
        page.get_by_role("button", name="Make it").click()
        page.clock.run_for(26_000)
        said = page.get_by_role("status")
        expect(said).to_have_text("This did not reach the page's server. Try it again.")
        page.evaluate("window.answering = true")
        page.get_by_role("button", name="Make it").click()
        expect(said).to_be_empty()

        page.evaluate("[window.lost, window.portraitBus] = [window.portraitBus, null]")
        bench.version = "2"  # asked for in vain, too, but not by loading the page anew
        page.get_by_role("button", name="Make it").click()
        page.clock.run_for(26_000)
        expect(said).to_have_text("This did not reach the page's server. Try it again.")
        page.clock.run_for(26_000)
        page.evaluate("window.portraitBus = window.lost")
        page.get_by_role("button", name="Make it").click()
        expect(said).to_be_empty()


def test_an_action_that_was_answered_elsewhere_shows_on_a_fresh_page(
    browser: Browser, bench: Bench
) -> None:
    bench.regions = regions(stage='<button data-do="make">Make it</button>')
    with new_tab(browser) as tab, opened(tab, bench) as page:
        page.clock.install()
        page.evaluate(
            "() => { const bus = window.portraitBus; window.portraitBus = (name, action) =>"
            " action.do === 'make' ? window.sent.push(action) : bus(name, action) }"
        )
        page.get_by_role("button", name="Make it").click()
        page.clock.run_for(21_000)
        wait_for(page, "window.sent.at(-1).do === 'refresh'")
        expect(page.get_by_role("button")).not_to_have_attribute("aria-busy", "true")
        expect(page.get_by_role("status")).to_be_empty()
        assert sent(page) == [{"do": "make"}]


def test_a_file_that_waits_for_others_is_told_how_many_come_first(
    browser: Browser, bench: Bench
) -> None:
    bench.regions = regions()
    with new_tab(browser) as tab, opened(tab, bench) as page:
        page.evaluate("window.answering = false")
        page.clock.install()
        page.evaluate('void window.portrait.send({ do: "picture" })')
        notice = page.get_by_role("status").filter(has_text="one after the other")
        for files in (3, 2):
            put(page, "tp-turn", f'<i data-files-first="{files}" data-name="{files}"></i>')
            expect(notice).to_have_text(
                f"Files are read one after the other. Before yours: {files}."
            )
            page.clock.run_for(15_000)  # each word renews the patience of 20 s
        put(page, "tp-turn", '<i data-files-first="0" data-name="0"></i>')
        expect(notice).to_have_count(0)
        put(page, "tp-turn", '<i data-files-first="1" data-name="lost"></i>')
        put(page, "tp-bus", '<i data-answer="100"></i>')
        page.clock.run_for(25_000)
        expect(page.get_by_text("did not reach")).to_have_count(0)
        page.evaluate('void window.portrait.send({ do: "swap" })')  # an old word is not told again
        wait_for(page, "window.sent.length >= 2")
        expect(notice).to_have_count(0)

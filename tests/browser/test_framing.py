"""The framing editor moves the crop and the boxes by pointer, wheel, keys and sliders."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.made_page import Bench, new_tab, opened, put, sent, wait_for

WIDTH, HEIGHT = 1000, 800  # of the source picture
LEFT, TOP, CROP = 100, 150, 768  # the crop; the frame is as wide, so a pixel is a pixel
BOX = [300, 200, 500, 400]
DRAWN = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"/>'
SLIDERS = "".join(
    f'<label>{name} <input type="range" {told}></label>'
    for name, told in (
        ("Across", 'data-framing="x"'),
        ("Down", 'data-framing="y"'),
        ("Zoom", 'data-framing="zoom"'),
        ("Box across", 'data-box="0" data-axis="x"'),
        ("Box down", 'data-box="0" data-axis="y"'),
        ("Box size", 'data-box="0" data-axis="size"'),
    )
)

# The server does what it is told.
FOLLOWING = """() => {
  window.changes = ({ left }) => document.querySelector("tp-framing").setAttribute("left", left);
}"""


@pytest.fixture(autouse=True)
def picture(films: Path) -> None:
    (films / "picture.svg").write_text(DRAWN)


def stage(**changes: object) -> str:
    """The stage while framing is adjusted."""
    speakers = json.dumps([{"number": 1, "label": "1 Left", "box": BOX}])
    told: dict[str, object] = {"picture": "/media/desk/picture.svg", "speakers": speakers}
    told |= {"width": WIDTH, "height": HEIGHT, "shape-width": 896, "shape-height": 448}
    told |= {"left": LEFT, "top": TOP, "crop": CROP} | changes
    written = " ".join(f"{name}='{value}'" for name, value in told.items())
    frame = f'<div class="tp-frame" style="width:768px"><tp-framing {written}></tp-framing></div>'
    buttons = '<button data-do="edit" data-what="">Done</button>'
    return f'{frame}{SLIDERS}{buttons}<button data-do="edit-cancel">Cancel</button>'


def regions(**changes: object) -> dict[str, str]:
    head = '<div class="tp-head" data-state="draft" data-tab="Ready"><h1 tabindex="-1">R</h1></div>'
    return {"tp-head": head, "tp-stage": stage(**changes)}


@contextmanager
def editing(
    tab: Page, bench: Bench, changes: Mapping[str, object] = MappingProxyType({})
) -> Iterator[Page]:
    """The page while framing is adjusted."""
    bench.regions = regions(**changes)
    with opened(tab, bench) as page:
        page.locator("tp-framing .box").wait_for()
        yield page


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """A point of the frame on the page."""
    box = page.locator("tp-framing").bounding_box()
    assert box
    return box["x"] + x, box["y"] + y


def drag(page: Page, start: tuple[float, float], by: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, start[0] + by[0] / 2, start[1] + by[1] / 2))
    page.mouse.move(*at(page, start[0] + by[0], start[1] + by[1]))
    page.mouse.up()


def crop(left: int, top: int, width: int = CROP) -> dict[str, object]:
    return {"do": "crop", "left": left, "top": top, "width": width}


def box(*edges: int) -> dict[str, object]:
    names = ("left", "top", "right", "bottom")
    return {"do": "box", "index": 0} | dict(zip(names, edges, strict=True))


def expect_sent(page: Page, *actions: dict[str, object]) -> None:
    wait_for(page, f"window.sent.filter((a) => a.do !== 'refresh').length >= {len(actions)}")
    assert sent(page) == list(actions)


def test_dragging_moves_the_picture(tab: Page, bench: Bench) -> None:
    with editing(tab, bench) as page:
        drag(page, (600, 300), (50, 20))
        expect_sent(page, crop(LEFT - 50, TOP - 20))


def test_a_press_without_a_movement_changes_nothing(tab: Page, bench: Bench) -> None:
    with editing(tab, bench) as page:
        page.mouse.click(*at(page, 600, 300))
        page.get_by_role("button", name="Done").click()
        expect_sent(page, {"do": "edit", "what": ""})


def test_half_of_the_crop_stays_on_the_picture(tab: Page, bench: Bench) -> None:
    with editing(tab, bench) as page:
        drag(page, (760, 300), (-3000, 0))
        expect_sent(page, crop(WIDTH - CROP // 2, TOP))


def test_the_wheel_zooms_about_the_pointer(tab: Page, bench: Bench) -> None:
    with editing(tab, bench) as page:
        page.mouse.move(*at(page, 1, 1))
        page.mouse.wheel(0, 100)
        expect_sent(page, crop(LEFT, TOP, 892))
        page.mouse.wheel(0, 5000)
        wait_for(page, "window.sent.at(-1).width === 1600")
        page.mouse.wheel(0, -50_000)
        wait_for(page, "window.sent.at(-1).width === 64")


def test_two_fingers_zoom(browser: Browser, bench: Bench) -> None:
    bench.regions = regions()
    with new_tab(browser, has_touch=True) as tab, opened(tab, bench) as page:
        page.locator("tp-framing .box").wait_for()
        touch = page.context.new_cdp_session(page)

        def fingers(kind: str, *points: tuple[float, float]) -> None:
            there = [dict(zip("xy", at(page, *point), strict=True)) for point in points]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": there})

        fingers("touchStart", (500, 300))
        fingers("touchStart", (500, 300), (600, 300))
        fingers("touchMove", (500, 300), (700, 300))
        fingers("touchEnd")
        expect_sent(page, crop(LEFT + 250, TOP + 150, CROP // 2))


def test_keys_move_and_zoom(tab: Page, bench: Bench) -> None:
    with editing(tab, bench) as page:
        page.locator("tp-framing .pane").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowDown")
        expect_sent(page, crop(108, 169))  # once, when no more keys come
        page.keyboard.press("+")
        wait_for(page, "window.sent.at(-1).width === 731")
        page.keyboard.press("Escape")
        wait_for(page, "window.sent.at(-1).do === 'edit-cancel'")


def test_what_was_moved_last_is_sent_before_it_is_done(tab: Page, bench: Bench) -> None:
    with editing(tab, bench) as page:
        page.locator("tp-framing .pane").focus()
        page.keyboard.press("ArrowLeft")
        page.evaluate("document.querySelector('[data-do]').click()")
        expect_sent(page, crop(92, TOP), {"do": "edit", "what": ""})


@pytest.mark.parametrize(
    ("slider", "value", "action", "said"),
    [
        ("Across", "50", crop(116, TOP), "50 % from the left"),
        ("Down", "50", crop(LEFT, 208), "50 % from the top"),
        ("Zoom", "1", crop(234, 217, 500), "200 % of the fitting size"),
        ("Box across", "50", box(400, 200, 600, 400), "50 %"),
        ("Box down", "100", box(300, 600, 500, 800), "88 %"),  # as far as the picture reaches
        ("Box size", "40", box(200, 100, 600, 500), "40 %"),
    ],
)
def test_sliders_do_the_same(
    tab: Page, bench: Bench, slider: str, value: str, action: dict[str, object], said: str
) -> None:
    with editing(tab, bench) as page:
        given = page.get_by_label(slider, exact=True)
        given.fill(value)
        expect(given).to_have_attribute("aria-valuetext", said)
        expect_sent(page, action)


def test_sliders_follow_the_pointer_and_every_answer(tab: Page, bench: Bench) -> None:
    with editing(tab, bench) as page:
        across = page.get_by_label("Across", exact=True)
        expect(across).to_have_attribute("aria-valuetext", "48 % from the left")
        page.evaluate(FOLLOWING)
        drag(page, (600, 300), (-116, 0))
        expect(across).to_have_attribute("aria-valuetext", "60 % from the left")
        expect_sent(page, crop(216, TOP))
        expect(across).to_have_attribute("aria-valuetext", "60 % from the left")
        put(page, "tp-stage", stage(left=0))
        expect(across).to_have_attribute("aria-valuetext", "38 % from the left")
        assert float(across.input_value()) == 38.4


def test_boxes_are_dragged_and_pulled(tab: Page, bench: Bench) -> None:
    with editing(tab, bench) as page:
        drag(page, (300, 150), (30, 10))
        expect_sent(page, box(330, 210, 530, 410))
    with editing(tab, bench) as page:
        drag(page, (400, 250), (40, 20))
        expect_sent(page, box(300, 200, 540, 420))


def test_an_answer_does_not_disturb_a_drag(tab: Page, bench: Bench) -> None:
    with editing(tab, bench) as page:
        page.mouse.move(*at(page, 600, 300))
        page.mouse.down()
        page.mouse.move(*at(page, 640, 300))
        put(page, "tp-stage", stage(left=0, top=0))
        page.mouse.move(*at(page, 650, 300))
        page.mouse.up()
        expect_sent(page, crop(LEFT - 50, TOP))


def test_a_portrait_shape_stands_in_the_middle(tab: Page, bench: Bench) -> None:
    changes = {"shape-width": 448, "shape-height": 896, "crop": 384, "top": 16}
    with editing(tab, bench, changes) as page:
        shape = page.locator("tp-framing .shape").bounding_box()
        left, top = at(page, 288, 0)
        assert shape == {"x": left, "y": top, "width": 192, "height": 384}
        drag(page, (600, 300), (10, 0))
        expect_sent(page, crop(LEFT - 20, 16, 384))


def test_a_crop_wider_than_the_limit_may_stay_as_it_is(tab: Page, bench: Bench) -> None:
    with editing(tab, bench, {"crop": 1800, "left": -400, "top": -50}) as page:
        drag(page, (600, 300), (0, 10))
        expect_sent(page, crop(-400, -73, 1800))

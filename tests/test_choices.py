"""What a choice changes on the desk, and what it leaves alone."""

from dataclasses import replace

import pytest

from inference.errors import InputError
from inference.request import Box, CropChoice, Shape, Speaking, Trim
from tests.desks import LEFT, RIGHT, THIRD, desk
from ui.actions import Action, parse
from ui.choices import change
from ui.desk import Desk


def do(desk: Desk, name: str, **values: object) -> Desk:
    action: Action = parse({"do": name, **values})
    return change(action, desk)


def test_swapping_and_removing_voices_undoes_the_trim() -> None:
    two = desk(LEFT, RIGHT, voices=2)
    trimmed = do(two, "trim", start="1.5", end="3")
    assert trimmed.choices.trim == Trim(1.5, 3)
    swapped = do(trimmed, "swap")
    assert swapped.voices == (two.voices[1], two.voices[0])
    assert swapped.choices.trim is None
    assert do(two, "remove", slot="0").voices == (None, two.voices[1])
    assert do(two, "remove", slot="1").voices == (two.voices[0], None)
    assert do(trimmed, "trim-reset") == two


def test_a_crop_that_shows_nothing_is_refused_and_another_shape_is_framed_anew() -> None:
    chosen = do(desk(LEFT), "crop", left="12.4", top=-3, width=600.0)
    assert chosen.choices.crop == CropChoice(12, -3, 600)
    with pytest.raises(InputError, match="does not show the picture"):
        do(chosen, "crop", left=2000, top=0, width=600)
    assert do(chosen, "set", field="shape", value="portrait").choices.crop is None
    assert do(chosen, "crop-reset").choices.crop is None


def test_a_box_stays_on_the_picture_and_boxes_stay_left_to_right() -> None:
    two = desk(LEFT, RIGHT, voices=2)
    moved = do(two, "box", index=0, left=-50, top=100, right=90, bottom=9000)
    assert moved.choices.speakers == (Box(0, 100, 90, 500), RIGHT.box)
    passed = do(two, "box", index=0, left=900, top=100, right=990, bottom=200)
    assert passed.choices.speakers == (RIGHT.box, Box(900, 100, 990, 200))
    with pytest.raises(InputError, match="Move it back"):
        do(two, "box", index=1, left=-90, top=100, right=3, bottom=200)
    assert do(desk(LEFT), "box", index=1, left=0, top=0, right=50, bottom=50) == desk(LEFT)


def test_of_three_faces_the_third_choice_replaces_the_nearer_one() -> None:
    three = desk(LEFT, THIRD, RIGHT)  # found from left to right
    one = do(three, "speaks", face=2)
    assert one.choices.speakers == (RIGHT.box,)
    two = do(one, "speaks", face="0")
    assert two.choices.speakers == (LEFT.box, RIGHT.box)
    assert do(two, "speaks", face=1).choices.speakers == (THIRD.box, RIGHT.box)
    assert do(two, "speaks", face=0).choices.speakers == (RIGHT.box,)
    assert do(two, "speaks", face=7) == two


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("shape", "square", {"shape": Shape.SQUARE}),
        ("speaking", "together", {"speaking": Speaking.TOGETHER}),
        ("quality", "best", {"quality": "best"}),
        ("prompt", "  A woman sings. ", {"prompt": "A woman sings."}),
        ("seed", "4294967295", {"seed": 4294967295}),
    ],
)
def test_a_field_takes_its_value(field: str, value: str, expected: dict[str, object]) -> None:
    before = desk(LEFT)
    after = do(before, "set", field=field, value=value)
    assert after == replace(before, choices=replace(before.choices, **expected))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shape", "round"),
        ("speaking", "never"),
        ("quality", "draft"),  # that of drafts is no choice
        ("quality", "perfect"),
        ("seed", "4294967296"),
        ("seed", "-1"),
        ("seed", "lucky"),
        ("draft", "x"),
    ],
)
def test_a_field_refuses_what_is_no_value_of_it(field: str, value: str) -> None:
    with pytest.raises(InputError):
        do(desk(LEFT), "set", field=field, value=value)


def test_folds_and_editors_open_and_close() -> None:
    opened = do(desk(LEFT), "set", field="fold-advanced", value=True)
    assert opened.advanced
    assert not do(opened, "set", field="fold-advanced", value=False).advanced
    assert do(opened, "edit", what="framing").editing == "framing"
    assert do(replace(opened, deleting=True), "delete-not").deleting is False

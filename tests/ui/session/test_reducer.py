"""What a choice changes on the desk, and what it leaves alone."""

from dataclasses import replace

import pytest

from inference.core.errors import InputError
from inference.core.inputs import Box, CropChoice, Shape, Speaking, Trim
from inference.core.options import Tuning
from inference.media.phrases import Phrase
from tests.support.sessions import LEFT, RIGHT, THIRD, desk, voice
from ui.session.commands import Action, parse_action
from ui.session.reducer import apply_action
from ui.session.requests import select_voices
from ui.session.session import Session

BOX = {"right": 90.0, "bottom": 90.0}


def do(desk: Session, name: str, **values: object) -> Session:
    action: Action = parse_action({"do": name, **values})
    return apply_action(action, desk)


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


def test_cancel_restores_what_was_there_when_an_editor_opened() -> None:
    two = desk(LEFT, RIGHT, voices=2)
    chosen = do(do(two, "crop", left=0, top=0, width=600), "box", index=0, left=0, top=0, **BOX)
    opened = do(chosen, "edit", what="framing")
    moved = do(do(opened, "crop", left=9, top=9, width=500), "crop-reset")
    changed = do(moved, "set", field="shape", value="square")
    assert changed.choices.crop is None and do(changed, "edit-cancel") == chosen
    assert do(do(opened, "crop", left=9, top=9, width=500), "edit", what="").choices.crop
    trimmed = do(do(do(two, "edit", what="trim"), "trim", start=1, end=3), "trim-reset")
    assert do(trimmed, "edit-cancel") == two
    again = do(do(do(two, "edit", what="trim"), "trim", start=1, end=3), "edit", what="trim")
    assert do(again, "edit-cancel") == two, "pressed twice"
    typed = do(do(do(two, "type", text="Hello"), "edit", what="typing"), "type", text="Good")
    assert do(typed, "edit-cancel").typed == "Hello"
    assert do(two, "edit-cancel") == two


def test_cancel_restores_who_said_what() -> None:
    phrases = (Phrase(0, 1), Phrase(2, 3))
    one = desk(LEFT, RIGHT)
    said = replace(voice(), phrases=phrases)
    one = replace(one, voices=(said, None))
    opened = do(one, "edit", what="split")
    handed = do(do(opened, "hand-over", phrase=0), "hand-over", phrase=1)
    assert handed.owners != opened.owners
    assert do(handed, "edit-cancel") == one


def test_cancel_restores_who_says_what_and_the_part_to_use() -> None:
    three = desk(LEFT, THIRD, RIGHT, voices=2)
    chosen = do(do(do(three, "speaks", face=0), "speaks", face=2), "trim", start=0.5, end=2)
    opened = do(chosen, "edit", what="framing")
    changed = do(do(do(opened, "speaks", face=0), "speaks", face=1), "speaks", face=0)
    assert (changed.voices, changed.choices.trim) != (chosen.voices, chosen.choices.trim)
    assert do(changed, "edit-cancel") == chosen
    without = do(opened, "remove", slot=0)
    assert do(without, "edit-cancel").voices == without.voices


def test_what_was_chosen_of_two_in_turn_is_not_used_of_their_whole() -> None:
    two = desk(LEFT, RIGHT, voices=2)
    parted = replace(two, whole=voice(), owners=(0, 1))
    in_turn = do(do(parted, "set", field="speaking", value="in-turn"), "trim", start=5, end=7)
    assert in_turn.choices.trim and do(in_turn, "one-voice").choices.trim is None


def test_swapping_keeps_the_order_of_a_session_of_before() -> None:
    two = desk(LEFT, RIGHT, voices=2)
    together = replace(two, choices=replace(two.choices, speaking=Speaking.TOGETHER))
    assert do(together, "swap").choices == together.choices


def test_a_job_of_the_history_is_ticked_once() -> None:
    one, other = "a" * 32, "b" * 32
    ticked = do(do(desk(LEFT), "choose", job=one), "choose", job=f"{other} {other}")
    assert ticked.chosen == (one, other)


def test_cancel_keeps_a_picture_that_came_while_framing() -> None:
    opened = do(do(desk(LEFT), "crop", left=0, top=0, width=600), "edit", what="framing")
    assert opened.picture
    other = replace(opened, picture=replace(opened.picture, file="other.png"))
    other = do(other, "crop-reset")
    assert do(other, "edit-cancel") == replace(other, editing="", undo=None)


def test_of_three_faces_the_third_choice_replaces_the_nearer_one() -> None:
    three = desk(LEFT, THIRD, RIGHT)  # found from left to right
    one = do(three, "speaks", face=2)
    assert one.choices.speakers == (RIGHT.box,)
    two = do(one, "speaks", face="0")
    assert two.choices.speakers == (LEFT.box, RIGHT.box)
    assert do(two, "speaks", face=1).choices.speakers == (THIRD.box, RIGHT.box)
    assert do(two, "speaks", face=0).choices.speakers == (RIGHT.box,)
    assert do(two, "speaks", face=7) == two


def test_a_face_keeps_its_voice_when_the_other_one_falls_silent() -> None:
    two = do(do(desk(LEFT, THIRD, RIGHT, voices=2), "speaks", face=0), "speaks", face=2)
    both = select_voices(two)
    trimmed = do(two, "trim", start="1.5", end="3")
    right = do(trimmed, "speaks", face=0)
    assert select_voices(right) == both[1:] and right.choices.trim is None
    assert select_voices(do(right, "speaks", face=0)) == both
    left = do(two, "speaks", face=2)
    assert select_voices(left) == both[:1]
    assert select_voices(do(left, "speaks", face=2)) == both


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("shape", "square", {"shape": Shape.SQUARE}),
        ("shape", "9:16", {"shape": Shape.TALL}),
        ("speaking", "together", {"speaking": Speaking.TOGETHER, "speaking_chosen": True}),
        ("quality", "best", {"quality": "best"}),
        ("prompt", "  A woman sings. ", {"prompt": "A woman sings."}),
        ("negative_prompt", " Rain ", {"negative_prompt": "Rain"}),
        ("seed", "4294967295", {"seed": 4294967295}),
    ],
)
def test_a_field_takes_its_value(field: str, value: str, expected: dict[str, object]) -> None:
    before = desk(LEFT)
    after = do(before, "set", field=field, value=value)
    assert after == replace(before, choices=replace(before.choices, **expected))  # type: ignore[arg-type]


def test_steps_and_guidance_are_each_quality_s_own() -> None:
    chosen = do(desk(LEFT), "set", field="steps", value="12")
    best = do(chosen, "set", field="quality", value="best")
    best = do(best, "set", field="steps", value=" 60 ")
    best = do(best, "set", field="text_guidance", value="4.5")
    both = do(best, "set", field="quality", value="balanced")
    assert both.choices.get_tuning("best") == Tuning(60, 4.5)
    assert both.choices.get_tuning("balanced") == Tuning(12)
    assert both.choices.get_tuning("fast") == Tuning()
    emptied = do(both, "set", field="steps", value="")
    assert emptied.choices.get_tuning("balanced") == Tuning()
    assert emptied.choices.get_tuning("best") == Tuning(60, 4.5)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("steps", "17", "Steps: 17 is out of range for Balanced. Use 4 to 16."),
        ("steps", "7.5", "Steps: use a whole number, 4 to 16."),
        ("audio_guidance", "x", "How closely it follows the voice: use a number, 1 to 5."),
        ("audio_guidance", "nan", "is out of range for Balanced. Use 1 to 5."),
        ("text_guidance", "5", "is out of range for Balanced. Use 1."),
    ],
)
def test_a_number_that_can_not_be_is_refused_in_a_sentence(
    field: str, value: str, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        do(desk(LEFT), "set", field=field, value=value)
    assert caught.value.message.endswith(told)


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
    assert do(desk(LEFT), "set", field="fold-tuning", value=True).tuning
    assert do(opened, "edit", what="framing").editing == "framing"
    assert do(replace(opened, deleting=True), "delete-not").deleting is False


def test_one_recording_is_split_by_its_phrases_and_had_back() -> None:
    phrases = (Phrase(0.0, 1.0), Phrase(1.3, 2.0), Phrase(3.0, 4.0))
    whole = replace(voice(), phrases=phrases)
    opened = do(replace(desk(LEFT, RIGHT), voices=(whole, None)), "edit", what="split")
    assert (opened.editing, opened.owners, opened.cuts) == ("split", (0, 0, 1), (1.15, 2.5))
    handed = do(do(opened, "hand-over", phrase="1"), "hand-over", phrase="7")
    assert handed.owners == (0, 1, 1)
    assert do(handed, "one-voice") == replace(opened, editing="", cuts=(), owners=())
    two = replace(handed, voices=desk(LEFT, voices=2).voices, whole=whole)
    swapped = do(two, "swap")
    assert swapped.voices == (two.voices[1], two.voices[0]) and swapped.owners == (1, 0, 0)
    assert do(two, "one-voice").voices == (whole, None)
    assert do(two, "remove", slot="0").whole is None


def test_two_recordings_are_cut_by_nobody() -> None:
    with pytest.raises(InputError):
        do(desk(LEFT, RIGHT, voices=2), "edit", what="split")


def test_what_is_typed_is_kept() -> None:
    assert do(desk(LEFT), "type", text=" 1: Hi ").typed == " 1: Hi "

"""The cards: what was given, who was found in it, and the ways to change it."""

import json
from dataclasses import replace

import pytest

from inference.core.errors import InputCode
from inference.core.inputs import Box, Face, Speaking, Trim
from tests.support.markup import Node, tree
from tests.support.page_states import NONE, no_face_page, page, shown_of
from tests.support.sessions import LEFT, RIGHT, THIRD, desk
from ui.session.page_state import PageState, Phase, Problem
from ui.session.session import Choices, Session
from ui.views import render


def side(shown: PageState) -> Node:
    return tree(render(shown).side)


def stage(shown: PageState) -> Node:
    return tree(render(shown).stage)


def at_start(on_desk: Session, gpu: bool = False) -> PageState:
    return shown_of(on_desk, Phase.START, gpu)


def problem(place: str, code: str = "x") -> Problem:
    return Problem(place, code, "What was found; what to do.")  # type: ignore[arg-type]


def filled(root: Node) -> list[str]:
    return [node.name for node in root.walk() if "tp-go" in node.classes]


def labels(root: Node) -> list[str]:
    return [node.name for node in root.all("button")]


def test_an_empty_card_takes_a_file_from_everywhere() -> None:
    root = side(at_start(Session()))
    assert {"Choose a picture", "Camera", "Paste", "Record"} <= set(labels(root))
    assert [node.attributes["data-drop"] for node in root.walk() if "data-empty" in node.attributes]
    assert root.all(data_problems="picture") and root.all(data_problems="voice-0")
    assert root.all(data_status="picture") and root.all(data_status="voice-0")


def test_the_next_thing_to_give_is_the_filled_one() -> None:
    assert filled(side(at_start(Session()))) == ["Choose a picture"]
    assert filled(side(at_start(desk(LEFT, voices=0)))) == ["Choose a recording"]
    assert filled(side(page(Phase.DRAFT))) == []


def test_a_face_is_marked_and_named_where_it_is_in_the_frame() -> None:
    shown = page(Phase.DRAFT)
    assert shown.framed
    left, top, _, _ = shown.framed.faces[0]
    (mark,) = [node for node in side(shown).all("g")]
    corners = mark.all("path")[0].attributes["d"]
    assert corners.startswith(f"M{left} {top + 26}V{top}H{left + 26}")
    assert mark.words == "Face 1"


def test_two_people_are_left_and_right_in_the_colours_of_their_voices() -> None:
    marks = side(page(Phase.DRAFT, 2)).all("g")
    assert [(mark.words, mark.classes) for mark in marks] == [
        ("1 Left", {"tp-face-1"}),
        ("2 Right", {"tp-face-2"}),
    ]


@pytest.mark.parametrize("gpu", [True, False])
def test_without_a_face_only_a_gpu_can_go_on(gpu: bool) -> None:
    shown = no_face_page(gpu)
    assert filled(side(shown)) == ["Choose another picture"]
    assert side(shown).all(role="alert")[0].words.startswith("A draft needs a face")
    assert bool(stage(shown).all(data_do="middle")) == gpu
    assert "data-line" in render(shown).stage  # the recording can be seen all the same


def test_what_went_wrong_stands_in_the_card_that_caused_it() -> None:
    shown = replace(at_start(desk(LEFT, RIGHT, voices=0)), problem=problem("voice-1"))
    rows = [node for node in side(shown).walk() if "tp-who" in node.classes]
    assert [bool(row.all(role="alert")) for row in rows] == [False, True]
    assert filled(rows[1]) == ["Choose another recording"]


def test_a_bad_file_does_not_take_the_way_on_from_what_is_there() -> None:
    shown = replace(page(Phase.DRAFT, gpu=False), problem=problem("picture"))
    assert filled(side(shown)) == []
    assert filled(stage(shown)) == ["Download video"]


def test_three_faces_are_buttons_on_the_picture() -> None:
    buttons = side(page(Phase.CHOOSING)).all(data_do="speaks")
    assert [node.attributes["data-face"] for node in buttons] == ["0", "1", "2"]
    assert [node.name for node in buttons] == ["Face 1 speaks", "Face 2 speaks", "Face 3 speaks"]
    assert {node.attributes["aria-pressed"] for node in buttons} == {"false"}


def test_each_of_two_has_a_row_and_the_missing_one_can_be_given() -> None:
    root = side(at_start(replace(desk(LEFT, RIGHT), voices=(None, desk(LEFT).voices[0]))))
    places = [node.attributes["data-drop"] for node in root.walk() if "tp-who" in node.classes]
    assert places == ["voice-0", "voice-1"]
    empty = [
        node.attributes["data-choose"]
        for node in root.all("button")
        if node.words == "Choose a recording"
    ]
    assert empty == ["voice-0"]
    assert not root.all(data_set="speaking")  # one voice has nothing to take turns with


def test_two_voices_can_be_swapped_removed_and_told_how_to_speak() -> None:
    root = side(page(Phase.DRAFT, 2))
    assert root.all(data_do="swap")
    assert [node.attributes["data-slot"] for node in root.all(data_do="remove")] == ["1"]
    radios = {
        node.attributes["value"]: "checked" in node.attributes
        for node in root.all(data_set="speaking")
    }
    assert radios == {Speaking.IN_TURN: True, Speaking.TOGETHER: False}


def test_a_single_speaker_s_recording_is_found_where_it_lies() -> None:
    moved = replace(desk(LEFT), voices=(None, desk(LEFT).voices[0]))
    root = side(at_start(moved))
    assert root.all(data_drop="voice-1") and root.all(data_choose="voice-1")
    (play,) = [node.attributes["data-play"] for node in root.all("button", aria_pressed="false")]
    whole = {"channels": 1, "from": 0, "at": 0, "samples": 4 * 48_000}
    assert json.loads(play) == [{"url": "/media/desk/voice-one.wav", **whole}]


def test_the_trimmer_knows_the_joined_length_and_the_limit() -> None:
    trimming = replace(
        desk(LEFT, RIGHT, voices=2), editing="trim", choices=Choices(trim=Trim(3.0, 6.5))
    )
    (trimmer,) = [n for n in side(at_start(trimming)).walk() if "data-trimmer" in n.attributes]
    told = {name: trimmer.attributes[f"data-{name}"] for name in ("duration", "longest", "least")}
    assert told == {"duration": "9.00", "longest": "120", "least": "0.4"}
    values = [node.attributes["value"] for node in trimmer.all("input")]
    assert values == ["3.00", "6.50"]
    assert trimmer.attributes["style"] == "--from:0.3333;--to:0.7222"
    assert "3.00 s to 6.50 s, 3.50 s" in trimmer.words


def test_with_a_gpu_the_trimmer_s_limit_is_that_of_the_final_video() -> None:
    trimming = replace(desk(LEFT), editing="trim")
    assert 'data-longest="40"' in render(at_start(trimming, gpu=True)).side


def test_a_recording_over_the_limit_shows_the_trimmer_instead_of_another_button() -> None:
    shown = at_start(replace(desk(LEFT), editing="trim"))
    root = side(replace(shown, plan=None, problem=problem("voice-0", InputCode.TOO_LONG)))
    assert root.all(role="alert")
    assert filled(root) == ["Done"]


def test_quality_has_a_price_where_a_gpu_is_and_a_reason_where_not() -> None:
    with_gpu, without = side(page(Phase.DRAFT)), side(page(Phase.DRAFT, gpu=False))
    qualities = [node.attributes["value"] for node in with_gpu.all(data_set="quality")]
    assert qualities == ["fast", "balanced", "best"]
    assert with_gpu.words.count("about $") == 3
    assert not without.all(data_set="quality")
    assert NONE.reason in without.words


def test_the_fold_is_as_the_person_left_it() -> None:
    shown = page(Phase.DRAFT)
    opened = replace(shown, session=replace(shown.session, advanced=True))
    assert [
        "open" in side(state).all(data_fold="advanced")[0].attributes for state in (shown, opened)
    ] == [False, True]


def test_the_framing_editor_has_the_picture_the_crop_and_the_boxes() -> None:
    shown = page(Phase.DRAFT, 2)
    shown = replace(shown, session=replace(shown.session, editing="framing"))
    assert shown.framed
    (editor,) = stage(shown).all("tp-framing")
    told = editor.attributes
    assert (told["width"], told["height"]) == ("1000", "500")
    assert (told["left"], told["top"], told["crop"]) == tuple(
        str(value)
        for value in (shown.framed.crop.left, shown.framed.crop.top, shown.framed.crop.width)
    )
    assert json.loads(told["speakers"])[1] == {
        "number": 2,
        "label": "2 Right",
        "box": [680, 160, 790, 300],
    }
    assert [node.attributes["data-framing"] for node in stage(shown).all("input")[:3]] == [
        "x",
        "y",
        "zoom",
    ]
    assert len(stage(shown).all(data_box="1")) == 3
    assert filled(stage(shown)) == ["Done"]


def test_faces_chosen_out_of_three_keep_their_buttons() -> None:
    chosen = replace(desk(LEFT, THIRD, RIGHT), choices=Choices(speakers=(LEFT.box, RIGHT.box)))
    root = side(shown_of(chosen, Phase.START, gpu=False))
    faces = root.all(data_do="speaks")
    assert [face.words for face in faces] == ["1 Left", "2", "2 Right"]
    assert [face.classes & {"tp-face-1", "tp-face-2"} for face in faces] == [
        {"tp-face-1"},
        set(),
        {"tp-face-2"},
    ]
    assert not root.all("g")  # the buttons are their marks


def test_one_chosen_out_of_three_keeps_their_number() -> None:
    chosen = replace(desk(LEFT, THIRD, RIGHT), choices=Choices(speakers=(RIGHT.box,)))
    faces = side(shown_of(chosen, Phase.START, gpu=False)).all(data_do="speaks")
    assert [face.words for face in faces] == ["1", "2", "Face 3"]


def test_the_words_of_a_face_at_the_top_edge_stand_below_it() -> None:
    high = Face(Box(480, 4, 560, 84), 0.9)
    faces = side(shown_of(desk(LEFT, high, RIGHT), Phase.CHOOSING, gpu=False)).all(data_do="speaks")
    assert ["tp-below" in face.classes for face in faces] == [False, True, False]


def test_a_moved_box_keeps_its_mark_beside_the_buttons() -> None:
    moved = Box(190, 150, 320, 300)
    chosen = replace(desk(LEFT, THIRD, RIGHT), choices=Choices(speakers=(moved, RIGHT.box)))
    root = side(shown_of(chosen, Phase.START, gpu=False))
    assert [mark.words for mark in root.all("g")] == ["1 Left"]


def test_a_turned_picture_and_a_hidden_mouth_are_told_at_the_picture() -> None:
    given = desk(replace(LEFT, mouth_hidden=True))
    assert given.picture
    turned = replace(given.picture, picture=replace(given.picture.picture, turned=90))
    root = side(at_start(replace(given, picture=turned)))
    ways = {node.name: node.attributes for node in root.all(data_do="turn")}
    assert {name: told["data-by"] for name, told in ways.items()} == {
        "Turn the picture by 90 degrees": "90",
        "Turn it back": "270",
    }
    assert "shown turned by 90 degrees" in root.words and "mouth seems to be hidden" in root.words
    plain = side(at_start(desk(LEFT)))
    assert "turned" not in plain.words and "hidden" not in plain.words
    assert len(plain.all(data_do="turn")) == 1


def test_a_hidden_mouth_of_one_who_is_silent_is_not_told() -> None:
    masked = replace(THIRD, mouth_hidden=True)
    chosen = replace(desk(LEFT, masked, RIGHT), choices=Choices(speakers=(LEFT.box,)))
    assert "hidden" not in side(shown_of(chosen, Phase.START, gpu=False)).words


def test_a_recording_over_the_limit_leads_to_the_part_to_use() -> None:
    shown = at_start(desk(LEFT))
    root = side(replace(shown, plan=None, problem=problem("voice-0", InputCode.TOO_LONG)))
    assert filled(root) == ["Choose the part to use"]
    (alert,) = root.all(role="alert")
    ways = {way.name: way.attributes for way in alert.all("button")}
    assert ways["Choose the part to use"]["data-what"] == "trim"
    assert ways["Choose another recording"]["data-choose"] == "voice-0"


def test_a_file_too_long_beside_a_good_recording_leads_to_another_file() -> None:
    shown = replace(at_start(desk(LEFT)), problem=problem("voice-0", InputCode.TOO_LONG))
    assert filled(side(shown)) == ["Choose another recording"]


def test_a_trimmed_recording_says_how_much_of_it_is_used_and_dims_the_rest() -> None:
    trimmed = side(at_start(replace(desk(LEFT), choices=Choices(trim=Trim(1.0, 3.0)))))
    assert "2.00 of 4.00 s used, level is good" in trimmed.words
    (wave,) = [node for node in trimmed.all("svg") if "tp-wave" in node.classes]
    used, unused = (path.attributes["d"].count("M") for path in wave.all("path"))
    assert (used, unused) == (34, 36)  # 18 to 52 of 70 bars
    whole = side(at_start(desk(LEFT)))
    assert "4.00 s, level is good" in whole.words


def test_each_of_two_says_how_much_is_used() -> None:
    # 4 s and 5 s in turn, used from 3 s to 6.5 s
    trimmed = replace(desk(LEFT, RIGHT, voices=2), choices=Choices(trim=Trim(3.0, 6.5)))
    words = side(at_start(trimmed)).words
    assert "1.00 of 4.00 s used" in words and "2.50 of 5.00 s used" in words

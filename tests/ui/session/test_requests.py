"""Who speaks, with which recording, in which frame."""

from dataclasses import replace

import pytest

from inference.core.errors import InputError
from inference.core.inputs import CropChoice, Shape, Speaking, Trim
from inference.core.options import Tuning
from inference.core.plan import make_plan
from tests.support.sessions import LEFT, RIGHT, THIRD, desk
from ui.session.requests import (
    build_request,
    compute_framing,
    guess_slot,
    must_choose_speakers,
    select_voices,
)
from ui.session.session import Choices, Session


def test_nothing_is_asked_before_all_is_there() -> None:
    assert build_request(Session(), "draft") is None
    assert build_request(desk(LEFT, voices=0), "draft") is None
    assert build_request(replace(desk(LEFT), picture=None), "draft") is None
    three = desk(LEFT, THIRD, RIGHT)
    assert must_choose_speakers(three)
    assert build_request(three, "draft") is None


def test_one_person_uses_one_recording_and_the_other_is_kept_for_later() -> None:
    one = desk(LEFT, voices=2)
    request = build_request(one, "draft")
    assert request and request.recordings == (one.voices[0].recording,)  # type: ignore[union-attr]
    assert select_voices(replace(one, voices=(None, one.voices[1]))) == (one.voices[1],)


def test_a_lone_recording_of_two_people_is_spoken_by_whom_it_belongs_to() -> None:
    two = desk(LEFT, RIGHT)
    request = build_request(two, "draft")
    assert request and request.speakers == (LEFT.box,)
    other = build_request(replace(two, voices=(None, two.voices[0])), "draft")
    assert other and other.speakers == (RIGHT.box,)
    assert guess_slot(two) == 0  # the left face is larger
    assert guess_slot(desk(RIGHT)) == 0


def test_two_people_speak_with_their_own_recordings_and_all_choices() -> None:
    choices = Choices(
        shape=Shape.SQUARE, speaking=Speaking.TOGETHER, trim=Trim(1, 3), prompt="p", seed=7
    )
    two = replace(desk(LEFT, RIGHT, voices=2), choices=choices)
    request = build_request(two, "best")
    assert request is not None
    assert request.speakers == (LEFT.box, RIGHT.box)
    assert [recording.duration_s for recording in request.recordings] == [4, 5]
    assert (request.shape, request.speaking, request.trim) == (
        Shape.SQUARE,
        Speaking.TOGETHER,
        Trim(1, 3),
    )
    assert (request.quality, request.prompt, request.seed) == ("best", "p", 7)


def test_each_quality_is_asked_for_with_its_own_numbers() -> None:
    tuned = {"best": Tuning(60, 4.5, 3.5)}
    chosen = replace(desk(LEFT), choices=Choices(negative_prompt="Rain", tuned=tuned))
    best, fast = build_request(chosen, "best"), build_request(chosen, "fast")
    assert best and fast
    assert best.tuning == tuned["best"] and fast.tuning == Tuning()
    assert best.negative_prompt == fast.negative_prompt == "Rain"


@pytest.mark.parametrize("voices", [0, 1, 2])
def test_the_frame_shows_two_people_whoever_has_a_recording(voices: int) -> None:
    found = compute_framing(desk(LEFT, RIGHT, voices=voices))
    assert found is not None and len(found.faces) == 2
    (left, right) = found.faces
    assert 0 < left[0] < left[2] < right[0] < right[2] < 896


def test_the_frame_is_that_of_the_plan() -> None:
    for chosen in (desk(LEFT), desk(LEFT, RIGHT, voices=2)):
        request, found = build_request(chosen, "draft"), compute_framing(chosen)
        assert request and found
        plan = make_plan(request, 120)
        assert found.crop == plan.crop
        assert found.faces == tuple(speaker.box for speaker in plan.speakers)


def test_a_crop_may_be_moved_off_a_face_while_it_is_being_adjusted() -> None:
    away = replace(desk(LEFT), choices=Choices(crop=CropChoice(500, 0, 480)))
    found = compute_framing(away)
    assert found is not None and found.crop.left == 500
    with pytest.raises(InputError, match="outside the crop"):
        make_plan(build_request(away, "draft"), 120)  # type: ignore[arg-type]


def test_without_a_face_the_middle_is_shown() -> None:
    found = compute_framing(desk(voices=0))
    assert found is not None and found.faces == ()
    assert found.crop.left == (1000 - found.crop.width) // 2
    assert compute_framing(Session()) is None

"""What will be run: who speaks, what the person is told, and the JSON others read."""

import json
import re
from dataclasses import asdict, replace
from typing import Any

import pytest

from inference.core.cost_model import DEFAULT_COST_MODEL, CostModel, Throughput
from inference.core.errors import InputCode, InputError
from inference.core.inputs import Box, CropChoice, Face, Picture, Recording, Shape
from inference.core.plan import OVERHEAD_PASSES, Estimate, Plan, compute_window_work, make_plan
from inference.core.request import Request
from inference.core.timing import MAX_WINDOW_FRAMES
from presets.quality import PRESETS

LOUD = Recording(512_714, channels=2, peak_dbfs=-1.0, level_dbfs=-20.0)
SILENT = Recording(512_714, channels=2, peak_dbfs=-90.0, level_dbfs=-99.0)


def face(left: float, top: float, width: float) -> Face:
    return Face(Box(left, top, left + width, top + width), 0.9)


WORK = Request(Picture(2000, 1100), (LOUD,))
FULL = WORK.frame
LEFT, RIGHT, SMALL = face(300, 300, 200), face(1200, 320, 260), face(800, 400, 120)


def plan(
    *faces: Face,
    recordings: tuple[Recording, ...] = (LOUD,),
    rates: CostModel = DEFAULT_COST_MODEL,
    **choices: object,
) -> Plan:
    picture = Picture(2000, 1100, faces)
    return make_plan(Request(picture, recordings, **choices), 120, rates)  # type: ignore[arg-type]


def codes(made: Plan) -> list[str]:
    return [warning.code for warning in made.warnings]


def test_its_json_is_what_others_were_built_against() -> None:
    made = json.loads(json.dumps(asdict(plan(LEFT))))
    assert made["shape"] == "landscape"
    assert (made["width"], made["height"], made["fps"]) == (896, 448, 25)
    assert made["picture"] == {"width": 2000, "height": 1100}
    assert set(made["crop"]) == {"left", "top", "width", "height", "extended"}
    assert made["speakers"] == [{"box": [134, 112, 224, 202], "audio": 0, "roll_rad": None}]
    assert made["recording_s"] == 10.68
    assert (made["frames"], made["duration_s"], made["padding_s"]) == (269, 10.76, 0.08)
    assert made["windows"][:2] == [{"start": 0, "frames": 77}, {"start": 52, "frames": 73}]
    assert (made["quality"], made["seed"]) == ("draft", 42)
    assert set(made["estimate"]) == {"seconds", "dollars", "basis", "start_s"}
    assert made["warnings"] == []


@pytest.mark.parametrize("quality", PRESETS)
def test_every_frame_is_new_in_exactly_one_window(quality: str) -> None:
    made = plan(LEFT, quality=quality)
    new = [n for index in range(len(made.windows)) for n in made.new_frames(index)]
    assert new == list(range(made.frames))


def test_a_final_video_is_made_in_full_windows_and_costs_what_they_take() -> None:
    draft, fast = plan(LEFT), plan(LEFT, quality="fast")
    assert (draft.frames, fast.frames) == (269, 269)
    assert {window.frames for window in fast.windows} == {81}
    assert fast.windows[-1].start + 81 == 305
    even = sum(
        compute_window_work(replace(WORK, quality="fast").sampling, draft.windows, i, 1, FULL)
        for i in range(5)
    )
    full = sum(
        compute_window_work(replace(WORK, quality="fast").sampling, fast.windows, i, 1, FULL)
        for i in range(5)
    )
    assert full / even == pytest.approx(5 * 81 / (269 + 4 * 25))


def test_one_voice_and_several_faces_the_largest_speaks_and_the_person_is_told() -> None:
    made = plan(LEFT, RIGHT, SMALL)
    assert len(made.speakers) == 1
    assert made.speakers[0].box[0] > 448  # the right one is larger
    assert codes(made) == ["more_faces"]


def test_whoever_was_chosen_speaks_and_needs_no_warning() -> None:
    made = plan(LEFT, RIGHT, SMALL, speakers=(SMALL.box,))
    (speaker,) = made.speakers
    assert made.crop.left < 800 < 920 < made.crop.left + made.crop.width
    assert speaker.box[2] - speaker.box[0] == round(120 * 896 / made.crop.width)
    assert "more_faces" not in codes(made)


def test_a_box_drawn_by_hand_speaks_where_no_face_was_found() -> None:
    drawn = Box(100, 100, 300, 340)
    made = plan(speakers=(drawn,))
    assert len(made.speakers) == 1
    assert made.warnings == ()


def test_every_chosen_speaker_needs_a_recording() -> None:
    with pytest.raises(InputError, match="Speakers chosen: 2, recordings: 1"):
        plan(LEFT, RIGHT, speakers=(LEFT.box, RIGHT.box))


def test_two_voices_go_to_the_two_largest_left_to_right() -> None:
    made = plan(LEFT, SMALL, RIGHT, recordings=(LOUD, LOUD))
    assert [speaker.audio for speaker in made.speakers] == [0, 1]
    assert made.speakers[0].box[0] < made.speakers[1].box[0]
    assert "more_faces" in codes(made)


def test_a_listener_beside_the_speaker_is_kept_in_the_frame() -> None:
    tall = Picture(1000, 2000, (face(100, 100, 300), face(600, 1300, 280)))
    made = make_plan(Request(tall, (LOUD,)), 120)
    assert made.crop.top <= 100 and made.crop.top + made.crop.height >= 1580


def test_of_two_voices_one_may_be_silent_but_not_both() -> None:
    assert len(plan(LEFT, RIGHT, recordings=(LOUD, SILENT)).speakers) == 2
    with pytest.raises(InputError) as caught:
        plan(LEFT, RIGHT, recordings=(SILENT, SILENT))
    assert caught.value.code == InputCode.SILENT


def test_more_voices_than_faces_are_refused() -> None:
    with pytest.raises(InputError, match="only 1 face was found") as caught:
        plan(LEFT, recordings=(LOUD, LOUD))
    assert caught.value.code == InputCode.TOO_FEW_FACES


def test_no_face_is_a_warning_and_the_middle() -> None:
    made = plan()
    assert codes(made) == ["no_face"] and made.speakers == ()
    assert (made.crop.left, made.crop.top, made.crop.width) == (0, 50, 2000)


def test_a_turned_picture_is_told_unless_the_turn_was_asked_for() -> None:
    picture = Picture(2000, 1100, (face(900, 300, 200),), turned=270)
    found = make_plan(Request(picture, (LOUD,)), 120)
    assert "turned" in codes(found) and "by 270 degrees" in found.warnings[0].message
    assert "turned" not in codes(make_plan(Request(picture, (LOUD,), turn=270), 120))


def test_a_hidden_mouth_of_one_who_speaks_is_told() -> None:
    seen, hidden = face(300, 300, 300), replace(face(1200, 300, 200), mouth_hidden=True)
    picture = Picture(2000, 1100, (seen, hidden))
    assert "mouth_hidden" not in codes(make_plan(Request(picture, (LOUD,)), 120))
    assert "mouth_hidden" in codes(make_plan(Request(picture, (LOUD, LOUD)), 120))


def test_a_chosen_box_is_the_face_that_was_found_there() -> None:
    rolled = replace(face(300, 300, 300), roll_rad=1.5)
    picture = Picture(2000, 1100, (rolled, face(1200, 300, 200)))
    moved, elsewhere = Box(320, 280, 600, 600), Box(9, 9, 99, 99)
    for box, roll_rad in ((rolled.box, 1.5), (moved, 1.5), (elsewhere, None)):
        (speaker,) = make_plan(Request(picture, (LOUD,), speakers=(box,)), 120).speakers
        assert speaker.roll_rad == roll_rad


def test_a_crop_through_a_face_is_told_and_one_that_leaves_too_little_is_refused() -> None:
    """What is planned can be drawn."""
    at_edge = Picture(2000, 1100, (face(-100, 300, 300),))  # a third of it is outside the picture
    request = Request(at_edge, (LOUD,))
    assert "face_cut" in codes(make_plan(replace(request, crop=CropChoice(80, 0, 1400)), 120))
    with pytest.raises(InputError, match="Too much of the face"):
        make_plan(replace(request, crop=CropChoice(140, 0, 1400)), 120)


def test_a_small_face_is_told() -> None:
    assert "small_face" in codes(plan(face(900, 500, 100)))


def test_a_close_selfie_is_offered_portrait_and_a_panorama_of_two_is_not() -> None:
    close = Picture(1200, 1600, (face(240, 400, 720),))
    assert "portrait_suits" in codes(make_plan(Request(close, (LOUD,)), 120))
    wide = Picture(3000, 1000, (face(100, 300, 250), face(2500, 350, 250)))
    made = make_plan(Request(wide, (LOUD, LOUD)), 120)
    assert made.crop.extended and "portrait_suits" not in codes(made)


def test_enlarging_a_small_face_does_not_hide_that_it_is_small() -> None:
    tiny = Picture(100, 60, (face(40, 20, 20),))
    assert "small_face" in codes(make_plan(Request(tiny, (LOUD,)), 120))


def test_a_selfie_is_offered_portrait_which_it_suits() -> None:
    selfie = Picture(1200, 1600, (face(280, 420, 640),))
    made = make_plan(Request(selfie, (LOUD,)), 120)
    assert made.crop.extended and "portrait_suits" in codes(made)
    portrait = make_plan(Request(selfie, (LOUD,), shape=Shape.PORTRAIT), 120)
    assert not portrait.crop.extended and portrait.warnings == ()
    for shape in (Shape.PICTURE, Shape.TALL):  # each its own choice of a tall frame
        assert "portrait_suits" not in codes(make_plan(Request(selfie, (LOUD,), shape=shape), 120))


def test_a_chosen_crop_through_a_face_is_told() -> None:
    assert "face_cut" in codes(plan(LEFT, crop=CropChoice(400, 300, 800)))


def test_a_chosen_crop_without_the_speaker_is_refused() -> None:
    with pytest.raises(InputError, match="outside the crop"):
        plan(LEFT, crop=CropChoice(1000, 300, 800))


def test_only_gpu_qualities_cost_money_and_longer_ones_cost_more() -> None:
    assert plan(LEFT).estimate.dollars == 0
    fast, best = plan(LEFT, quality="fast").estimate, plan(LEFT, quality="best").estimate
    assert 0 < fast.dollars < best.dollars and fast.seconds < best.seconds


def test_a_smaller_frame_takes_less_time_in_proportion_of_a_model_and_the_same_of_a_draft() -> None:
    rates = CostModel(1.95, {"fast": Throughput(0.0, 100.0)})
    usual = plan(LEFT, quality="fast", rates=rates).estimate
    tall = plan(LEFT, quality="fast", rates=rates, shape=Shape.TALL).estimate
    assert tall.seconds / usual.seconds == pytest.approx(480 * 832 / (448 * 896), rel=1e-3)
    assert plan(LEFT, shape=Shape.TALL).estimate == plan(LEFT).estimate


def test_an_estimate_says_what_it_is_reckoned_with() -> None:
    measured = CostModel(1.95, {"fast": Throughput(100.0, 3.0)})
    fast, best = (plan(LEFT, rates=measured, quality=name).estimate for name in ("fast", "best"))
    windows = len(plan(LEFT, quality="fast").windows)
    assert fast.basis == best.basis == "past runs"
    assert fast.seconds == pytest.approx(100 + 3 * (8 + OVERHEAD_PASSES) * windows, abs=0.06)
    passes = 3 * 40 + OVERHEAD_PASSES  # never ran here: at the speed of what did
    assert best.seconds == pytest.approx(100 + 3 * passes * windows, abs=0.06)
    slow = {"balanced": Throughput(20.0, 33.0)}
    there = {name: plan(LEFT, rates=CostModel(1.0, slow), quality=name).estimate for name in slow}
    for name in ("fast", "best"):
        other = plan(LEFT, rates=CostModel(1.0, slow), quality=name).estimate
        assert (other.seconds < there["balanced"].seconds) == (name == "fast")
    assert fast.dollars == pytest.approx(fast.seconds / 3600 * 1.95, abs=1e-4)
    draft = plan(LEFT, rates=CostModel(1.95, {"draft": Throughput(2.0, 0.81)})).estimate
    assert draft == Estimate(2 + round(0.01 * 269, 1), 0.0, "past runs", 2.0)


@pytest.mark.parametrize("quality", PRESETS)
def test_what_nobody_is_paid_for_costs_nothing(quality: str) -> None:
    planned = plan(LEFT, quality=quality).estimate
    assert plan(LEFT, rates=CostModel(0.0), quality=quality).estimate == replace(
        planned, dollars=0.0
    )


@pytest.mark.parametrize(("faces", "voices"), [((LEFT,), 1), ((LEFT, RIGHT), 2)])
@pytest.mark.parametrize("quality", PRESETS)
def test_the_work_of_all_windows_is_the_estimate_s(
    quality: str, faces: tuple[Face, ...], voices: int
) -> None:
    request = Request(Picture(2000, 1100, faces), (LOUD,) * voices, quality=quality)
    made = make_plan(request, 120, CostModel(throughputs={quality: Throughput(0.0, 10.0)}))
    work = [
        compute_window_work(request.sampling, made.windows, i, voices, FULL)
        for i in range(len(made.windows))
    ]
    assert made.estimate.seconds == pytest.approx(10 * sum(work), abs=0.051)
    assert min(work) > 0


def computing_s(quality: str, **tuned: Any) -> float:
    """What is estimated for the steps alone."""
    made, preset = plan(LEFT, quality=quality, **tuned), PRESETS[quality]
    full_windows = sum(window.frames for window in made.windows) / MAX_WINDOW_FRAMES
    beside_s = OVERHEAD_PASSES * full_windows * preset.step_s
    return made.estimate.seconds - preset.start_s - beside_s


@pytest.mark.parametrize(
    ("quality", "computed"),
    [
        ("fast", {2: 1, 3: 2, 12: 11}),
        ("balanced", {4: 3, 9: 8}),
        ("best", {10: 10, 11: 11, 100: 100}),
    ],
)
def test_an_estimate_counts_the_steps_that_are_computed(
    quality: str, computed: dict[int, int]
) -> None:
    sampling = PRESETS[quality].sampling
    assert sampling is not None
    one = computing_s(quality) / sampling.computed_steps
    for steps, count in computed.items():
        assert computing_s(quality, steps=steps) == pytest.approx(count * one, abs=0.6)  # rounded
    assert computing_s(quality) == computing_s(quality, steps=sampling.steps)


@pytest.mark.parametrize(
    ("quality", "guidance", "passes"),
    [
        ("best", {}, 3),
        ("best", {"text_guidance": 1}, 2),
        ("best", {"text_guidance": 1, "audio_guidance": 1}, 1),
        ("best", {"text_guidance": 9.5, "audio_guidance": 1.5}, 3),
        ("fast", {"audio_guidance": 1}, 1),
        ("fast", {"audio_guidance": 4}, 2),
    ],
)
def test_an_estimate_counts_the_passes_that_guidance_takes(
    quality: str, guidance: dict[str, Any], passes: int
) -> None:
    usual = PRESETS[quality].sampling
    assert usual is not None
    one = computing_s(quality) / usual.passes
    assert computing_s(quality, **guidance) == pytest.approx(passes * one, abs=0.3)


@pytest.mark.parametrize(
    ("quality", "tuned", "told"),
    [
        ("fast", {"steps": 40}, "Steps: 40 is out of range for Fast. Use 2 to 12."),
        ("best", {"steps": 9}, "Steps: 9 is out of range for Best. Use 10 to 100."),
        ("balanced", {"text_guidance": 5}, "the words: 5 is out of range for Balanced. Use 1."),
        ("fast", {"audio_guidance": 5.5}, "the voice: 5.5 is out of range for Fast. Use 1 to 5."),
    ],
)
def test_what_a_quality_does_not_allow_is_refused(
    quality: str, tuned: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        plan(LEFT, quality=quality, **tuned)
    assert plan(LEFT, quality="draft", **tuned)  # which makes no use of it


def test_an_unknown_quality_is_refused() -> None:
    with pytest.raises(InputError, match="draft, fast, balanced, best"):
        plan(LEFT, quality="superb")

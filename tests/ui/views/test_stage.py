"""The frame, what can be done under it, and the stages: for every phase of a job."""

from dataclasses import replace

import pytest

from inference.core.events import Cancelled
from inference.core.inputs import Shape
from inference.core.plan import Notice
from inference.jobs.store import State
from tests.support.markup import tree
from tests.support.page_states import (
    BEFORE_ID,
    DRAFT_ID,
    FINAL_ID,
    changed,
    job_of,
    page,
    shown_of,
    stage,
    ways,
    with_job,
)
from tests.support.sessions import LEFT, desk
from ui.session.commands import parse_action
from ui.session.page_state import PageState, Phase, Problem
from ui.session.session import Choices
from ui.views import render

DOWNLOAD_DRAFT = f"/media/{DRAFT_ID}/result.mp4?download=1"


def player(shown: PageState) -> dict[str, str]:
    return stage(shown).all("tp-player")[0].attributes


def test_a_draft_is_seen_from_the_crop_over_the_newest_frame_to_the_growing_film() -> None:
    drafting = page(Phase.DRAFTING)
    crop = player(changed(drafting, preview=None, newest_window=None))
    assert crop["poster"] == "/media/desk/crop.jpg"
    assert not {"film", "live", "chip"} & crop.keys()
    live = player(changed(drafting, newest_window=None))
    assert live["live"] == f"/media/{DRAFT_ID}/frames/latest.jpg?41"
    assert "film" not in live
    growing = player(drafting)
    assert growing["film"] == f"/media/{DRAFT_ID}/growing/000.mp4"
    assert growing["chip"] == "Draft so far, 2.60 s"


def test_a_film_of_one_window_is_only_shown_when_it_is_finished() -> None:
    short = job_of(desk(LEFT), State.RUNNING, is_final=False)
    one = replace(short, plan=replace(short.plan, windows=short.plan.windows[:1]))
    assert "film" not in player(replace(page(Phase.DRAFTING), job=one))


def test_an_earlier_draft_stays_until_the_newest_is_there() -> None:
    before = page(Phase.DRAFT).job
    assert before
    shown = replace(page(Phase.DRAFTING), previous_draft=replace(before, id=BEFORE_ID))
    told = player(shown)
    assert told["film"] == f"/media/{BEFORE_ID}/result.mp4"
    assert told["chip"] == "Updating draft" and "dim" in told


def test_a_finished_draft_says_that_it_is_one() -> None:
    told = player(page(Phase.DRAFT))
    assert told["film"] == f"/media/{DRAFT_ID}/result.mp4"
    assert (told["chip"], told["note"]) == ("Draft", "free, made here in 57.0 s")


def test_the_draft_stands_in_for_a_final_video_that_has_no_window_yet() -> None:
    making = changed(page(Phase.MAKING), newest_window=None)
    assert player(making)["film"] == f"/media/{DRAFT_ID}/result.mp4"
    assert player(making)["chip"] == "Draft"
    assert player(page(Phase.MAKING))["film"] == f"/media/{FINAL_ID}/growing/000.mp4"
    assert player(page(Phase.MAKING))["chip"] == "Finished so far, 3.24 s"
    failed = changed(page(Phase.FAILED, final=True), newest_window=None)
    assert player(failed)["chip"] == "Draft, still here"


def test_a_final_video_can_not_be_taken_for_a_draft() -> None:
    assert not {"chip", "note"} & player(page(Phase.RESULT)).keys()


@pytest.mark.parametrize(
    ("phase", "gpu", "actions"),
    [
        (Phase.DRAFTING, True, ["stop"]),
        (Phase.DRAFT, True, ["make", DOWNLOAD_DRAFT]),
        (Phase.DRAFT, False, [DOWNLOAD_DRAFT]),
        (Phase.CLEARED, True, ["draft"]),
        (Phase.UNDRAFTED, True, ["make"]),
        (Phase.WAITING, True, ["stop"]),
        (Phase.MAKING, True, ["stop"]),
        (Phase.RESULT, True, [f"/media/{FINAL_ID}/result.mp4?download=1", "version"]),
        (Phase.STOPPED, True, [DOWNLOAD_DRAFT, "resume", "restart"]),
        (Phase.INTERRUPTED, True, ["resume", "restart"]),
        (Phase.FAILED, True, ["resume", "restart"]),
    ],
)
def test_each_phase_has_its_actions(phase: Phase, gpu: bool, actions: list[str]) -> None:
    assert [action for _, action in ways(page(phase, gpu=gpu))] == actions


def test_a_final_video_leads_back_to_its_draft_and_names_the_price_again() -> None:
    said = ways(page(Phase.INTERRUPTED, final=True))
    assert [action for _, action in said] == ["resume", "restart", "version"]
    assert said[0][0].startswith("Go on about 1 min 11 s about $")
    assert said[1][0].startswith("Start again about 2 min 2 s") and "about $" in said[1][0]


def test_a_window_that_is_worth_a_look_is_told_while_something_can_be_done_about_it() -> None:
    making = changed(page(Phase.MAKING), fault="60 of the 81 frames are <noise>.")
    (told,) = stage(making).all("div", **{"class": "tp-msg tp-look"})
    assert told.words.startswith("60 of the 81 frames are <noise>. Worth a look: it goes on.")
    for other in (page(Phase.MAKING), replace(making, phase=Phase.RESULT)):
        assert "Worth a look" not in stage(other).words


def test_making_it_says_time_and_money_before() -> None:
    shown = page(Phase.DRAFT)
    estimate = shown.finals["balanced"]
    assert (estimate.seconds, estimate.dollars) == (121.6, 0.1334)  # 14 passes, 2 full windows
    assert ways(shown)[0] == ("Make it with MultiTalk about 2 min 2 s about $0.13", "make")


def test_a_draft_too_long_for_the_final_video_can_be_saved_or_cut() -> None:
    shown = replace(page(Phase.DRAFT), max_recordings_s=(120.0, 3.0))
    assert [action for _, action in ways(shown)] == [DOWNLOAD_DRAFT, "edit"]
    assert "MultiTalk makes up to 3 s; this recording is 4 s long." in stage(shown).words
    assert "MultiTalk" not in render(shown).head


def test_without_a_draft_a_long_recording_leads_to_the_part_to_use() -> None:
    shown = replace(page(Phase.UNDRAFTED), max_recordings_s=(120.0, 3.0))
    assert ways(shown) == [("Choose the part to use", "edit")]


@pytest.mark.parametrize(
    ("phase", "do", "price"),
    [
        (Phase.DRAFT, "make", "about 2 min 2 s about $0.13"),
        (Phase.UNDRAFTED, "make", "about 2 min 2 s about $0.13"),
        (Phase.STOPPED, "resume", "about 1 min 11 s about $0.08"),
        (Phase.INTERRUPTED, "restart", "about 2 min 2 s about $0.13"),
        (Phase.FAILED, "restart", "about 2 min 2 s about $0.13"),
    ],
)
def test_what_makes_a_final_video_asks_for_a_statement(phase: Phase, do: str, price: str) -> None:
    before = page(phase, final=None if phase in (Phase.DRAFT, Phase.UNDRAFTED) else True)
    asked = replace(before, session=replace(before.session, asking=do))
    said, no = ways(asked)
    assert said == (f"I may use this face and this voice {price}", do)
    assert no == ("Not now", "ask-not")
    (button,) = stage(asked).all(data_permission="true")
    assert parse_action({"do": do, "permission": button.attributes["data-permission"]})
    other = "make" if do != "make" else "resume"  # of a job that has been opened meanwhile
    for shown in (
        replace(asked, has_permission=True),
        replace(asked, session=replace(asked.session, asking=other)),
    ):
        assert ways(shown) == ways(before) and not stage(shown).all(data_permission="true")


def test_what_was_said_is_seen_under_the_page_and_can_be_taken_back() -> None:
    shown = page(Phase.DRAFT)
    assert "take-back" not in render(shown).foot
    foot = tree(render(replace(shown, has_permission=True)).foot)
    assert "You confirmed on this browser: “I may use this face and this voice.”" in foot.words
    assert foot.all("button")[0].attributes["data-do"] == "take-back"
    shown = replace(shown, session=replace(shown.session, asking="take-back"))
    taken = tree(render(shown).foot)
    assert "Taken back. You are asked again" in taken.words and not taken.all("button")
    assert taken.all(role="status") and ways(shown) == ways(page(Phase.DRAFT))


def test_nothing_kept_means_nothing_to_download() -> None:
    shown = changed(page(Phase.STOPPED), final=Cancelled(0), newest_window=None)
    assert [action for _, action in ways(shown)] == ["restart"]
    assert "Nothing was finished yet." in render(shown).head


def test_stopping_is_said_at_once() -> None:
    shown = page(Phase.DRAFTING)
    assert shown.job
    stopping = replace(shown, job=replace(shown.job, is_stopping=True))
    assert ways(stopping) == []
    assert "Stopping" in stage(stopping).words


def test_a_failure_says_what_broke_and_its_number() -> None:
    root = stage(page(Phase.FAILED))
    assert root.all(role="alert")[0].words.startswith("Something broke on our side.")
    assert "Job dddd-dddd." in root.words


def test_a_warning_that_is_told_in_a_card_is_not_told_twice() -> None:
    shown = page(Phase.DRAFT)
    assert shown.plan
    told = (Notice("portrait_suits", "Portrait."), Notice("new", "As is."))
    root = stage(replace(shown, plan=replace(shown.plan, warnings=told)))
    assert "As is." in root.words and "Portrait" not in root.words


def in_shape(phase: Phase, shape: Shape) -> PageState:
    """The page in that phase, of a video of that shape."""
    is_final, state = phase is Phase.RESULT, State.FINISHED
    on_desk = replace(desk(LEFT), choices=Choices(shape=shape))
    return with_job(shown_of(on_desk, phase, gpu=True), state, is_final)


@pytest.mark.parametrize(
    ("shape", "style"), [(Shape.TALL, "--ratio:480/832"), (Shape.PICTURE, "--ratio:896/448")]
)
def test_the_frame_has_the_shape_of_the_video_in_every_phase(shape: Shape, style: str) -> None:
    draft = in_shape(Phase.DRAFT, shape)
    adjusting = replace(draft, session=replace(draft.session, editing="framing"))
    for shown in (draft, adjusting, replace(draft, job=None), in_shape(Phase.RESULT, shape)):
        (column,) = [node for node in stage(shown).walk() if "tp-stage" in node.classes]
        assert column.attributes["style"] == style
        assert ("tp-tall" in column.classes) == (shape is Shape.TALL)
    result = render(in_shape(Phase.RESULT, shape))
    assert style in result.below


def test_a_film_of_another_shape_makes_room_for_the_crop() -> None:
    before, wide = in_shape(Phase.DRAFT, Shape.TALL), page(Phase.DRAFT).job
    trimming = replace(before, session=replace(before.session, editing="trim"), job=wide)
    assert "film" in player(before) and "film" not in player(trimming)
    new = replace(in_shape(Phase.DRAFTING, Shape.TALL), previous_draft=wide)
    assert new.job
    shown = changed(new, final=None, newest_window=None)
    assert {"film", "chip"} & player(shown).keys() == {"chip"}  # being drawn


def test_what_could_not_be_started_can_be_tried_again() -> None:
    full = Problem("stage", "queue_full", "Five of your videos are waiting already.")
    shown = replace(shown_of(desk(LEFT), Phase.START, gpu=False), problem=full)
    assert ways(shown) == [("Try again", "refresh")]
    assert full.message in stage(shown).words


def test_starting_over_is_there_as_soon_as_anything_is() -> None:
    for phase in Phase:
        words = [node.words for node in tree(render(page(phase)).head).all(data_do="again")]
        assert words == ["Start over"] * (phase is not Phase.START), phase
    empty = page(Phase.START)
    typed = replace(empty, session=replace(empty.session, typed="Hello."))
    assert tree(render(typed).head).all(data_do="again")
    assert "goes on" not in render(empty).head
    assert "What is being made goes on" in render(replace(empty, is_still_making=True)).head


def test_a_draft_says_until_when_it_is_there_and_plays_once_it_is_made() -> None:
    for gpu in (True, False):
        assert (
            "The draft is in History until 30 November" in stage(page(Phase.DRAFT, gpu=gpu)).words
        )
    assert player(page(Phase.DRAFTING))["making"] == DRAFT_ID
    assert "making" not in player(page(Phase.DRAFT)) | player(page(Phase.MAKING))


def test_the_plan_is_told_in_every_phase_that_has_one() -> None:
    for phase in Phase:
        words = stage(page(phase)).words
        assert ("of speech → 101 frames, 4.04 s" in words) == (phase is not Phase.START), phase


def test_draft_and_final_stand_side_by_side_when_both_are_there() -> None:
    shown = page(Phase.RESULT)
    films = [node.attributes["film"] for node in tree(render(shown).below).all("tp-player")]
    assert films == [f"/media/{DRAFT_ID}/result.mp4", f"/media/{FINAL_ID}/result.mp4"]
    alone = replace(shown, session=replace(shown.session, draft=None))
    assert render(alone).below == "" and render(page(Phase.DRAFT)).below == ""

"""The frame, what can be done under it, and the stages: for every phase of a job."""

from dataclasses import replace

import pytest

from inference.core.events import Cancelled, StageName
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
)
from tests.support.sessions import LEFT, desk
from ui.session.page_state import PageState, Phase, Problem
from ui.session.progress import StageProgress
from ui.views import render


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
        (Phase.DRAFT, True, ["make"]),
        (Phase.DRAFT, False, ["keep", f"/media/{DRAFT_ID}/result.mp4?download=1"]),
        (Phase.UNDRAFTED, True, ["make"]),
        (Phase.KEPT, False, [f"/media/{DRAFT_ID}/result.mp4?download=1", "again"]),
        (Phase.WAITING, True, ["stop"]),
        (Phase.MAKING, True, ["stop"]),
        (Phase.RESULT, True, [f"/media/{FINAL_ID}/result.mp4?download=1", "version", "again"]),
        (Phase.STOPPED, True, [f"/media/{DRAFT_ID}/result.mp4?download=1", "restart", "again"]),
        (Phase.INTERRUPTED, True, ["resume", "restart", "again"]),
        (Phase.FAILED, True, ["restart", "again"]),
    ],
)
def test_each_phase_has_its_actions(phase: Phase, gpu: bool, actions: list[str]) -> None:
    assert [action for _, action in ways(page(phase, gpu=gpu))] == actions


def test_a_final_video_leads_back_to_its_draft_and_names_the_price_again() -> None:
    said = ways(page(Phase.INTERRUPTED, final=True))
    assert [action for _, action in said] == ["resume", "restart", "version"]
    assert said[0][0].startswith("Go on about 1 min 1 s about $")
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
    assert ways(shown) == [("Make it with MultiTalk about 2 min 2 s about $0.13", "make")]


def test_a_draft_too_long_for_the_final_video_can_be_kept_or_cut() -> None:
    shown = replace(page(Phase.DRAFT), max_recordings_s=(120.0, 3.0))
    download = f"/media/{DRAFT_ID}/result.mp4?download=1"
    assert [action for _, action in ways(shown)] == ["keep", download, "edit"]
    assert "MultiTalk makes up to 3 s; this recording is 4 s long." in stage(shown).words
    assert "MultiTalk" not in render(shown).head


def test_without_a_draft_a_long_recording_leads_to_the_part_to_use() -> None:
    shown = replace(page(Phase.UNDRAFTED), max_recordings_s=(120.0, 3.0))
    assert ways(shown) == [("Choose the part to use", "edit")]


def test_nothing_kept_means_nothing_to_download() -> None:
    shown = changed(page(Phase.STOPPED), final=Cancelled(0), newest_window=None)
    assert [action for _, action in ways(shown)] == ["restart", "again"]
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


def test_portrait_is_offered_where_it_suits() -> None:
    shown = page(Phase.DRAFT)
    assert shown.plan
    plan = replace(shown.plan, warnings=(Notice("portrait_suits", ""), Notice("new", "As is.")))
    root = stage(replace(shown, plan=plan))
    (offer,) = root.all("button", data_do="set")
    assert (offer.attributes["data-field"], offer.attributes["data-value"]) == ("shape", "portrait")
    assert "As is." in root.words


def test_what_could_not_be_started_can_be_tried_again() -> None:
    full = Problem("stage", "queue_full", "Five of your videos are waiting already.")
    shown = replace(shown_of(desk(LEFT), Phase.START, gpu=False), problem=full)
    assert ways(shown) == [("Try again", "refresh")]
    assert full.message in stage(shown).words


def test_all_stages_of_a_final_video_are_there_from_the_start() -> None:
    names = ["GPU started", "MultiTalk loaded", "Listened to the voice"]
    names += ["Window 1 of 2", "Window 2 of 2", "Checks and sound"]
    for phase in (Phase.WAITING, Phase.MAKING, Phase.RESULT):
        items = tree(render(page(phase)).side).all("li")
        assert [item.all("span")[0].words for item in items] == names


def test_the_stages_tell_what_is_done_what_goes_on_and_what_comes() -> None:
    items = tree(render(page(Phase.MAKING)).side).all("li")
    assert [min(item.classes) for item in items] == ["tp-done"] * 4 + ["tp-now", "tp-todo"]
    assert [item.all("span")[1].words for item in items][3:5] == ["26 s", "step 5 of 8"]
    (bar,) = items[4].all(role="progressbar")
    assert (bar.attributes["aria-valuenow"], bar.attributes["aria-valuemax"]) == ("5", "8")
    assert sum("tp-on" in cell.classes for cell in bar.all("i")) == 5


def test_a_window_that_went_on_elsewhere_says_so_below_the_stages() -> None:
    making = page(Phase.MAKING)
    assert "another kind" not in render(making).side
    said = "The windows before were made on another kind of GPU."
    assert said in tree(render(changed(making, note=said)).side).words


def test_a_broken_window_is_marked_and_the_rest_not_made() -> None:
    items = tree(render(page(Phase.FAILED, final=True)).side).all("li")
    assert [min(item.classes) for item in items][3:5] == ["tp-done", "tp-bad"]
    assert items[4].all("span")[1].words == "not made"


def test_a_draft_s_steps_are_told_in_one_row() -> None:
    shown = page(Phase.DRAFTING)
    items = [node.words for node in stage(shown).all("li")]
    assert items == [
        "Listened to the voice 4.0 s",
        "Looked at the face 4.0 s",
        "Drawing the frames",
    ]
    assert stage(shown).all(data_tell="stage")[0].words == "Drawing the frames"


def placed(phase: Phase, place: int) -> PageState:
    """The page whose job waits at that place of the queue."""
    shown = changed(page(phase), stages=(StageProgress(StageName.QUEUED, None),), left_s=None)
    assert shown.job
    return replace(shown, job=replace(shown.job, queue_position=place))


def test_only_a_draft_behind_others_is_told_of_a_queue() -> None:
    first, second = (stage(placed(Phase.DRAFTING, place)) for place in (1, 2))
    assert [node.words for node in first.all("li")] == ["Starting"]
    assert "line" not in first.words
    assert [node.words for node in second.all("li")] == ["Waiting in the queue"]
    assert "Number 2 in line" in second.words


def test_the_time_a_draft_takes_is_told_once() -> None:
    made = render(page(Phase.DRAFTING))
    assert "About 40 s left" in made.stage
    assert tree(made.head).all("p")[0].words == (
        "You can change anything; a new draft starts by itself."
    )


def test_whoever_waits_for_a_gpu_reads_once_that_nothing_is_paid() -> None:
    made = render(placed(Phase.WAITING, 1))
    assert (made.head + made.stage).count("nothing is paid") == 1
    assert "GPU ready" not in made.top and "Waiting for a GPU" in made.top


def test_the_plan_is_told_in_every_phase_that_has_one() -> None:
    for phase in Phase:
        words = stage(page(phase)).words
        assert ("of speech → 101 frames, 4.04 s" in words) == (phase is not Phase.START), phase


def test_a_stage_that_was_skipped_is_done_once_a_later_one_is_there() -> None:
    stages = (StageProgress(StageName.STARTING, 4.0), StageProgress(StageName.LISTENING, None))
    items = tree(
        render(
            changed(page(Phase.MAKING), stages=stages, newest_window=None, newest_step=None)
        ).side
    )
    kinds = [min(item.classes) for item in items.all("li")]
    assert kinds == ["tp-done", "tp-done", "tp-now"] + ["tp-todo"] * 3


def test_a_stage_that_goes_on_says_how_long_it_usually_takes() -> None:
    stages = (StageProgress(StageName.STARTING, 4.0), StageProgress(StageName.LOADING, None, 61.0))
    items = tree(
        render(
            changed(page(Phase.MAKING), stages=stages, newest_window=None, newest_step=None)
        ).side
    )
    assert items.all("li")[1].words == "MultiTalk loaded usually 1 min 1 s"


def test_the_stage_in_which_the_machine_went_away_is_not_done() -> None:
    stages = (StageProgress(StageName.STARTING, 4.0), StageProgress(StageName.LOADING, 9.0))
    shown = changed(
        page(Phase.INTERRUPTED, final=True), stages=stages, newest_window=None, newest_step=None
    )
    items = tree(render(shown).side).all("li")
    assert [min(item.classes) for item in items][:3] == ["tp-done", "tp-bad", "tp-todo"]


def test_draft_and_final_stand_side_by_side_when_both_are_there() -> None:
    shown = page(Phase.RESULT)
    films = [node.attributes["film"] for node in tree(render(shown).below).all("tp-player")]
    assert films == [f"/media/{DRAFT_ID}/result.mp4", f"/media/{FINAL_ID}/result.mp4"]
    alone = replace(shown, session=replace(shown.session, draft=None))
    assert render(alone).below == "" and render(page(Phase.DRAFT)).below == ""

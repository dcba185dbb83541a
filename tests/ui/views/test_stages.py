"""What has been done and what comes: the stages of drafts and of final videos."""

from collections.abc import Iterator
from dataclasses import replace

from inference.core.events import Event, Record, Stage, StageName, Step, Window
from inference.jobs.store import State
from tests.support.markup import tree
from tests.support.page_states import changed, page, stage
from ui.session.page_state import PageState, Phase
from ui.session.progress import StageProgress, compute_progress
from ui.views import render

QUEUED = Stage(StageName.QUEUED, "Waiting for its turn")


def test_all_stages_of_a_final_video_are_there_from_the_start() -> None:
    names = ["GPU started", "MultiTalk loaded", "Listened to the voice"]
    names += ["Window 1 of 2", "Window 2 of 2", "Checks and sound"]
    for phase in (Phase.WAITING, Phase.MAKING, Phase.RESULT):
        items = tree(render(page(phase)).side).all("li")
        before = ["Waiting in the queue"] * (phase is Phase.WAITING)
        assert [item.all("span")[0].words for item in items] == before + names


def told(events: list[Event]) -> Iterator[tuple[Event, PageState]]:
    """The page after each event of a final video, and while its worker has said nothing yet."""
    shown = page(Phase.MAKING)
    assert shown.job
    records = [Record(seq, event) for seq, event in enumerate(events)]
    for count, event in enumerate(events, start=1):
        made = compute_progress(records[:count], shown.job.plan, records[count - 1].time)
        job = replace(shown.job, progress=made)
        if event == QUEUED:
            waiting = replace(job, state=State.QUEUED, queue_position=1)
            yield event, replace(shown, phase=Phase.WAITING, job=waiting)
        yield event, replace(shown, job=job)


def test_exactly_one_stage_goes_on_at_any_moment_and_only_the_last_is_almost_done() -> None:
    making = page(Phase.MAKING)
    assert making.job
    plan = making.job.plan
    names = (StageName.STARTING, StageName.LOADING, StageName.LISTENING, StageName.LOOKING)
    start: list[Event] = [QUEUED, *(Stage(name, "") for name in names)]
    windows: list[Event] = []
    for index in range(len(plan.windows)):
        windows.append(Stage(StageName.WINDOW, ""))
        windows += [Step(done, 2, index, len(plan.windows)) for done in (1, 2)]
        windows.append(Window(index, "", plan.new_frames(index).stop))
    begun = [*start, *windows[:-2]]  # broken off in the last window, which begins again
    again = [*begun, *start, *windows[-4:], Stage(StageName.FINISHING, "")]
    for event, shown in told(again):
        made = render(shown)
        items = tree(made.side).all("li")
        current = [item for item in items if "tp-now" in item.classes]
        assert len(current) == len(tree(made.side).all(aria_current="step")) == 1, event
        finishes = event == Stage(StageName.FINISHING, "")
        assert ("Almost done" in made.stage + made.head) == finishes, event
        assert "tp-todo" not in items[-1].classes or not finishes
    assert [min(item.classes) for item in items] == ["tp-done"] * 5 + ["tp-now"]


def test_what_a_draft_did_before_it_went_on_is_not_told_as_done() -> None:
    stages = (StageProgress(StageName.DRAWING, 2.0), StageProgress(StageName.LISTENING, None))
    items = stage(changed(page(Phase.DRAFTING), stages=stages)).all("li")
    assert [item.words for item in items] == ["Listening to the voice"]


def test_times_that_go_on_are_counted_by_the_browser() -> None:
    made = render(changed(page(Phase.MAKING), later_s=30.0))
    (left,) = tree(made.stage).all("span", data_left="39.200", data_later="30.000")
    assert left.words == "About 40 s left"
    (head,) = tree(made.head).all("div", data_left="39.200")
    assert head.attributes["data-tab"] == "{left} · Talking Portrait"
    assert tree(made.side).all("span", data_elapsed="57.000")
    ended = render(page(Phase.STOPPED, final=True))
    assert "data-elapsed" not in ended.side and "data-left" not in ended.stage + ended.head


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
    assert items.all("li")[1].words == "Loading MultiTalk usually 1 min 1 s"


def test_the_stage_in_which_the_machine_went_away_is_not_done() -> None:
    stages = (StageProgress(StageName.STARTING, 4.0), StageProgress(StageName.LOADING, 9.0))
    shown = changed(
        page(Phase.INTERRUPTED, final=True), stages=stages, newest_window=None, newest_step=None
    )
    items = tree(render(shown).side).all("li")
    assert [min(item.classes) for item in items][:3] == ["tp-done", "tp-bad", "tp-todo"]

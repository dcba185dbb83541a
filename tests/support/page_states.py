"""Pages at one moment, made up: what `ui.views` is given, for every phase."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from inference.core.cost_model import DEFAULT_COST_MODEL, CostModel
from inference.core.engine import Availability
from inference.core.errors import build_no_face_error
from inference.core.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Result,
    StageName,
    Step,
    Window,
)
from inference.core.plan import Plan, make_plan
from inference.core.task import RESULT, segment_name
from inference.jobs.store import State
from presets.quality import DEFAULT_QUALITY, DRAFT_QUALITY, PRESETS
from presets.schema import EngineFamily
from tests.support.markup import Node, tree
from tests.support.sessions import LEFT, RIGHT, THIRD, desk
from ui.session.page_state import FramedPicture, JobView, PageState, Phase, Problem
from ui.session.progress import Progress, StageProgress
from ui.session.requests import build_request, compute_framing
from ui.session.session import Session
from ui.strings import text
from ui.views import render

NOW = datetime(2026, 11, 23, 14, 40, tzinfo=UTC)
DRAFT_ID, FINAL_ID, BEFORE_ID = "d" * 32, "f" * 32, "b" * 32
READY, NONE = Availability(True), Availability(False, text.NO_GPU)
LONGEST_S = (120.0, 40.0)

_STATES = {
    Phase.DRAFTING: State.RUNNING,
    Phase.DRAFT: State.FINISHED,
    Phase.WAITING: State.QUEUED,
    Phase.MAKING: State.RUNNING,
    Phase.RESULT: State.FINISHED,
    Phase.STOPPED: State.CANCELLED,
    Phase.FAILED: State.FAILED,
    Phase.INTERRUPTED: State.INTERRUPTED,
}
_FINALS = (Phase.WAITING, Phase.MAKING, Phase.RESULT)
_DONE = (StageName.STARTING, StageName.LOADING, StageName.LISTENING)


def page(
    phase: Phase,
    speakers: int = 1,
    gpu: bool = True,
    final: bool | None = None,
    rates: CostModel = DEFAULT_COST_MODEL,
) -> PageState:
    """The page in `phase` with inputs for that many speakers; `final`: the job is not a draft."""
    if phase is Phase.START:
        return shown_of(Session(), phase, gpu)
    if phase is Phase.CHOOSING:
        return shown_of(desk(LEFT, THIRD, RIGHT), phase, gpu)
    if phase is Phase.CLEARED:
        return shown_of(replace(desk(LEFT), drafted="x"), phase, gpu, rates)
    if phase is Phase.UNDRAFTED:
        return shown_of(replace(desk(), middle=True), phase, gpu, rates)
    on_desk = desk(*(LEFT, RIGHT)[:speakers], voices=speakers)
    is_final = phase in _FINALS if final is None else final
    return with_job(shown_of(on_desk, phase, gpu, rates), _STATES[phase], is_final, rates)


def no_face_page(gpu: bool) -> PageState:
    """A picture that shows nobody."""
    refusal = build_no_face_error()
    problem = Problem("picture", refusal.code, refusal.message)
    return replace(shown_of(desk(), Phase.START, gpu), plan=None, finals={}, problem=problem)


def shown_of(
    on_desk: Session, phase: Phase, gpu: bool, rates: CostModel = DEFAULT_COST_MODEL
) -> PageState:
    """The page of a desk, without a job."""
    found = compute_framing(on_desk)
    framed = None
    if found:
        frame = found.frame
        framed = FramedPicture("crop.jpg", frame.width, frame.height, found.crop, found.faces)
    request = build_request(on_desk, DRAFT_QUALITY)
    plans = {
        name: make_plan(replace(request, quality=name), math.inf, rates)
        for name in PRESETS
        if request
    }
    return PageState(
        phase=phase,
        session=on_desk,
        framed=framed,
        plan=plans.get(DRAFT_QUALITY),
        finals={
            name: plan.estimate
            for name, plan in plans.items()
            if PRESETS[name].engine is EngineFamily.MULTITALK
        },
        job=None,
        previous_draft=None,
        problem=None,
        gpu=READY if gpu else NONE,
        max_recordings_s=LONGEST_S,
        keep_days=7,
        history_count=6,
        history=None,
    )


def with_job(
    shown: PageState, state: State, is_final: bool, rates: CostModel = DEFAULT_COST_MODEL
) -> PageState:
    """`shown` with its job in that state."""
    job = job_of(shown.session, state, is_final, rates=rates)
    on_desk = replace(shown.session, draft=DRAFT_ID, final=FINAL_ID if is_final else None)
    return replace(shown, session=on_desk, job=job)


def job_of(
    on_desk: Session,
    state: State,
    is_final: bool,
    name: str = "astronaut.png",
    rates: CostModel = DEFAULT_COST_MODEL,
) -> JobView:
    """A job of what lies on the desk."""
    request = build_request(on_desk, DEFAULT_QUALITY if is_final else DRAFT_QUALITY)
    assert request is not None
    plan = make_plan(request, math.inf, rates)
    first = plan.new_frames(0).stop
    events: dict[State, Event] = {
        State.FINISHED: Finished(
            Result(RESULT, plan.frames, plan.duration_s, plan.width, plan.height, 25, "x", 96.0)
        ),
        State.CANCELLED: Cancelled(first, RESULT),
        State.FAILED: Failed("internal", "Something broke on our side."),
    }
    final = events.get(state)
    began = state is not State.QUEUED
    progress = Progress(
        stages=_stages(state, is_final) if began else (),
        share=1.0 if state is State.FINISHED else 0.6 * began,
        left_s=39.2 if state is State.RUNNING else None,
        elapsed_s=57.0,
        preview=41 if began else None,
        final=final if isinstance(final, (Finished, Failed, Cancelled)) else None,
        newest_step=Step(5, 8, 1, len(plan.windows), 39.2) if began else None,
        newest_window=_film(plan, len(plan.windows) - 1 if state is State.FINISHED else 0)
        if began
        else None,
        windows_s=(26.0,) * (len(plan.windows) if state is State.FINISHED else began),
    )
    return JobView(
        id=FINAL_ID if is_final else DRAFT_ID,
        name=name,
        state=state,
        request=request,
        plan=plan,
        progress=progress,
        queue_position=2 if state is State.QUEUED else None,
        is_stopping=False,
        created=NOW - timedelta(minutes=8),
        expires=NOW + timedelta(days=7),
    )


def _film(plan: Plan, index: int) -> Window:
    return Window(index, segment_name(index), plan.new_frames(index).stop)


def _stages(state: State, is_final: bool) -> tuple[StageProgress, ...]:
    """As far as the first window, or to the end."""
    names = _DONE if is_final else (StageName.LISTENING, StageName.LOOKING)
    done = tuple(StageProgress(name, 4.0) for name in names)
    work = StageName.WINDOW if is_final else StageName.DRAWING
    if state is State.FINISHED:
        return (*done, StageProgress(work, 80.0), StageProgress(StageName.FINISHING, 3.0))
    return (*done, StageProgress(work, None if state is State.RUNNING else 21.0))


def stage(shown: PageState) -> Node:
    """The frame and what can be done under it."""
    return tree(render(shown).stage)


def ways(shown: PageState) -> list[tuple[str, str]]:
    """What can be done under the frame, as words and action, but for the row of other files."""
    whole = stage(shown)
    also = [
        node for row in whole.all(role="group") if "tp-also" in row.classes for node in row.walk()
    ]
    return [
        (node.words, node.attributes.get("data-do") or node.attributes.get("href", ""))
        for node in whole.walk()
        if node.tag in ("button", "a") and not any(node is other for other in also)
    ]


def changed(shown: PageState, **progress: object) -> PageState:
    """`shown` with something else in the progress of its job."""
    assert shown.job
    made = replace(shown.job.progress, **progress)  # type: ignore[arg-type]
    return replace(shown, job=replace(shown.job, progress=made))

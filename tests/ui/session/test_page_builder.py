"""What is seen is the owner's own, and what stands in the way is said."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inference.core.cost_model import THROUGHPUT_FILE
from inference.core.engine import Availability
from inference.core.errors import Fault, FaultCode
from inference.core.plan import make_plan
from inference.core.settings import Settings
from inference.core.task import Task
from inference.jobs.store import JobStore, State
from inference.storage.publication import Publication, write_publication
from presets.schema import EngineFamily
from tests.support.scripted_engine import ScriptedEngine
from tests.support.sessions import LEFT, RIGHT, THIRD, desk, voice
from ui.media.titles import PICTURE_NAME
from ui.session import availability
from ui.session.page_builder import PageBuilder
from ui.session.page_state import Phase, Problem
from ui.session.requests import build_request
from ui.session.session import Choices, Session
from ui.session.store import SessionStore

ME, YOU = "a" * 64, "b" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, max_seconds=6)


@pytest.fixture
def jobs(settings: Settings) -> JobStore:
    return JobStore(settings)


@pytest.fixture
def desks(settings: Settings) -> SessionStore:
    return SessionStore(settings.data)


@pytest.fixture
def look(settings: Settings, jobs: JobStore, desks: SessionStore) -> PageBuilder:
    return PageBuilder(settings, jobs, desks)


@pytest.fixture
def submitted(jobs: JobStore) -> Callable[[Session, str], Path]:
    """Puts a job of what lies on a desk in the queue."""

    def submit(made_of: Session, quality: str) -> Path:
        request = build_request(made_of, quality)
        assert request
        folder = jobs.create(ME)
        (folder / PICTURE_NAME).write_text("Us")
        jobs.submit(Task(request, make_plan(request, 100), folder))
        return folder

    return submit


Submit = Callable[[Session, str], Path]


def test_nobody_sees_an_empty_start(look: PageBuilder) -> None:
    shown = look.build("")
    assert (shown.phase, shown.history_count, shown.history) == (Phase.START, 0, None)
    assert shown.max_recordings_s == (120, 6)


def test_a_desk_that_names_another_ones_job_does_not_show_it(
    look: PageBuilder, desks: SessionStore, submitted: Submit
) -> None:
    job = submitted(desk(LEFT), "draft")
    for owner in (ME, YOU):
        desks.save(owner, replace(desk(LEFT), draft=job.name))
    mine, yours = look.build(ME, with_history=True), look.build(YOU, with_history=True)
    assert mine.job and mine.job.id == job.name and mine.job.name == "Us"
    assert mine.job.state is State.QUEUED and mine.job.queue_position == 1
    assert mine.phase is Phase.DRAFTING
    assert mine.history and [shown.id for shown in mine.history] == [job.name]
    assert (yours.job, yours.session.draft, yours.history, yours.history_count) == (
        None,
        None,
        (),
        0,
    )


def test_a_final_video_is_what_the_headline_is_about(
    look: PageBuilder, desks: SessionStore, submitted: Submit
) -> None:
    draft, final = submitted(desk(LEFT), "draft"), submitted(desk(LEFT), "best")
    desks.save(ME, replace(desk(LEFT), draft=draft.name, final=final.name))
    shown = look.build(ME)
    assert shown.phase is Phase.WAITING
    assert shown.job and shown.job.id == final.name and not shown.job.is_draft


def test_a_link_is_seen_as_soon_as_it_is_there(
    look: PageBuilder, desks: SessionStore, submitted: Submit
) -> None:
    job = submitted(desk(LEFT), "best")
    desks.save(ME, replace(desk(LEFT), final=job.name))
    before, published = look.etag(ME), Publication("bucket", ("home/video.mp4",), "https://link")
    write_publication(job, published)
    assert look.etag(ME) != before
    shown = look.build(ME).job
    assert shown and shown.published == published


def test_more_faces_than_can_speak_have_to_be_chosen_from(
    look: PageBuilder, desks: SessionStore
) -> None:
    three = desk(LEFT, THIRD, RIGHT)
    desks.save(ME, replace(three, crop="crop.jpg"))
    shown = look.build(ME)
    assert shown.phase is Phase.CHOOSING and shown.plan is None and shown.problem is None
    assert shown.framed and len(shown.framed.faces) == 3
    chosen = replace(three.choices, speakers=(THIRD.box,))
    desks.save(ME, replace(three, choices=chosen))
    assert look.build(ME).plan is not None


def test_what_stands_in_the_way_is_said_after_every_reload_but_news_come_first(
    look: PageBuilder, desks: SessionStore
) -> None:
    desks.save(ME, desk())
    standing = look.build(ME).problem
    assert standing and (standing.area, standing.code) == ("picture", "no_face")
    news = Problem("voice-0", "silent", "No voice is heard.")
    assert look.build(ME, news).problem == news

    desks.save(ME, replace(desk(LEFT), voices=(voice(seconds=121), None)))
    too_long = look.build(ME).problem
    assert too_long and (too_long.area, too_long.code) == ("voice-0", "too_long")

    away = Choices(crop=None, speakers=(LEFT.box,))
    desks.save(ME, replace(desk(LEFT), choices=away))
    assert look.build(ME).problem is None


def test_prices_are_those_of_the_qualities_that_cost_something(
    look: PageBuilder, desks: SessionStore
) -> None:
    desks.save(ME, desk(LEFT))
    finals = look.build(ME).finals
    assert list(finals) == ["fast", "balanced", "best"]
    assert finals["fast"].dollars < finals["best"].dollars


def test_whether_final_videos_can_be_made_is_what_their_engine_says(
    look: PageBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.engines.multitalk.has_gpu", lambda: False)
    without = look.build(ME).gpu
    assert not without.ready and without.reason.endswith(".")


def test_a_model_for_any_machine_makes_final_videos_anywhere(
    settings: Settings, jobs: JobStore, desks: SessionStore
) -> None:
    look = PageBuilder(replace(settings, model="multitalk-tiny", device="cpu"), jobs, desks)
    assert look.build(ME).gpu == Availability(True)


@pytest.mark.parametrize(
    ("name", "dollars_per_hour"), [("multitalk", 0.0), ("modal", 1.95), (None, 1.95)]
)
def test_the_price_is_that_of_whoever_makes_final_videos(
    settings: Settings,
    jobs: JobStore,
    desks: SessionStore,
    monkeypatch: pytest.MonkeyPatch,
    name: str | None,
    dollars_per_hour: float,
) -> None:
    def found(family: EngineFamily, settings: Settings) -> ScriptedEngine:
        if name is None:
            raise Fault(FaultCode.ENGINE_UNAVAILABLE, "There is no GPU.")
        return ScriptedEngine(name=name)

    monkeypatch.setattr(availability, "select_engine_for", found)
    look = PageBuilder(replace(settings, gpus=("L40S",)), jobs, desks)
    desks.save(ME, desk(LEFT))
    shown = look.build(ME)
    assert shown.plan and shown.plan.estimate.dollars == 0
    for estimate in shown.finals.values():
        price = estimate.seconds / 3600 * dollars_per_hour
        assert estimate.dollars == pytest.approx(price, abs=1e-4)


def test_estimates_are_those_of_past_runs(
    look: PageBuilder, desks: SessionStore, settings: Settings
) -> None:
    desks.save(ME, desk(LEFT))
    before = look.build(ME).plan
    assert before and before.estimate.basis == "table"
    runs = {"draft": {"draft": [{"start_s": 300.0, "step_s": 1.0}]}}
    (settings.data / THROUGHPUT_FILE).write_text(json.dumps(runs))
    plan = look.build(ME).plan
    assert plan and plan.estimate.basis == "past runs" and plan.estimate.seconds > 300

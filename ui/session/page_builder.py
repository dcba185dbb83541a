"""Page of a session: inputs, jobs and offers as a `PageState`. Only reads."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from inference.core.plan import Plan
from inference.core.report import Report, parse_report
from inference.core.request import Request
from inference.core.settings import Settings
from inference.core.task import PLAN, REPORT, REQUEST
from inference.jobs import history
from inference.jobs import state as job_state
from inference.jobs.store import JobStore, State
from inference.media.speech_synthesis import can_speak
from inference.storage.publication import read_change_time_ns
from ui.session import progress
from ui.session.availability import OfferChecker
from ui.session.page_state import FramedPicture, JobView, PageState, Phase, Problem
from ui.session.planner import Planner, SessionPlan
from ui.session.requests import Framing, find_speakers, must_choose_speakers
from ui.session.session import Session
from ui.session.store import SessionStore

logger = logging.getLogger(__name__)

PICTURE_NAME = "name.txt"  # in a job's folder: the name of its picture
SESSION_COPY = "desk"  # ... and the session as of the job's start
_PLAN, _REQUEST = TypeAdapter(Plan), TypeAdapter(Request)
_FINAL_PHASES = {
    State.QUEUED: Phase.WAITING,
    State.RUNNING: Phase.MAKING,
    State.FINISHED: Phase.RESULT,
    State.CANCELLED: Phase.STOPPED,
    State.FAILED: Phase.FAILED,
    State.INTERRUPTED: Phase.INTERRUPTED,
}
_DRAFT_PHASES = _FINAL_PHASES | {
    State.QUEUED: Phase.DRAFTING,
    State.RUNNING: Phase.DRAFTING,
    State.FINISHED: Phase.DRAFT,
}


class PageBuilder:
    """Builder of pages from one data folder."""

    def __init__(self, settings: Settings, jobs: JobStore, sessions: SessionStore) -> None:
        self._settings, self._jobs, self._sessions = settings, jobs, sessions
        self._offer_checker = OfferChecker(settings)
        self.planner = Planner(settings, self._offer_checker)

    def build(
        self,
        owner: str,
        problem: Problem | None = None,
        with_history: bool = False,
        known: SessionPlan | None = None,
    ) -> PageState:
        """Return the page of `owner`; `problem` is that of the last action.

        `known` is the session's plan, if it was made before.
        """
        now, session = datetime.now(UTC), self._sessions.load(owner)
        plan = self.planner.plan(session, known)
        final = self._load_job(owner, session.final, now)
        job = final or self._load_job(owner, session.draft, now)
        owned = self._jobs.list_owned(owner)
        listed = [self._try_build_job(folder, now) for folder in owned] if with_history else None
        has_draft = self.find_owned(owner, session.draft) is not None
        return PageState(
            phase=_choose_phase(session, job, final is not None, plan.draft),
            session=session if has_draft else replace(session, draft=None),
            framed=_build_framed(session, plan.framing),
            plan=plan.draft,
            finals=plan.finals,
            job=job,
            previous_draft=self._load_job(owner, session.before, now),
            problem=problem or plan.problem,
            gpu=self._offer_checker.get_latest().final,
            max_recordings_s=self.planner.max_recordings_s,
            keep_days=self._settings.keep_days,
            history_count=len(owned),
            history=None if listed is None else tuple(filter(None, listed)),
            can_speak=can_speak(),
            has_bucket=self._settings.bucket is not None,
            is_moving=not self._jobs.access.granted,
        )

    def etag(self, owner: str) -> str:
        """Return a value, cheap to compute, that changes whenever the page of `owner` does."""
        session = self._sessions.load(owner)
        marks: list[object] = [self._jobs.access.granted, self._sessions.compute_version(owner)]
        for folder in self._jobs.list_owned(owner):
            state = self._read_state(folder)
            marks.append([folder.name, state])
            if published_ns := read_change_time_ns(folder):
                marks.append([published_ns, job_state.is_busy(folder)])
            if folder.name in (session.draft, session.final):
                marks.append(history.read_size(folder))
            if state is State.QUEUED:
                marks.append(self._jobs.find_place(folder))
        return json.dumps(marks)

    def _read_state(self, folder: Path) -> State:
        """Return the job's state; without write access another machine may be running it."""
        state = self._jobs.read_state(folder)
        may_run = state is State.INTERRUPTED and not self._jobs.access.granted
        return State.RUNNING if may_run else state

    def find_owned(self, owner: str, job: str | None) -> Path | None:
        """Return the folder of a job of `owner`; None when it is gone or another's."""
        folder = self._jobs.find_folder(job) if job else None
        return folder if folder and self._jobs.read_owner(folder) == owner else None

    def _load_job(self, owner: str, job: str | None, now: datetime) -> JobView | None:
        folder = self.find_owned(owner, job)
        return self._try_build_job(folder, now) if folder else None

    def _try_build_job(self, folder: Path, now: datetime) -> JobView | None:
        """Return the job; None when it is just being deleted or can't be read."""
        try:
            return self._build_job(folder, now)
        except (OSError, ValueError):
            logger.exception("job %s can't be shown", folder.name[:8])
            return None

    def _build_job(self, folder: Path, now: datetime) -> JobView:
        plan = _PLAN.validate_json((folder / PLAN).read_bytes())
        records, state = history.read_records(folder), self._read_state(folder)
        made = datetime.fromtimestamp((folder / PLAN).stat().st_mtime, UTC)
        return JobView(
            id=folder.name,
            name=(folder / PICTURE_NAME).read_text(encoding="utf-8"),
            state=state,
            request=_REQUEST.validate_json((folder / REQUEST).read_bytes()),
            plan=plan,
            progress=progress.compute_progress(
                records, plan, now, state in (State.QUEUED, State.RUNNING)
            ),
            queue_position=self._jobs.find_place(folder) if state is State.QUEUED else None,
            is_stopping=self._jobs.is_cancelled(folder) and state is State.RUNNING,
            created=made,
            expires=made + timedelta(days=self._settings.keep_days),
            published=job_state.find_publication(folder),
            report=_read_report(folder),
        )


def _read_report(folder: Path) -> Report | None:
    """Return the report on the job's video; None when there is none."""
    try:
        return parse_report((folder / REPORT).read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _build_framed(session: Session, framing: Framing | None) -> FramedPicture | None:
    if framing is None or session.crop is None:
        return None
    shape = session.choices.shape
    return FramedPicture(session.crop, shape.width, shape.height, framing.crop, framing.faces)


def _choose_phase(
    session: Session, job: JobView | None, is_final: bool, plan: Plan | None
) -> Phase:
    if job is None and must_choose_speakers(session):
        return Phase.CHOOSING
    if job is None:
        return Phase.UNDRAFTED if plan and not find_speakers(session) else Phase.START
    if is_final:
        return _FINAL_PHASES[job.state]
    phase = _DRAFT_PHASES[job.state]
    return Phase.KEPT if phase is Phase.DRAFT and session.kept else phase

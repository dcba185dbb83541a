"""Page of a session: inputs, jobs and offers as a `PageState`. Only reads."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from inference.core.errors import FaultCode, InputCode, InputError, PortraitError
from inference.core.plan import Plan
from inference.core.report import Report, parse_report
from inference.core.settings import Settings
from inference.core.task import PLAN, REPORT, read_plan, read_request
from inference.jobs import history
from inference.jobs import state as job_state
from inference.jobs.store import JobStore, State
from inference.storage.publication import read_change_time_ns
from ui.media.subtitles import SUBTITLES
from ui.media.titles import read_title
from ui.session import progress
from ui.session.availability import OfferChecker
from ui.session.page_state import FramedPicture, JobView, PageState, Phase, Problem
from ui.session.planner import Planner, SessionPlan
from ui.session.requests import Framing, find_speakers, must_choose_speakers
from ui.session.session import Session
from ui.session.store import SessionStore
from ui.strings import text

logger = logging.getLogger(__name__)

SESSION_COPY = "desk"  # in a job's folder: the session as of the job's start
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
        now = datetime.now(UTC)
        session, plan, damage = self._load_session(owner, known)
        final = self._load_job(owner, session.final, now)
        job = final or self._load_job(owner, session.draft, now)
        if session.draft and job is None and self.find_owned(owner, session.final or session.draft):
            damage = Problem("stage", FaultCode.UNREADABLE, text.JOB_DAMAGED)
        owned = self._jobs.list_owned(owner) if with_history else []
        listed = {folder.name: self._try_build_job(folder, now) for folder in owned}
        has_draft = self.find_owned(owner, session.draft) is not None
        return PageState(
            phase=_choose_phase(session, job, final is not None, plan.draft),
            session=session if has_draft else replace(session, draft=None),
            framed=_build_framed(session, plan.framing),
            plan=plan.draft,
            finals=plan.finals,
            job=job,
            previous_draft=self._load_job(owner, session.before, now),
            problem=problem or damage or plan.problem,
            gpu=self._offer_checker.get_latest().final,
            max_recordings_s=self.planner.max_recordings_s,
            keep_days=self.keep_days,
            history_count=len(owned) if with_history else self._jobs.count_owned(owner),
            history=tuple(filter(None, listed.values())) if with_history else None,
            damaged=tuple(name for name, job in listed.items() if job is None),
            has_bucket=self._settings.bucket is not None,
            is_moving=not self._jobs.access.granted,
            is_still_making=job is None and self._is_making(owner),
            makes_another=self._makes_another(owner, session, now),
            has_permission=self._sessions.has_permission(owner),
        )

    @property
    def keep_days(self) -> int:
        """Days until a job and its inputs expire."""
        return self._settings.keep_days

    def can_show(self, folder: Path) -> bool:
        """Return whether the job in `folder` can be read."""
        return self._try_build_job(folder, datetime.now(UTC)) is not None

    def etag(self, owner: str) -> str:
        """Return a value, cheap to compute, that changes whenever the page of `owner` does."""
        session = self._sessions.load(owner)
        marks: list[object] = [self._jobs.access.granted, self._sessions.compute_version(owner)]
        marks += [self._jobs.index.count_ended(owner), self._sessions.has_permission(owner)]
        shown = (self.find_owned(owner, job) for job in (session.draft, session.final))
        for folder in sorted({*self._jobs.index.list_open(owner), *filter(None, shown)}):
            state = self._read_state(folder)
            marks.append([folder.name, state])
            if published_ns := read_change_time_ns(folder):
                marks.append([published_ns, job_state.is_busy(folder)])
            if folder.name in (session.draft, session.final):
                marks.append(history.read_size(folder))
            if state is State.QUEUED:
                marks.append(self._jobs.find_place(folder))
        return json.dumps(marks)

    def _is_making(self, owner: str) -> bool:
        """Return whether a job of `owner` waits or is worked on."""
        at_work = (State.QUEUED, State.RUNNING)
        return any(self._read_state(path) in at_work for path in self._jobs.index.list_open(owner))

    def _makes_another(self, owner: str, session: Session, now: datetime) -> bool:
        """Return whether a final video of `owner` that is not on the page is being made."""
        for folder in self._jobs.index.list_open(owner):
            if folder.name != session.final and self._read_state(folder) is State.RUNNING:
                job = self._try_build_job(folder, now)
                if job and not job.is_draft:
                    return True
        return False

    def _load_session(
        self, owner: str, known: SessionPlan | None
    ) -> tuple[Session, SessionPlan, Problem | None]:
        """Return the session and its plan, or an empty one and the problem with the saved one."""
        try:
            session = self._sessions.read(owner)
            return session, self.planner.plan(session, known), None
        except PortraitError as error:
            reason = error.details
        except (ValueError, TypeError, LookupError, ArithmeticError, AssertionError) as error:
            reason = repr(error)
        logger.warning("session %s can't be shown: %s", owner[:8], reason)
        damage = Problem("stage", FaultCode.UNREADABLE, text.SESSION_DAMAGED)
        return Session(), self.planner.plan(Session()), damage

    def _read_state(self, folder: Path) -> State:
        """Return the job's state; without write access another machine may be running it."""
        state = self._jobs.read_state(folder)
        may_run = state is State.INTERRUPTED and not self._jobs.access.granted
        return State.RUNNING if may_run else state

    def find_owned(self, owner: str, job: str | None) -> Path | None:
        """Return the folder of a job of `owner`; None when it is gone or another's."""
        folder = self._jobs.find_folder(job) if job else None
        return folder if folder and self._jobs.read_owner(folder) == owner else None

    def require_owned(self, owner: str, *jobs: str) -> list[Path]:
        """Return the folders of those of the jobs that are there; InputError when none is."""
        if found := list(filter(None, (self.find_owned(owner, job) for job in jobs))):
            return found
        raise InputError(InputCode.NOT_FOUND, text.NOT_THERE)

    def _load_job(self, owner: str, job: str | None, now: datetime) -> JobView | None:
        folder = self.find_owned(owner, job)
        return self._try_build_job(folder, now) if folder else None

    def _try_build_job(self, folder: Path, now: datetime) -> JobView | None:
        """Return the job; None when it is just being deleted or can't be read."""
        try:
            return self._build_job(folder, now)
        except Exception as error:  # whatever damaged values lead to
            logger.warning("job %s can't be shown: %r", folder.name[:8], error)
            return None

    def _build_job(self, folder: Path, now: datetime) -> JobView:
        plan = read_plan(folder)
        records, state = history.read_records(folder), self._read_state(folder)
        made = min(now, datetime.fromtimestamp((folder / PLAN).stat().st_mtime, UTC))
        return JobView(
            id=folder.name,
            name=read_title(folder),
            state=state,
            request=read_request(folder),
            plan=plan,
            progress=progress.compute_progress(
                records, plan, now, state in (State.QUEUED, State.RUNNING)
            ),
            queue_position=self._jobs.find_place(folder) if state is State.QUEUED else None,
            is_stopping=self._jobs.is_cancelled(folder) and state is State.RUNNING,
            created=made,
            expires=made + timedelta(days=self.keep_days),
            published=job_state.find_publication(folder),
            report=_read_report(folder),
            has_subtitles=state is State.FINISHED and (folder / SUBTITLES).exists(),
        )


def _read_report(folder: Path) -> Report | None:
    """Return the report on the job's video; None when there is none."""
    try:
        return parse_report((folder / REPORT).read_bytes())
    except (OSError, ValueError):
        return None


def _build_framed(session: Session, framing: Framing | None) -> FramedPicture | None:
    if framing is None or session.crop is None:
        return None
    frame = framing.frame
    return FramedPicture(session.crop, frame.width, frame.height, framing.crop, framing.faces)


def _choose_phase(
    session: Session, job: JobView | None, is_final: bool, plan: Plan | None
) -> Phase:
    if job is None and must_choose_speakers(session):
        return Phase.CHOOSING
    if job is None and plan and find_speakers(session) and session.drafted and not session.draft:
        return Phase.CLEARED
    if job is None:
        return Phase.UNDRAFTED if plan and not find_speakers(session) else Phase.START
    if is_final:
        return _FINAL_PHASES[job.state]
    return _DRAFT_PHASES[job.state]

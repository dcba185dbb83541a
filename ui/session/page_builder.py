"""What a browser sees now: its desk, the jobs it looks at, and what could be done next.

Only reads. The pulse is a cheap stand-in for the whole: it changes when the page does.
"""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from inference.core.cost_model import CostModel, load_cost_model
from inference.core.errors import InputCode, InputError, build_no_face_error
from inference.core.plan import Estimate, Plan, make_plan
from inference.core.published import read_change_time_ns
from inference.core.report import Report, parse_report
from inference.core.request import Request
from inference.core.settings import Settings
from inference.core.task import PLAN, REPORT, REQUEST
from inference.jobs import history, job_folder
from inference.jobs.store import JobStore, State
from inference.media.speech_synthesis import can_speak
from presets.quality import DRAFT_QUALITY, PRESETS
from presets.schema import EngineFamily
from ui.session import progress
from ui.session.availability import OfferChecker
from ui.session.page_state import Area, FramedPicture, JobView, PageState, Phase, Problem
from ui.session.requests import build_request, compute_framing, find_speakers, must_choose_speakers
from ui.session.session import Session
from ui.session.store import SessionStore
from ui.strings import text

logger = logging.getLogger(__name__)

PICTURE_NAME = "name.txt"  # in a job's folder: what its picture was called
SESSION_COPY = "desk"  # ... and the desk as it was when the job was started
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
    """Looks into one folder of data."""

    def __init__(self, settings: Settings, jobs: JobStore, desks: SessionStore) -> None:
        self._settings, self._jobs, self._sessions = settings, jobs, desks
        self._offer_checker = OfferChecker(settings)

    def build(
        self, owner: str, problem: Problem | None = None, with_history: bool = False
    ) -> PageState:
        """The page of `owner`; `problem` is what the last action ran into."""
        now, desk = datetime.now(UTC), self._sessions.load(owner)
        plan, standing = self.plan(desk)
        final = self._load_job(owner, desk.final, now)
        job = final or self._load_job(owner, desk.draft, now)
        owned = self._jobs.list_owned(owner)
        listed = [self._try_build_job(folder, now) for folder in owned] if with_history else None
        return PageState(
            phase=_choose_phase(desk, job, final is not None, plan),
            session=desk if self.find_owned(owner, desk.draft) else replace(desk, draft=None),
            framed=_build_framed(desk),
            plan=plan,
            finals=_estimate_finals(desk, self.cost_model) if plan else {},
            job=job,
            previous_draft=self._load_job(owner, desk.before, now),
            problem=problem or standing,
            gpu=self._offer_checker.get_latest().final,
            max_recordings_s=self.max_recordings_s,
            keep_days=self._settings.keep_days,
            history_count=len(owned),
            history=None if listed is None else tuple(filter(None, listed)),
            can_speak=can_speak(),
            has_bucket=self._settings.bucket is not None,
            is_moving=not self._jobs.access.granted,
        )

    @property
    def max_recordings_s(self) -> tuple[float, float]:
        """The longest recording in seconds, for a draft and for a final video."""
        longest = self._settings.max_seconds_for
        return longest(EngineFamily.DRAFT), longest(EngineFamily.MULTITALK)

    @property
    def cost_model(self) -> CostModel:
        """What estimates are reckoned with now."""
        return load_cost_model(self._settings, self._offer_checker.get_latest().paid)

    def etag(self, owner: str) -> str:
        """Changes whenever the page of `owner` does."""
        desk = self._sessions.load(owner)
        marks: list[object] = [self._jobs.access.granted, self._sessions.compute_version(owner)]
        for folder in self._jobs.list_owned(owner):
            state = self._read_state(folder)
            marks.append([folder.name, state])
            if published_ns := read_change_time_ns(folder):
                marks.append([published_ns, job_folder.is_busy(folder)])
            if folder.name in (desk.draft, desk.final):
                marks.append(history.read_size(folder))
            if state is State.QUEUED:
                marks.append(self._jobs.find_place(folder))
        return json.dumps(marks)

    def _read_state(self, folder: Path) -> State:
        """Where the job stands, as far as can be told: whether another machine works on it can't
        be seen here."""
        state = self._jobs.read_state(folder)
        unseen = state is State.INTERRUPTED and not self._jobs.access.granted
        return State.RUNNING if unseen else state

    def plan(self, desk: Session) -> tuple[Plan | None, Problem | None]:
        """What would be made of the desk: a draft, or a final video where no draft can be; or what
        stands in the way of it."""
        faces = desk.picture.picture.faces if desk.picture else ()
        if desk.picture and not faces and not desk.choices.speakers and not desk.middle:
            refusal = build_no_face_error()
            return None, Problem("picture", refusal.code, refusal.message)
        try:
            request = build_request(desk, DRAFT_QUALITY)
            if request is None:
                return None, None
            return make_plan(request, self.max_recordings_s[0], self.cost_model), None
        except InputError as error:
            place: Area = "stage" if error.code is InputCode.BAD_OPTION else "voice-0"
            return None, Problem(place, error.code, text.refusal(error))

    def find_owned(self, owner: str, job: str | None) -> Path | None:
        """The folder of a job that belongs to `owner`; None when it is gone or another's."""
        folder = self._jobs.find_folder(job) if job else None
        return folder if folder and self._jobs.read_owner(folder) == owner else None

    def _load_job(self, owner: str, job: str | None, now: datetime) -> JobView | None:
        folder = self.find_owned(owner, job)
        return self._try_build_job(folder, now) if folder else None

    def _try_build_job(self, folder: Path, now: datetime) -> JobView | None:
        """The job; None for one that is just being deleted, or can't be read."""
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
            published=job_folder.find_publication(folder),
            report=_read_report(folder),
        )


def _read_report(folder: Path) -> Report | None:
    """What was found of the job's video; None when nobody looked."""
    try:
        return parse_report((folder / REPORT).read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _build_framed(desk: Session) -> FramedPicture | None:
    found = compute_framing(desk)
    if found is None or desk.crop is None:
        return None
    shape = desk.choices.shape
    return FramedPicture(desk.crop, shape.width, shape.height, found.crop, found.faces)


def _estimate_finals(desk: Session, rates: CostModel) -> dict[str, Estimate]:
    """What a final video takes and costs in each quality that the recording is short enough for."""
    estimates = {}
    for name, preset in PRESETS.items():
        request = build_request(desk, name)
        if preset.engine is not EngineFamily.DRAFT and request:
            estimates[name] = make_plan(request, float("inf"), rates).estimate
    return estimates


def _choose_phase(desk: Session, job: JobView | None, is_final: bool, plan: Plan | None) -> Phase:
    if job is None and must_choose_speakers(desk):
        return Phase.CHOOSING
    if job is None:
        return Phase.UNDRAFTED if plan and not find_speakers(desk) else Phase.START
    if is_final:
        return _FINAL_PHASES[job.state]
    phase = _DRAFT_PHASES[job.state]
    return Phase.KEPT if phase is Phase.DRAFT and desk.kept else phase

"""What a browser sees now: its desk, the jobs it looks at, and what could be done next.

Only reads. The pulse is a cheap stand-in for the whole: it changes when the page does.
"""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from inference.core.cost_model import Rates, rates_of
from inference.core.errors import InputCode, InputError, no_face
from inference.core.plan import Estimate, Plan, make_plan
from inference.core.published import changed_ns
from inference.core.report import Report, from_json
from inference.core.request import Request
from inference.core.settings import Settings
from inference.core.task import PLAN, REPORT, REQUEST
from inference.jobs import history, job_folder
from inference.jobs.store import Jobs, State
from inference.media.speech_synthesis import can_speak
from presets.quality import DRAFT_QUALITY, PRESETS
from presets.schema import EngineFamily
from ui.session import progress
from ui.session.availability import Offers
from ui.session.page_state import Framed, JobShown, Phase, Place, Problem, Shown
from ui.session.requests import framing, must_choose, request_of, speakers
from ui.session.session import Desk, Desks
from ui.strings import text

logger = logging.getLogger(__name__)

NAME = "name.txt"  # in a job's folder: what its picture was called
DESK_COPY = "desk"  # ... and the desk as it was when the job was started
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


class Look:
    """Looks into one folder of data."""

    def __init__(self, settings: Settings, jobs: Jobs, desks: Desks) -> None:
        self._settings, self._jobs, self._desks = settings, jobs, desks
        self._offers = Offers(settings)

    def at(self, owner: str, problem: Problem | None = None, with_history: bool = False) -> Shown:
        """The page of `owner`; `problem` is what the last action ran into."""
        now, desk = datetime.now(UTC), self._desks.load(owner)
        plan, standing = self.plan(desk)
        final = self._shown(owner, desk.final, now)
        job = final or self._shown(owner, desk.draft, now)
        owned = self._jobs.owned(owner)
        listed = [self._read(folder, now) for folder in owned] if with_history else None
        return Shown(
            phase=_phase(desk, job, final is not None, plan),
            desk=desk if self.own(owner, desk.draft) else replace(desk, draft=None),
            framed=_framed(desk),
            plan=plan,
            finals=_finals(desk, self.rates) if plan else {},
            job=job,
            before=self._shown(owner, desk.before, now),
            problem=problem or standing,
            gpu=self._offers.newest().final,
            longest_s=self.longest_s,
            keep_days=self._settings.keep_days,
            count=len(owned),
            history=None if listed is None else tuple(filter(None, listed)),
            can_speak=can_speak(),
            publishes=self._settings.bucket is not None,
            moving=not self._jobs.access.granted,
        )

    @property
    def longest_s(self) -> tuple[float, float]:
        """The longest recording in seconds, for a draft and for a final video."""
        longest = self._settings.longest_s
        return longest(EngineFamily.DRAFT), longest(EngineFamily.MULTITALK)

    @property
    def rates(self) -> Rates:
        """What estimates are reckoned with now."""
        return rates_of(self._settings, self._offers.newest().paid)

    def pulse(self, owner: str) -> str:
        """Changes whenever the page of `owner` does."""
        desk = self._desks.load(owner)
        marks: list[object] = [self._jobs.access.granted, self._desks.version(owner)]
        for folder in self._jobs.owned(owner):
            state = self._state(folder)
            marks.append([folder.name, state])
            if published_ns := changed_ns(folder):
                marks.append([published_ns, job_folder.is_at_work(folder)])
            if folder.name in (desk.draft, desk.final):
                marks.append(history.size(folder))
            if state is State.QUEUED:
                marks.append(self._jobs.place(folder))
        return json.dumps(marks)

    def _state(self, folder: Path) -> State:
        """Where the job stands, as far as can be told: whether another machine works on it can't
        be seen here."""
        state = self._jobs.state(folder)
        unseen = state is State.INTERRUPTED and not self._jobs.access.granted
        return State.RUNNING if unseen else state

    def plan(self, desk: Desk) -> tuple[Plan | None, Problem | None]:
        """What would be made of the desk: a draft, or a final video where no draft can be; or what
        stands in the way of it."""
        faces = desk.picture.picture.faces if desk.picture else ()
        if desk.picture and not faces and not desk.choices.speakers and not desk.middle:
            refusal = no_face()
            return None, Problem("picture", refusal.code, refusal.message)
        try:
            request = request_of(desk, DRAFT_QUALITY)
            if request is None:
                return None, None
            return make_plan(request, self.longest_s[0], self.rates), None
        except InputError as error:
            place: Place = "stage" if error.code is InputCode.BAD_OPTION else "voice-0"
            return None, Problem(place, error.code, text.refusal(error))

    def own(self, owner: str, job: str | None) -> Path | None:
        """The folder of a job that belongs to `owner`; None when it is gone or another's."""
        folder = self._jobs.folder(job) if job else None
        return folder if folder and self._jobs.owner(folder) == owner else None

    def _shown(self, owner: str, job: str | None, now: datetime) -> JobShown | None:
        folder = self.own(owner, job)
        return self._read(folder, now) if folder else None

    def _read(self, folder: Path, now: datetime) -> JobShown | None:
        """The job; None for one that is just being deleted, or can't be read."""
        try:
            return self._job(folder, now)
        except (OSError, ValueError):
            logger.exception("job %s can't be shown", folder.name[:8])
            return None

    def _job(self, folder: Path, now: datetime) -> JobShown:
        plan = _PLAN.validate_json((folder / PLAN).read_bytes())
        records, state = history.events(folder), self._state(folder)
        made = datetime.fromtimestamp((folder / PLAN).stat().st_mtime, UTC)
        return JobShown(
            id=folder.name,
            name=(folder / NAME).read_text(encoding="utf-8"),
            state=state,
            request=_REQUEST.validate_json((folder / REQUEST).read_bytes()),
            plan=plan,
            progress=progress.read(records, plan, now, state in (State.QUEUED, State.RUNNING)),
            place=self._jobs.place(folder) if state is State.QUEUED else None,
            stopping=self._jobs.is_cancelled(folder) and state is State.RUNNING,
            made=made,
            until=made + timedelta(days=self._settings.keep_days),
            published=job_folder.published(folder),
            report=_report(folder),
        )


def _report(folder: Path) -> Report | None:
    """What was found of the job's video; None when nobody looked."""
    try:
        return from_json((folder / REPORT).read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _framed(desk: Desk) -> Framed | None:
    found = framing(desk)
    if found is None or desk.crop is None:
        return None
    shape = desk.choices.shape
    return Framed(desk.crop, shape.width, shape.height, found.crop, found.faces)


def _finals(desk: Desk, rates: Rates) -> dict[str, Estimate]:
    """What a final video takes and costs in each quality that the recording is short enough for."""
    estimates = {}
    for name, preset in PRESETS.items():
        request = request_of(desk, name)
        if preset.engine is not EngineFamily.DRAFT and request:
            estimates[name] = make_plan(request, float("inf"), rates).estimate
    return estimates


def _phase(desk: Desk, job: JobShown | None, is_final: bool, plan: Plan | None) -> Phase:
    if job is None and must_choose(desk):
        return Phase.CHOOSING
    if job is None:
        return Phase.UNDRAFTED if plan and not speakers(desk) else Phase.START
    if is_final:
        return _FINAL_PHASES[job.state]
    phase = _DRAFT_PHASES[job.state]
    return Phase.KEPT if phase is Phase.DRAFT and desk.kept else phase

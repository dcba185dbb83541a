"""A job as the HTTP API shows it."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inference.core import report
from inference.core.events import Cancelled, Failed, Finished, Record, Result, Stage
from inference.core.files import UnreadableFile
from inference.core.options import Permission
from inference.core.plan import Plan
from inference.core.task import REPORT, read_plan, read_request
from inference.jobs import history
from inference.jobs.state import read_created_ns
from inference.jobs.store import JobStore, State
from inference.storage.publication import read_publication
from ui.api.events import AT_WORK
from ui.session import progress

JOBS = "/api/jobs"
_ACTIONS = ("events", "result", "report", "cancel", "resume")
_INTERRUPTED = "The work was interrupted. Resume it to go on from its last finished window."


@dataclass(frozen=True)
class Advance:
    """How far it is: `share` of the frames done, 0 to 1; `left_s` None when nothing tells; `place`
    in the queue, 1 being next, None for one that does not wait."""

    stage: str | None
    message: str | None
    share: float
    left_s: float | None
    elapsed_s: float
    place: int | None


@dataclass(frozen=True)
class Trouble:
    """Why there is no video."""

    code: str
    message: str


@dataclass(frozen=True)
class Link:
    """Where the video lies in a bucket, open to whoever has the address, until `expires` (UTC)."""

    url: str
    expires: str


@dataclass(frozen=True)
class Seen:
    """One job. `result` is there once it is finished, `kept_frames` when it was stopped, `error`
    when it failed or was interrupted, `verdict` with a report of the result, `link` once that was
    published. One whose files are damaged has no `plan`, and an `error` that says so."""

    id: str
    state: State
    made: str  # UTC, as ISO 8601 has it
    progress: Advance
    result: dict[str, Any] | None
    kept_frames: int | None
    error: Trouble | None
    permission: Permission | None
    verdict: str | None
    link: Link | None
    plan: Plan | None
    links: dict[str, str]


def see(jobs: JobStore, folder: Path) -> dict[str, Any]:
    """The job now, as what becomes JSON. Raises OSError when it is gone."""
    now, state = datetime.now(UTC), jobs.read_state(folder)
    plan, damage = _plan(folder)
    records = history.read_records(folder)
    final = records[-1].event if records and state not in AT_WORK else None
    made_s = read_created_ns(folder) / 1e9
    seen = Seen(
        id=folder.name,
        state=state,
        made=_written(datetime.fromtimestamp(made_s, UTC)),
        progress=_advance(records, plan, now, state, jobs.find_place(folder)),
        result=_facts(final.result) if isinstance(final, Finished) else None,
        kept_frames=final.frames if isinstance(final, Cancelled) else None,
        error=damage or _trouble(final, state),
        permission=_permission(folder),
        verdict=_verdict(folder) if state is State.FINISHED else None,
        link=_link(folder),
        plan=plan,
        links=links(folder),
    )
    return asdict(seen)


def _plan(folder: Path) -> tuple[Plan | None, Trouble | None]:
    """The plan, or why there is none. Raises FileNotFoundError when the job is gone."""
    try:
        return read_plan(folder), None
    except UnreadableFile as error:
        if not folder.is_dir():
            raise FileNotFoundError(folder) from error
        return None, Trouble(error.code, error.message)


def links(folder: Path) -> dict[str, str]:
    """Where everything of the job is to be had."""
    job = f"{JOBS}/{folder.name}"
    return {"self": job} | {action: f"{job}/{action}" for action in _ACTIONS}


def _advance(
    records: list[Record], plan: Plan | None, now: datetime, state: State, place: int | None
) -> Advance:
    if plan is None:
        return Advance(None, None, 0.0, None, 0.0, place)
    read = progress.compute_progress(records, plan, now, state in AT_WORK)
    stages = [record.event for record in records if isinstance(record.event, Stage)]
    newest = stages[-1] if stages else None
    return Advance(
        stage=newest.name if newest else None,
        message=newest.message if newest else None,
        share=round(read.share, 4),
        left_s=round(read.left_s, 1) if state in AT_WORK and read.left_s is not None else None,
        elapsed_s=round(read.elapsed_s, 1),
        place=place,
    )


def _trouble(final: object, state: State) -> Trouble | None:
    if state is State.INTERRUPTED:
        return Trouble(State.INTERRUPTED, _INTERRUPTED)
    return Trouble(final.code, final.message) if isinstance(final, Failed) else None


def _facts(result: Result) -> dict[str, Any]:
    """What was made, without the names of files, which are had by links."""
    return {name: value for name, value in vars(result).items() if name not in ("path", "report")}


def _verdict(folder: Path) -> str | None:
    try:
        return report.parse_report((folder / REPORT).read_bytes()).verdict
    except (OSError, ValueError):
        return None


def _permission(folder: Path) -> Permission | None:
    """Whether it was stated; None when the files are damaged."""
    try:
        return read_request(folder).permission
    except UnreadableFile:
        return None


def _link(folder: Path) -> Link | None:
    found = read_publication(folder)
    if found is None or found.url is None or found.expires is None or not found.is_open:
        return None
    return Link(found.url, _written(found.expires.astimezone(UTC)))


def _written(moment: datetime) -> str:
    """A moment of UTC, as ISO 8601 has it."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")

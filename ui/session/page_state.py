"""Everything the page shows at one moment, as data: worked out of folders by
`ui.session.page_builder`, turned into HTML by `ui.views`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from inference.core.engine import Availability
from inference.core.framing import Crop
from inference.core.plan import Estimate, Plan
from inference.core.published import Publication
from inference.core.report import Report
from inference.core.request import Request
from inference.jobs.store import State
from presets.quality import PRESETS
from presets.schema import EngineFamily
from ui.session.progress import Progress
from ui.session.session import Session

Area = Literal["picture", "voice-0", "voice-1", "scene", "stage", "history"]


class Phase(StrEnum):
    """Where the page stands; each has one headline and at most one filled button."""

    START = "start"  # an input is missing, or a plan can't be made
    CHOOSING = "choosing"  # three or more faces, and nobody said who speaks
    UNDRAFTED = "undrafted"  # no face to draft, but a final video can be made of the middle
    DRAFTING = "drafting"  # also while a newer draft takes an earlier one's place
    DRAFT = "draft"  # a draft is ready
    KEPT = "kept"  # ... and the person wants it as it is
    WAITING = "waiting"  # a final video in the queue
    MAKING = "making"  # ... at work
    RESULT = "result"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class JobView:
    """A job at this moment. `until`: when it goes by itself. `place` in the queue, 1 is next."""

    id: str
    name: str
    state: State
    request: Request
    plan: Plan
    progress: Progress
    queue_position: int | None
    is_stopping: bool
    created: datetime
    expires: datetime
    published: Publication | None = None
    report: Report | None = None

    @property
    def is_draft(self) -> bool:
        return PRESETS[self.plan.quality].engine is EngineFamily.DRAFT

    @property
    def has_ended(self) -> bool:
        return self.state not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True)
class Problem:
    """What went wrong with the last action, and beside what it is said."""

    area: Area
    code: str
    message: str


@dataclass(frozen=True)
class FramedPicture:
    """The exact crop of the picture: `picture` is its file on the desk, `width` x `height` the
    frame. `faces` (left, top, right, bottom in that frame): of those who speak, left to right; of
    everyone as long as nobody said who speaks."""

    picture: str
    width: int
    height: int
    crop: Crop
    faces: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True)
class PageState:
    """The page at this moment.

    `framed` is there as soon as there is a picture. `plan` is what would be drafted of the desk
    now, None while an input is missing. `finals` are the estimates of the qualities a final video
    can have; empty when `plan` is None.
    `job` is what the headline is about: the final video, else the newest draft. `before` is an
    earlier draft, on show until the newest is there. `gpu`: whether final videos can be made.
    `history` is None when it is not looked at; `count` is its length all the same.
    `longest_s`: of a recording, for a draft and for a final video. `can_speak`: typed text too.
    `publishes`: there is a bucket for results. `moving`: nothing can be changed until another
    machine's turn is over; `refused`: what was asked was not done for that reason.
    """

    phase: Phase
    session: Session
    framed: FramedPicture | None
    plan: Plan | None
    finals: Mapping[str, Estimate]
    job: JobView | None
    previous_draft: JobView | None
    problem: Problem | None
    gpu: Availability
    max_recordings_s: tuple[float, float]
    keep_days: int
    history_count: int
    history: tuple[JobView, ...] | None
    can_speak: bool = True
    has_bucket: bool = False
    is_moving: bool = False
    was_refused: bool = False

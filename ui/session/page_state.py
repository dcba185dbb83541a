"""Everything the page shows at one moment, as data.

`ui.session.page_builder` builds it, `ui.views` turns it into HTML.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from inference.core.engine import Availability
from inference.core.framing import Crop
from inference.core.plan import Estimate, Plan
from inference.core.report import Report
from inference.core.request import Request
from inference.jobs.store import State
from inference.storage.publication import Publication
from presets.quality import PRESETS
from presets.schema import EngineFamily
from ui.session.progress import Progress
from ui.session.session import Session

Area = Literal["picture", "voice-0", "voice-1", "scene", "stage", "history"]


class Phase(StrEnum):
    """State of the page; each has one headline and at most one filled button."""

    START = "start"  # an input is missing, or a plan can't be made
    CHOOSING = "choosing"  # three or more faces, speakers not chosen yet
    UNDRAFTED = "undrafted"  # no face to draft, but a final video can be made of the middle
    DRAFTING = "drafting"  # also while a previous draft is on show
    DRAFT = "draft"  # a draft is ready
    CLEARED = "cleared"  # ... and was deleted; its inputs are there
    WAITING = "waiting"  # a final video in the queue
    MAKING = "making"  # ... being generated
    RESULT = "result"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class JobView:
    """Job at this moment. `queue_position`: 1 is next. `expires`: time of automatic deletion."""

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
    has_subtitles: bool = False

    @property
    def is_draft(self) -> bool:
        return PRESETS[self.plan.quality].engine is EngineFamily.DRAFT

    @property
    def has_ended(self) -> bool:
        return self.state not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True)
class Problem:
    """Error of the last action, and the area of the page that shows it.

    `can_close`: it says what happened, not what still is.
    """

    area: Area
    code: str
    message: str
    can_close: bool = False


@dataclass(frozen=True)
class FramedPicture:
    """Exact crop of the picture.

    `picture` is its file in the session, `width` x `height` the frame. `faces` are boxes (left,
    top, right, bottom) in that frame: of the speakers, left to right, or of everyone until speakers
    are chosen.
    """

    picture: str
    width: int
    height: int
    crop: Crop
    faces: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True)
class PageState:
    """The page at this moment.

    `framed` is set once there is a picture. `plan` is that of a draft of the session now, None
    while an input is missing. `finals` are the estimates of each quality that a final video can
    have, empty if `plan` is None. `job` is the subject of the headline: the final video, else the
    newest draft. `previous_draft` is shown until the newest is finished. `gpu`: whether final
    videos can be made. `history` is None unless it is open; `history_count` is set either way.
    `damaged` are the jobs of the history that can't be read. `is_still_making`: nothing is on the
    page, and an earlier job goes on. `makes_another`: a final video that isn't on the page is being
    made. `max_recordings_s`: of a draft and of a final video. `has_bucket`: whether results can be
    published. `is_moving`: nothing can be changed until another machine has stopped writing;
    `was_refused`: the last action was refused for that reason. `has_permission`: this browser has
    stated that its faces and voices may be used.
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
    has_bucket: bool = False
    is_moving: bool = False
    was_refused: bool = False
    damaged: tuple[str, ...] = ()
    is_still_making: bool = False
    makes_another: bool = False
    has_permission: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is neither an input nor a job on the page."""
        return self.job is None and not any((self.session.picture, *self.session.voices))

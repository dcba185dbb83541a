"""Sentences of a batch, for the terminal and its contact sheet."""

from collections import Counter
from datetime import datetime
from enum import StrEnum

from inference.core.inputs import Speaking
from inference.core.plan import Plan
from inference.core.report import Verdict
from inference.core.request import Request
from presets.quality import PRESETS
from ui.strings import text


class ItemStatus(StrEnum):
    """State of an item of the batch."""

    GOOD = "good"
    LOOK = "look"
    BAD = "bad"
    UNCHECKED = "unchecked"  # made, without a report
    THERE = "there"  # a video of its name existed before the batch
    FAILED = "failed"
    WAITING = "waiting"


MADE_STATUSES = (ItemStatus.GOOD, ItemStatus.LOOK, ItemStatus.BAD, ItemStatus.UNCHECKED)
TITLE = "Contact sheet"
STATUS_TITLES = {
    ItemStatus.GOOD: "Good",
    ItemStatus.LOOK: "Worth a look",
    ItemStatus.BAD: "Not good",
    ItemStatus.UNCHECKED: "Not checked",
    ItemStatus.THERE: "There before",
    ItemStatus.FAILED: "Not made",
    ItemStatus.WAITING: "Waiting",
}
VERDICT_STATUSES = {
    Verdict.PASS: ItemStatus.GOOD,
    Verdict.WARN: ItemStatus.LOOK,
    Verdict.FAIL: ItemStatus.BAD,
}
# the sheet's buttons, each with the states that it shows
FILTERS: dict[str, tuple[ItemStatus, ...]] = {
    "All": tuple(ItemStatus),
    "Good": (ItemStatus.GOOD,),
    "Worth a look": (ItemStatus.LOOK,),
    "Failed": (ItemStatus.BAD, ItemStatus.FAILED),
}
FILTERS_LABEL = "Show"
WAITING = "This video is still to be made."
WAS_THERE = "A video of this name was there before the batch, so it was left as it is."
PUBLISHED = "Published video"
NEXT_LOAD = "Load this page again to see more."
BUSY = "Another batch is writing into {out}. Wait for it, or choose another folder with -o."
NOT_OURS = "{path} was not written by a batch. Choose another folder with -o."
SAME_FOLDER = "The videos can't go into {out}, among what they are made of. Choose another folder."


def position(number: int, count: int, name: str) -> str:
    """Number of the running item, from 1."""
    return f"{number} of {count}: {name}"


def summary(counts: Counter[ItemStatus]) -> str:
    """Counts of all items: 17 made: 15 good, 2 worth a look; 3 of 20 could not be made."""
    made = sum(counts[status] for status in MADE_STATUSES)
    groups = [
        f"{counts[status]} {STATUS_TITLES[status].lower()}"
        for status in MADE_STATUSES
        if counts[status]
    ]
    parts = [f"{made} made" + (f": {', '.join(groups)}" if groups else "")]
    if counts[ItemStatus.THERE]:
        parts.append(f"{counts[ItemStatus.THERE]} there before")
    if counts[ItemStatus.FAILED]:
        parts.append(f"{counts[ItemStatus.FAILED]} of {counts.total()} could not be made")
    if counts[ItemStatus.WAITING]:
        parts.append(f"{counts[ItemStatus.WAITING]} still to be made")
    return f"{'; '.join(parts)}."


def headline(counts: Counter[ItemStatus]) -> str:
    """Number of videos, of all items."""
    made = sum(counts[status] for status in MADE_STATUSES) + counts[ItemStatus.THERE]
    total = counts.total()
    return f"{made} video{'s' * (made != 1)}" if made == total else f"{made} of {total} videos"


def good_checks(count: int) -> str:
    """Number of a video's good findings."""
    return f"{count} good check{'s' * (count != 1)}"


def made_in(clip_s: float, took_s: float) -> str:
    """Length of a video, and the time it took."""
    return f"{clip_s:.2f} s, made in {took_s:.1f} s"


def link_opens(until: datetime) -> str:
    """Expiry of a link to a published video."""
    return f"The link opens until {until:%Y-%m-%d %H:%M} UTC"


def not_published(why: str) -> str:
    """Reason why a video was not published."""
    return f"Not published. {why}"


def stopped(counts: Counter[ItemStatus]) -> str:
    """Count of finished videos after Ctrl-C."""
    made = sum(counts[status] for status in MADE_STATUSES)
    return f"Stopped. {made} of {counts.total()} are made and kept; the same command goes on."


def settings(request: Request, plan: Plan) -> str:
    """Settings of a video, in few words."""
    preset, trim = PRESETS[plan.quality], request.trim
    words = [preset.title, text.SHAPES[request.shape].lower(), f"seed {request.seed}"]
    if len(request.recordings) > 1:
        in_turn = request.speaking is Speaking.IN_TURN
        words.append((text.IN_TURN if in_turn else text.TOGETHER).lower())
    if trim:
        words.append(f"{trim.start_s:g} to {trim.end_s:g} s of the recording")
    if request.crop:
        words.append("own crop")
    if preset.sampling and request.steps:
        words.append(f"{request.steps} steps")
    return ", ".join(words)

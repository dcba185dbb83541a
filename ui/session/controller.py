"""What an action on the page does: files are taken in, choices made, jobs started and followed.

One door, `act`: the action is carried out on the owner's desk, the desk is saved, and the whole
page is looked at again. What goes wrong becomes a sentence on it. Nothing here knows Gradio.
"""

import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import singledispatchmethod
from pathlib import Path

from inference.core.errors import Fault, FaultCode, InputCode, InputError, PortraitError, disk_fault
from inference.core.events import Failed
from inference.core.request import MOST_SEED
from inference.core.settings import Settings
from inference.core.write_access import Moving
from inference.jobs import history
from inference.jobs.job_folder import family
from inference.jobs.store import Jobs
from presets.schema import EngineFamily
from ui.media.uploads import Uploads
from ui.session.commands import (
    Action,
    Edit,
    ForDesk,
    GivePicture,
    GiveVoice,
    InHistory,
    Refresh,
    Speak,
    Split,
    TakeExample,
    parse,
)
from ui.session.dialogue import lines_of
from ui.session.ingest import Change, Inputs
from ui.session.page_builder import DESK_COPY, Look
from ui.session.page_state import Place, Problem, Shown
from ui.session.reducer import SCENE_FIELDS, change
from ui.session.requests import speakers
from ui.session.session import Desk, Desks
from ui.session.store import Drafts
from ui.strings import text

logger = logging.getLogger(__name__)

_ANEW = ("example", "again", "open", "use")  # actions that replace all that is on the desk
# Actions that start, end or delete what somebody pays for or waits for: they count for certain.
_KEPT = ("make", "stop", "resume", "restart", "delete-sure")


class Handlers:
    """The page's actions, for one folder of data."""

    def __init__(self, settings: Settings, jobs: Jobs, uploads: Uploads) -> None:
        self._jobs, self._uploads = jobs, uploads
        self._desks = Desks(settings.data, jobs.access)
        self.look = Look(settings, jobs, self._desks)
        self._inputs = Inputs(self._desks, uploads)
        self._problems: dict[str, Problem] = {}
        self._drafts = Drafts(settings, jobs, self._desks, self.look)
        self._kept = timedelta(days=settings.keep_days)

    def act(self, owner: str, values: Mapping[str, object]) -> Shown:
        """The page after what a browser sent was done, or refused while another machine's turn
        is not over yet."""
        in_history, refused, drafted = values.get("view") == "history", False, None
        try:
            with self._jobs.access.turn():
                drafted = self._done(owner, values)
        except Moving:
            refused = values.get("do") != "refresh"
        shown = self.look.at(owner, self._problems.get(owner) or drafted, in_history)
        return replace(shown, refused=refused)

    def _done(self, owner: str, values: Mapping[str, object]) -> Problem | None:
        """Do what a browser sent; returns what keeps the draft from being made."""
        place = _place(values)
        self._forget(owner, values, place)
        done = _attempt(lambda: self._do(parse(values), owner), place)
        drafted = None
        with suppress(Moving):  # what was asked is done; this happens by itself at the next look
            drafted = _attempt(lambda: self._drafts.draft(owner), "stage")
        if values.get("do") in _KEPT:
            done = _attempt(self._jobs.access.keep, place) or done
        if done:
            self._problems[owner] = done
        return drafted

    def _forget(self, owner: str, values: Mapping[str, object], place: Place) -> None:
        """What went wrong is said until something else is done there, or all is new."""
        problem = self._problems.get(owner)
        if problem and values.get("do") != "refresh":
            beside = problem.place in (place, "stage", "history")
            if beside or values.get("do") in _ANEW:
                del self._problems[owner]

    def sweep(self, now: datetime) -> None:
        """Desks that nobody used go when their jobs do, and uploads that nobody used."""
        self._desks.sweep(now - self._kept)
        self._uploads.sweep()

    def _change(self, owner: str, how: Change) -> None:
        with self._desks.lock(owner):
            desk = self._drafts.cropped(owner, how(self._desks.load(owner)))
            self._desks.save(owner, desk)

    @singledispatchmethod
    def _do(self, action: Action, owner: str) -> None:
        """A choice: the desk changes."""
        self._change(owner, lambda desk: change(action, desk))

    @_do.register
    def _refresh(self, action: Refresh, owner: str) -> None:
        """Nothing but looking again."""

    @_do.register
    def _give_picture(self, action: GivePicture, owner: str) -> None:
        with self._inputs.picture(owner, action) as lay:
            self._change(owner, lambda desk: self._to_trim(lay(desk)))

    @_do.register
    def _give_voice(self, action: GiveVoice, owner: str) -> None:
        with self._inputs.voice(owner, action) as lay:
            self._change(owner, lambda desk: self._to_trim(lay(desk)))

    def _to_trim(self, desk: Desk) -> Desk:
        """With the trimmer open when the recordings are too long to be used whole."""
        _, problem = self.look.plan(desk)
        too_long = problem is not None and problem.code == InputCode.TOO_LONG
        return replace(desk, editing="trim") if too_long else desk

    @_do.register
    def _speak(self, action: Speak, owner: str) -> None:
        self._change(owner, lambda desk: replace(desk, typed=action.text))
        lines = lines_of(action.text, two=len(speakers(self._desks.load(owner))) > 1)
        with self._inputs.typed(owner, lines, self.look.longest_s[0]) as lay:
            self._change(owner, lay)

    @_do.register
    def _edit(self, action: Edit, owner: str) -> None:
        """What was handed over of a split recording counts, however its editor is left."""
        desk = self._desks.load(owner)
        if desk.editing == "split" and desk.whole and action.what != "split":
            self._do(Split("split"), owner)
        self._change(owner, lambda desk: change(action, desk))

    @_do.register
    def _split(self, action: Split, owner: str) -> None:
        with self._inputs.split(owner) as lay:
            self._change(owner, lay)

    @_do.register
    def _take_example(self, action: TakeExample, owner: str) -> None:
        with self._inputs.example(owner, action) as lay:
            self._change(owner, lay)

    @_do.register
    def _for_desk(self, action: ForDesk, owner: str) -> None:
        desk = self._desks.load(owner)
        job = self.look.own(owner, desk.final or desk.draft)
        match action.do:
            case "make":
                self._make(owner)
            case "keep":
                self._change(owner, lambda desk: replace(desk, kept=True))
            case "middle":
                self._change(owner, lambda desk: replace(desk, middle=True))
            case "version":
                self._change(owner, lambda desk: self._without_final(owner, desk))
            case "again":
                self._change(owner, lambda desk: Desk())
            case "stop" if job:
                self._jobs.cancel(job)
            case "resume" if job:
                self._jobs.resume(job)
            case "restart" if job and _is_of_no_use(job):
                self._make(owner, _with_another_start)
            case "restart" if job:
                self._jobs.restart(job)
            case "publish" if job:
                self._jobs.publish(job)

    def _make(self, owner: str, how: Change = lambda desk: desk) -> None:
        """A final video, once only, however often the button was pressed."""
        with self._desks.lock(owner):
            desk = how(self._desks.load(owner))
            if desk.final is None and self.look.plan(desk)[0]:
                quality = desk.choices.quality
                self._drafts.start(owner, desk, quality, lambda job: replace(desk, final=job))

    @_do.register
    def _in_history(self, action: InHistory, owner: str) -> None:
        job = self.look.own(owner, action.job)
        if job is None:
            raise InputError(InputCode.NOT_FOUND, text.NOT_THERE)
        self._change(owner, lambda desk: self._revisited(owner, desk, action, job))

    def _revisited(self, owner: str, desk: Desk, action: InHistory, job: Path) -> Desk:
        """The desk after something was done with one of its owner's jobs."""
        match action.do:
            case "select":
                return replace(desk, selected=job.name, deleting=False)
            case "delete":
                return replace(desk, selected=job.name, deleting=True)
            case "delete-sure":
                self._jobs.delete(job)
                return self._without(owner, desk, job.name)
        before, used = self._desks.lay_out(owner, job / DESK_COPY), action.do == "use"
        if family(job) is EngineFamily.DRAFT:
            drafted = self._drafts.made_of(before)
            return replace(before, draft=job.name, drafted=drafted, kept=not used)
        return self._without_final(owner, before) if used else replace(before, final=job.name)

    def _without(self, owner: str, desk: Desk, job: str) -> Desk:
        """The desk after that job was deleted: with a draft go the inputs it was made of."""
        if job == desk.draft:
            return Desk()
        left = self._without_final(owner, desk) if job == desk.final else desk
        return replace(left, selected=None, deleting=False)

    def _without_final(self, owner: str, desk: Desk) -> Desk:
        """Back to the draft; one that is gone is made anew."""
        if self.look.own(owner, desk.draft):
            return replace(desk, final=None)
        return replace(desk, final=None, draft=None, drafted="")


def _with_another_start(desk: Desk) -> Desk:
    """The same one would lead to the same frames."""
    choices = replace(desk.choices, seed=secrets.randbelow(MOST_SEED + 1))
    return replace(desk, choices=choices, final=None)


def _is_of_no_use(job: Path) -> bool:
    """Whether the job was ended by what its first window looked like."""
    newest = history.last(job)
    ended = newest.event if newest else None
    return isinstance(ended, Failed) and ended.code == FaultCode.BAD_WINDOW


def _attempt(step: Callable[[], None], place: Place) -> Problem | None:
    """Take a step; what goes wrong becomes a sentence at `place`."""
    try:
        step()
    except Moving:
        raise
    except Exception as error:
        told = _told(error)
        return Problem(place, told.code, told.message)
    return None


def _told(error: Exception) -> PortraitError:
    """What a person is told of an error; one that is ours is logged."""
    if isinstance(error, PortraitError):
        return error
    if isinstance(error, OSError):
        return disk_fault(error)
    logger.error("the page broke", exc_info=error)
    return Fault(FaultCode.INTERNAL, text.BROKE)


def _place(values: Mapping[str, object]) -> Place:
    """Beside what an action's trouble is told."""
    match values.get("do"):
        case "picture":
            return "picture"
        case "voice":
            return "voice-1" if str(values.get("slot")) == "1" else "voice-0"
        case "trim" | "type" | "speak" | "hand-over" | "split" | "one-voice":
            return "voice-0"
        case "edit" if values.get("what") in ("trim", "typing", "split"):
            return "voice-0"
        case "set" if str(values.get("field")) in SCENE_FIELDS:
            return "scene"
        case "select" | "open" | "use" | "delete" | "delete-sure":
            return "history"
    return "stage"

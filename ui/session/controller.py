"""Controller of the page's actions: ingests files, applies choices, starts and follows jobs.

The one entry point is `Controller.handle_event`: it runs the action on the owner's session, saves
the session and builds the whole page anew. Errors become sentences on the page. Knows no Gradio.
"""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import singledispatchmethod
from pathlib import Path

from inference.core.errors import (
    FaultCode,
    InputCode,
    InputError,
)
from inference.core.events import Failed
from inference.core.request import MAX_SEED
from inference.core.settings import Settings
from inference.core.write_access import WriteUnavailable
from inference.jobs import history
from inference.jobs.job_folder import read_family
from inference.jobs.store import JobStore
from presets.schema import EngineFamily
from ui.media.uploads import UploadStore
from ui.session.commands import (
    Action,
    AddPicture,
    AddVoice,
    HistoryCommand,
    OpenEditor,
    Refresh,
    SessionCommand,
    SpeakText,
    SplitVoice,
    UseExample,
    parse_action,
)
from ui.session.dialogue import parse_lines
from ui.session.ingest import Ingester, SessionChange
from ui.session.job_starter import JobStarter
from ui.session.page_builder import SESSION_COPY, PageBuilder
from ui.session.page_state import Area, PageState, Problem
from ui.session.problems import catch_problem, find_area
from ui.session.reducer import apply_action
from ui.session.requests import find_speakers
from ui.session.session import Session
from ui.session.store import SessionStore
from ui.strings import text

# actions that replace the whole session
_REPLACING_ACTIONS = ("example", "again", "open", "use")
# Actions that start, stop or delete paid work: they are committed before they are answered.
_DURABLE_ACTIONS = ("make", "stop", "resume", "restart", "delete-sure")


class Controller:
    """Handler of the page's actions, for one data folder."""

    def __init__(self, settings: Settings, jobs: JobStore, uploads: UploadStore) -> None:
        self._jobs, self._uploads = jobs, uploads
        self._sessions = SessionStore(settings.data, jobs.access)
        self.page_builder = PageBuilder(settings, jobs, self._sessions)
        self._ingester = Ingester(self._sessions, uploads)
        self._problems: dict[str, Problem] = {}
        self._job_starter = JobStarter(settings, jobs, self._sessions, self.page_builder)
        self._lifetime = timedelta(days=settings.keep_days)

    def handle_event(self, owner: str, values: Mapping[str, object]) -> PageState:
        """Run the action that a browser sent, and return the page after it.

        The page's `was_refused` is set if another machine may still write.
        """
        with_history, refused, draft_problem = values.get("view") == "history", False, None
        try:
            with self._jobs.access.hold():
                draft_problem = self._run_action(owner, values)
        except WriteUnavailable:
            refused = values.get("do") != "refresh"
        problem = self._problems.get(owner) or draft_problem
        page = self.page_builder.build(owner, problem, with_history)
        return replace(page, was_refused=refused)

    def _run_action(self, owner: str, values: Mapping[str, object]) -> Problem | None:
        """Run the action; return the problem that prevents a draft, if any."""
        area = find_area(values)
        self._clear_problem(owner, values, area)
        problem = catch_problem(lambda: self._apply(parse_action(values), owner), area)
        draft_problem = None
        with suppress(WriteUnavailable):  # the action is done; the next one starts the draft
            draft_problem = catch_problem(lambda: self._job_starter.ensure_draft(owner), "stage")
        if values.get("do") in _DURABLE_ACTIONS:
            problem = catch_problem(self._jobs.access.commit, area) or problem
        if problem:
            self._problems[owner] = problem
        return draft_problem

    def _clear_problem(self, owner: str, values: Mapping[str, object], area: Area) -> None:
        """Clear the stored problem on the next action in the same area, or a replacing one."""
        problem = self._problems.get(owner)
        if problem and values.get("do") != "refresh":
            same_area = problem.area in (area, "stage", "history")
            if same_area or values.get("do") in _REPLACING_ACTIONS:
                del self._problems[owner]

    def delete_expired(self, now: datetime) -> None:
        """Delete expired sessions and uploads."""
        self._sessions.delete_expired(now - self._lifetime)
        self._uploads.delete_expired()

    def _update_session(self, owner: str, change: SessionChange) -> None:
        with self._sessions.lock(owner):
            session = self._job_starter.update_crop(owner, change(self._sessions.load(owner)))
            self._sessions.save(owner, session)

    @singledispatchmethod
    def _apply(self, action: Action, owner: str) -> None:
        """Apply a choice to the session."""
        self._update_session(owner, lambda session: apply_action(action, session))

    @_apply.register
    def _refresh(self, action: Refresh, owner: str) -> None:
        """Change nothing: the page is built after every action."""

    @_apply.register
    def _add_picture(self, action: AddPicture, owner: str) -> None:
        with self._ingester.ingest_picture(owner, action) as change:
            self._update_session(
                owner, lambda session: self._open_trimmer_if_too_long(change(session))
            )

    @_apply.register
    def _add_voice(self, action: AddVoice, owner: str) -> None:
        with self._ingester.ingest_voice(owner, action) as change:
            self._update_session(
                owner, lambda session: self._open_trimmer_if_too_long(change(session))
            )

    def _open_trimmer_if_too_long(self, session: Session) -> Session:
        """Return `session`, with the trimmer open if the recordings are too long."""
        _, problem = self.page_builder.plan(session)
        too_long = problem is not None and problem.code == InputCode.TOO_LONG
        return replace(session, editing="trim") if too_long else session

    @_apply.register
    def _speak(self, action: SpeakText, owner: str) -> None:
        self._update_session(owner, lambda session: replace(session, typed=action.text))
        lines = parse_lines(action.text, two=len(find_speakers(self._sessions.load(owner))) > 1)
        with self._ingester.synthesise_text(
            owner, lines, self.page_builder.max_recordings_s[0]
        ) as change:
            self._update_session(owner, change)

    @_apply.register
    def _edit(self, action: OpenEditor, owner: str) -> None:
        """Apply a pending split of a recording before another editor opens."""
        session = self._sessions.load(owner)
        if session.editing == "split" and session.whole and action.what != "split":
            self._apply(SplitVoice("split"), owner)
        self._update_session(owner, lambda session: apply_action(action, session))

    @_apply.register
    def _split(self, action: SplitVoice, owner: str) -> None:
        with self._ingester.split_voice(owner) as change:
            self._update_session(owner, change)

    @_apply.register
    def _use_example(self, action: UseExample, owner: str) -> None:
        with self._ingester.ingest_example(owner, action) as change:
            self._update_session(owner, change)

    @_apply.register
    def _run_session_command(self, action: SessionCommand, owner: str) -> None:
        session = self._sessions.load(owner)
        job = self.page_builder.find_owned(owner, session.final or session.draft)
        match action.do:
            case "make":
                self._start_final(owner)
            case "keep":
                self._update_session(owner, lambda session: replace(session, kept=True))
            case "middle":
                self._update_session(owner, lambda session: replace(session, middle=True))
            case "version":
                self._update_session(owner, lambda session: self._return_to_draft(owner, session))
            case "again":
                self._update_session(owner, lambda session: Session())
            case "stop" if job:
                self._jobs.cancel(job)
            case "resume" if job:
                self._jobs.resume(job)
            case "restart" if job and _has_bad_first_window(job):
                self._start_final(owner, _choose_new_seed)
            case "restart" if job:
                self._jobs.restart(job)
            case "publish" if job:
                self._jobs.publish(job)

    def _start_final(self, owner: str, change: SessionChange = lambda session: session) -> None:
        """Start a final video, at most one however often the button was pressed."""
        with self._sessions.lock(owner):
            session = change(self._sessions.load(owner))
            if session.final is None and self.page_builder.plan(session)[0]:
                quality = session.choices.quality
                self._job_starter.start(
                    owner, session, quality, lambda job: replace(session, final=job)
                )

    @_apply.register
    def _run_history_command(self, action: HistoryCommand, owner: str) -> None:
        job = self.page_builder.find_owned(owner, action.job)
        if job is None:
            raise InputError(InputCode.NOT_FOUND, text.NOT_THERE)
        self._update_session(
            owner, lambda session: self._apply_history_command(owner, session, action, job)
        )

    def _apply_history_command(
        self, owner: str, session: Session, action: HistoryCommand, job: Path
    ) -> Session:
        """Return the session after a command on one of its owner's jobs."""
        match action.do:
            case "select":
                return replace(session, selected=job.name, deleting=False)
            case "delete":
                return replace(session, selected=job.name, deleting=True)
            case "delete-sure":
                self._jobs.delete(job)
                return self._remove_job(owner, session, job.name)
        restored, is_use = self._sessions.restore(owner, job / SESSION_COPY), action.do == "use"
        if read_family(job) is EngineFamily.DRAFT:
            drafted = self._job_starter.compute_fingerprint(restored)
            return replace(restored, draft=job.name, drafted=drafted, kept=not is_use)
        return (
            self._return_to_draft(owner, restored) if is_use else replace(restored, final=job.name)
        )

    def _remove_job(self, owner: str, session: Session, job: str) -> Session:
        """Return the session after `job` was deleted.

        With a draft its inputs are removed, too.
        """
        if job == session.draft:
            return Session()
        left = self._return_to_draft(owner, session) if job == session.final else session
        return replace(left, selected=None, deleting=False)

    def _return_to_draft(self, owner: str, session: Session) -> Session:
        """Return the session without its final video; a deleted draft is made anew."""
        if self.page_builder.find_owned(owner, session.draft):
            return replace(session, final=None)
        return replace(session, final=None, draft=None, drafted="")


def _choose_new_seed(session: Session) -> Session:
    """Return `session` with another seed: the same one would give the same frames."""
    choices = replace(session.choices, seed=secrets.randbelow(MAX_SEED + 1))
    return replace(session, choices=choices, final=None)


def _has_bad_first_window(job: Path) -> bool:
    """Return whether the job was ended because of its first window's quality."""
    record = history.read_last(job)
    event = record.event if record else None
    return isinstance(event, Failed) and event.code == FaultCode.BAD_WINDOW

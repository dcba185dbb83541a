"""Controller of the page's actions: ingests files, applies choices, starts and follows jobs.

The one entry point is `Controller.handle_event`: it runs the action on the owner's session, saves
the session and builds the whole page anew. Errors become sentences on the page. Knows no Gradio.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial, singledispatchmethod
from pathlib import Path

from inference.core.files import isolate
from inference.core.settings import Settings
from inference.core.write_access import WriteUnavailable
from inference.jobs.state import has_bad_first_window, read_family
from inference.jobs.store import JobStore
from inference.media.sandbox.runner import DIRECT, Sandbox
from presets.schema import EngineFamily
from ui.media.titles import clean_title, write_title
from ui.media.uploads import UploadStore
from ui.session.commands import (
    Action,
    AddPicture,
    AddVoice,
    CloseMessage,
    DeleteJobs,
    HistoryCommand,
    OpenEditor,
    Refresh,
    RenameJob,
    SessionCommand,
    SpeakText,
    SplitVoice,
    TurnPicture,
    UseExample,
    parse_action,
)
from ui.session.dialogue import parse_lines
from ui.session.ingest import Ingester, SessionChange
from ui.session.job_starter import JobStarter, choose_new_seed
from ui.session.page_builder import SESSION_COPY, PageBuilder
from ui.session.page_state import Area, PageState, Problem
from ui.session.planner import SessionPlan, compute_fingerprint
from ui.session.problems import catch_problem, find_area, is_about_voices
from ui.session.reducer import apply_action, open_editor, untick
from ui.session.requests import find_speakers
from ui.session.session import Session
from ui.session.store import SessionStore

# actions that replace the whole session, and the one that only closes a message
_CLEARING_ACTIONS = ("example", "again", "open", "use", "dismiss")
# Actions that start, stop, forbid or delete paid work: they are committed before they are answered.
_DURABLE_ACTIONS = ("make", "stop", "resume", "restart", "take-back", "delete-sure")


class Controller:
    """Handler of the page's actions, for one data folder."""

    def __init__(
        self, settings: Settings, jobs: JobStore, uploads: UploadStore, sandbox: Sandbox = DIRECT
    ) -> None:
        self._jobs, self._uploads = jobs, uploads
        self._sessions = SessionStore(settings.data, jobs.access)
        self.page_builder = PageBuilder(settings, jobs, self._sessions)
        self._ingester = Ingester(self._sessions, uploads, sandbox)
        self._problems: dict[str, Problem] = {}
        self._job_starter = JobStarter(jobs, self._sessions, self.page_builder)
        self._lifetime = timedelta(days=settings.keep_days)
        self._catch = partial(catch_problem, folder=settings.data)

    def handle_event(self, owner: str, values: Mapping[str, object]) -> PageState:
        """Run the action that a browser sent, and return the page after it.

        The page's `was_refused` is set if another machine may still write.
        """
        with_history, refused = values.get("view") == "history", False
        plan, draft_problem = None, None
        try:
            with self._jobs.access.hold():
                plan, draft_problem = self._run_action(owner, values)
        except WriteUnavailable:
            refused = values.get("do") != "refresh"
        problem = self._problems.get(owner) or draft_problem
        page = self.page_builder.build(owner, problem, with_history, plan)
        return replace(page, was_refused=refused)

    def _run_action(
        self, owner: str, values: Mapping[str, object]
    ) -> tuple[SessionPlan | None, Problem | None]:
        """Run the action; return the session's plan and the problem that prevents a draft."""
        area = find_area(values)
        self._clear_problem(owner, values, area)
        plan, problem = self._catch(lambda: self._apply(parse_action(values), owner), area)
        planned, draft_problem = None, None
        with suppress(WriteUnavailable):  # the action is done; the next one starts the draft
            starter = self._job_starter
            planned, draft_problem = self._catch(lambda: starter.ensure_draft(owner, plan), "stage")
        if values.get("do") in _DURABLE_ACTIONS:
            problem = self._catch(self._jobs.access.commit, area)[1] or problem
        if problem:
            self._problems[owner] = replace(problem, can_close=True)
        return planned or plan, draft_problem

    def _clear_problem(self, owner: str, values: Mapping[str, object], area: Area) -> None:
        """Clear the stored problem on the next action that concerns it, or a replacing one."""
        problem, do = self._problems.get(owner), values.get("do")
        if problem and do != "refresh":
            same_area = problem.area in (area, "stage", "history")
            if same_area or do in _CLEARING_ACTIONS or is_about_voices(problem, values):
                del self._problems[owner]

    def sweep(self, now: datetime | None) -> None:
        """Delete what killed processes left and, unless `now` is unknown, what has expired."""
        self._sessions.delete_leftovers()
        self._uploads.delete_leftovers()
        for job in self._jobs.list_abandoned():
            with isolate(job):
                if not self._job_starter.is_to_be_submitted(job):
                    self._jobs.delete(job)
        if now:
            self._sessions.delete_expired(now - self._lifetime)
            self._uploads.delete_expired()

    def _update_session(
        self,
        owner: str,
        change: SessionChange,
        known: SessionPlan | None = None,
        opens_trimmer: bool = False,
    ) -> SessionPlan:
        """Change the session and return its plan: `known`, if that is for the same inputs.

        `opens_trimmer`: if the recordings are too long.
        """
        with self._sessions.lock(owner):
            session = change(replace(self._sessions.load(owner), asking=""))
            plan = self.page_builder.planner.plan(session, known)
            if opens_trimmer and plan.is_too_long:
                session = open_editor(session, "trim")
            session = self._job_starter.update_crop(owner, session, plan.framing)
            self._sessions.save(owner, session)
            return plan

    @singledispatchmethod
    def _apply(self, action: Action, owner: str) -> SessionPlan | None:
        """Apply a choice to the session. Every action returns the session's plan if it made one."""
        return self._update_session(owner, lambda session: apply_action(action, session))

    @_apply.register
    def _refresh(self, action: Refresh | CloseMessage, owner: str) -> None:
        """Change nothing: the page is built after every action."""

    @_apply.register
    def _add_picture(self, action: AddPicture, owner: str) -> SessionPlan:
        with self._ingester.ingest_picture(owner, action) as change:
            return self._update_session(owner, change, opens_trimmer=True)

    @_apply.register
    def _add_voice(self, action: AddVoice, owner: str) -> SessionPlan:
        with self._ingester.ingest_voice(owner, action) as change:
            return self._update_session(owner, change, opens_trimmer=True)

    @_apply.register
    def _speak(self, action: SpeakText, owner: str) -> SessionPlan:
        with self._sessions.lock(owner):
            session = replace(self._sessions.load(owner), typed=action.text)
            self._sessions.save(owner, session)
        lines = parse_lines(action.text, two=len(find_speakers(session)) > 1)
        longest_s, _ = self.page_builder.planner.max_recordings_s
        with self._ingester.synthesise_text(owner, lines, longest_s) as change:
            return self._update_session(owner, change)

    @_apply.register
    def _edit(self, action: OpenEditor, owner: str) -> SessionPlan:
        """Apply a pending split of a recording before another editor opens."""
        session, plan = self._sessions.load(owner), None
        if session.editing == "split" and session.whole and action.what != "split":
            plan = self._split(SplitVoice("split"), owner)
        return self._update_session(owner, lambda session: apply_action(action, session), plan)

    @_apply.register
    def _split(self, action: SplitVoice, owner: str) -> SessionPlan:
        with self._ingester.split_voice(owner) as change:
            return self._update_session(owner, change)

    @_apply.register
    def _turn_picture(self, action: TurnPicture, owner: str) -> SessionPlan:
        with self._ingester.turn_picture(owner, action) as change:
            return self._update_session(owner, change)

    @_apply.register
    def _use_example(self, action: UseExample, owner: str) -> SessionPlan:
        with self._ingester.ingest_example(owner, action) as change:
            return self._update_session(owner, change)

    @_apply.register
    def _run_session_command(self, action: SessionCommand, owner: str) -> SessionPlan | None:
        session = self._sessions.load(owner)
        job = self.page_builder.find_owned(owner, session.final or session.draft)
        if self._must_ask(owner, session, action):
            return self._update_session(owner, lambda session: replace(session, asking=action.do))
        match action.do:
            case "make":
                return self._job_starter.start_final(owner)
            case "ask-not":
                return self._update_session(owner, lambda session: session)
            case "take-back":
                self._sessions.state_permission(owner, stated=False)
                return self._update_session(
                    owner, lambda session: replace(session, asking=action.do)
                )
            case "draft":
                return self._update_session(owner, lambda session: replace(session, drafted=""))
            case "middle":
                return self._update_session(owner, lambda session: replace(session, middle=True))
            case "version":
                begin = self._job_starter.begin_version
                return self._update_session(
                    owner, lambda session: begin(self._return_to_draft(owner, session))
                )
            case "again":
                return self._update_session(owner, lambda session: Session())
            case "stop" if job:
                self._jobs.cancel(job)
            case "restart" if job and has_bad_first_window(job):
                return self._job_starter.start_final(owner, choose_new_seed)
            case "resume" | "restart" if job:
                self._job_starter.go_on(job, restart=action.do == "restart")
            case "publish" if job:
                self._jobs.publish(job)
        return None

    def _must_ask(self, owner: str, session: Session, action: SessionCommand) -> bool:
        """Return whether a final video waits for a statement; keep the one that comes with it."""
        if action.do != "make" and not (session.final and action.do in ("resume", "restart")):
            return False
        if not (action.permission or self._sessions.has_permission(owner)):
            return True
        self._sessions.state_permission(owner)
        return False

    @_apply.register
    def _run_history_command(self, action: HistoryCommand, owner: str) -> SessionPlan:
        (job,) = self.page_builder.require_owned(owner, action.job)
        return self._update_session(
            owner, lambda session: self._apply_history_command(owner, session, action, job)
        )

    def _apply_history_command(
        self, owner: str, session: Session, action: HistoryCommand, job: Path
    ) -> Session:
        """Return the session after a command on one of its owner's jobs."""
        match action.do:
            case "select" | "delete":
                return replace(session, selected=job.name, deleting=action.do == "delete")
        restored = self._sessions.restore(owner, job / SESSION_COPY)
        if read_family(job) is EngineFamily.DRAFT:
            drafted = compute_fingerprint(self.page_builder.planner.plan(restored))
            shown = replace(restored, draft=job.name, drafted=drafted)
            was_made = self._job_starter.has_final(owner, shown)
            return self._job_starter.begin_version(shown) if was_made else shown
        if action.do == "open":
            return replace(restored, final=job.name)
        return self._job_starter.begin_version(self._return_to_draft(owner, restored))

    @_apply.register
    def _rename(self, action: RenameJob, owner: str) -> None:
        (job,) = self.page_builder.require_owned(owner, action.job)
        if title := clean_title(action.value):
            write_title(job, title)

    @_apply.register
    def _delete(self, action: DeleteJobs, owner: str) -> SessionPlan | None:
        """Delete jobs one after the other; an error of one leaves those before it deleted.

        The session forgets a job first: a draft that is gone would be taken for expired.
        """
        plan = None
        for job in self.page_builder.require_owned(owner, *action.job.split()):
            plan = self._update_session(owner, partial(self._forget_job, owner, job.name))
            self._jobs.delete(job)
        return plan

    def _forget_job(self, owner: str, job: str, session: Session) -> Session:
        return self._remove_job(owner, untick(session, job), job)

    def _remove_job(self, owner: str, session: Session, job: str) -> Session:
        """Return the session after `job` was deleted. Its inputs stay; no draft is made anew."""
        left = replace(session, draft=None) if job == session.draft else session
        left = self._return_to_draft(owner, left) if job == session.final else left
        return replace(left, selected=None, deleting=False)

    def _return_to_draft(self, owner: str, session: Session) -> Session:
        """Return the session without its final video; a deleted draft is made anew."""
        if self.page_builder.find_owned(owner, session.draft):
            return replace(session, final=None)
        return replace(session, final=None, draft=None, drafted="")

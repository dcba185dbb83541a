"""Starter of jobs from sessions; keeps a session's crop and draft in step with its inputs.

After each change an outdated crop is drawn anew, and inputs without a draft get one.

A session that names a job is saved before the job is submitted: a job that no saved session names
could be asked for, and paid for, twice. If the process ends in between, or loses write access, the
next action in that session submits the job.
"""

import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from inference.core.files import UnreadableFile, read_word, write_whole
from inference.core.options import MAX_SEED, Permission
from inference.core.plan import Plan
from inference.core.task import (
    PICTURE,
    RESULT,
    Task,
    load_task,
    read_request,
    state_permission,
    voice_name,
)
from inference.core.timing import place_recordings
from inference.core.write_access import WriteUnavailable
from inference.jobs.state import SUBMITTED, read_family
from inference.jobs.store import JobStore, State
from presets.quality import DRAFT_QUALITY
from presets.schema import EngineFamily
from ui.media import serving
from ui.media.subtitles import SUBTITLES, build_subtitles
from ui.media.titles import PICTURE_NAME, read_title, write_title
from ui.session.ingest import SessionChange, write_crop
from ui.session.page_builder import SESSION_COPY, PageBuilder
from ui.session.planner import SessionPlan, compute_fingerprint
from ui.session.requests import Framing, build_request, build_title, select_voices
from ui.session.session import Session
from ui.session.store import SESSION_FILE, SessionStore, link_file

_NEW_CROP_FILE = "new-crop.jpg"


class JobStarter:
    """Starter of jobs from sessions."""

    def __init__(self, jobs: JobStore, sessions: SessionStore, pages: PageBuilder) -> None:
        self._jobs, self._sessions, self._page_builder = jobs, sessions, pages

    def update_crop(self, owner: str, session: Session, framing: Framing | None) -> Session:
        """Return `session` with the exact crop of its picture.

        Call it and `save` under one lock. Raises OSError.
        """
        if framing is None or session.picture is None:
            return replace(session, crop=None, cropped="")
        inputs = f"{session.picture.file} {session.choices.shape} {framing.crop}"
        if inputs == session.cropped:
            return session
        folder = self._sessions.make_folder(owner)
        clean, new = folder / session.picture.file, folder / _NEW_CROP_FILE
        write_crop(clean, session.picture.picture, framing, new)
        crop = self._sessions.store_file(owner, new, "crop")
        return replace(session, crop=crop, cropped=inputs)

    def ensure_draft(self, owner: str, known: SessionPlan | None = None) -> SessionPlan:
        """Show the draft of the session's inputs, or start one; return their plan.

        None is started while an editor is open or once there is a final video. `known` is the
        session's plan, if it was made before. Raises PortraitError, OSError.
        """
        with self._sessions.lock(owner):
            saved = self._sessions.load(owner)
            session = self._drop_previous(owner, self._submit_unsubmitted(owner, saved))
            needs_none = session.editing or session.final
            draft = self._page_builder.find_owned(owner, session.draft)
            if session.draft and draft is None and not needs_none:
                session = self._drop_lost_draft(owner, session)
            if session != saved:
                self._sessions.save(owner, session)
            plan = self._page_builder.planner.plan(session, known)
            fingerprint = compute_fingerprint(plan)
            if needs_none or fingerprint == session.drafted:
                return plan
            detached, unfinished = self._detach_draft(owner, session)
            new = replace(detached, draft=None, drafted=fingerprint)
            there = self._find_draft(owner, fingerprint) if fingerprint else None
            if there:
                self._sessions.save(owner, replace(new, draft=there, before=None))
            elif plan.draft and fingerprint:
                made_of = replace(session, drafted=fingerprint)
                self.start(owner, made_of, plan.draft, lambda job: replace(new, draft=job))
            else:
                self._sessions.save(owner, new)
            if unfinished:
                self._jobs.delete(unfinished)
            return plan

    def start_final(
        self, owner: str, change: SessionChange = lambda session: session
    ) -> SessionPlan:
        """Start a final video, at most one however often the button was pressed.

        Call it once the permission to use the face and the voice is stated.
        """
        with self._sessions.lock(owner):
            session, planner = change(self._sessions.load(owner)), self._page_builder.planner
            plan = planner.plan(session)
            if session.final is None and plan.draft:
                final, stated = planner.plan_final(session), Permission.STATED
                self.start(owner, session, final, lambda job: replace(session, final=job), stated)
            return plan

    def go_on(self, job: Path, restart: bool) -> None:
        """Queue a job again; that a final video may be made is stated by now."""
        if read_family(job) is not EngineFamily.DRAFT:
            state_permission(job)
        (self._jobs.restart if restart else self._jobs.resume)(job)

    def start(
        self,
        owner: str,
        session: Session,
        plan: Plan,
        name_job: Callable[[str], Session],
        permission: Permission = Permission.NOT_STATED,
    ) -> None:
        """Start the job that `plan` is of, and save the session that `name_job` returns for its id.

        Call it with the session locked. Raises PortraitError, OSError; the session is as before
        then, and nothing is left. The exception is WriteUnavailable after the session
        was saved: `ensure_draft` submits the job later.
        """
        request = build_request(session, plan.quality)
        assert request is not None and session.picture is not None
        before = self._sessions.load(owner)
        with self._jobs.prepare(owner) as folder:
            task = Task(replace(request, permission=permission), plan, folder)
            try:
                self._fill(owner, session, task)
                self._sessions.save(owner, name_job(folder.name))
                self._jobs.submit(task)
            except BaseException:
                with suppress(WriteUnavailable, OSError):
                    self._sessions.save(owner, before)
                if folder.name not in self._sessions.load(owner).jobs:
                    shutil.rmtree(folder, ignore_errors=True)
                raise

    def begin_version(self, session: Session) -> Session:
        """Return `session` with another seed: the same one makes the same video.

        A draft that is up to date but for the seed is not made anew.
        """
        planner, version = self._page_builder.planner, choose_new_seed(session)
        if session.drafted != compute_fingerprint(planner.plan(session)):
            return version
        return replace(version, drafted=compute_fingerprint(planner.plan(version)))

    def is_to_be_submitted(self, folder: Path) -> bool:
        """Return whether the job's owner has a session that submits it later, or may have one."""
        owner = self._jobs.read_owner(folder)
        try:
            return bool(owner) and folder.name in self._sessions.read(owner).jobs
        except UnreadableFile:
            return True

    def _fill(self, owner: str, session: Session, task: Task) -> None:
        """Write all that belongs to the job into its folder."""
        assert session.picture is not None
        write_whole(task.folder / PICTURE_NAME, session.picture.name)
        of_draft = task.plan.quality == DRAFT_QUALITY
        draft = None if of_draft else self._page_builder.find_owned(owner, session.draft)
        write_title(task.folder, read_title(draft) if draft else build_title(session))
        said = [voice.sentences for voice in select_voices(session)]
        if subtitles := build_subtitles(said, place_recordings(task.request.soundtrack)):
            write_whole(task.folder / SUBTITLES, subtitles)
        copy = _build_copy(session, task.plan.quality)
        self._sessions.save_copy(owner, copy, task.folder / SESSION_COPY)
        self._link_files(owner, session, task.folder)
        task.save()

    def _submit_unsubmitted(self, owner: str, session: Session) -> Session:
        """Submit the jobs that the saved `session` names, if they were not yet.

        Returns the session without those that are damaged.
        """
        for name in session.jobs:
            job = self._page_builder.find_owned(owner, name)
            if job and not (job / SUBMITTED).exists():
                try:
                    self._jobs.submit(load_task(job))
                except UnreadableFile:
                    self._jobs.delete(job)
                    is_draft = name == session.draft
                    session = replace(session, final=None)
                    session = replace(session, draft=None, drafted="") if is_draft else session
        return session

    def _link_files(self, owner: str, session: Session, folder: Path) -> None:
        """Link the session's files under the names that engines and pages know."""
        assert session.picture is not None and session.crop is not None
        names = {session.picture.file: PICTURE, session.crop: serving.CROP}
        for index, voice in enumerate(select_voices(session)):
            names[voice.file] = voice_name(index)
        for source, target in names.items():
            link_file(self._sessions.make_folder(owner) / source, folder / target)

    def has_final(self, owner: str, session: Session) -> bool:
        """Return whether a final video was made of the session's draft with its seed."""
        return any(
            f'"draft":"{session.draft}"' in read_word(folder / SESSION_COPY / SESSION_FILE)
            and read_request(folder).seed == session.choices.seed
            for folder in self._jobs.list_owned(owner)
            if read_family(folder) is not EngineFamily.DRAFT
        )

    def _find_draft(self, owner: str, fingerprint: str) -> str | None:
        """Return a finished draft of the inputs with that fingerprint."""
        for folder in self._jobs.list_owned(owner):
            if (
                fingerprint in read_word(folder / SESSION_COPY / SESSION_FILE)
                and read_family(folder) is EngineFamily.DRAFT
                and self._jobs.read_state(folder) is State.FINISHED
                and (folder / RESULT).exists()
                and self._page_builder.can_show(folder)
            ):
                return folder.name
        return None

    def _drop_lost_draft(self, owner: str, session: Session) -> Session:
        """Return the session without its draft, which has expired or can't be read.

        Inputs go with it once they are as old.
        """
        if session.draft and self._jobs.find_folder(session.draft):
            return replace(session, draft=None, drafted="")  # only its owner can't be read
        is_young = self._sessions.is_younger(owner, session, self._page_builder.keep_days)
        return replace(session, draft=None) if is_young else Session()

    def _drop_previous(self, owner: str, session: Session) -> Session:
        """Return `session` without the previous draft once the newest is finished."""
        draft = self._page_builder.find_owned(owner, session.draft)
        if session.before is None or draft is None:
            return session
        done = self._jobs.read_state(draft) is State.FINISHED
        return replace(session, before=None) if done else session

    def _detach_draft(self, owner: str, session: Session) -> tuple[Session, Path | None]:
        """Return the session without its draft, and the draft if it has to be deleted: unfinished.

        A finished draft stays on show, unless it shows another picture: the new crop is to be seen
        at once.
        """
        draft = self._page_builder.find_owned(owner, session.draft)
        state = self._jobs.read_state(draft) if draft else None
        if draft and state is State.FINISHED:
            session = replace(session, before=draft.name)
        unfinished = draft if state not in (State.FINISHED, State.CANCELLED) else None
        previous = self._page_builder.find_owned(owner, session.before)
        same = previous and session.picture and session.picture.file in _list_inputs(previous)
        return session if same else replace(session, before=None), unfinished


def choose_new_seed(session: Session) -> Session:
    """Return `session` with another seed, without the final video of the one before."""
    choices = replace(session.choices, seed=secrets.randbelow(MAX_SEED + 1))
    return replace(session, choices=choices, final=None)


def _list_inputs(job: Path) -> set[str]:
    """Return the file names of the picture and the recordings in that job's session copy."""
    kinds = ("picture-", "voice-")
    return {path.name for path in (job / SESSION_COPY).glob("*") if path.name.startswith(kinds)}


def _build_copy(session: Session, quality: str) -> Session:
    """Return the session to store with a job: its inputs; with a final video also its draft."""
    draft = None if quality == DRAFT_QUALITY else session.draft
    return Session(
        picture=session.picture,
        voices=session.voices,
        choices=session.choices,
        crop=session.crop,
        cropped=session.cropped,
        draft=draft,
        drafted=session.drafted,
        middle=session.middle,
        typed=session.typed,
        whole=session.whole,
        cuts=session.cuts,
        owners=session.owners,
    )

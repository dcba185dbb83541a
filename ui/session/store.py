"""Starter of jobs from sessions; keeps a session's crop and draft in step with its inputs.

After each change an outdated crop is drawn anew, and inputs without a draft get one.

A session that names a job is saved before the job is submitted: a job that no saved session names
could be asked for, and paid for, twice. If the process ends in between, or loses write access, the
next action in that session submits the job.
"""

import hashlib
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from inference.core.plan import find_preset, make_plan
from inference.core.settings import Settings
from inference.core.task import PICTURE, Task, load_task, voice_name
from inference.core.write_access import WriteUnavailable
from inference.jobs.job_folder import SUBMITTED
from inference.jobs.store import JobStore, State
from presets.quality import DRAFT_QUALITY
from ui.media import serving
from ui.session.ingest import write_crop
from ui.session.page_builder import PICTURE_NAME, SESSION_COPY, PageBuilder
from ui.session.requests import build_request, compute_framing, find_speakers, select_voices
from ui.session.session import SESSION_FILE, Choices, Session, SessionStore, link_file

_NEW_CROP_FILE = "new-crop.jpg"


class JobStarter:
    """Starter of jobs from sessions."""

    def __init__(
        self, settings: Settings, jobs: JobStore, desks: SessionStore, look: PageBuilder
    ) -> None:
        self._settings, self._jobs, self._sessions, self._page_builder = settings, jobs, desks, look

    def update_crop(self, owner: str, desk: Session) -> Session:
        """Return `session` with the exact crop of its picture.

        Call it and `save` under one lock. Raises InputError, OSError.
        """
        found = compute_framing(desk)
        if found is None or desk.picture is None:
            return replace(desk, crop=None, cropped="")
        stands_for = f"{desk.picture.file} {desk.choices.shape} {found.crop}"
        if stands_for == desk.cropped:
            return desk
        folder = self._sessions.make_folder(owner)
        clean, new = folder / desk.picture.file, folder / _NEW_CROP_FILE
        write_crop(clean, desk.picture.picture, found, desk.choices, new)
        return replace(desk, crop=self._sessions.store_file(owner, new, "crop"), cropped=stands_for)

    def ensure_draft(self, owner: str) -> None:
        """Start the draft of the session's inputs, unless an editor is open or there is a final
        video.

        Raises PortraitError, OSError.
        """
        with self._sessions.lock(owner):
            before = self._sessions.load(owner)
            self._submit_unsubmitted(owner, before)
            desk = self._drop_replaced(owner, before)
            at_rest = desk.editing or desk.final
            if (
                not at_rest
                and desk.draft
                and self._page_builder.find_owned(owner, desk.draft) is None
            ):
                desk = Session()  # it went by itself, and so do the inputs that it was made of
            if desk != before:
                self._sessions.save(owner, desk)
            made_of = self.compute_fingerprint(desk)
            if at_rest or made_of == desk.drafted:
                return
            earlier, unfinished = self._detach_draft(owner, desk)
            new = replace(earlier, draft=None, drafted=made_of, kept=False)
            if made_of:
                self.start(owner, desk, DRAFT_QUALITY, lambda job: replace(new, draft=job))
            else:
                self._sessions.save(owner, new)
            if unfinished:
                self._jobs.delete(unfinished)

    def compute_fingerprint(self, desk: Session) -> str:
        """Return a hash of everything that goes into a draft; empty if none can be made."""
        if self._page_builder.plan(desk)[0] is None or not find_speakers(desk):
            return ""
        request = build_request(
            replace(desk, choices=_select_draft_choices(desk.choices)), DRAFT_QUALITY
        )
        return hashlib.sha256(repr((_list_used_files(desk), request)).encode()).hexdigest()

    def start(
        self, owner: str, desk: Session, quality: str, named: Callable[[str], Session]
    ) -> None:
        """Start a job of `session`, and save the session that `named` returns for its id.

        Call it with the session locked. Raises PortraitError, OSError; the session is as before
        then, and nothing is left. The exception is Moving after the session was saved:
        `ensure_draft` submits the job later.
        """
        request = build_request(desk, quality)
        assert request is not None and desk.picture is not None
        longest_s = self._settings.max_seconds_for(find_preset(quality).engine)
        plan = make_plan(request, longest_s, self._page_builder.cost_model)
        before, folder = self._sessions.load(owner), self._jobs.create(owner)
        task = Task(request, plan, folder)
        try:
            (folder / PICTURE_NAME).write_text(desk.picture.name, encoding="utf-8")
            self._sessions.save_copy(owner, _build_copy(desk, quality), folder / SESSION_COPY)
            self._link_files(owner, desk, folder)
            task.save()
            self._sessions.save(owner, named(folder.name))
            self._jobs.submit(task)
        except BaseException:
            with suppress(WriteUnavailable, OSError):
                self._sessions.save(owner, before)
            if folder.name not in _list_jobs(self._sessions.load(owner)):
                shutil.rmtree(folder, ignore_errors=True)
            raise

    def _submit_unsubmitted(self, owner: str, desk: Session) -> None:
        """Submit the jobs that the saved `session` names, if they were not yet."""
        for name in _list_jobs(desk):
            job = self._page_builder.find_owned(owner, name)
            if job and not (job / SUBMITTED).exists():
                self._jobs.submit(load_task(job))

    def _link_files(self, owner: str, desk: Session, folder: Path) -> None:
        """Link the session's files under the names that engines and pages know."""
        assert desk.picture is not None and desk.crop is not None
        names = {desk.picture.file: PICTURE, desk.crop: serving.CROP}
        for index, voice in enumerate(select_voices(desk)):
            names[voice.file] = voice_name(index)
        for source, target in names.items():
            link_file(self._sessions.make_folder(owner) / source, folder / target)

    def _drop_replaced(self, owner: str, desk: Session) -> Session:
        """Return `session` without the previous draft once the newest is finished.

        If both have the same input files, the previous one is only an older version and is deleted.
        """
        draft, before = (
            self._page_builder.find_owned(owner, desk.draft),
            self._page_builder.find_owned(owner, desk.before),
        )
        if before is None or draft is None or self._jobs.read_state(draft) is not State.FINISHED:
            return desk
        same = _list_inputs(before) == _list_inputs(draft)
        if desk.replaced and same and not self._has_final(owner, before.name):
            self._jobs.delete(before)
        return replace(desk, before=None, replaced=False)

    def _has_final(self, owner: str, draft: str) -> bool:
        """Return whether a final video was made from that draft."""
        copies = (folder / SESSION_COPY / SESSION_FILE for folder in self._jobs.list_owned(owner))
        return any(draft in copy.read_text(encoding="utf-8") for copy in copies)

    def _detach_draft(self, owner: str, desk: Session) -> tuple[Session, Path | None]:
        """Return the session without its draft, and the draft if it is unfinished and to be
        deleted.

        A finished draft stays on show, unless it shows another picture: the new crop is to be seen
        at once.
        """
        draft = self._page_builder.find_owned(owner, desk.draft)
        state = self._jobs.read_state(draft) if draft else None
        if draft and state is State.FINISHED:
            desk = replace(desk, before=draft.name, replaced=not desk.kept)
        unfinished = draft if state not in (State.FINISHED, State.CANCELLED) else None
        before = self._page_builder.find_owned(owner, desk.before)
        same = before and desk.picture and desk.picture.file in _list_inputs(before)
        return desk if same else replace(desk, before=None, replaced=False), unfinished


def _list_jobs(desk: Session) -> tuple[str, ...]:
    """Return the jobs that were started from the session."""
    return tuple(job for job in (desk.draft, desk.final) if job)


def _select_draft_choices(choices: Choices) -> Choices:
    """Return `choices` without those that no draft shows."""
    return replace(choices, prompt="", negative_prompt="")


def _list_inputs(job: Path) -> set[str]:
    """Return the file names of the picture and the recordings in that job's session copy."""
    kinds = ("picture-", "voice-")
    return {path.name for path in (job / SESSION_COPY).iterdir() if path.name.startswith(kinds)}


def _build_copy(desk: Session, quality: str) -> Session:
    """Return the session to store with a job: its inputs; with a final video also its draft."""
    draft = None if quality == DRAFT_QUALITY else desk.draft
    return Session(
        picture=desk.picture,
        voices=desk.voices,
        choices=desk.choices,
        crop=desk.crop,
        cropped=desk.cropped,
        draft=draft,
        drafted=desk.drafted if draft else "",
        middle=desk.middle,
        typed=desk.typed,
        whole=desk.whole,
        owners=desk.owners,
    )


def _list_used_files(desk: Session) -> list[str]:
    """Return the files of the session that a job uses."""
    assert desk.picture is not None
    return [desk.picture.file, *(voice.file for voice in select_voices(desk))]

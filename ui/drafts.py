"""Keeps a desk's crop and draft in step with what lies on it.

Called with the desk locked, after whatever was changed: a crop that is no longer the one on show is
drawn anew, and inputs that were not drafted yet are, by themselves.
"""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from inference.jobs import Jobs, State
from inference.plan import find_preset, make_plan
from inference.settings import Settings
from inference.task import PICTURE, Task, voice_name
from presets.quality import DRAFT_QUALITY
from ui import media
from ui.desk import STATE, Choices, Desk, Desks, link
from ui.inputs import draw_crop
from ui.look import DESK_COPY, NAME, Look
from ui.requests import framing, request_of, speakers, speaking_voices

_NEW_CROP = "new-crop.jpg"


class Drafts:
    """Starts jobs from desks."""

    def __init__(self, settings: Settings, jobs: Jobs, desks: Desks, look: Look) -> None:
        self._settings, self._jobs, self._desks, self._look = settings, jobs, desks, look

    def cropped(self, owner: str, desk: Desk) -> Desk:
        """`desk` with the exact crop of its picture. Raises InputError, OSError."""
        found = framing(desk)
        if found is None or desk.picture is None:
            return replace(desk, crop=None, cropped="")
        stands_for = f"{desk.picture.file} {desk.choices.shape} {found.crop}"
        if stands_for == desk.cropped:
            return desk
        folder = self._desks.folder(owner)
        clean, new = folder / desk.picture.file, folder / _NEW_CROP
        draw_crop(clean, desk.picture.picture, found, desk.choices, new)
        return replace(desk, crop=self._desks.adopt(owner, new, "crop"), cropped=stands_for)

    def drafted(self, owner: str, desk: Desk) -> Desk:
        """`desk` with the draft of its inputs under way; none as long as an editor is open, or a
        final video is made of the draft. Raises PortraitError, OSError."""
        desk = self._without_replaced(owner, desk)
        if desk.editing or desk.final:
            return desk
        made_of = self.made_of(desk)
        if desk.draft and self._look.own(owner, desk.draft) is None:
            return Desk()  # it went by itself, and so do the inputs that it was made of
        if made_of == desk.drafted:
            return desk
        job = self.start(owner, desk, DRAFT_QUALITY) if made_of else None
        earlier = self._set_aside(owner, desk)
        return replace(earlier, draft=job, drafted=made_of, kept=False)

    def made_of(self, desk: Desk) -> str:
        """Stands for everything that a draft is made of; empty when none can be made."""
        if self._look.plan(desk)[0] is None or not speakers(desk):
            return ""
        request = request_of(replace(desk, choices=_seen_in_draft(desk.choices)), DRAFT_QUALITY)
        return hashlib.sha256(repr((_material(desk), request)).encode()).hexdigest()

    def start(self, owner: str, desk: Desk, quality: str) -> str:
        """The id of a new job of what lies on the desk. Raises PortraitError, OSError; nothing is
        left then."""
        request = request_of(desk, quality)
        assert request is not None and desk.picture is not None
        longest_s = self._settings.longest_s(find_preset(quality).engine)
        plan = make_plan(request, longest_s, self._look.rates)
        folder = self._jobs.new(owner)
        try:
            (folder / NAME).write_text(desk.picture.name, encoding="utf-8")
            self._desks.keep_copy(owner, _as_given(desk, quality), folder / DESK_COPY)
            self._give(owner, desk, folder)
            self._jobs.submit(Task(request, plan, folder))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder.name

    def _give(self, owner: str, desk: Desk, folder: Path) -> None:
        """Link the desk's files under the names that engines and pages know."""
        assert desk.picture is not None and desk.crop is not None
        names = {desk.picture.file: PICTURE, desk.crop: media.CROP}
        for index, voice in enumerate(speaking_voices(desk)):
            names[voice.file] = voice_name(index)
        for source, target in names.items():
            link(self._desks.folder(owner) / source, folder / target)

    def _without_replaced(self, owner: str, desk: Desk) -> Desk:
        """An earlier draft leaves the page when the newest is there.

        One of the very same files is only an earlier version, and goes altogether.
        """
        draft, before = self._look.own(owner, desk.draft), self._look.own(owner, desk.before)
        if before is None or draft is None or self._jobs.state(draft) is not State.FINISHED:
            return desk
        same = _given(before) == _given(draft)
        if desk.replaced and same and not self._has_final(owner, before.name):
            self._jobs.delete(before)
        return replace(desk, before=None, replaced=False)

    def _has_final(self, owner: str, draft: str) -> bool:
        """Whether a final video was made of that draft."""
        copies = (folder / DESK_COPY / STATE for folder in self._jobs.owned(owner))
        return any(draft in copy.read_text(encoding="utf-8") for copy in copies)

    def _set_aside(self, owner: str, desk: Desk) -> Desk:
        """The desk without its draft: an unfinished one goes; a finished one stays on show, unless
        it is of another picture, whose crop is then to be seen at once."""
        draft = self._look.own(owner, desk.draft)
        state = self._jobs.state(draft) if draft else None
        if draft and state is State.FINISHED:
            desk = replace(desk, before=draft.name, replaced=not desk.kept)
        elif draft and state is not State.CANCELLED:
            self._jobs.delete(draft)
        before = self._look.own(owner, desk.before)
        same = before and desk.picture and desk.picture.file in _given(before)
        return desk if same else replace(desk, before=None, replaced=False)


def _seen_in_draft(choices: Choices) -> Choices:
    """`choices` without what no draft shows."""
    return replace(choices, prompt="", negative_prompt="")


def _given(job: Path) -> set[str]:
    """The names of the picture and the recordings that lay on the desk of that job."""
    kinds = ("picture-", "voice-")
    return {path.name for path in (job / DESK_COPY).iterdir() if path.name.startswith(kinds)}


def _as_given(desk: Desk, quality: str) -> Desk:
    """What is kept of a desk with a job: the inputs; with a final video also its draft."""
    draft = None if quality == DRAFT_QUALITY else desk.draft
    return Desk(
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


def _material(desk: Desk) -> list[str]:
    """The files that are used of those on the desk."""
    assert desk.picture is not None
    return [desk.picture.file, *(voice.file for voice in speaking_voices(desk))]

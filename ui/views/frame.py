"""The frame: one place for the crop, the draft, the growing film and the result."""

from dataclasses import dataclass, replace
from html import escape

from inference.core.events import Cancelled, Finished
from inference.core.inputs import FrameSize
from inference.core.task import PREVIEW, RESULT, partial_video_name
from ui.media import serving
from ui.session.page_state import JobView, PageState, Phase
from ui.strings import text, wording
from ui.views.elements import attributes, button
from ui.views.framing import framing_editor
from ui.views.head import no_face

_SILHOUETTE = (
    '<ellipse cx="640" cy="178" rx="74" ry="92"/>'
    '<path d="M604 258v44c0 22-96 26-128 60-18 20-26 48-28 86'
    'M676 258v44c0 22 96 26 128 60 18 20 26 48 28 86"/>'
    '<path class="tp-mouth" d="M608 222v6M624 214v22M640 206v38M656 214v22M672 222v6"/>'
)


@dataclass(frozen=True)
class Film:
    """What the frame shows: addresses, a chip at the left, a note at the right.

    `making` is the draft that is being drawn, whose film will play by itself.
    """

    label: str
    film: str | None = None
    live: str | None = None
    chip: str | None = None
    note: str | None = None
    dim: bool = False
    making: str | None = None


def frame(shown: PageState) -> str:
    """The frame with whatever there is to see."""
    if shown.session.editing == "framing" and shown.framed:
        return f'<div class="tp-frame">{framing_editor(shown.session, shown.framed)}</div>'
    if _is_faceless(shown):
        return _no_draft(shown)
    poster = _poster(shown)
    if poster is None:
        return (
            f'<div class="tp-frame tp-empty tp-intro">{silhouette()}'
            f"<b>{escape(text.FRAME_TITLE)}</b><span>{escape(text.FRAME_LEAD)}</span></div>"
        )
    return f'<div class="tp-frame">{player(_film(shown), poster)}</div>'


def measure(shown: PageState) -> FrameSize | None:
    """The size of what the frame shows; None while that is no picture."""
    job, framed = shown.job, shown.framed
    if job is not None and not (job.is_draft and framed):
        return FrameSize(job.plan.width, job.plan.height)
    return FrameSize(framed.width, framed.height) if framed and not _is_faceless(shown) else None


def _is_faceless(shown: PageState) -> bool:
    return no_face(shown) and shown.job is None


def _has_size(job: JobView, shown: PageState) -> bool:
    """Whether the job's film has the frame's size: its shape may be another by now."""
    return measure(shown) == FrameSize(job.plan.width, job.plan.height)


def silhouette(view: str = "0 0 896 448") -> str:
    """A person in outline, of whom `view` is seen: left, top, width and height."""
    return f'<svg class="tp-silhouette" viewBox="{view}" aria-hidden="true">{_SILHOUETTE}</svg>'


def player(film: Film, poster: str) -> str:
    """The element that shows a film, or what there is of it."""
    told = attributes(
        film=film.film,
        poster=poster,
        label=film.label,
        live=film.live,
        chip=film.chip,
        note=film.note,
        dim=film.dim,
        making=film.making,
    )
    return f"<tp-player{told}></tp-player>"


def made_by(job: JobView) -> str | None:
    """The note on a finished draft: what it cost."""
    final = job.progress.final
    return wording.draft_note(job.progress.elapsed_s) if isinstance(final, Finished) else None


def _poster(shown: PageState) -> str | None:
    if shown.framed:
        return serving.build_session_url(shown.framed.picture)
    return serving.build_media_url(shown.job.id, serving.CROP) if shown.job else None


def _no_draft(shown: PageState) -> str:
    words, way = "", ""
    if shown.gpu.ready:
        words = f"<span>{escape(text.NO_DRAFT_GPU)}</span>"
        way = button(text.SHOW_MIDDLE, data_do="middle")
    return f'<div class="tp-frame tp-empty"><b>{escape(text.NO_DRAFT)}</b>{words}{way}</div>'


def _film(shown: PageState) -> Film:
    job = shown.job
    if job is None or not _has_size(job, shown):
        return Film(text.VIDEO_CROP)
    final = job.progress.final
    if isinstance(final, Finished):
        film = serving.build_media_url(job.id, final.result.path)
        if job.is_draft:
            return Film(text.VIDEO_DRAFT, film, chip=text.CHIP_DRAFT, note=made_by(job))
        return Film(text.VIDEO_FINAL, film)
    if isinstance(final, Cancelled) and final.path:
        film = serving.build_media_url(job.id, final.path)
        return Film(text.VIDEO_UNFINISHED, film, chip=_so_far(job, final.frames))
    if job.is_draft:
        making = job.id if shown.phase is Phase.DRAFTING else None
        return replace(_unfinished_draft(shown, job), making=making)
    return _growing(job) or _draft_of_final(shown)


def _so_far(job: JobView, frames: int) -> str:
    return wording.draft_so_far(frames) if job.is_draft else wording.so_far(frames)


def _unfinished_draft(shown: PageState, job: JobView) -> Film:
    """An earlier draft stays on show until the newest is there."""
    before = shown.previous_draft
    if before and isinstance(before.progress.final, Finished) and _has_size(before, shown):
        film = serving.build_media_url(before.id, before.progress.final.result.path)
        updating = shown.phase is Phase.DRAFTING
        chip = text.CHIP_UPDATING if updating else text.CHIP_KEPT
        return Film(text.VIDEO_DRAFT, film, chip=chip, dim=updating)
    growing = _growing(job)
    if growing or job.progress.preview is None or shown.phase is not Phase.DRAFTING:
        return growing or Film(text.VIDEO_CROP)
    return Film(text.VIDEO_CROP, live=live_url(job), chip=text.CHIP_DRAWING)


def _growing(job: JobView) -> Film | None:
    """The finished windows as one film; a single window is only shown when all is there."""
    done = job.progress.newest_window
    if done is None or len(job.plan.windows) == 1:
        return None
    film = serving.build_media_url(job.id, partial_video_name(done.index))
    return Film(text.VIDEO_UNFINISHED, film, chip=_so_far(job, done.frames_done))


def _draft_of_final(shown: PageState) -> Film:
    if shown.session.draft is None:
        return Film(text.VIDEO_CROP)
    ended = shown.phase not in (Phase.WAITING, Phase.MAKING)
    film = serving.build_media_url(shown.session.draft, RESULT)
    return Film(text.VIDEO_DRAFT, film, chip=text.CHIP_KEPT if ended else text.CHIP_DRAFT)


def live_url(job: JobView) -> str | None:
    """The address of the newest preview frame; a new one at each."""
    if job.progress.preview is None:
        return None
    return f"{serving.build_media_url(job.id, PREVIEW)}?{job.progress.preview}"

"""The files of a job's video: the download, and a quiet row of what else it can be had as."""

from html import escape

from inference.core.events import Cancelled, Finished
from inference.core.task import GIF, RESULT, STILL
from inference.core.timing import FPS
from ui.media.extras import MAX_GIF_S
from ui.media.serving import build_download_url, build_media_url
from ui.media.subtitles import SUBTITLES
from ui.media.titles import build_file_name
from ui.session.page_state import JobView
from ui.strings import history_wording, text
from ui.views.elements import attributes, link_button, quiet, small


def film_of(job: JobView) -> str | None:
    """The address of the video, or of the part of it that was kept; None without any."""
    final = job.progress.final
    if isinstance(final, Finished):
        return build_media_url(job.id, final.result.path)
    kept = isinstance(final, Cancelled) and final.path
    return build_media_url(job.id, kept) if kept else None


def download(job: JobView, look: str) -> str:
    """The link that saves the video; empty when there is none."""
    if not film_of(job):
        return ""
    return link_button(
        text.DOWNLOAD,
        build_download_url(job.id),
        look=look,
        mark="download",
        download=_name(job, RESULT),
    )


def other_files(job: JobView | None, where: str = "files") -> str:
    """The row of other files, and the way to share the video; empty when there is none.

    `where`: of the two pages, on which the same video may be, the browser says what went wrong on
    the one where it was asked for.
    """
    if job is None or not film_of(job):
        return ""
    place = f"{where}-{job.id}"
    too_long = _length_s(job) > MAX_GIF_S
    gif = "" if too_long else _file(job, place, GIF, text.GIF, text.GIF_WAIT)
    still = _file(job, place, STILL, text.STILL, text.STILL_WAIT)
    subtitles = _file(job, place, SUBTITLES, text.SUBTITLES, None) if job.has_subtitles else ""
    share = quiet(
        text.SHARE,
        mark="share",
        # another address once more of it is made: the browser keeps what it fetched
        data_share=f"{build_media_url(job.id, RESULT)}?seconds={_length_s(job):.2f}",
        data_place=place,
        data_name=_name(job, RESULT),
        data_label=text.SHARE,
        data_wait=text.SHARE_WAIT,
        data_ready=text.SHARE_NOW,
    )
    note = small(history_wording.gif_too_long(MAX_GIF_S)) if too_long else ""
    return (
        f'<div class="tp-also" role="group"{attributes(aria_label=text.OTHER_FILES)}>'
        f"{small(text.ALSO)}{gif}{still}{subtitles}{share}{note}</div>"
        f"<div{attributes(data_problems=place)}></div>"
    )


def _file(job: JobView, place: str, name: str, label: str, wait: str | None) -> str:
    """The link that saves another file; with `wait` it is made first, and that is said."""
    made = {"data_place": place, "data_label": label, "data_wait": wait} if wait else {}
    return (
        f'<a class="tp-btn tp-quiet"'
        f"{attributes(href=build_download_url(job.id, name), download=_name(job, name))}"
        f"{attributes(**made)}><b>{escape(label)}</b></a>"
    )


def _name(job: JobView, file: str) -> str:
    return build_file_name(job.name, job.is_draft, f".{file.rpartition('.')[2]}")


def _length_s(job: JobView) -> float:
    final = job.progress.final
    return final.frames / FPS if isinstance(final, Cancelled) else job.plan.duration_s

"""Times that the browser counts on between two answers of the server."""

from html import escape

from inference.core.events import StageName
from ui.session.page_state import JobView
from ui.strings import text, wording
from ui.views.elements import attributes, small


def left_words(job: JobView) -> str:
    """The time left in words; in the last stage, that it is nearly over."""
    if job.is_stopping:
        return text.STOPPING
    if job.progress.stage is StageName.FINISHING:
        return text.ALMOST_DONE
    return wording.time_left(job.progress.left_s)


def left_attributes(job: JobView) -> str:
    """The attributes of an element whose time left is counted on; empty where that is not told."""
    left_s, later_s = job.progress.left_s, job.progress.later_s
    if left_s is None or job.is_stopping or job.progress.stage is StageName.FINISHING:
        return ""
    return attributes(data_left=f"{left_s:.3f}", data_later=f"{later_s:.3f}")


def time_left(job: JobView) -> str:
    """The time left, as HTML."""
    return f"<span{left_attributes(job)}>{escape(left_words(job))}</span>"


def elapsed(job: JobView) -> str:
    """The working time so far, as HTML."""
    took_s = job.progress.elapsed_s
    return small(wording.elapsed(took_s), data_elapsed=f"{took_s:.3f}")

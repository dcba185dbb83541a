"""The history: all jobs of this browser as cards, and one of them with what can be done with it."""

from html import escape

from inference.core.events import Cancelled, Finished
from inference.jobs.store import State
from presets.quality import PRESETS
from ui.media import serving
from ui.session.page_state import JobView, PageState
from ui.strings import text, wording
from ui.views.act import download_of
from ui.views.elements import attributes, button, day, icon, message, moment, quiet, ring, sentence
from ui.views.money import dollars_spent

_MARKS = {
    State.FINISHED: ("", "done"),
    State.CANCELLED: ("tp-look", "bad"),
    State.FAILED: ("tp-bad", "bad"),
    State.INTERRUPTED: ("tp-bad", "bad"),
}


def history(shown: PageState) -> str:
    """The page's second view; its headline is always there, its cards only when looked at."""
    lead = wording.history_lead(shown.keep_days) if shown.history_count else text.HISTORY_EMPTY
    head = (
        f'<div class="tp-head"><h1 tabindex="-1">{escape(text.HISTORY)}</h1>'
        f"<p>{escape(lead)}</p></div>"
    )
    head += "".join(map(_damaged, shown.damaged))
    if not shown.history:
        return head + _problem(shown)
    chosen = _selected(shown, shown.history)
    cards = "".join(_card(job, job is chosen) for job in shown.history)
    return (
        f'{head}<div class="tp-halves">'
        f'<section aria-label="{escape(text.HISTORY_SELECTED)}">{_problem(shown)}'
        f"{_details(shown, chosen)}</section>"
        f'<section aria-label="{escape(text.HISTORY_LIST)}"><div class="tp-gal">{cards}</div>'
        f"</section></div>"
    )


def _problem(shown: PageState) -> str:
    problem = shown.problem
    return (
        message(problem.message, close=problem.can_close)
        if problem and problem.area == "history"
        else ""
    )


def _damaged(job: str) -> str:
    """A job that can't be read, and the one thing that can be done with it."""
    delete = button(
        text.DELETE, look="tp-quiet tp-bad", mark="delete", data_do="delete-sure", data_job=job
    )
    return message(text.JOB_DAMAGED, below=delete)


def _selected(shown: PageState, jobs: tuple[JobView, ...]) -> JobView:
    return next((job for job in jobs if job.id == shown.session.selected), jobs[0])


def _picture(job: JobView) -> str:
    return (
        f'<div class="tp-thumb"><img src="{serving.build_media_url(job.id, serving.CROP)}" alt="" '
        f'width="{job.plan.width}" height="{job.plan.height}" loading="lazy"></div>'
    )


def _card(job: JobView, chosen: bool) -> str:
    told = attributes(data_do="select", data_job=job.id, aria_pressed="true" if chosen else "false")
    return (
        f'<button type="button" class="tp-card"{told}>{_picture(job)}'
        f'<span class="tp-cap"><span class="tp-row"><b>{escape(job.name)}</b>{_state(job)}</span>'
        f'<span class="tp-small tp-soft">{moment(job.created)}, {escape(_how_much(job))}</span>'
        f"</span></button>"
    )


def _state(job: JobView) -> str:
    """The state in a word, with a mark."""
    kind, mark = _MARKS.get(job.state, ("tp-run", ""))
    words = text.STATES.get(job.state) or wording.left_short(job.progress.left_s)
    return f'<span class="tp-tag {kind}">{icon(mark) if mark else ring()}{escape(words)}</span>'


def _how_much(job: JobView) -> str:
    """The length, or how much of it is kept."""
    final, film = job.progress.final, job.progress.newest_window
    if isinstance(final, Cancelled):
        return wording.kept_length(final.frames)
    if job.has_ended and not isinstance(final, Finished):
        return wording.kept_length(film.frames_done if film else 0)
    length = wording.seconds(job.plan.duration_s)
    return f"{length}, {text.CHIP_DRAFT.lower()}" if job.is_draft else length


def _details(shown: PageState, job: JobView) -> str:
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _facts(job)
    )
    when = sentence(text.CREATED_EXPIRES, moment=moment(job.created), day=day(job.expires))
    open_ = button(text.OPEN, data_do="open", data_job=job.id)
    return (
        f'<div class="tp-card"><div class="tp-body tp-first">{_picture(job)}</div>'
        f'<div class="tp-body"><h2>{escape(job.name)}</h2>'
        f'<p class="tp-small tp-soft">{when}</p><dl>{facts}</dl></div>'
        f'<div class="tp-body tp-stack">{download_of(job, "tp-go")}{open_}</div>'
        f'<div class="tp-foot">{_ways(shown, job)}</div></div>'
    )


def _facts(job: JobView) -> list[tuple[str, str]]:
    final, quality = job.progress.final, PRESETS[job.plan.quality]
    made_with = text.CHIP_DRAFT if job.is_draft else f"{text.CHIP_FINAL}, {quality.title}"
    facts = [(text.LENGTH, wording.video_length(job.plan)), (text.MADE_WITH, made_with)]
    if isinstance(final, Finished):
        took = f"{job.progress.elapsed_s:.1f} s, {text.FREE_WORD}"
        if not job.is_draft:
            took = wording.time_and_cost(job.progress.elapsed_s, dollars_spent(job))
        facts.append((text.WORK_TIME, took))
    elif job.has_ended:
        facts.append((text.WORK_TIME, wording.duration(job.progress.elapsed_s)))
    return facts


def _ways(shown: PageState, job: JobView) -> str:
    """Use the settings again, or delete; deleting asks once."""
    if shown.session.deleting and shown.session.selected == job.id:
        sure = button(text.CONFIRM_DELETE, look="tp-danger", data_do="delete-sure", data_job=job.id)
        return sure + button(text.CANCEL_DELETE, data_do="delete-not")
    use = quiet(text.USE, mark="again", data_do="use", data_job=job.id)
    delete = button(
        text.DELETE, look="tp-quiet tp-bad", mark="delete", data_do="delete", data_job=job.id
    )
    return f"{use}<span></span>{delete}"

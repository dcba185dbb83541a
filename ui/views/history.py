"""The history: all jobs of this browser as cards, one of them open, several deleted at once."""

from html import escape

from inference.core.events import Cancelled, Finished
from inference.jobs.store import State
from presets.quality import PRESETS
from ui.media import serving
from ui.media.titles import MAX_TITLE_CHARS
from ui.session.page_state import JobView, PageState
from ui.strings import history_wording, text, wording
from ui.views.elements import (
    attributes,
    button,
    day,
    icon,
    message,
    moment,
    quiet,
    ratio,
    ring,
    sentence,
    small,
)
from ui.views.files import download, film_of, other_files
from ui.views.frame import Film, player
from ui.views.money import dollars_spent

_MARKS = {
    State.FINISHED: ("", "done"),
    State.CANCELLED: ("tp-look", "bad"),
    State.FAILED: ("tp-bad", "bad"),
    State.INTERRUPTED: ("tp-bad", "bad"),
}
_CARDS_IN_ROW = 2  # beside what is open, on a wide page
_MIN_TO_CHOOSE = 2  # jobs; a single one has its own button


def history(shown: PageState) -> str:
    """The page's second view; its headline is always there, its cards only when looked at."""
    jobs = shown.history or ()
    lead = history_wording.history_lead(shown.keep_days)
    lead = lead if shown.history_count else text.HISTORY_EMPTY
    head = (
        f'<div class="tp-head"><h1 tabindex="-1">{escape(text.HISTORY)}</h1>'
        f"<p>{escape(lead)}</p></div>"
    )
    head += "".join(map(_damaged, shown.damaged)) + _problem(shown)
    if not jobs:
        return head
    open_ = _selected(shown, jobs)
    entries = "".join(_entry(shown, job, job is open_) for job in jobs)
    rows = attributes(style=f"--rows: {-(-len(jobs) // _CARDS_IN_ROW)}")
    return (
        f'{head}<section aria-label="{escape(text.HISTORY_LIST)}">{_chosen(shown, jobs)}'
        f'<ul class="tp-gal" role="list"{rows}>{entries}</ul></section>'
    )


def _entry(shown: PageState, job: JobView, is_open: bool) -> str:
    """A job's card, with the box that ticks it; what is open follows its card."""
    ticked = job.id in shown.session.chosen
    tick = attributes(
        role="checkbox",
        data_do="choose",
        data_job=job.id,
        aria_checked="true" if ticked else "false",
        aria_label=history_wording.choose(job.name),
    )
    box = f'<button type="button" class="tp-tick"{tick}>{icon("done")}</button>'
    box = box if len(shown.history or ()) >= _MIN_TO_CHOOSE else ""
    details = _details(shown, job) if is_open else ""
    return (
        f'<li role="listitem"><div class="tp-entry">{_card(job, is_open)}{box}</div>{details}</li>'
    )


def _chosen(shown: PageState, jobs: tuple[JobView, ...]) -> str:
    """What can be done with the ticked jobs; deleting them asks once. Empty for a single job."""
    if len(jobs) < _MIN_TO_CHOOSE:
        return ""
    chosen = [job for job in jobs if job.id in shown.session.chosen]
    everything = " ".join(job.id for job in jobs)
    all_ = quiet(text.CHOOSE_ALL, data_do="choose-all", data_job=everything)
    if not chosen:
        return f'<div class="tp-chosen">{small(text.CHOOSE_SEVERAL)}{all_}</div>'
    if shown.session.deleting_chosen:
        return f'<div class="tp-chosen">{_sure(shown, chosen)}</div>'
    count = f'<b data-tell="chosen">{escape(history_wording.chosen(len(chosen)))}</b>'
    label = history_wording.delete_chosen(len(chosen))
    delete = button(label, look="tp-danger", mark="delete", data_do="delete-chosen")
    none = quiet(text.CHOOSE_NONE, data_do="choose-none")
    return f'<div class="tp-chosen">{count}{delete}{all_ if chosen != [*jobs] else ""}{none}</div>'


def _sure(shown: PageState, chosen: list[JobView]) -> str:
    """The question before these jobs are deleted, what stays, and both answers."""
    if len(chosen) == 1:
        question, keep = history_wording.delete_one(chosen[0].name), text.KEEP_ONE
        stays = _deletion(shown, chosen[0])
    else:
        running = [job.name for job in chosen if not job.has_ended]
        question, keep = history_wording.delete_several(len(chosen), running), text.KEEP_CHOSEN
        stays = text.INPUTS_STAY if any(_is_on_page(shown, job) for job in chosen) else ""
    ids = " ".join(job.id for job in chosen)
    sure = button(text.CONFIRM_DELETE, look="tp-danger", data_do="delete-sure", data_job=ids)
    asked = f"{question} {stays}".strip()
    return f'<p role="alert">{escape(asked)}</p>{sure}{button(keep, data_do="delete-not")}'


def _is_on_page(shown: PageState, job: JobView) -> bool:
    return job.id in (shown.session.draft, shown.session.final)


def _deletion(shown: PageState, job: JobView) -> str:
    """What deleting a job takes with it."""
    return wording.deletion(job.is_draft, _is_on_page(shown, job), job.has_ended)


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
    shape = attributes(style=ratio(job.plan.width, job.plan.height))
    address = serving.build_media_url(job.id, serving.CROP)
    return (
        f'<div class="tp-thumb"{shape}><img src="{address}" alt="" '
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
    ways = download(job, "tp-go") + other_files(job, "history")
    ways += button(text.OPEN, data_do="open", data_job=job.id)
    return (
        f'<section class="tp-card tp-open" aria-label="{escape(text.HISTORY_SELECTED)}">'
        f'<div class="tp-body tp-first">{_film(job)}</div>'
        f'<div class="tp-body">{_name_field(job)}'
        f'<p class="tp-small tp-soft">{when}</p><dl>{facts}</dl></div>'
        f'<div class="tp-body tp-stack">{ways}</div>'
        f'<div class="tp-foot">{_ways(shown, job)}</div></section>'
    )


def _film(job: JobView) -> str:
    """The video in its place; before there is one, the picture."""
    film, shape = film_of(job), attributes(style=ratio(job.plan.width, job.plan.height))
    if film is None:
        return _picture(job)
    poster = serving.build_media_url(job.id, serving.CROP)
    shown = player(Film(job.name, film), poster)
    return f'<div class="tp-frame tp-plain tp-shaped"{shape}>{shown}</div>'


def _name_field(job: JobView) -> str:
    """The name, to be changed where it stands."""
    told = attributes(value=job.name, maxlength=MAX_TITLE_CHARS, data_rename=job.id)
    return (
        f'<div class="tp-fields tp-name"><label>{small(text.NAME)}'
        f'<input type="text" autocomplete="off"{told}></label></div>'
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
    if not job.is_draft:
        facts.append((text.PERMISSION, text.PERMISSIONS[job.request.permission]))
    return facts


def _ways(shown: PageState, job: JobView) -> str:
    """Use the settings again, or delete; deleting asks once."""
    if shown.session.deleting and shown.session.selected == job.id:
        sure = button(text.CONFIRM_DELETE, look="tp-danger", data_do="delete-sure", data_job=job.id)
        keep = button(text.CANCEL_DELETE, data_do="delete-not")
        return f"<p>{escape(_deletion(shown, job))}</p>{sure}{keep}"
    use = quiet(text.USE, mark="again", data_do="use", data_job=job.id)
    delete = button(
        text.DELETE, look="tp-quiet tp-bad", mark="delete", data_do="delete", data_job=job.id
    )
    return f"{use}<span></span>{delete}"

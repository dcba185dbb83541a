"""What can be done next: the row right under the voice line, always at the same place."""

from html import escape

from inference.core.events import Failed
from inference.core.plan import Plan
from ui.session.page_state import JobView, PageState, Phase
from ui.strings import text, wording
from ui.views.clocks import time_left
from ui.views.elements import attributes, button, day, message, quiet, sentence, small
from ui.views.files import download
from ui.views.money import dollars_spent, rest
from ui.views.primary import primary
from ui.views.share import about_link, share

_ENDED_EARLY = (Phase.STOPPED, Phase.FAILED, Phase.INTERRUPTED)


def act(shown: PageState) -> str:
    """The row as HTML; empty where the way on is in a card. Filled unless an editor is open."""
    job, go = shown.job, "tp-go" if primary(shown) == "stage" else "tp-tall"
    if job and shown.phase in _ENDED_EARLY and _asks(shown, "resume", "restart"):
        again = shown.session.asking == "restart"
        return _ask(shown, wording.price(job.plan.estimate if again else rest(job)), go)
    if shown.phase is Phase.UNDRAFTED and shown.plan:
        return _make(shown, shown.plan, go)
    if job is None:
        waits = shown.plan is not None and shown.problem is not None
        if shown.phase is Phase.CLEARED and not waits:
            return _row(button(text.DRAW_AGAIN, look=go, data_do="draft"))
        return _row(button(text.RETRY, look=go, data_do="refresh")) if waits else ""
    match shown.phase:
        case Phase.DRAFTING | Phase.WAITING | Phase.MAKING:
            return _working(shown, job)
        case Phase.DRAFT:
            return _draft(shown, job, go)
        case Phase.RESULT:
            ways = _row(download(job, go), share(shown, job), _version())
            return ways + about_link(shown, job) + _line(text.AI_NOTE)
        case Phase.STOPPED:
            return _stopped(job, go)
        case Phase.INTERRUPTED:
            return _row(*_ways_on(job, go, began=True), _way_back(job))
        case Phase.FAILED:
            return _failed(job, go)
    return ""


def priced(label: str, parts: tuple[str, ...], look: str, **values: object) -> str:
    """A button that says what it takes and costs."""
    notes = "".join(f"<span>{escape(part)}</span>" for part in parts)
    return (
        f'<button type="button" class="tp-btn {look}"{attributes(**values)}>'
        f"<b>{escape(label)}</b>{notes}</button>"
    )


def _row(*ways: str) -> str:
    return f'<div class="tp-act">{"".join(ways)}</div>'


def _line(words: str) -> str:
    return f'<p class="tp-small tp-soft">{escape(words)}</p>'


def _version() -> str:
    return quiet(text.NEW_VERSION, mark="again", data_do="version")


def _working(shown: PageState, job: JobView) -> str:
    """The time left, and the way to stop."""
    label, spent, left = text.STOP, dollars_spent(job), time_left(job)
    if shown.phase is Phase.WAITING:
        left, label = escape(wording.queue_place(job.queue_position)), text.STOP_WAITING
        note = "" if spent is None else text.FREE_WAITING
    elif job.is_draft:
        note = text.FREE
        if job.queue_position:  # the next in line starts at once
            place = wording.queue_place(job.queue_position)
            left = escape(place if job.queue_position > 1 else text.STARTING)
    else:
        note = "" if spent is None else wording.spent_so_far(spent, job.plan.estimate.dollars)
    stop = "" if job.is_stopping else button(label, data_do="stop")
    said = f'<b class="tp-big">{left}</b>{small(note) if note else ""}'
    return f'<div class="tp-act tp-left"><div>{said}</div>{stop}</div>'


def too_long(shown: PageState, plan: Plan) -> bool:
    """Whether a plan's recording is longer than a final video's may be."""
    return plan.recording_s > shown.max_recordings_s[1]


def _draft(shown: PageState, job: JobView, go: str) -> str:
    linked = about_link(shown, job) + _until(job)
    if shown.gpu.ready and not too_long(shown, job.plan):
        ways = download(job, "tp-tall"), share(shown, job)
        return _make(shown, job.plan, go, *ways) + linked
    why, part = shown.gpu.reason, ""
    if shown.gpu.ready:
        why = wording.too_long_for_final(job.plan, shown.max_recordings_s[1])
        part = quiet(text.CHOOSE_PART, data_do="edit", data_what="trim")
    return _row(download(job, go), share(shown, job), part) + _line(why) + linked


def _until(job: JobView) -> str:
    until = sentence(text.DRAFT_UNTIL, day=day(job.expires))
    return f'<p class="tp-small tp-soft">{until}</p>'


def _make(shown: PageState, plan: Plan, go: str, *ways: str) -> str:
    """The way to the final video, with its price; or to the part that it can be made of."""
    if too_long(shown, plan):
        part = button(text.CHOOSE_PART, look=go, data_do="edit", data_what="trim")
        return _row(part, small(wording.too_long_for_final(plan, shown.max_recordings_s[1])))
    estimate = shown.finals.get(shown.session.choices.quality)
    price = wording.price(estimate) if estimate else ()
    hint = small(text.PAY_HINT if estimate and estimate.dollars else text.STOP_HINT)
    if _asks(shown, "make"):
        return _ask(shown, price, go, hint)
    return _row(priced(text.MAKE_FINAL, price, go, data_do="make"), *ways, hint)


def _asks(shown: PageState, *actions: str) -> bool:
    """Whether one of these waits until it is said that the face and the voice may be used."""
    return shown.session.asking in actions and not shown.has_permission


def _ask(shown: PageState, price: tuple[str, ...], go: str, hint: str = "") -> str:
    """The statement as a button: it is said and the video is made, or neither."""
    do = shown.session.asking
    said = priced(text.MAY_USE, price, go, data_do=do, data_permission="true")
    ways = _row(said, quiet(text.ASK_NOT, data_do="ask-not"), hint)
    return (
        f'<section class="tp-ask"><p role="alert">{escape(text.ASK_PERMISSION)}</p>{ways}</section>'
    )


def _stopped(job: JobView, go: str) -> str:
    """What is finished, going on from it, or starting again."""
    saved = download(job, go)
    return _row(saved, *_ways_on(job, "tp-tall" if saved else go), _way_back(job))


def _failed(job: JobView, go: str) -> str:
    final = job.progress.final
    said = final.message if isinstance(final, Failed) else text.BROKE
    ways = "".join(_ways_on(job, go)) + _way_back(job)
    return message(said, below=ways) + _line(wording.job_number(job.id))


def _ways_on(job: JobView, look: str, began: bool = False) -> tuple[str, ...]:
    """Going on, where there is something to go on from, and starting again.

    `began`: it can go on even if no window is finished.
    """
    price = () if job.is_draft else wording.price(job.plan.estimate)
    if not job.progress.windows_done and not began:
        return (priced(text.RETRY, price, look, data_do="restart"),)
    left = () if job.is_draft else wording.price(rest(job))
    return (
        priced(text.RESUME, left, look, data_do="resume"),
        priced(text.RESTART, price, "tp-tall", data_do="restart"),
    )


def _way_back(job: JobView) -> str:
    """From a final video to the draft; from a draft there is only starting over."""
    return "" if job.is_draft else _version()

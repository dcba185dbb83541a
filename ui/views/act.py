"""What can be done next: the row right under the voice line, always at the same place."""

from html import escape

from inference.core.events import Cancelled, Failed
from inference.core.plan import Plan
from ui.session.page_state import JobView, PageState, Phase
from ui.strings import text, wording
from ui.views.elements import attributes, button, message, quiet, small
from ui.views.files import download
from ui.views.money import dollars_spent, rest
from ui.views.primary import primary
from ui.views.share import about_link, share


def act(shown: PageState) -> str:
    """The row as HTML; empty where the way on is in a card. Filled unless an editor is open."""
    job, go = shown.job, "tp-go" if primary(shown) == "stage" else "tp-tall"
    if shown.phase is Phase.UNDRAFTED and shown.plan:
        return _make(shown, shown.plan, go)
    if job is None:
        waits = shown.plan is not None and shown.problem is not None
        return _row(button(text.RETRY, look=go, data_do="refresh")) if waits else ""
    match shown.phase:
        case Phase.DRAFTING | Phase.WAITING | Phase.MAKING:
            return _working(shown, job)
        case Phase.DRAFT:
            return _draft(shown, job, go)
        case Phase.KEPT:
            return _row(download(job, go), share(shown, job), _again()) + about_link(shown, job)
        case Phase.RESULT:
            ways = _row(download(job, go), share(shown, job), _version(), _again())
            return ways + about_link(shown, job) + _line(text.AI_NOTE)
        case Phase.STOPPED:
            return _stopped(job, go)
        case Phase.INTERRUPTED:
            return _interrupted(job, go)
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


def _again() -> str:
    return quiet(text.NEW_VIDEO, data_do="again")


def _version() -> str:
    return quiet(text.NEW_VERSION, mark="again", data_do="version")


def _working(shown: PageState, job: JobView) -> str:
    """The time left, and the way to stop."""
    label, spent = text.STOP, dollars_spent(job)
    if shown.phase is Phase.WAITING:
        left, label = wording.queue_place(job.queue_position), text.STOP_WAITING
        note = "" if spent is None else text.FREE_WAITING
    elif job.is_draft:
        left, note = _draft_left(job), text.FREE
    else:
        left = wording.time_left(job.progress.left_s)
        note = "" if spent is None else wording.spent_so_far(spent, job.plan.estimate.dollars)
    stop = "" if job.is_stopping else button(label, data_do="stop")
    left = text.STOPPING if job.is_stopping else left
    said = f'<b class="tp-big">{escape(left)}</b>{small(note) if note else ""}'
    return f'<div class="tp-act tp-left"><div>{said}</div>{stop}</div>'


def _draft_left(job: JobView) -> str:
    """The next in line starts at once, so only those behind it are told their place."""
    if job.queue_position is None:
        return wording.time_left(job.progress.left_s)
    return wording.queue_place(job.queue_position) if job.queue_position > 1 else text.STARTING


def too_long(shown: PageState, plan: Plan) -> bool:
    """Whether a plan's recording is longer than a final video's may be."""
    return plan.recording_s > shown.max_recordings_s[1]


def _draft(shown: PageState, job: JobView, go: str) -> str:
    if shown.gpu.ready and not too_long(shown, job.plan):
        return _make(shown, job.plan, go)
    why, part = shown.gpu.reason, ""
    if shown.gpu.ready:
        why = wording.too_long_for_final(job.plan, shown.max_recordings_s[1])
        part = quiet(text.CHOOSE_PART, data_do="edit", data_what="trim")
    keep = button(text.KEEP, look=go, data_do="keep")
    return _row(keep, download(job, "tp-tall"), part) + _line(why)


def _make(shown: PageState, plan: Plan, go: str) -> str:
    """The way to the final video, with its price; or to the part that it can be made of."""
    if too_long(shown, plan):
        part = button(text.CHOOSE_PART, look=go, data_do="edit", data_what="trim")
        return _row(part, small(wording.too_long_for_final(plan, shown.max_recordings_s[1])))
    estimate = shown.finals.get(shown.session.choices.quality)
    price = wording.price(estimate) if estimate else ()
    hint = text.PAY_HINT if estimate and estimate.dollars else text.STOP_HINT
    return _row(priced(text.MAKE_FINAL, price, go, data_do="make"), small(hint))


def _stopped(job: JobView, go: str) -> str:
    final = job.progress.final
    kept = isinstance(final, Cancelled) and final.path
    retry = _restart(job, text.RETRY, "tp-tall" if kept else go)
    return _row(download(job, go), retry, _way_back(job))


def _interrupted(job: JobView, go: str) -> str:
    price = () if job.is_draft else wording.price(rest(job))
    go_on = priced(text.RESUME, price, go, data_do="resume")
    return _row(go_on, _restart(job, text.RESTART, "tp-tall"), _way_back(job))


def _failed(job: JobView, go: str) -> str:
    final = job.progress.final
    said = final.message if isinstance(final, Failed) else text.BROKE
    ways = _restart(job, text.RETRY, go) + _way_back(job)
    return message(said, below=ways) + _line(wording.job_number(job.id))


def _restart(job: JobView, label: str, look: str) -> str:
    price = () if job.is_draft else wording.price(job.plan.estimate)
    return priced(label, price, look, data_do="restart")


def _way_back(job: JobView) -> str:
    """From a final video to the draft, from a draft to nothing."""
    return _again() if job.is_draft else _version()

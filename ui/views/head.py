"""The one headline of each state, the line under it, and the words in the browser's tab."""

from dataclasses import dataclass
from html import escape

from inference.core.errors import InputCode
from inference.core.events import Cancelled
from ui.session.page_state import JobView, PageState, Phase
from ui.strings import text, voice_wording, wording
from ui.views.act import too_long
from ui.views.clocks import left_attributes, left_words
from ui.views.elements import day, quiet, sentence
from ui.views.money import dollars_spent, rest
from ui.views.timeline import spoken_times


@dataclass(frozen=True)
class Headline:
    """`lead` is HTML; `tab` stands before the product's name in the tab."""

    title: str
    lead: str
    tab: str | None = None
    left: str = ""  # attributes of the time left, which stands in the tab as {left}


def headline(shown: PageState) -> str:
    """The headline as HTML. Its state tells the browser when to move the focus to it."""
    head = _of(shown)
    return (
        f'<div class="tp-head" data-tell="head" data-state="{_state(shown)}" '
        f'data-tab="{escape(text.tab_title(head.tab))}"{head.left}>'
        f'<h1 tabindex="-1">{escape(head.title)}</h1><p>{head.lead}</p></div>{_start_over(shown)}'
    )


def _start_over(shown: PageState) -> str:
    """The way to an empty page, wherever there is anything on it."""
    if shown.is_empty and not shown.session.typed:
        return ""
    return f'<div class="tp-over">{quiet(text.START_OVER, data_do="again")}</div>'


def _state(shown: PageState) -> str:
    if shown.phase is Phase.START and no_face(shown):
        return "no-face"
    return shown.phase.value


def no_face(shown: PageState) -> bool:
    """Whether the picture shows nobody, and nothing else is to be said of it."""
    return shown.problem is not None and shown.problem.code == InputCode.NO_FACE


def _of(shown: PageState) -> Headline:
    if shown.job is not None:
        return _of_job(shown, shown.job)
    if shown.phase is Phase.CHOOSING and shown.session.picture:
        found = wording.faces_found(len(shown.session.picture.picture.faces))
        return Headline(found, escape(text.CHOOSING_LEAD))
    if shown.phase is Phase.UNDRAFTED:
        return Headline(text.UNDRAFTED, escape(text.UNDRAFTED_LEAD), text.READY_TAB)
    if no_face(shown):
        return Headline(text.NO_FACE, escape(_no_face_lead(shown)), text.NO_FACE)
    if shown.phase is Phase.CLEARED and shown.problem is None:
        return Headline(text.CLEARED, escape(text.CLEARED_LEAD))
    return Headline(text.START, escape(_start_lead(shown)))


def _no_face_lead(shown: PageState) -> str:
    if not any(shown.session.voices):
        return text.NO_FACE_LEAD
    return text.NO_FACE_GPU_LEAD if shown.gpu.ready else text.NO_FACE_VOICE_LEAD


def _start_lead(shown: PageState) -> str:
    picture, voice = shown.session.picture, any(shown.session.voices)
    if picture and voice:
        return text.PROBLEM_LEAD
    if picture:
        return text.NEEDS_VOICE_LEAD
    if voice:
        return text.NEEDS_PICTURE_LEAD
    return f"{text.START_LEAD} {text.STILL_MADE}" if shown.is_still_making else text.START_LEAD


def _of_job(shown: PageState, job: JobView) -> Headline:
    left = left_attributes(job)
    tab = "{left}" if left else left_words(job)
    match shown.phase:
        case Phase.WAITING:
            return Headline(text.WAITING, escape(text.WAITING_LEAD), text.WAITING)
        case Phase.MAKING:
            return Headline(text.MAKING, escape(text.MAKING_LEAD), tab, left)
        case Phase.RESULT:
            return Headline(text.RESULT, _result_lead(job), text.READY_TAB)
        case Phase.DRAFT:
            return Headline(text.DRAFT, escape(_draft_lead(shown, job)), text.READY_TAB)
        case Phase.STOPPED:
            final = job.progress.final
            kept = final.frames if isinstance(final, Cancelled) else 0
            return Headline(text.STOPPED, escape(wording.stopped_lead(kept)), text.STOPPED)
        case Phase.INTERRUPTED:
            return Headline(text.INTERRUPTED, escape(_interrupted_lead(job)), text.INTERRUPTED)
        case Phase.FAILED if job.is_draft:
            return Headline(text.FAILED_DRAFT, escape(text.FAILED_DRAFT_LEAD), text.FAILED_DRAFT)
        case Phase.FAILED:
            return Headline(text.FAILED_FINAL, escape(text.FAILED_FINAL_LEAD), text.FAILED_FINAL)
    if job.queue_position:
        return Headline(text.DRAFTING, escape(text.DRAFTING_LEAD), text.DRAFTING)
    return Headline(text.DRAFTING, escape(text.DRAFTING_LEAD), tab, left)


def _result_lead(job: JobView) -> str:
    made = escape(wording.time_and_cost_sentence(job.progress.elapsed_s, dollars_spent(job)))
    return sentence(text.RESULT_LEAD, made=made, day=day(job.expires))


def _draft_lead(shown: PageState, job: JobView) -> str:
    times = spoken_times(shown.session)
    if len(times) > 1:
        return voice_wording.two_speak(*times)
    real = shown.gpu.ready and not too_long(shown, job.plan)
    return text.DRAFT_LEAD if real else text.DRAFT_ALONE_LEAD


def _interrupted_lead(job: JobView) -> str:
    paid = bool(job.plan.estimate.dollars)
    more = rest(job).dollars if paid or job.is_draft else None
    return wording.interrupted_lead(job.progress.windows_done, more)

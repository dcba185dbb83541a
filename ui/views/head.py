"""The one headline of each state, the line under it, and the words in the browser's tab."""

from dataclasses import dataclass
from html import escape

from inference.core.errors import InputCode
from inference.core.events import Cancelled
from inference.core.inputs import Speaking
from ui.session.page_state import JobView, PageState, Phase
from ui.session.requests import find_speakers
from ui.strings import text, wording
from ui.views.act import too_long
from ui.views.elements import day, sentence
from ui.views.money import dollars_spent, rest


@dataclass(frozen=True)
class Headline:
    """`lead` is HTML; `tab` stands before the product's name in the tab."""

    title: str
    lead: str
    tab: str | None = None


def headline(shown: PageState) -> str:
    """The headline as HTML. Its state tells the browser when to move the focus to it."""
    head = _of(shown)
    return (
        f'<div class="tp-head" data-tell="head" data-state="{_state(shown)}" '
        f'data-tab="{escape(text.tab_title(head.tab))}">'
        f'<h1 tabindex="-1">{escape(head.title)}</h1><p>{head.lead}</p></div>'
    )


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
    return text.NEEDS_PICTURE_LEAD if voice else text.START_LEAD


def _of_job(shown: PageState, job: JobView) -> Headline:
    left = text.STOPPING if job.is_stopping else wording.time_left(job.progress.left_s)
    match shown.phase:
        case Phase.WAITING:
            return Headline(text.WAITING, escape(text.WAITING_LEAD), text.WAITING)
        case Phase.MAKING:
            return Headline(text.MAKING, escape(text.MAKING_LEAD), left)
        case Phase.RESULT:
            return Headline(text.RESULT, _result_lead(job), text.READY_TAB)
        case Phase.DRAFT:
            return Headline(text.DRAFT, escape(_draft_lead(shown, job)), text.READY_TAB)
        case Phase.KEPT:
            until = sentence(text.KEPT_LEAD, day=day(job.expires))
            return Headline(text.KEPT, until, text.READY_TAB)
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
    tab = text.DRAFTING if job.queue_position else left
    return Headline(text.DRAFTING, escape(text.DRAFTING_LEAD), tab)


def _result_lead(job: JobView) -> str:
    made = escape(wording.time_and_cost_sentence(job.progress.elapsed_s, dollars_spent(job)))
    return sentence(text.RESULT_LEAD, made=made, day=day(job.expires))


def _draft_lead(shown: PageState, job: JobView) -> str:
    if len(find_speakers(shown.session)) > 1 and all(shown.session.voices):
        turn = shown.session.choices.speaking is Speaking.IN_TURN
        return text.IN_TURN_LEAD if turn else text.TOGETHER_LEAD
    real = shown.gpu.ready and not too_long(shown, job.plan)
    return text.DRAFT_LEAD if real else text.DRAFT_ALONE_LEAD


def _interrupted_lead(job: JobView) -> str:
    finished = job.progress.newest_window.index + 1 if job.progress.newest_window else 0
    paid = bool(job.plan.estimate.dollars)
    more = rest(job).dollars if paid or job.is_draft else None
    return wording.interrupted_lead(finished, more)

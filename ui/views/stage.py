"""The right column: the frame, the voice line under it, what can be done next."""

from html import escape

from inference.core.events import Cancelled, Finished
from inference.core.plan import Notice, Plan
from inference.jobs.store import State
from presets.examples import EXAMPLES, Example
from ui.media.page_files import build_style_url
from ui.session.page_state import JobView, PageState, Phase
from ui.strings import text, wording
from ui.views.act import act
from ui.views.elements import attributes, message, ratio, small
from ui.views.files import other_files
from ui.views.frame import frame, measure
from ui.views.framing import framing_panel
from ui.views.line import plan_line, voice_line
from ui.views.picture_card import NOTED_HERE
from ui.views.stages import stage_row
from ui.views.timeline import plan_without_job

_RUNNING = (Phase.DRAFTING, Phase.WAITING, Phase.MAKING)


def stage(shown: PageState) -> str:
    """The column as HTML: always frame, line and what is under it, in this order."""
    busy = shown.phase in _RUNNING and ("draft" if shown.phase is Phase.DRAFTING else "final")
    adjusting = shown.session.editing == "framing" and shown.framed is not None
    line = "" if adjusting else _line(shown)
    under = framing_panel(shown.session) if adjusting else _under(shown)
    size = measure(shown)
    tall = " tp-tall" if size and size.width <= size.height else ""
    told = attributes(data_busy=busy, style=ratio(size.width, size.height) if size else None)
    return (
        f'<div class="tp-stage{tall}"{told}>{frame(shown)}'
        f'<div class="tp-along">{line}</div><div class="tp-under">{under}</div></div>'
    )


def share_done(job: JobView) -> float:
    """How much of the video is there: what is drawn while it runs, what is kept afterwards."""
    final = job.progress.final
    if isinstance(final, Finished):
        return 1.0
    if isinstance(final, Cancelled):
        return final.frames / job.plan.frames
    if job.state in (State.QUEUED, State.RUNNING):
        return job.progress.share
    return (
        job.progress.newest_window.frames_done / job.plan.frames
        if job.progress.newest_window
        else 0.0
    )


def _plan(shown: PageState) -> Plan | None:
    return shown.job.plan if shown.job else shown.plan or plan_without_job(shown.session)


def _line(shown: PageState) -> str:
    plan, job = _plan(shown), shown.job
    if plan is None:
        return ""
    share = share_done(job) if job else 0.0
    return voice_line(shown.session, plan, share, shown.phase in _RUNNING) + plan_line(plan)


def _under(shown: PageState) -> str:
    if shown.is_empty:
        return _problem(shown) + _examples()
    row = stage_row(shown.job) if shown.phase is Phase.DRAFTING and shown.job else ""
    return act(shown) + other_files(shown.job) + row + _problem(shown) + _notes(shown)


def _problem(shown: PageState) -> str:
    if shown.problem is None or shown.problem.area != "stage":
        return ""
    return message(shown.problem.message, close=shown.problem.can_close)


def _notes(shown: PageState) -> str:
    """What is worth a look of the plan, or of a final video that is made, as long as something can
    be done about it."""
    if shown.job is not None and not shown.job.is_draft:
        fault = shown.job.progress.fault if shown.phase is Phase.MAKING else None
        return message(fault, text.WINDOW_FAULT, look=True) if fault else ""
    if shown.plan is None:
        return ""
    here = (notice for notice in shown.plan.warnings if notice.code not in NOTED_HERE)
    lines = "".join(f"<li>{_note(notice)}</li>" for notice in here)
    return f'<ul class="tp-notes">{lines}</ul>' if lines else ""


def _note(notice: Notice) -> str:
    return message(wording.warning(notice), look=True)


def _examples() -> str:
    cards = "".join(_example(example) for example in EXAMPLES.values())
    return (
        f'<section class="tp-examples"><div class="tp-sec"><h2>{escape(text.EXAMPLES)}</h2>'
        f'{small(text.EXAMPLES_HINT)}</div><div class="tp-ex">{cards}</div></section>'
    )


def _example(example: Example) -> str:
    length = wording.example_note(example)
    note = small(length, data_wait=text.EXAMPLE_WAIT, data_tell=example.name)
    return (
        f'<button type="button" class="tp-card"'
        f"{attributes(data_do='example', data_name=example.name)}>"
        f'<img src="{build_style_url(f"examples/{example.name}.webp")}" alt="" '
        'width="480" height="240" loading="lazy">'
        f"<span><b>{escape(example.title)}</b>{note}</span></button>"
    )

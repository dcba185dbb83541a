"""What has been done and what comes: a row for a draft, a card for a final video."""

from html import escape

from inference.core.events import Finished, StageName
from inference.jobs.store import State
from ui.session.page_state import JobView, PageState, Phase
from ui.session.progress import StageProgress
from ui.strings import text, wording
from ui.views.elements import icon, ring, small
from ui.views.frame import live_url
from ui.views.money import dollars_spent

_BEFORE_WINDOWS = (StageName.STARTING, StageName.LOADING, StageName.LISTENING)
_IN_ORDER = (*_BEFORE_WINDOWS, StageName.WINDOW, StageName.FINISHING)


def stage_row(job: JobView) -> str:
    """The stages of a draft so far, in one compact row; the last of them goes on."""
    items, now = [], ""
    for shown in job.progress.stages:
        done = shown.seconds is not None
        if done and shown.name is StageName.QUEUED:
            continue
        lasted = "" if shown.seconds is None else small(f"{max(shown.seconds, 0.1):.1f} s")
        words = _draft_stage(shown.name, done, job.queue_position)
        kind = "" if done else ' class="tp-now" aria-current="step"'
        items.append(
            f"<li{kind}>{icon('done') if done else ring()}<span>{escape(words)}</span>{lasted}</li>"
        )
        now = now if done else words
    return (
        f'<ol class="tp-steps">{"".join(items)}</ol>'
        f'<p class="tp-spoken" data-tell="stage">{escape(now)}</p>'
    )


def _draft_stage(name: StageName, done: bool, place: int | None) -> str:
    """What a stage is called; the next in line is told nothing of a queue."""
    if name is StageName.QUEUED and (place or 1) == 1:
        name = StageName.STARTING
    return wording.stage(name, done)


def live_card(shown: PageState, job: JobView) -> str:
    """The newest rough frame of a final video."""
    step, live = job.progress.newest_step, live_url(job)
    note = wording.live_note(step.window, step.done) if step else ""
    seen = f'<span class="tp-later">{escape(text.LIVE_PENDING)}</span>'
    if live:
        size = f'width="{job.plan.width}" height="{job.plan.height}"'
        seen = f'<img src="{escape(live)}" alt="{escape(text.LIVE_ALT)}" {size}>'
    return (
        f'<section class="tp-card"><header><h2>{escape(text.LIVE)}</h2>{small(note)}</header>'
        f'<div class="tp-body"><div class="tp-thumb">{seen}</div></div></section>'
    )


def stages_card(shown: PageState, job: JobView) -> str:
    """All stages of a final video from the start, with the windows and their steps."""
    stages = {stage.name: stage for stage in job.progress.stages}
    lines = [_line(name, stages, job) for name in _BEFORE_WINDOWS]
    lines += [_window(index, job) for index in range(len(job.plan.windows))]
    lines.append(_line(StageName.FINISHING, stages, job))
    note = wording.elapsed(job.progress.elapsed_s)
    if shown.phase is Phase.WAITING:
        note = ""
    elif job.has_ended:
        note = wording.time_and_cost(job.progress.elapsed_s, dollars_spent(job))
    said = job.progress.note
    below = f'<div class="tp-body">{small(said)}</div>' if said else ""
    return (
        f'<section class="tp-card"><header><h2>{escape(text.STAGES)}</h2>{small(note)}</header>'
        f'<ol class="tp-stages">{"".join(lines)}</ol>{below}'
        f'<p class="tp-spoken" data-tell="stage">{escape(_spoken(job))}</p></section>'
    )


def _line(name: StageName, stages: dict[StageName, StageProgress], job: JobView) -> str:
    words = text.FINAL_STAGES[name]
    if name not in stages:
        later = _IN_ORDER[_IN_ORDER.index(name) + 1 :]
        skipped = isinstance(job.progress.final, Finished) or any(n in stages for n in later)
        return _item("done" if skipped else "todo", words, "")
    seconds, usual_s = stages[name].seconds, stages[name].usual_s
    if seconds is None:
        return _item("now", words, wording.usual_duration(usual_s) if usual_s else "")
    broken = job.state in (State.FAILED, State.INTERRUPTED)
    broke = broken and name == job.progress.stages[-1].name
    return _item("bad" if broke else "done", words, wording.duration(seconds))


def _window(index: int, job: JobView) -> str:
    progress, words = job.progress, wording.window_of(index, len(job.plan.windows))
    finished = progress.newest_window.index + 1 if progress.newest_window else 0
    if index < finished or isinstance(progress.final, Finished):
        lasted = progress.windows_s[index] if index < len(progress.windows_s) else 0.0
        return _item("done", words, wording.duration(lasted) if lasted else "")
    step = progress.newest_step
    if step is None or step.window != index:
        return _item("todo", words, text.NOT_MADE if job.has_ended else "")
    if job.has_ended:
        kind = "bad" if job.state is State.FAILED else "todo"
        return _item(kind, words, text.NOT_MADE)
    said = wording.step_of(step.done, step.total)
    cells = '<i class="tp-on"></i>' * step.done + "<i></i>" * (step.total - step.done)
    bar = (
        f'<div class="tp-step" role="progressbar" aria-valuemin="0" aria-valuenow="{step.done}" '
        f'aria-valuemax="{step.total}" aria-label="{escape(said)}">{cells}</div>'
    )
    return _item("now", words, said, bar)


def _item(kind: str, words: str, note: str, below: str = "") -> str:
    mark = {"done": icon("done"), "bad": icon("bad")}.get(kind) or ring()
    current = ' aria-current="step"' if kind == "now" else ""
    return (
        f'<li class="tp-{kind}"{current}>{mark}<span>{escape(words)}</span>{small(note)}'
        f"{below}</li>"
    )


def _spoken(job: JobView) -> str:
    """What is said aloud: each stage and window once, not each step."""
    if job.has_ended or not job.progress.stages:
        return ""
    step, name = job.progress.newest_step, job.progress.stages[-1].name
    if name in (StageName.WINDOW, StageName.DRAWING) and step:
        return wording.window_of(step.window, len(job.plan.windows))
    return text.FINAL_STAGES.get(name, "")

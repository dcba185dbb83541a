"""What has been done and what comes: a row for a draft, a card for a final video."""

from dataclasses import dataclass
from html import escape

from inference.core.events import Finished, StageName
from inference.jobs.store import State
from ui.session.page_state import JobView, PageState, Phase
from ui.strings import text, wording
from ui.views.clocks import elapsed
from ui.views.elements import attributes, icon, ratio, ring, small
from ui.views.frame import live_url
from ui.views.money import dollars_spent

_BEFORE_WINDOWS = (StageName.STARTING, StageName.LOADING, StageName.LISTENING)
_IN_ORDER = (*_BEFORE_WINDOWS, StageName.WINDOW, StageName.FINISHING)


def stage_row(job: JobView) -> str:
    """The stages of a draft so far, in one compact row; the last of them goes on."""
    items, now = [], ""
    order = list(StageName).index
    for shown in job.progress.stages:
        done = shown.seconds is not None
        later = job.progress.stage and order(shown.name) > order(job.progress.stage)
        if later or (done and shown.name is StageName.QUEUED):
            continue  # what comes later than the newest is of an earlier run
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
    shape = attributes(style=ratio(job.plan.width, job.plan.height))
    return (
        f'<section class="tp-card"><header><h2>{escape(text.LIVE)}</h2>{small(note)}</header>'
        f'<div class="tp-body"><div class="tp-thumb"{shape}>{seen}</div></div></section>'
    )


def stages_card(shown: PageState, job: JobView) -> str:
    """All stages of a final video from the start, with the windows and their steps."""
    rows = [_Row(name) for name in _BEFORE_WINDOWS]
    rows += [_Row(StageName.WINDOW, index) for index in range(len(job.plan.windows))]
    rows.append(_Row(StageName.FINISHING))
    if job.state is State.QUEUED:
        rows.insert(0, _Row(StageName.QUEUED))
    current = rows.index(_find_current(job))
    lines = "".join(_line(row, index - current, job) for index, row in enumerate(rows))
    note = elapsed(job)
    if shown.phase is Phase.WAITING:
        note = ""
    elif job.has_ended:
        note = small(wording.time_and_cost(job.progress.elapsed_s, dollars_spent(job)))
    said = job.progress.note
    below = f'<div class="tp-body">{small(said)}</div>' if said else ""
    spoken = "" if job.has_ended else _words(rows[current], True, job)
    return (
        f'<section class="tp-card"><header><h2>{escape(text.STAGES)}</h2>{note}</header>'
        f'<ol class="tp-stages">{lines}</ol>{below}'
        f'<p class="tp-spoken" data-tell="stage">{escape(spoken)}</p></section>'
    )


@dataclass(frozen=True)
class _Row:
    """Line of the list: a stage, or one of its windows."""

    name: StageName
    window: int = 0


def _find_current(job: JobView) -> _Row:
    """Return the row of what goes on, or in which the work ended.

    A worker that begins has said nothing yet, and between two windows the next one is begun.
    """
    name = job.progress.stage or StageName.QUEUED
    if name is StageName.QUEUED and job.state is not State.QUEUED:
        name = StageName.STARTING
    if name is StageName.LOOKING:
        name = StageName.LISTENING
    if name not in (StageName.WINDOW, StageName.DRAWING):
        return _Row(name)
    done = job.progress.windows_done
    return _Row(StageName.WINDOW, done) if done < len(job.plan.windows) else _Row(_IN_ORDER[-1])


def _line(row: _Row, place: int, job: JobView) -> str:
    """The row that is `place` rows behind the current one."""
    is_window = row.name is StageName.WINDOW
    finished = isinstance(job.progress.final, Finished)
    if finished or (is_window and row.window < job.progress.windows_done):
        place = -1
    if place == 0 and not job.has_ended:
        return _item("now", _words(row, True, job), *_under_way(row, job))
    words = _words(row, False, job)
    if place < 0:
        return _item("done", words, _lasted(row, job))
    broke = place == 0 and job.state in (State.FAILED, State.INTERRUPTED)
    note = text.NOT_MADE if is_window and job.has_ended else ""
    return _item("bad" if broke else "todo", words, note or (_lasted(row, job) if broke else ""))


def _words(row: _Row, going_on: bool, job: JobView) -> str:
    if row.name is StageName.WINDOW:
        return wording.window_of(row.window, len(job.plan.windows))
    if not going_on:
        return text.FINAL_STAGES[row.name][1]
    looks = job.progress.stage is StageName.LOOKING
    return text.FINAL_STAGES[StageName.LOOKING if looks else row.name][0]


def _lasted(row: _Row, job: JobView) -> str:
    """How long it took, as far as that is known."""
    if row.name is StageName.WINDOW:
        windows_s = job.progress.windows_s
        seconds = windows_s[row.window] if row.window < len(windows_s) else 0.0
        return wording.duration(seconds) if seconds else ""
    names = (row.name, StageName.LOOKING) if row.name is StageName.LISTENING else (row.name,)
    found = [stage.seconds for stage in job.progress.stages if stage.name in names]
    return wording.duration(sum(filter(None, found))) if found else ""


def _under_way(row: _Row, job: JobView) -> tuple[str, str]:
    """The note and the bar of the row that goes on."""
    step = job.progress.newest_step
    if row.name is StageName.WINDOW and step:
        said = wording.step_of(step.done, step.total)
        cells = '<i class="tp-on"></i>' * step.done + "<i></i>" * (step.total - step.done)
        bar = (
            f'<div class="tp-step" role="progressbar" aria-valuemin="0" '
            f'aria-valuenow="{step.done}" aria-valuemax="{step.total}" '
            f'aria-label="{escape(said)}">{cells}</div>'
        )
        return said, bar
    usual_s = job.progress.stages[-1].usual_s if job.progress.stages else None
    return wording.usual_duration(usual_s) if usual_s else "", ""


def _item(kind: str, words: str, note: str, below: str = "") -> str:
    mark = {"done": icon("done"), "bad": icon("bad")}.get(kind) or ring()
    current = ' aria-current="step"' if kind == "now" else ""
    return (
        f'<li class="tp-{kind}"{current}>{mark}<span>{escape(words)}</span>{small(note)}'
        f"{below}</li>"
    )

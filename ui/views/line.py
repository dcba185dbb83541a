"""The voice line: the recording as wide as the frame, cut into windows; it plans, it counts, it
scrubs."""

from html import escape

from inference.core.plan import Plan
from ui.session.progress import compute_window_shares
from ui.session.session import Session
from ui.strings import text, voice_wording, wording
from ui.views.elements import attributes
from ui.views.timeline import Lane, Timeline, timeline

WIDTH, ONE_HIGH, TWO_HIGH = 768, 56, 52  # of the drawing; it is stretched to the frame's width
BARS = 150  # across the whole line
_PITCH = WIDTH / BARS
_LABEL_ROOM = 0.16  # part of the line that a speaker's name needs
# Parts of the line that a number of the ruler needs, and from where on there is only room for the
# last one: on a wide line and on a phone's.
_WIDE, _NARROW = (44 / WIDTH, 1 - 92 / WIDTH), (0.13, 0.73)


def voice_line(desk: Session, plan: Plan, share: float, running: bool) -> str:
    """The line of `plan` with `share` of it done; `running`: the share is told as progress."""
    drawn = timeline(desk, plan, BARS)
    two = len(drawn.lanes) > 1
    lanes = "".join(_lane(lane, drawn, share, two) for lane in drawn.lanes) or _silent_lane(drawn)
    names = attributes(
        data_line=True,
        data_duration=f"{plan.duration_s:g}",
        role="img",
        aria_label=_sentence(plan, drawn),
    )
    return (
        f'<div class="tp-line{" tp-two" if two else ""}"><div class="tp-lanes"{names}>{lanes}</div>'
        f"{_windows(plan, share, running)}{_ruler(drawn)}</div>"
    )


def plan_line(plan: Plan) -> str:
    """The plan in one line."""
    goes_in, comes_out = wording.plan_line(plan)
    return (
        f'<p class="tp-plan"><span>{escape(goes_in)} <i>→</i></span> '
        f"<span>{escape(comes_out)}</span></p>"
    )


def strokes(lane: Lane, duration_s: float, width: float, height: float, dots: bool = True) -> str:
    """An SVG path of the lane's bars, one upright stroke each; `dots`: silence has some too."""
    left = width * lane.start_s / duration_s
    pitch = width * lane.length_s / duration_s / max(len(lane.bars), 1)
    middle = height / 2
    out = []
    for index, bar in enumerate(lane.bars):
        if not (bar or dots):
            continue
        half = max(1.0, (0.4 * height - 1.5) * bar)
        x = left + pitch * (index + 0.5)
        out.append(f"M{x:.1f} {middle - half:.1f}V{middle + half:.1f}")
    return "".join(out)


def _lane(lane: Lane, drawn: Timeline, share: float, two: bool) -> str:
    high = TWO_HIGH if two else ONE_HIGH
    path = f'<path d="{strokes(lane, drawn.duration_s, WIDTH, high, dots=not two)}"/>'
    spoken, label = (_spoken(lane, drawn, high), _label(lane, drawn)) if two else ("", "")
    gone = 100 * (1 - share)
    return (
        f'<div class="tp-lane tp-voice-{lane.voice + 1}">'
        f"{_svg(high, spoken + _cut_marks(drawn, high), 'tp-back')}"
        f"{_svg(high, path, 'tp-rest')}"
        f"{_svg(high, path, 'tp-made', f'clip-path:inset(0 {gone:.1f}% 0 0)')}{label}</div>"
    )


def _silent_lane(drawn: Timeline) -> str:
    return f'<div class="tp-lane">{_svg(ONE_HIGH, _cut_marks(drawn, ONE_HIGH), "tp-back")}</div>'


def _svg(high: int, content: str, kind: str, style: str | None = None) -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {WIDTH} {high}" preserveAspectRatio="none" '
        f'aria-hidden="true"{attributes(style=style)}>{content}</svg>'
    )


def _cut_marks(drawn: Timeline, high: int) -> str:
    path = "".join(f"M{WIDTH * cut / drawn.duration_s:.1f} 0V{high}" for cut in drawn.cuts)
    return f'<path class="tp-cut" d="{path}"/>'


def _spoken(lane: Lane, drawn: Timeline, high: int) -> str:
    """The parts in which this one of two speaks, and thin lines where they only listen."""
    scale = WIDTH / drawn.duration_s
    spoken = [(scale * part.start_s, scale * part.end_s) for part in lane.spoken]
    tinted = "".join(
        f'<rect x="{left:.1f}" y="0" width="{right - left:.1f}" height="{high}"/>'
        for left, right in spoken
    )
    starts, ends = [0.0, *(right for _, right in spoken)], [*(left for left, _ in spoken), WIDTH]
    quiet = "".join(
        f"M{start + 8:.0f} {high / 2:g}H{end - 8:.0f}"
        for start, end in zip(starts, ends, strict=True)
        if end - start > 24
    )
    return f'{tinted}<path class="tp-listens" d="{quiet}"/>'


def _label(lane: Lane, drawn: Timeline) -> str:
    """The speaker's name, at the end where nothing is said."""
    free_before = lane.spoken[0].start_s if lane.spoken else 0.0
    free_after = drawn.duration_s - (lane.spoken[-1].end_s if lane.spoken else 0.0)
    at_end = free_before < free_after and free_after > _LABEL_ROOM * drawn.duration_s
    kind = ' class="tp-at-end"' if at_end else ""
    return f"<b{kind}>{escape(wording.face_name(lane.voice, 2))}</b>"


def _windows(plan: Plan, share: float, running: bool) -> str:
    """The bar under the line, cut where the windows are."""
    cells = "".join(
        f'<span style="flex:{frames}"><i style="width:{100 * done:.1f}%"></i></span>'
        for frames, done in compute_window_shares(plan, share)
    )
    told = attributes(
        role="progressbar",
        aria_valuemin=0,
        aria_valuemax=100,
        aria_valuenow=round(100 * share),
        aria_label=text.PROGRESS,
    )
    return f'<div class="tp-wins"{told if running else ""}>{cells}</div>'


def _ruler(drawn: Timeline) -> str:
    """The times of the cuts and of the second voice's start: those that have room on a wide line,
    and marked those of them that have none on a narrow one."""
    starts = [lane.start_s for lane in drawn.lanes[1:] if lane.length_s]
    wide = _with_room(sorted({*starts, *drawn.cuts}), drawn.duration_s, *_WIDE)
    narrow = _with_room(wide, drawn.duration_s, *_NARROW)
    out = ['<span style="left:0">0 s</span>']
    for mark in wide:
        told = attributes(
            class_=None if mark in narrow else "tp-roomy",
            style=f"left:{100 * mark / drawn.duration_s:.2f}%",
        )
        out.append(f"<span{told}>{mark:.2f}</span>")
    out.append(f"<span>{escape(wording.seconds(drawn.duration_s))}</span>")
    return f'<div class="tp-cuts" aria-hidden="true">{"".join(out)}</div>'


def _with_room(marks: list[float], duration_s: float, room: float, end: float) -> list[float]:
    """Those of the times, in order, that are `room` apart and before `end`, as parts of all."""
    out, last = [], 0.0
    for mark in marks:
        if mark - last >= room * duration_s and mark <= end * duration_s:
            out.append(mark)
            last = mark
    return out


def _sentence(plan: Plan, drawn: Timeline) -> str:
    if len(drawn.lanes) < 2:
        return wording.line_alone(plan, drawn.cuts)
    speak = (voice_wording.speaks(lane.voice, lane.spoken) for lane in drawn.lanes)
    return ", ".join(speak).capitalize()

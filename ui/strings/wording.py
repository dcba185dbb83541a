"""Sentences of the page with numbers and names: times, prices, counts.

Each function is named after the text it returns. Numbers come with their unit, and with "about"
until they are measured.
"""

import math
from collections.abc import Sequence

from inference.core.events import StageName
from inference.core.inputs import Recording, Shape, Speaking
from inference.core.plan import Estimate, Notice, Plan
from inference.core.timing import FPS, format_excess_duration
from presets.examples import Example
from ui.strings import text


def seconds(length_s: float) -> str:
    """An exact length."""
    return f"{length_s:.2f} s"


def duration(length_s: float) -> str:
    """Whole seconds, or minutes and seconds from one minute on."""
    whole = math.ceil(length_s)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def usual_duration(seconds: float) -> str:
    """Duration in past runs."""
    return f"usually {duration(seconds)}"


def about_duration(length_s: float) -> str:
    """An estimated time."""
    return f"about {duration(max(1.0, length_s))}"


def time_left(left_s: float | None) -> str:
    """Time left; None if unknown."""
    if left_s is None:
        return "Working"
    return f"About {duration(max(1.0, left_s))} left"


def dollars(amount: float) -> str:
    """A price; the smallest above zero is a cent."""
    return f"${max(amount, 0.01):.2f}" if amount else "$0.00"


def faces_found(count: int) -> str:
    """Number of faces in the picture."""
    return "1 face found" if count == 1 else f"{count or 'No'} faces found"


def choose_speakers(count: int, chosen: int) -> str:
    """Number of faces and of chosen speakers."""
    if chosen:
        return f"{faces_found(count)}, {chosen} of them speak{'s' * (chosen == 1)}."
    return faces_found(count)


def picture_turned(degrees: int) -> str:
    """Note on a picture that is not shown as it was given."""
    return f"The picture is shown turned by {degrees} degrees."


def face_name(index: int, speakers: int) -> str:
    """Name of a speaker on the picture and on the line, from 0."""
    return f"{index + 1} {text.SIDES[index]}" if speakers > 1 else "Face 1"


def face_number(index: int) -> str:
    """Name of a lone speaker among many faces, from 0."""
    return f"Face {index + 1}"


def face_speaks(index: int) -> str:
    """Label of the button on one of many faces, from 0."""
    return f"Face {index + 1} speaks"


def frame_size(width: int, height: int) -> str:
    """Size of the finished frame in pixels."""
    return f"{size(width, height)}, exactly as used"


def voice_hint(longest_s: float) -> str:
    """Longest allowed recording."""
    return f"up to {longest_s:g} seconds"


def used_length(used_s: float | None, length_s: float) -> str:
    """Length of a recording, or of the used part; None: all of it is used."""
    return seconds(length_s) if used_s is None else f"{used_s:.2f} of {length_s:.2f} s used"


def recording_summary(recording: Recording, used_s: float | None = None) -> str:
    """Length and level of a recording."""
    level = "level is low: it will be raised" if recording.is_quiet else "level is good"
    if recording.is_silent:
        level = "silent"
    return f"{used_length(used_s, recording.duration_s)}, {level}"


def play_label(name: str) -> str:
    """Label of the button beside a recording."""
    return f"Play {name}"


def used_part(start_s: float, end_s: float) -> str:
    """Start, end and length of the used part of a recording."""
    return f"{seconds(start_s)} to {seconds(end_s)}, {seconds(end_s - start_s)}"


def settings_line(shape: Shape, quality: str) -> str:
    """Quality and shape of a video, in few words."""
    return f"{quality}, {text.SHAPES[shape].lower()}"


def size(width: int, height: int) -> str:
    """Size of a frame in pixels."""
    return f"{width} × {height}"


def cost(estimate: Estimate) -> str:
    """Estimated time and price of a final video, in few words."""
    return ", ".join(price(estimate))


def price(estimate: Estimate) -> tuple[str, ...]:
    """Estimated time of a final video, and its price if it has one."""
    time = about_duration(estimate.seconds)
    return (time, about_dollars(estimate.dollars)) if estimate.dollars else (time,)


def queue_place(place: int | None) -> str:
    """Place of a waiting job in the queue."""
    return f"Number {place} in line" if place and place > 1 else text.NEXT


def about_dollars(amount: float) -> str:
    """An estimated price."""
    return f"about {dollars(amount)}"


def plan_line(plan: Plan) -> tuple[str, str]:
    """The plan in one line: its input and its output."""
    count = len(plan.windows)
    windows = "1 window" if count == 1 else f"{count} windows"
    return (
        f"{seconds(plan.recording_s)} of speech",
        f"{plan.frames} frames, {seconds(plan.duration_s)} ({windows})",
    )


def line_alone(plan: Plan, cuts: Sequence[float]) -> str:
    """The voice line of one speaker as a sentence; `cuts` between its windows in seconds."""
    sentence = f"The recording, {plan.recording_s:.2f} seconds"
    if not cuts:
        return f"{sentence}, one window"
    at = " and ".join(filter(None, [", ".join(f"{c:.2f}" for c in cuts[:-1]), f"{cuts[-1]:.2f}"]))
    return f"{sentence}, cut into {len(cuts) + 1} windows at {at} seconds"


def warning(notice: Notice) -> str:
    """A plan's warning in the page's words."""
    return text.WARNINGS.get(notice.code, notice.message)


def draft_note(took_s: float) -> str:
    """Note on a draft: its price and time."""
    return f"free, made here in {took_s:.1f} s"


def so_far(frames: int) -> str:
    """Length of an unfinished video."""
    return f"Finished so far, {seconds(frames / FPS)}"


def draft_so_far(frames: int) -> str:
    """Length of an unfinished draft."""
    return f"Draft so far, {seconds(frames / FPS)}"


def stage(name: StageName, done: bool) -> str:
    """A draft's stage, running or done."""
    return text.DRAFT_STAGES[name][done]


def window_of(index: int, count: int) -> str:
    """A window's number, from 0."""
    return f"Window {index + 1} of {count}"


def step_of(done: int, total: int) -> str:
    """Steps done within a window."""
    return f"step {done} of {total}"


def live_note(window: int, step: int) -> str:
    """Window and step of the live frame; the window from 0."""
    return f"window {window + 1}, step {step}"


def elapsed(took_s: float) -> str:
    """Working time so far."""
    return f"{duration(took_s)} so far"


def spent_so_far(amount: float, of: float) -> str:
    """Cost of a final video so far."""
    return f"{about_dollars(amount)} of {dollars(of)} spent"


def time_and_cost(took_s: float, amount: float | None) -> str:
    """Time and price of a final video; None: it is free."""
    took = duration(took_s)
    return took if amount is None else f"{took}, {about_dollars(amount)}"


def time_and_cost_sentence(took_s: float, amount: float | None) -> str:
    """Time and price of a final video as a sentence; None: it is free."""
    price = "" if amount is None else f" for {about_dollars(amount)}"
    return f"Made in {duration(took_s)}{price}."


def stopped_lead(frames: int) -> str:
    """Line under the headline of a stopped job: its finished part."""
    return f"{seconds(frames / FPS)} are finished and kept." if frames else text.NOTHING_KEPT


def interrupted_lead(windows: int, more: float | None) -> str:
    """Line under the headline of an interrupted job.

    `windows` are finished; `more` is the price of the rest in dollars, None to leave out money.
    """
    when = f"after window {windows}" if windows else "before the first window was finished"
    price = f" Going on costs {about_dollars(more)} more." if more else " Going on is free."
    return f"The machine went away {when}.{'' if more is None else price}"


def too_long_for_final(plan: Plan, longest_s: float) -> str:
    """Reason why a draft can't become a final video."""
    return (
        f"MultiTalk makes up to {longest_s:g} s; this recording is "
        f"{format_excess_duration(plan.recording_s, longest_s)} s long."
    )


def example_note(example: Example) -> str:
    """Voices and length of an example."""
    if len(example.voices) == 1:
        return f"one voice, {example.duration_s:.1f} s"
    how = text.TOGETHER if example.speaking == Speaking.TOGETHER else text.IN_TURN
    return f"two voices, {how.lower()}, {example.duration_s:.1f} s"


def video_length(plan: Plan) -> str:
    """Length of a video."""
    return f"{plan.frames} frames, {seconds(plan.duration_s)}"


def kept_length(frames: int) -> str:
    """Length of an unfinished video's finished part."""
    return f"{seconds(frames / FPS)} kept"


def deletion(is_draft: bool, is_open: bool, has_ended: bool) -> str:
    """What deleting a job takes with it; `is_open`: its inputs are on the page."""
    what = f"This deletes the {'draft' if is_draft else 'video'}"
    end = "" if has_ended else " The work on it ends."
    if is_open:
        return f"{what}. {text.INPUTS_STAY}{end}"
    return f"{what} and its copies of the picture and the recording.{end}"


def left_short(left_s: float | None) -> str:
    """Time left of a job, in few words."""
    return "Working" if left_s is None else f"{duration(max(1.0, left_s))} left"


def job_number(job: str) -> str:
    """Job number for a report to the operator."""
    return f"Job {job[:4]}-{job[4:8]}. Give this number to whoever looks after this page."

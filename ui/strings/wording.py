"""What the page says with numbers and names in it: times, prices, counts.

Numbers come with their unit; "about" until measured.
"""

import math
from collections.abc import Sequence

from inference.core.events import StageName
from inference.core.options import Shape, Speaking
from inference.core.plan import Estimate, Notice, Plan
from inference.core.request import Recording
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
    """How long something takes as a rule."""
    return f"usually {duration(seconds)}"


def about_duration(length_s: float) -> str:
    """A time that is not known exactly."""
    return f"about {duration(max(1.0, length_s))}"


def time_left(left_s: float | None) -> str:
    """How long it still takes; None when nothing tells."""
    if left_s is None:
        return "Working"
    return "Almost done" if left_s < 1 else f"About {duration(left_s)} left"


def dollars(amount: float) -> str:
    """A price; what costs anything costs at least a cent."""
    return f"${max(amount, 0.01):.2f}" if amount else "$0.00"


def faces_found(count: int) -> str:
    """How many faces the picture shows."""
    return "1 face found" if count == 1 else f"{count or 'No'} faces found"


def choose_speakers(count: int, chosen: int) -> str:
    """How many of more faces than can speak do."""
    if chosen:
        return f"{faces_found(count)}, {chosen} of them speak{'s' * (chosen == 1)}."
    return faces_found(count)


def face_name(index: int, speakers: int) -> str:
    """What a speaker is called on the picture and on the line, from 0."""
    return f"{index + 1} {text.SIDES[index]}" if speakers > 1 else "Face 1"


def face_number(index: int) -> str:
    """What one of many faces is called that speaks alone, from 0."""
    return f"Face {index + 1}"


def face_speaks(index: int) -> str:
    """The button on one of many faces, from 0."""
    return f"Face {index + 1} speaks"


def frame_size(width: int, height: int) -> str:
    """The finished frame in pixels."""
    return f"{width} × {height}, exactly as used"


def voice_hint(longest_s: float) -> str:
    """How long a recording may be."""
    return f"up to {longest_s:g} seconds"


def used_length(used_s: float | None, length_s: float) -> str:
    """The length of a recording, or how much of it is used; None: all."""
    return seconds(length_s) if used_s is None else f"{used_s:.2f} of {length_s:.2f} s used"


def recording_summary(recording: Recording, used_s: float | None = None) -> str:
    """Length and level of a recording."""
    level = "level is low: it will be raised" if recording.is_quiet else "level is good"
    if recording.is_silent:
        level = "silent"
    return f"{used_length(used_s, recording.duration_s)}, {level}"


def play_label(name: str) -> str:
    """What the button beside a recording does."""
    return f"Play {name}"


def used_part(start_s: float, end_s: float) -> str:
    """The part of a recording that is used."""
    return f"{seconds(start_s)} to {seconds(end_s)}, {seconds(end_s - start_s)}"


def settings_line(shape: Shape, quality: str) -> str:
    """What is chosen under Scene and quality; `quality` empty when there is no choice."""
    return f"{quality}, {text.SHAPES[shape].lower()}" if quality else text.SHAPES[shape]


def shape_size(shape: Shape) -> str:
    """A shape's pixels."""
    return f"{shape.width} × {shape.height}"


def cost(estimate: Estimate) -> str:
    """What a final video takes and costs, in few words."""
    return ", ".join(price(estimate))


def price(estimate: Estimate) -> tuple[str, ...]:
    """What a final video takes, and what it costs if anything."""
    time = about_duration(estimate.seconds)
    return (time, about_dollars(estimate.dollars)) if estimate.dollars else (time,)


def queue_place(place: int | None) -> str:
    """Where a job stands that waits."""
    return f"Number {place} in line" if place and place > 1 else text.NEXT


def about_dollars(amount: float) -> str:
    """A price that was not measured."""
    return f"about {dollars(amount)}"


def plan_line(plan: Plan) -> tuple[str, str]:
    """The plan in one line, as what goes in and what comes out."""
    count = len(plan.windows)
    windows = "1 window" if count == 1 else f"{count} windows"
    return (
        f"{seconds(plan.recording_s)} of speech",
        f"{plan.frames} frames, {seconds(plan.duration_s)} ({windows})",
    )


def line_alone(plan: Plan, cuts: Sequence[float]) -> str:
    """The voice line of one speaker in a sentence; `cuts` between its windows in seconds."""
    sentence = f"The recording, {plan.recording_s:.2f} seconds"
    if not cuts:
        return f"{sentence}, one window"
    at = " and ".join(filter(None, [", ".join(f"{c:.2f}" for c in cuts[:-1]), f"{cuts[-1]:.2f}"]))
    return f"{sentence}, cut into {len(cuts) + 1} windows at {at} seconds"


def warning(notice: Notice) -> str:
    """A plan's warning as the page says it."""
    return text.WARNINGS.get(notice.code, notice.message)


def draft_note(took_s: float) -> str:
    """On a draft: what it cost."""
    return f"free, made here in {took_s:.1f} s"


def so_far(frames: int) -> str:
    """On a film that still grows."""
    return f"Finished so far, {seconds(frames / FPS)}"


def draft_so_far(frames: int) -> str:
    """On a draft that still grows."""
    return f"Draft so far, {seconds(frames / FPS)}"


def stage(name: StageName, done: bool) -> str:
    """What is being done, or was, for a draft."""
    return text.DRAFT_STAGES[name][done]


def window_of(index: int, count: int) -> str:
    """A window by its number, from 0."""
    return f"Window {index + 1} of {count}"


def step_of(done: int, total: int) -> str:
    """How far a window is."""
    return f"step {done} of {total}"


def live_note(window: int, step: int) -> str:
    """What the live frame shows; the window from 0."""
    return f"window {window + 1}, step {step}"


def elapsed(took_s: float) -> str:
    """How long the work has gone on."""
    return f"{duration(took_s)} so far"


def spent_so_far(amount: float, of: float) -> str:
    """What a final video has cost so far."""
    return f"{about_dollars(amount)} of {dollars(of)} spent"


def time_and_cost(took_s: float, amount: float | None) -> str:
    """Time and money of a final video; None: nobody is paid."""
    took = duration(took_s)
    return took if amount is None else f"{took}, {about_dollars(amount)}"


def time_and_cost_sentence(took_s: float, amount: float | None) -> str:
    """Time and money of a final video, in a sentence; None: nobody is paid."""
    price = "" if amount is None else f" for {about_dollars(amount)}"
    return f"Made in {duration(took_s)}{price}."


def stopped_lead(frames: int) -> str:
    """Under the headline of a stopped job: what is kept."""
    return f"{seconds(frames / FPS)} are finished and kept." if frames else text.NOTHING_KEPT


def interrupted_lead(windows: int, more: float | None) -> str:
    """Under the headline of an interrupted job: after which window, and what the rest costs, in
    dollars; None: money is not spoken of."""
    when = f"after window {windows}" if windows else "before the first window was finished"
    price = f" Going on costs {about_dollars(more)} more." if more else " Going on is free."
    return f"The machine went away {when}.{'' if more is None else price}"


def too_long_for_final(plan: Plan, longest_s: float) -> str:
    """Why a draft can't become a final video as it is."""
    return (
        f"MultiTalk makes up to {longest_s:g} s; this recording is "
        f"{format_excess_duration(plan.recording_s, longest_s)} s long."
    )


def history_lead(days: int) -> str:
    """Under the headline of the history."""
    after = "a day" if days == 1 else f"{days} days"
    return f"Only this browser can see these. Each one is deleted by itself after {after}."


def example_note(example: Example) -> str:
    """An example's voices and length."""
    if len(example.voices) == 1:
        return f"one voice, {example.duration_s:.1f} s"
    how = text.TOGETHER if example.speaking == Speaking.TOGETHER else text.IN_TURN
    return f"two voices, {how.lower()}, {example.duration_s:.1f} s"


def video_length(plan: Plan) -> str:
    """A video's length."""
    return f"{plan.frames} frames, {seconds(plan.duration_s)}"


def kept_length(frames: int) -> str:
    """How much of a video that was not finished there is."""
    return f"{seconds(frames / FPS)} kept"


def left_short(left_s: float | None) -> str:
    """How long a job still takes, in few words."""
    return "Working" if left_s is None else f"{duration(max(1.0, left_s))} left"


def job_number(job: str) -> str:
    """What a person gives to whoever looks after the page."""
    return f"Job {job[:4]}-{job[4:8]}. Give this number to whoever looks after this page."

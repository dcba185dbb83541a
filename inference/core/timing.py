"""Timing: length of the video and the windows it is made in, from sound samples to frames.

Frames lie on the model's 4k+1 grid (its VAE packs 4 frames into one latent), one pass holds at
most 81 of them, and 25 of them make a second.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inference.core.errors import InputCode, InputError
from inference.core.inputs import (
    SAMPLE_RATE_HZ,
    Recording,
    Soundtrack,
    Speaking,
    require_long_enough,
)

FPS = 25  # video frames per second
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // FPS  # 1920 sound samples
MAX_WINDOW_FRAMES = 81  # of one pass of the model
MIN_FRAMES = 21  # the shortest video, 0.84 s


@dataclass(frozen=True)
class PlannedWindow:
    """One pass of the model: `frames` frames from `start`, overlap included."""

    start: int
    frames: int


@dataclass(frozen=True)
class Span:
    """Part of a recording in the video: `samples` from its `source_start`, heard at `start`."""

    source_start: int
    start: int
    samples: int


def count_joined_samples(recordings: Sequence[Recording], speaking: Speaking) -> int:
    """Return the length of all recordings joined, in samples."""
    lengths = [recording.samples for recording in recordings]
    return sum(lengths) if speaking is Speaking.IN_TURN else max(lengths)


def find_used_range(soundtrack: Soundtrack) -> tuple[int, int]:
    """Return the first and last (exclusive) sample of the joined recordings that are used.

    Raises InputError when the trim starts after their end.
    """
    total, trim = count_joined_samples(soundtrack.recordings, soundtrack.speaking), soundtrack.trim
    if trim is None:
        return 0, total
    start = round(trim.start_s * SAMPLE_RATE_HZ)
    if start >= total:
        raise InputError(
            InputCode.BAD_OPTION,
            f"The part starts at {trim.start_s:g} s, but the recording is only "
            f"{total / SAMPLE_RATE_HZ:.1f} s long. Choose an earlier start.",
        )
    return start, min(total, round(trim.end_s * SAMPLE_RATE_HZ))


def format_excess_duration(duration_s: float, limit_s: float) -> str:
    """Format a length in whole seconds, or in tenths where it would round to the limit."""
    whole = f"{duration_s:.0f}"
    return whole if round(duration_s) > limit_s else f"{math.ceil(10 * duration_s) / 10:g}"


def count_used_samples(soundtrack: Soundtrack, max_seconds: float) -> int:
    """Return the length of the used part of the joined recordings, in samples.

    Raises InputError when that is under `MIN_RECORDING_S` or over `max_seconds`.
    """
    start, end = find_used_range(soundtrack)
    duration_s = (end - start) / SAMPLE_RATE_HZ
    require_long_enough(duration_s)
    if duration_s > max_seconds:
        raise InputError(
            InputCode.TOO_LONG,
            f"This recording is {format_excess_duration(duration_s, max_seconds)} s long; "
            f"{max_seconds:g} s is the most. Choose the part to use (--trim 0-{max_seconds:g}).",
        )
    return end - start


def place_recordings(soundtrack: Soundtrack) -> tuple[Span, ...]:
    """Return the span of each recording in the video; one that is trimmed away has 0 samples."""
    lengths = [recording.samples for recording in soundtrack.recordings]
    in_turn = soundtrack.speaking is Speaking.IN_TURN
    return place_spans(lengths, in_turn, find_used_range(soundtrack))


def place_spans(lengths: Sequence[int], in_turn: bool, used: tuple[int, int]) -> tuple[Span, ...]:
    """Return the spans of recordings of `lengths` samples; `used` is a range of all joined."""
    first, last = used
    spans, offset = [], 0
    for length in lengths:
        start = min(max(offset, first), offset + length)
        end = max(start, min(offset + length, last))
        spans.append(Span(start - offset, start - first, end - start))
        offset += length if in_turn else 0
    return tuple(spans)


def count_frames(samples: int) -> int:
    """Return the fewest frames, 4k+1 and at least 21, that hold `samples` samples at 48 kHz."""
    needed = math.ceil(samples / SAMPLES_PER_FRAME)
    return max(MIN_FRAMES, 4 * math.ceil((needed - 1) / 4) + 1)


def split_windows(frames: int, overlap: int) -> tuple[PlannedWindow, ...]:
    """Return the fewest windows that cover `frames` (4k+1), each overlapping the last by `overlap`.

    One window holds just `frames`. Several are 81 frames each, as the model was trained, so the
    last one may run past `frames` and is cut.
    """
    if frames <= MAX_WINDOW_FRAMES:
        return (PlannedWindow(0, frames),)
    step = MAX_WINDOW_FRAMES - overlap
    return tuple(
        PlannedWindow(index * step, MAX_WINDOW_FRAMES)
        for index in range(_count_windows(frames, overlap))
    )


def split_even_windows(frames: int, overlap: int) -> tuple[PlannedWindow, ...]:
    """Return the windows of a draft: as many as of `split_windows`, ending with `frames`.

    Each has 4k+1 frames; they are as equal as that allows, the longer ones first.
    """
    count = _count_windows(frames, overlap)
    # 4u+1 frames each: with frames = 4a+1 and overlap = 4j+1, all u add up to a + (count-1) j
    units, longer = divmod((frames - 1) // 4 + (count - 1) * ((overlap - 1) // 4), count)
    out, start = [], 0
    for index in range(count):
        length = 4 * (units + (index < longer)) + 1
        out.append(PlannedWindow(start, length))
        start += length - overlap
    return tuple(out)


def _count_windows(frames: int, overlap: int) -> int:
    return 1 + max(0, math.ceil((frames - MAX_WINDOW_FRAMES) / (MAX_WINDOW_FRAMES - overlap)))

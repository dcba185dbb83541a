"""Lengths and windows: no speech is cut, and every frame is made exactly once."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.core.errors import InputCode, InputError
from inference.core.inputs import Picture, Recording, Speaking, Trim
from inference.core.request import Request
from inference.core.timing import (
    MAX_WINDOW_FRAMES,
    MIN_FRAMES,
    SAMPLES_PER_FRAME,
    PlannedWindow,
    count_frames,
    count_used_samples,
    format_excess_duration,
    place_recordings,
    split_even_windows,
    split_windows,
)

TEN_MINUTES = 600 * 48_000
overlaps = st.sampled_from(range(5, 42, 4))
Rule = Callable[[int, int], tuple[PlannedWindow, ...]]


def recording(seconds: float) -> Recording:
    return Recording(round(seconds * 48_000), channels=1, peak_dbfs=-1.0, level_dbfs=-20.0)


def request(*seconds: float, **choices: object) -> Request:
    recordings = tuple(map(recording, seconds))
    return Request(Picture(1000, 1000), recordings, **choices)  # type: ignore[arg-type]


@given(st.integers(1, TEN_MINUTES))
def test_frames_hold_the_whole_recording_and_no_more_than_the_grid_asks(samples: int) -> None:
    frames = count_frames(samples)
    assert frames % 4 == 1 and frames >= MIN_FRAMES
    assert frames * SAMPLES_PER_FRAME >= samples
    assert frames == MIN_FRAMES or (frames - 4) * SAMPLES_PER_FRAME < samples


@pytest.mark.parametrize(
    ("samples", "frames"),
    [(1, 21), (21 * 1920, 21), (21 * 1920 + 1, 25), (512_714, 269), (40 * 48_000, 1001)],
)
def test_known_lengths(samples: int, frames: int) -> None:
    assert count_frames(samples) == frames


@pytest.mark.parametrize("rule", [split_windows, split_even_windows])
@given(st.integers(MIN_FRAMES // 4, 4000), overlaps)
def test_windows_are_the_fewest_that_cover_every_frame_with_the_overlap_asked_for(
    rule: Rule, units: int, overlap: int
) -> None:
    frames = 4 * units + 1
    planned = rule(frames, overlap)
    assert planned[0].start == 0
    assert planned[-1].start + planned[-1].frames >= frames
    for before, after in pairwise(planned):
        assert after.start + overlap == before.start + before.frames < frames
    assert len(planned) == 1 + max(0, math.ceil((frames - 81) / (81 - overlap)))


@given(st.integers(MIN_FRAMES // 4, 4000), overlaps)
def test_several_windows_are_all_as_long_as_the_model_was_trained_and_one_is_the_videos_length(
    units: int, overlap: int
) -> None:
    frames = 4 * units + 1
    assert {w.frames for w in split_windows(frames, overlap)} == {min(frames, MAX_WINDOW_FRAMES)}


@given(st.integers(MIN_FRAMES // 4, 4000), overlaps)
def test_even_windows_end_with_the_video_and_are_on_the_grid(units: int, overlap: int) -> None:
    frames = 4 * units + 1
    planned = split_even_windows(frames, overlap)
    lengths = [window.frames for window in planned]
    assert planned[-1].start + lengths[-1] == frames
    assert all(length % 4 == 1 and length <= MAX_WINDOW_FRAMES for length in lengths)
    assert max(lengths) - min(lengths) <= 4 and lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize(
    ("seconds", "frames", "ends"),
    [
        (1, 25, [25]),
        (3.3, 85, [81, 137]),
        (4, 101, [81, 137]),
        (7.75, 197, [81, 137, 193, 249]),
        (10, 253, [81, 137, 193, 249, 305]),
        (40, 1001, list(range(81, 1034, 56))),
    ],
)
def test_known_windows_of_final_videos(seconds: float, frames: int, ends: list[int]) -> None:
    assert count_frames(round(seconds * 48_000)) == frames
    assert [w.start + w.frames for w in split_windows(frames, 25)] == ends


@pytest.mark.parametrize(
    ("frames", "ranges"),
    [
        (81, [(0, 81)]),
        (85, [(0, 57), (32, 85)]),
        (185, [(0, 81), (56, 133), (108, 185)]),
    ],
)
def test_known_windows_of_drafts(frames: int, ranges: list[tuple[int, int]]) -> None:
    assert [(w.start, w.start + w.frames) for w in split_even_windows(frames, 25)] == ranges


def test_together_both_start_at_zero_and_the_longer_counts() -> None:
    both = request(2, 3)
    assert count_used_samples(both.soundtrack, 40) == 3 * 48_000
    assert [(s.source_start, s.start, s.samples) for s in place_recordings(both.soundtrack)] == [
        (0, 0, 96_000),
        (0, 0, 144_000),
    ]


def test_in_turn_the_second_follows_the_first() -> None:
    both = request(2, 3, speaking=Speaking.IN_TURN)
    assert count_used_samples(both.soundtrack, 40) == 5 * 48_000
    assert place_recordings(both.soundtrack)[1].start == 2 * 48_000


def test_a_trim_across_the_seam_takes_the_end_of_one_and_the_start_of_the_other() -> None:
    both = request(2, 3, speaking=Speaking.IN_TURN, trim=Trim(1.5, 3.0))
    assert count_used_samples(both.soundtrack, 40) == 72_000
    assert [(s.source_start, s.start, s.samples) for s in place_recordings(both.soundtrack)] == [
        (72_000, 0, 24_000),
        (0, 24_000, 48_000),
    ]


@given(
    st.lists(st.floats(0.5, 50), min_size=1, max_size=2),
    st.sampled_from(Speaking),
    st.floats(0, 20),
    st.floats(0.5, 60),
)
def test_a_trim_never_reaches_outside_a_recording(
    seconds: list[float], speaking: Speaking, start: float, length: float
) -> None:
    trimmed = request(*seconds, speaking=speaking, trim=Trim(start, start + length))
    try:
        total = count_used_samples(trimmed.soundtrack, 120)
    except InputError:
        return
    for span, source in zip(place_recordings(trimmed.soundtrack), trimmed.recordings, strict=True):
        assert 0 <= span.source_start and span.source_start + span.samples <= source.samples
        assert span.samples == 0 or (0 <= span.start and span.start + span.samples <= total)


def test_over_the_limit_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"62 s long; 40 s is the most.*--trim 0-40") as caught:
        count_used_samples(request(62).soundtrack, 40)
    assert caught.value.code == InputCode.TOO_LONG


def test_a_trim_brings_it_under_the_limit() -> None:
    assert count_used_samples(request(62, trim=Trim(10, 50)).soundtrack, 40) == 40 * 48_000


def test_a_trim_past_the_end_is_refused() -> None:
    with pytest.raises(InputError, match="earlier start"):
        count_used_samples(request(5, trim=Trim(6, 8)).soundtrack, 40)


def test_a_trim_that_leaves_too_little_is_refused() -> None:
    with pytest.raises(InputError, match=r"0\.3 s long; at least 0\.4 s"):
        count_used_samples(request(5, trim=Trim(1, 1.3)).soundtrack, 40)


@pytest.mark.parametrize(
    ("length_s", "said"), [(131.2, "131"), (120.3, "120.3"), (120.004, "120.1")]
)
def test_what_is_too_long_never_sounds_as_long_as_it_may_be(length_s: float, said: str) -> None:
    assert format_excess_duration(length_s, 120) == said

"""The arithmetic of verdicts, by properties, on invented measurements."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference.core.report import Aspect, Finding, Report, Verdict, parse_report
from inference.quality.judge import (
    AudioEnvelopes,
    ExpectedVideo,
    find_first_window_fault,
    join_measurements,
    judge,
)
from inference.quality.lips import judge_lip_sync, judge_speakers
from inference.quality.measure import Measurements

Floats = NDArray[np.float32]

FRAMES = 150
PLANNED = ExpectedVideo(FRAMES, 896, 448, 25)


def speech(seed: int, frames: int = FRAMES) -> Floats:
    """Loudness as it goes up and down when somebody speaks, 0 to 0.3."""
    noise = np.random.default_rng(seed).standard_normal(frames + 4)
    smooth = np.convolve(noise, np.ones(5) / 5, "valid")
    return np.asarray(np.clip(0.12 + 0.2 * smooth, 0, 0.3), np.float32)


def lips(voice: Floats, early: int = 1) -> Floats:
    """The lip gap of somebody who says `voice`, so many frames before it is heard."""
    return np.asarray(0.02 + 0.2 * np.roll(voice, -early), np.float32)


def good(gap: Floats | None = None, frames: int = FRAMES) -> Measurements:
    """What is measured of a good video; `gap` is (n, p)."""
    ones = np.ones(frames, np.float32)
    gap = lips(speech(1, frames))[:, None] if gap is None else gap
    return Measurements(
        width=896, height=448, fps=25.0, pictured=True, picture_width=896, picture_height=448,
        picture_highlight=220.0, picture_smoothness=0.95, highlight=220 * ones,
        smoothness=0.95 * ones, likeness=0.99 * ones, continuity=0.99 * ones,
        colour=np.zeros((frames, 3), np.float32), contrast=ones, step=5 * ones, change=9 * ones,
        gap=gap, identity=np.full(gap.shape, 0.98, np.float32),
        yaw=np.full(gap.shape, 5.0, np.float32),
        last=np.zeros((8, 112, 224), np.uint8),
    )  # fmt: skip


def heard(frames: int = FRAMES) -> AudioEnvelopes:
    return AudioEnvelopes(speech(1, frames), (speech(1, frames),), frames / 25)


def of(report: Report, aspect: Aspect) -> Finding:
    return next(finding for finding in report.findings if finding.aspect is aspect)


def test_a_good_video_passes_and_its_report_survives_json() -> None:
    report = judge([good()], PLANNED, heard())
    assert report.verdict is Verdict.PASS
    assert parse_report(report.to_json()) == report


@given(st.integers(1, FRAMES - 1))
@settings(max_examples=5, deadline=None)
def test_how_a_video_was_cut_for_measuring_does_not_matter(cut: int) -> None:
    whole = good()
    series = {
        name: value for name, value in vars(whole).items() if np.shape(value)[:1] == (FRAMES,)
    }
    first = replace(whole, **{name: value[:cut] for name, value in series.items()})
    rest = replace(whole, **{name: value[cut:] for name, value in series.items()})
    assert join_measurements([first, rest]).frames == FRAMES
    assert judge([first, rest], PLANNED, heard()) == judge([whole], PLANNED, heard())


@given(st.integers(-8, 9), st.integers(0, 1000))
@settings(max_examples=12, deadline=None)
def test_the_offset_of_the_lips_is_found(early: int, seed: int) -> None:
    voice = speech(seed)
    found = judge_lip_sync([lips(voice, early)], voice, 25.0)
    assert found.numbers["offset_s"] == pytest.approx((early - 1) / 25)
    away = abs(early - 1)
    expected = Verdict.PASS if away <= 2 else Verdict.FAIL if away >= 4 else Verdict.WARN
    assert found.verdict is expected
    assert ("behind" in found.message) == (early - 1 < -2)
    assert ("ahead" in found.message) == (early - 1 > 2)


@pytest.mark.parametrize(
    ("gap", "sound", "verdict", "words"),
    [
        (lips(speech(2, 400)), speech(3, 400), {Verdict.WARN, Verdict.FAIL}, "follow"),
        (np.full(FRAMES, 0.03, np.float32), speech(3), {Verdict.FAIL}, "do not move"),
        (np.full(FRAMES, np.nan, np.float32), speech(3), {Verdict.WARN}, "No face"),
        (lips(speech(2)), np.zeros(FRAMES, np.float32), {Verdict.WARN}, "no voice"),
        (lips(speech(2)), None, {Verdict.WARN}, "no voice"),
        (lips(speech(2))[:30], speech(2)[:30], {Verdict.PASS}, "too short"),
        (np.full(30, 0.03, np.float32), speech(2)[:30], {Verdict.FAIL}, "do not move"),
    ],
)
def test_what_can_not_be_judged_is_said(
    gap: Floats, sound: Floats | None, verdict: set[Verdict], words: str
) -> None:
    found = judge_lip_sync([gap], sound, 25.0)
    assert found.verdict in verdict and words in found.message


def test_at_another_rate_lips_may_be_as_far_off_in_time() -> None:
    voice = speech(3)
    assert judge_lip_sync([lips(voice, 5)], voice, 50.0).verdict is Verdict.PASS  # 0.08 s
    assert judge_lip_sync([lips(voice, 9)], voice, 50.0).verdict is Verdict.FAIL  # 0.16 s


def test_lips_are_not_blamed_for_those_that_could_not_be_seen() -> None:
    unseen = np.full(FRAMES, np.nan, np.float32)
    found = judge_lip_sync([lips(speech(2)), unseen], speech(3), 25.0)
    assert found.verdict is Verdict.WARN and "could not be followed" in found.message


def test_a_face_that_is_never_seen_is_not_called_the_same() -> None:
    gap = np.stack([lips(speech(1, 21)), np.full(21, np.nan, np.float32)], 1)
    planned = replace(PLANNED, frames=21)
    found = of(judge([good(gap, 21)], planned, heard(21)), Aspect.IDENTITY)
    assert found.verdict is Verdict.WARN and "could not be followed" in found.message


@given(st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_who_speaks_is_told(seed: int) -> None:
    left, right = speech(2 * seed), speech(2 * seed + 1)
    silence = np.zeros(FRAMES, np.float32)
    cases: list[tuple[tuple[Floats, Floats], tuple[Floats, Floats], Verdict, str]] = [
        ((left, right), (left, right), Verdict.PASS, "own voice"),
        ((right, left), (left, right), Verdict.FAIL, "swapped"),
        ((left, left), (left, right), Verdict.WARN, "left one's voice"),
        ((right, right), (left, right), Verdict.WARN, "right one's voice"),
        ((left, silence), (left, silence), Verdict.PASS, "own voice"),
        ((left, left), (left, silence), Verdict.WARN, "left one's voice"),
    ]
    for mouths, voices, verdict, words in cases:
        found = judge_speakers([lips(mouth) for mouth in mouths], voices)
        assert found is not None
        assert (found.verdict, words in found.message) == (verdict, True), found


@pytest.mark.parametrize("frames", [30, FRAMES])
def test_nobody_who_stands_still_while_their_voice_is_heard_passes(frames: int) -> None:
    left, right = speech(1, frames), speech(2, frames)
    jitter = np.random.default_rng(3).normal(0.03, 0.003, frames).astype(np.float32)
    for gaps, side in (([lips(left), jitter], "right"), ([jitter, lips(right)], "left")):
        for voices in ((left, right), (left, left)):
            found = judge_speakers(gaps, voices)
            assert found and found.verdict is Verdict.FAIL
            assert f"{side} one's lips do not move" in found.message


def test_a_face_in_profile_is_said_to_be() -> None:
    gap = np.stack([lips(speech(1)), lips(speech(2))], 1)
    turned = np.full(gap.shape, 5.0, np.float32)
    turned[:, 1] = 60
    audio = replace(heard(), voices=(speech(1), speech(2)))
    report = judge([replace(good(gap), yaw=turned)], PLANNED, audio)
    found = of(report, Aspect.SPEAKERS)
    assert found.verdict is Verdict.WARN and "seen from the side" in found.message
    alone = judge([replace(good(gap[:, 1:]), yaw=turned[:, 1:])], PLANNED, heard())
    found = of(alone, Aspect.LIP_SYNC)
    assert found.verdict is Verdict.WARN and "seen from the side" in found.message
    turned[FRAMES // 4 :] = 30  # one that turns away for a moment is judged by the rest
    report = judge([replace(good(gap), yaw=turned)], PLANNED, audio)
    assert of(report, Aspect.SPEAKERS).verdict is Verdict.PASS


def test_one_person_has_nobody_to_be_mistaken_for() -> None:
    assert judge_speakers([lips(speech(1))], [speech(1)]) is None


@given(st.integers(8, 60), st.integers(9, 60))
@settings(max_examples=8, deadline=None)
def test_a_stretch_that_stands_still_is_found_with_its_length(start: int, length: int) -> None:
    step, change = np.full(FRAMES, 5, np.float32), np.full(FRAMES, 9, np.float32)
    step[start : start + length] = 0.1
    change[start + 7 : start + length] = 0.1
    motion = of(judge([replace(good(), step=step, change=change)], PLANNED, heard()), Aspect.MOTION)
    assert motion.numbers["longest_s"] == pytest.approx(length / 25, abs=0.005)
    assert motion.verdict is (Verdict.FAIL if length >= 25 else Verdict.WARN)


@given(st.sampled_from(["lighter", "darker", "redder", "greener", "warmer", "cooler"]),
       st.floats(0, 30))  # fmt: skip
@settings(max_examples=12, deadline=None)
def test_a_drift_of_colour_is_called_by_its_name(word: str, amount: float) -> None:
    names = ["lighter", "darker", "redder", "greener", "warmer", "cooler"]
    channel, sign = divmod(names.index(word), 2)
    colour = np.zeros((FRAMES, 3), np.float32)
    colour[50:, channel] = amount * (1 - 2 * sign)
    found = of(judge([replace(good(), colour=colour)], PLANNED, heard()), Aspect.COLOUR)
    if amount < 4:
        assert found.verdict is Verdict.PASS
    else:
        assert f"{word} than your picture after 2.0 s." in found.message
        assert found.verdict is (Verdict.FAIL if amount >= 10 else Verdict.WARN)


@pytest.mark.parametrize(
    ("likeness", "verdict"), [(0.9, Verdict.PASS), (0.5, Verdict.WARN), (0.2, Verdict.FAIL)]
)
def test_a_face_that_changes_is_named(likeness: float, verdict: Verdict) -> None:
    identity = np.full((FRAMES, 1), np.nan, np.float32)
    identity[::10] = 0.95
    identity[80::10] = likeness
    found = of(judge([replace(good(), identity=identity)], PLANNED, heard()), Aspect.IDENTITY)
    assert found.verdict is verdict


def test_a_face_may_look_different_for_a_moment() -> None:
    identity = np.full((FRAMES, 1), np.nan, np.float32)
    identity[::10] = 0.95
    identity[80] = 0.1
    found = of(judge([replace(good(), identity=identity)], PLANNED, heard()), Aspect.IDENTITY)
    assert found.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 640}, "640x448"),
        ({"fps": 24.0}, "24 frames a second"),
        ({"sound_s": 6.5}, "0.5 s longer"),
        ({"sound_s": 5.5}, "0.5 s shorter"),
    ],
)
def test_a_wrong_length_is_named(change: dict[str, float], words: str) -> None:
    sound_s = change.pop("sound_s", 6.0)
    measured = replace(good(), **change)  # type: ignore[arg-type]
    found = of(judge([measured], PLANNED, replace(heard(), sound_s=sound_s)), Aspect.LENGTH)
    assert found.verdict is Verdict.FAIL and words in found.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, None),
        ({"highlight": 0.0}, "All 81 frames of the first window are black."),
        ({"smoothness": 0.1}, "All 81 frames of the first window are noise."),
        ({"change": 0.0, "step": 0.0}, "All 81 frames of the first window show the same"),
        ({"width": 640}, "The first window is 640x448 pixels; 896x448 were planned."),
    ],
)
def test_a_first_window_that_is_no_good_is_named(
    change: dict[str, float], words: str | None
) -> None:
    values = {
        name: value if name == "width" else np.full(81, value, np.float32)
        for name, value in change.items()
    }
    fault = find_first_window_fault(replace(good(frames=81), **values))  # type: ignore[arg-type]
    if words is None:
        assert fault is None
    else:
        assert fault is not None and fault.message.startswith(words)
        assert fault.sure == ("width" not in change)


@pytest.mark.parametrize(
    ("continuity", "still", "sure"),
    [(0.9, 0, False), (0.2, 0, True), (0.9, 30, False), (0.9, 81, True)],
)
def test_only_what_jumps_or_stands_still_throughout_is_surely_no_video(
    continuity: float, still: int, sure: bool
) -> None:
    change, step = (np.full(81, 5, np.float32) for _ in range(2))
    change[:still] = step[:still] = 0
    nothing = {"likeness": 0.1, "continuity": continuity}
    values = {name: np.full(81, value, np.float32) for name, value in nothing.items()}
    gap = np.full((81, 1), np.nan, np.float32)
    measured = replace(good(frames=81), gap=gap, change=change, step=step, **values)  # type: ignore[arg-type]
    fault = find_first_window_fault(measured)
    assert fault is not None and fault.sure == sure
    picture = of(judge([measured], ExpectedVideo(81, 896, 448, 25), heard()), Aspect.PICTURE)
    assert picture.verdict is (Verdict.FAIL if continuity < 0.5 or still else Verdict.WARN)


def test_some_black_frames_are_counted_and_do_not_spoil_the_other_verdicts() -> None:
    highlight = np.full(FRAMES, 220, np.float32)
    highlight[100:110] = 0
    measured = replace(good(), highlight=highlight)
    measured.colour[100:110, 0] = -60
    measured.identity[100:110] = 0
    report = judge([measured], PLANNED, heard())
    bad = [finding for finding in report.findings if finding.verdict is not Verdict.PASS]
    assert [finding.message for finding in bad] == ["10 of 150 frames are black."]

"""Checks that lips follow the sound, and each speaker's lips their own voice."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference.core.report import Aspect, Finding, Verdict
from inference.quality.curves import build_curve, compute_correlation, fill_gaps

Floats = NDArray[np.float32]

LAGS_FRAMES = range(-12, 13)  # lips ahead of (+) and behind (-) their sound
USUAL_LEAD_FRAMES = 1  # lips move before a sound is heard, in life and in drafts
# ITU-R BT.1359: sound 45 ms early or 125 ms late is noticed, 90 and 185 ms are unacceptable.
# Good up to the first, bad from the second: 2 and 4 frames.
_WARN_OFFSET_S, _FAIL_OFFSET_S = 0.08, 0.16
_OFFSET_TOLERANCE_S = 0.001

# Lips and loudness of lively speech correlate with 0.5 to 0.9; over a few seconds, those of
# two different people reach 0.3 at some lag by chance.
_GOOD_CORRELATION, _CHANCE_CORRELATION = 0.4, 0.25
_MIN_FRAMES = 49  # in less, chance decides
_MIN_LIP_MOTION = 0.006  # standard deviation in face heights; lips at rest jitter by a third of it
_SILENT_LOUDNESS = 0.02  # fourth root of power: -68 dBFS
# A voice is as loud as its loudest frames, a short word; it rises and falls, unlike a room's noise.
_WORD_FRAMES = 5
_AUDIBLE_PART, _FLOOR_SHARE = 0.1, 0.1  # of the loudest; share of the frames at the floor
_MIN_RISE = 1.41  # of a voice over its floor, 6 dB
# The other person's voice in one's own microphone is lower and alike; breath is lower still.
_CROSSTALK_DB, _CROSSTALK_CORRELATION, _BREATH_DB = 10.0, 0.6, 20.0
_MIN_TRACKED_SHARE = 0.5  # share of the frames in which a face must be found
MAX_YAW_DEG = 40  # beyond it the mesh guesses the lips; a three-quarter view measures 30
_MAX_BRIDGE_FRAMES = 3  # frames between two measurements of a face

_IN_SYNC_LAGS_FRAMES = range(-4, 7)  # roughly in sync; a swap is detected over these
_SAME_VOICE_CORRELATION = 0.8  # two voices more alike cannot be told apart
_CLEAR_DIFFERENCE = 0.25  # difference of correlations that is not chance

_LOCAL_REACH_S = 1.0  # each way, for the curve over time
_MIN_LOCAL_VARIATION = 0.3  # of the overall deviation of loudness; with less, no local correlation


def bridge_lip_gaps(gap: Floats) -> list[Floats]:
    """Split `gap` (n, p) into the speakers' gaps, float32 (n,) each, short holes bridged."""
    return [fill_gaps(gap[:, speaker], _MAX_BRIDGE_FRAMES) for speaker in range(gap.shape[1])]


def is_tracked(gap: Floats) -> bool:
    """Return whether a face was tracked in enough frames to judge it."""
    return bool(np.mean(~np.isnan(gap)) >= _MIN_TRACKED_SHARE)


def judge_lip_sync(
    gaps: Sequence[Floats], sound: Floats | None, fps: float, from_side: bool = False
) -> Finding:
    """Judge whether the lips of all speakers together follow the loudness `sound` (n,).

    `from_side`: gaps are missing because a face is seen from the side.
    """
    tracked = [gap for gap in gaps if is_tracked(gap)]
    if sound is None or float(sound.max(initial=0)) < _SILENT_LOUDNESS:
        return _build_inconclusive("There is no voice in the sound, so the lips were not checked.")
    if not tracked:
        return _build_inconclusive(
            f"{_name_unseen('No', from_side)}, so the lips were not checked."
        )
    if all(map(_is_still, tracked)):
        return Finding(Aspect.LIP_SYNC, Verdict.FAIL, "The lips do not move.")
    if len(sound) < _MIN_FRAMES:
        return Finding(Aspect.LIP_SYNC, Verdict.PASS, "This is too short to check the lips.")
    lips = np.nansum(np.stack(tracked), 0).astype(np.float32)
    lips[np.isnan(np.stack(tracked)).any(0)] = np.nan
    correlations = {lag: _correlate_at_lag(lips, sound, lag) for lag in LAGS_FRAMES}
    best = max(correlations, key=lambda lag: correlations[lag])
    verdict, message = _judge_offset(best - USUAL_LEAD_FRAMES, correlations[best], fps)
    # the speaker may be the face that was lost
    if verdict is Verdict.FAIL and len(tracked) < len(gaps):
        return _build_inconclusive(f"{_name_unseen('A', from_side)}, so the lips were not checked.")
    numbers = {
        "offset_s": round((best - USUAL_LEAD_FRAMES) / fps, 3),
        "strength": round(correlations[best], 3),
    }
    local = build_curve(
        _correlate_locally(lips, sound, round(_LOCAL_REACH_S * fps)), _CHANCE_CORRELATION, 1.0
    )
    return Finding(Aspect.LIP_SYNC, verdict, message, numbers, local)


def _is_still(gap: Floats) -> bool:
    return float(np.nanstd(gap)) < _MIN_LIP_MOTION


def _name_unseen(article: str, from_side: bool) -> str:
    return "A face is seen from the side" if from_side else f"{article} face could not be followed"


def _build_inconclusive(message: str) -> Finding:
    return Finding(Aspect.LIP_SYNC, Verdict.WARN, message)


def _judge_offset(early: int, strength: float, fps: float) -> tuple[Verdict, str]:
    if strength < _CHANCE_CORRELATION:
        return Verdict.FAIL, "The lips do not follow the voice."
    if strength < _GOOD_CORRELATION:
        return Verdict.WARN, "The lips follow the voice only loosely."
    off_s = abs(early) / fps
    if off_s > _WARN_OFFSET_S + _OFFSET_TOLERANCE_S:
        side = "ahead of" if early > 0 else "behind"
        verdict = Verdict.FAIL if off_s > _FAIL_OFFSET_S - _OFFSET_TOLERANCE_S else Verdict.WARN
        return verdict, f"The lips run {off_s:.2f} s {side} the voice."
    if early == 0:
        return Verdict.PASS, "The lips follow the voice."
    count = {1: "one frame", 2: "two frames"}.get(abs(early), f"{abs(early)} frames")
    side = "early" if early > 0 else "late"
    return Verdict.PASS, f"The lips follow the voice, {count} {side} ({off_s:.2f} s)."


def _correlate_at_lag(lips: Floats, sound: Floats, lag: int) -> float:
    """Return the correlation with the lips `lag` frames ahead of the sound."""
    edge = max(LAGS_FRAMES)
    inner = slice(edge, len(lips) - edge)
    return compute_correlation(lips[inner], np.roll(sound, -lag)[inner])


def _correlate_locally(lips: Floats, sound: Floats, reach: int) -> Floats:
    """Return the correlation around each frame, float32 (n,); NaN where loudness hardly varies."""
    shifted, overall = np.roll(sound, -USUAL_LEAD_FRAMES), float(sound.std())
    out = np.full(len(lips), np.nan, np.float32)
    for at in range(len(lips)):
        part = slice(max(0, at - reach), at + reach)
        if shifted[part].std() > _MIN_LOCAL_VARIATION * overall:
            out[at] = compute_correlation(lips[part], shifted[part])
    return out


def judge_speakers(
    gaps: Sequence[Floats], voices: Sequence[Floats], from_side: bool = False
) -> Finding | None:
    """Judge whether each of two speakers follows their own voice, float32 (n,).

    Returns None unless there are two of each. `from_side`: see `judge_lip_sync`.
    """
    if len(gaps) != 2 or len(voices) != 2:
        return None
    talks = [float(voice.max(initial=0)) >= _SILENT_LOUDNESS for voice in voices]
    sides = ("left", "right")
    still = [at for at in (0, 1) if talks[at] and is_tracked(gaps[at]) and _is_still(gaps[at])]
    for at in still:
        if _is_voice(voices[at], voices[1 - at]):
            message = f"The {sides[at]} one's lips do not move, although their voice is heard."
            return Finding(Aspect.SPEAKERS, Verdict.FAIL, message)
    unsure = _explain_inconclusive(gaps, voices, from_side)
    if still:
        unsure = f"The {sides[still[0]]} one's lips do not move; their sound may be no voice."
    if unsure:
        return Finding(Aspect.SPEAKERS, Verdict.WARN, unsure)
    own = [_correlate_in_sync(gaps[0], voices[0]), _correlate_in_sync(gaps[1], voices[1])]
    other = [_correlate_in_sync(gaps[0], voices[1]), _correlate_in_sync(gaps[1], voices[0])]
    numbers = {
        "left_own": round(own[0], 3),
        "right_own": round(own[1], 3),
        "left_other": round(other[0], 3),
        "right_other": round(other[1], 3),
    }
    verdict, message = _judge_pairing(own, other, talks)
    return Finding(Aspect.SPEAKERS, verdict, message, numbers)


def _is_voice(own: Floats, other: Floats) -> bool:
    """Return whether a recording's loudness is surely that of its own speaker's voice."""
    audible = np.sort(own[own > _AUDIBLE_PART * own.max()])
    level = audible[-_WORD_FRAMES:][0]
    if level < _MIN_RISE * audible[int(_FLOOR_SHARE * len(audible))]:
        return False
    lower_db = 40 * np.log10(max(float(np.sort(other)[-_WORD_FRAMES:][0]), 1e-9) / level)
    if lower_db >= _CROSSTALK_DB and compute_correlation(own, other) >= _CROSSTALK_CORRELATION:
        return False
    return bool(lower_db < _BREATH_DB)


def _explain_inconclusive(
    gaps: Sequence[Floats], voices: Sequence[Floats], from_side: bool
) -> str | None:
    if len(voices[0]) < _MIN_FRAMES:
        return "This is too short to tell who speaks."
    if not all(map(is_tracked, gaps)):
        return f"{_name_unseen('A', from_side)}, so who speaks was not checked."
    if compute_correlation(voices[0], voices[1]) > _SAME_VOICE_CORRELATION:
        return "Both voices say the same, so who speaks was not checked."
    return None


def _judge_pairing(own: list[float], other: list[float], talks: list[bool]) -> tuple[Verdict, str]:
    if sum(other) - sum(own) > 2 * _CLEAR_DIFFERENCE and max(other) >= _GOOD_CORRELATION:
        return Verdict.FAIL, "The voices look swapped."
    for speaker, side in enumerate(("left", "right")):
        listener = 1 - speaker
        follows = own[speaker] >= _GOOD_CORRELATION and other[listener] >= _GOOD_CORRELATION
        if follows and other[listener] - own[listener] > _CLEAR_DIFFERENCE:
            return Verdict.WARN, f"Both people move with the {side} one's voice."
    if all(own[speaker] >= _GOOD_CORRELATION for speaker in (0, 1) if talks[speaker]):
        return Verdict.PASS, "Each one moves only with their own voice."
    return Verdict.WARN, "It is not clear that each one moves with their own voice."


def _correlate_in_sync(lips: Floats, voice: Floats) -> float:
    return max(_correlate_at_lag(lips, voice, lag) for lag in _IN_SYNC_LAGS_FRAMES)

"""Whether lips follow the sound, and whose lips follow whose voice."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference.core.report import Aspect, Finding, Verdict
from inference.quality.curves import correlation, curve, filled

Floats = NDArray[np.float32]

LAGS = range(-12, 13)  # frames by which lips are looked for before (+) and after (-) their sound
USUAL_LEAD = 1  # frame: lips are on their way before a sound is heard, in life and in drafts
# ITU-R BT.1359: 45 ms too late or 125 ms too early a sound is noticed, 90 and 185 are too much.
_IN_TIME_S, _TOO_FAR_S = 0.08, 0.16  # 2 and 4 frames: up to this good; from this bad
_CLOSE_S = 0.001

# Lips and loudness of lively speech correlate with 0.5 to 0.9; over a few seconds, strangers reach
# 0.3 at some lag by chance.
_FOLLOWS, _STRANGERS = 0.4, 0.25
_SHORTEST = 49  # frames: in less, chance decides
_MOVES = 0.006  # standard deviation in face heights; lips at rest jitter by a third of it
_SILENT = 0.02  # fourth root of power: -68 dBFS
_SEEN = 0.5  # share of the frames in which a face must be seen
_BRIDGED = 3  # frames between two looks at a face

_OWN_LAGS = range(-4, 7)  # about in time: what a swap is told by
_BOTH_ALIKE = 0.8  # correlation of two voices from which on nobody can tell them apart
_CLEARLY = 0.25  # difference of correlations that is no chance

_LOCAL_S = 1.0  # each way, for the curve over time
_QUIET = 0.3  # of the usual variation of loudness: too little for a local correlation


def lip_gaps(gap: Floats) -> list[Floats]:
    """The speakers' gaps, float32 (n,) each, bridged, from `gap` (n, p)."""
    return [filled(gap[:, speaker], _BRIDGED) for speaker in range(gap.shape[1])]


def seen(gap: Floats) -> bool:
    """Whether a face could be followed well enough to say anything about it."""
    return bool(np.mean(~np.isnan(gap)) >= _SEEN)


def lip_sync(gaps: Sequence[Floats], sound: Floats | None, fps: float) -> Finding:
    """Whether the lips, of all together, follow the loudness `sound` (n,); None: it has none."""
    followed = [gap for gap in gaps if seen(gap)]
    if sound is None or float(sound.max(initial=0)) < _SILENT:
        return _unsure("There is no voice in the sound, so the lips were not checked.")
    if not followed:
        return _unsure("No face could be followed, so the lips were not checked.")
    if len(sound) < _SHORTEST:
        return Finding(Aspect.LIP_SYNC, Verdict.PASS, "This is too short to check the lips.")
    if max(float(np.nanstd(gap)) for gap in followed) < _MOVES:
        return Finding(Aspect.LIP_SYNC, Verdict.FAIL, "The lips do not move.")
    lips = np.nansum(np.stack(followed), 0).astype(np.float32)
    lips[np.isnan(np.stack(followed)).any(0)] = np.nan
    found = {lag: _at_lag(lips, sound, lag) for lag in LAGS}
    best = max(found, key=lambda lag: found[lag])
    verdict, message = _sync_verdict(best - USUAL_LEAD, found[best], fps)
    if verdict is Verdict.FAIL and len(followed) < len(gaps):  # perhaps the other one speaks
        return _unsure("A face could not be followed, so the lips were not checked.")
    numbers = {"offset_s": round((best - USUAL_LEAD) / fps, 3), "strength": round(found[best], 3)}
    local = curve(_local(lips, sound, round(_LOCAL_S * fps)), _STRANGERS, 1.0)
    return Finding(Aspect.LIP_SYNC, verdict, message, numbers, local)


def _unsure(message: str) -> Finding:
    return Finding(Aspect.LIP_SYNC, Verdict.LOOK, message)


def _sync_verdict(early: int, strength: float, fps: float) -> tuple[Verdict, str]:
    if strength < _STRANGERS:
        return Verdict.FAIL, "The lips do not follow the voice."
    if strength < _FOLLOWS:
        return Verdict.LOOK, "The lips follow the voice only loosely."
    off_s = abs(early) / fps
    if off_s > _IN_TIME_S + _CLOSE_S:
        side = "ahead of" if early > 0 else "behind"
        verdict = Verdict.FAIL if off_s > _TOO_FAR_S - _CLOSE_S else Verdict.LOOK
        return verdict, f"The lips run {off_s:.2f} s {side} the voice."
    if early == 0:
        return Verdict.PASS, "The lips follow the voice."
    count = {1: "one frame", 2: "two frames"}.get(abs(early), f"{abs(early)} frames")
    side = "early" if early > 0 else "late"
    return Verdict.PASS, f"The lips follow the voice, {count} {side} ({off_s:.2f} s)."


def _at_lag(lips: Floats, sound: Floats, lag: int) -> float:
    """The correlation when the lips are `lag` frames before their sound."""
    edge = max(LAGS)
    inner = slice(edge, len(lips) - edge)
    return correlation(lips[inner], np.roll(sound, -lag)[inner])


def _local(lips: Floats, sound: Floats, reach: int) -> Floats:
    """The correlation around each frame, float32 (n,); NaN where hardly anything is said."""
    heard, usual = np.roll(sound, -USUAL_LEAD), float(sound.std())
    out = np.full(len(lips), np.nan, np.float32)
    for at in range(len(lips)):
        part = slice(max(0, at - reach), at + reach)
        if heard[part].std() > _QUIET * usual:
            out[at] = correlation(lips[part], heard[part])
    return out


def speakers(gaps: Sequence[Floats], voices: Sequence[Floats]) -> Finding | None:
    """Of two people with a voice each, `voices` (n,): whose lips follow whose. None: not two."""
    if len(gaps) != 2 or len(voices) != 2:
        return None
    unsure = _reason_unsure(gaps, voices)
    if unsure:
        return Finding(Aspect.SPEAKERS, Verdict.LOOK, unsure)
    own = [_in_time(gaps[0], voices[0]), _in_time(gaps[1], voices[1])]
    other = [_in_time(gaps[0], voices[1]), _in_time(gaps[1], voices[0])]
    talks = [float(voice.max(initial=0)) >= _SILENT for voice in voices]
    numbers = {
        "left_own": round(own[0], 3),
        "right_own": round(own[1], 3),
        "left_other": round(other[0], 3),
        "right_other": round(other[1], 3),
    }
    verdict, message = _who_speaks(own, other, talks)
    return Finding(Aspect.SPEAKERS, verdict, message, numbers)


def _reason_unsure(gaps: Sequence[Floats], voices: Sequence[Floats]) -> str | None:
    if len(voices[0]) < _SHORTEST:
        return "This is too short to tell who speaks."
    if not all(map(seen, gaps)):
        return "A face could not be followed, so who speaks was not checked."
    if correlation(voices[0], voices[1]) > _BOTH_ALIKE:
        return "Both voices say the same, so who speaks was not checked."
    return None


def _who_speaks(own: list[float], other: list[float], talks: list[bool]) -> tuple[Verdict, str]:
    if sum(other) - sum(own) > 2 * _CLEARLY and max(other) >= _FOLLOWS:
        return Verdict.FAIL, "The voices look swapped."
    for who, side in enumerate(("left", "right")):
        listens = 1 - who
        follows = own[who] >= _FOLLOWS and other[listens] >= _FOLLOWS
        if follows and other[listens] - own[listens] > _CLEARLY:
            return Verdict.LOOK, f"Both people move with the {side} one's voice."
    if all(own[who] >= _FOLLOWS for who in (0, 1) if talks[who]):
        return Verdict.PASS, "Each one moves only with their own voice."
    return Verdict.LOOK, "It is not clear that each one moves with their own voice."


def _in_time(lips: Floats, voice: Floats) -> float:
    return max(_at_lag(lips, voice, lag) for lag in _OWN_LAGS)

"""Checks that colours and faces stay those of the picture."""

import numpy as np
from numpy.typing import NDArray

from inference.core.report import Aspect, Finding, Verdict
from inference.quality.curves import build_curve, fill_gaps, find_runs, smooth
from inference.quality.measure import Measurements

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

# Differences in CIE Lab: 2.3 can just be noticed side by side (Mahy et al., 1994). Encoding alone
# moves flat drawings by 1.5.
_WARN_COLOUR_DISTANCE, _FAIL_COLOUR_DISTANCE = 4.0, 10.0
_WARN_LOG_CONTRAST, _FAIL_LOG_CONTRAST = 0.15, 0.4  # logarithm of the contrast over the picture's
_MIN_DRIFT_S = 0.4  # a shorter change is not counted as drift

# The same face keeps 0.85 and more through the draft's blinks and turns; two different faces,
# aligned, reach 0.3.
_WARN_LIKENESS, _FAIL_LIKENESS = 0.6, 0.4
_MAX_COMPARE_GAP_FRAMES = 30  # frames between two comparisons of a face, at most
_LIKENESS_SMOOTH_S = 1.0
_MIN_LOST_S = 1.0

_TINT_WORDS = (("lighter", "darker"), ("redder", "greener"), ("warmer", "cooler"))


def judge_colour(whole: Measurements, bad: Flags) -> Finding:
    """Judge the colours against the picture; `bad`, bool (n,), marks frames to ignore."""
    frames = max(3, round(_MIN_DRIFT_S * whole.fps))
    lab = np.where(bad[:, None], np.nan, whole.colour).astype(np.float32)
    lab = np.stack([smooth(channel, frames) for channel in lab.T], 1)
    contrast = smooth(np.where(bad, np.nan, np.log(whole.contrast)).astype(np.float32), frames)
    distance = np.linalg.norm(lab, axis=1)
    drift = np.maximum(distance / _WARN_COLOUR_DISTANCE, np.abs(contrast) / _WARN_LOG_CONTRAST)
    if np.isnan(drift).all():
        return Finding(Aspect.COLOUR, Verdict.WARN, "No frame could be compared with the picture.")
    worst = int(np.nanargmax(drift))
    numbers = {
        "difference": round(float(np.nanmax(distance)), 2),
        "contrast": round(float(np.exp(contrast[worst])), 3),
    }
    values = build_curve(distance.astype(np.float32), 0.0, _WARN_COLOUR_DISTANCE)
    if drift[worst] < 1:
        message = f"The colours stay those of {_describe_reference(whole)}."
        return Finding(Aspect.COLOUR, Verdict.PASS, message, numbers, values)
    strong = distance[worst] >= _FAIL_COLOUR_DISTANCE or abs(contrast[worst]) >= _FAIL_LOG_CONTRAST
    word = _describe_difference(lab[worst], float(contrast[worst]))
    since_s = int(np.argmax(drift >= 1)) / whole.fps
    when = f" after {since_s:.1f} s" if since_s >= _MIN_DRIFT_S else ""
    message = f"{'Much' if strong else 'A little'} {word} than {_describe_reference(whole)}{when}."
    verdict = Verdict.FAIL if strong else Verdict.WARN
    return Finding(Aspect.COLOUR, verdict, message, numbers, values)


def _describe_difference(lab: Floats, contrast: float) -> str:
    """Return the word for the largest difference, such as "darker"."""
    if abs(contrast) / _WARN_LOG_CONTRAST > float(np.linalg.norm(lab)) / _WARN_COLOUR_DISTANCE:
        return "harsher" if contrast > 0 else "flatter"
    channel = int(np.argmax(np.abs(lab)))
    return _TINT_WORDS[channel][0 if lab[channel] > 0 else 1]


def _describe_reference(whole: Measurements) -> str:
    return "your picture" if whole.pictured else "the first frame"


def judge_identity(whole: Measurements, bad: Flags) -> Finding:
    """Judge whether every face stays the same; `bad`, bool (n,), marks frames to ignore."""
    count = whole.gap.shape[1]
    all_gaps = [
        fill_gaps(np.where(bad, np.nan, whole.gap[:, speaker]), _MAX_COMPARE_GAP_FRAMES)
        for speaker in range(count)
    ]
    faces = [_smooth_likeness(whole, bad, speaker) for speaker in range(count)]
    known = [speaker for speaker in range(count) if not np.isnan(faces[speaker]).all()]
    if not known:
        message = "No face could be followed, so it was not compared with the picture."
        return Finding(Aspect.IDENTITY, Verdict.WARN, message)
    speaker = min(known, key=lambda each: float(np.nanmin(faces[each])))
    face = faces[speaker]
    name = "The face" if count == 1 else f"The {'left' if speaker == 0 else 'right'} face"
    lowest = float(np.nanmin(face))
    numbers, values = {"likeness": round(lowest, 3)}, build_curve(face, _WARN_LIKENESS, 1.0)
    if lowest < _FAIL_LIKENESS:
        since_s = int(np.argmax(face < _FAIL_LIKENESS)) / whole.fps
        message = f"{name} is another one from {since_s:.1f} s on."
        return Finding(Aspect.IDENTITY, Verdict.FAIL, message, numbers, values)
    if lowest < _WARN_LIKENESS:
        since_s = int(np.argmax(face < _WARN_LIKENESS)) / whole.fps
        message = f"{name} looks less like {_describe_reference(whole)} after {since_s:.1f} s."
        return Finding(Aspect.IDENTITY, Verdict.WARN, message, numbers, values)
    for gap in all_gaps:
        for lost in find_runs(np.isnan(gap) & ~bad):
            if len(lost) >= min(_MIN_LOST_S * whole.fps, len(bad) / 2):
                message = f"A face could not be followed from {lost.start / whole.fps:.1f} s on."
                return Finding(Aspect.IDENTITY, Verdict.WARN, message, numbers, values)
    same = "The face stays the same." if count == 1 else "The faces stay the same."
    return Finding(Aspect.IDENTITY, Verdict.PASS, same, numbers, values)


def _smooth_likeness(whole: Measurements, bad: Flags, speaker: int) -> Floats:
    """Return a face's likeness in every frame, float32 (n,), without short dips."""
    likeness = np.where(bad, np.nan, whole.identity[:, speaker]).astype(np.float32)
    return smooth(
        fill_gaps(likeness, _MAX_COMPARE_GAP_FRAMES), max(3, round(_LIKENESS_SMOOTH_S * whole.fps))
    )

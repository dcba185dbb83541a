"""Verdicts on measurements, in plain words. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.core.report import Aspect, Finding, Report, Verdict
from inference.quality.appearance import judge_colour, judge_identity
from inference.quality.faults import find_black_frames, find_frozen_runs, find_noise_frames
from inference.quality.lips import MAX_YAW_DEG, bridge_lip_gaps, judge_lip_sync, judge_speakers
from inference.quality.measure import Measurements

Floats = NDArray[np.float32]

# Sound and picture may end an AAC frame and a video frame apart.
_AAC_FRAME_S = 1024 / 48_000
_FPS_TOLERANCE = 0.01  # frames per second

_MAX_BAD_SHARE = 0.5  # share of a window's frames; with more the job is not worth its cost
_FROZEN_SHARE = 0.9  # of all frames; less may be a face at rest
_FAIL_FROZEN_S = 1.0  # longer than a natural pause


@dataclass(frozen=True)
class ExpectedVideo:
    """Planned size, length and rate of a video; None where unknown."""

    frames: int | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None


@dataclass(frozen=True)
class AudioEnvelopes:
    """Loudness envelopes of a video, float32 (n,), one value per frame.

    `sound` is that of the whole sound track, None without one; `voices` are those of the speakers,
    left to right, where known. `sound_s` is the end of the video's own sound, None without one.
    """

    sound: Floats | None = None
    voices: tuple[Floats, ...] = ()
    sound_s: float | None = None


def judge(
    measured: Sequence[Measurements], expected: ExpectedVideo, audio: AudioEnvelopes
) -> Report:
    """Build the report on a video from the measurements of its windows, in order."""
    whole = join_measurements(measured)
    bad = find_black_frames(whole) | find_noise_frames(whole)
    turned = whole.yaw > MAX_YAW_DEG
    from_side = bool((turned.sum(0) > (~np.isnan(whole.yaw)).sum(0) / 2).any())
    gap = np.where(bad[:, None] | turned, np.nan, whole.gap).astype(np.float32)
    gaps = bridge_lip_gaps(gap)
    candidates = [
        judge_lip_sync(gaps, audio.sound, whole.fps, from_side),
        judge_speakers(gaps, audio.voices, from_side),
        _judge_length(whole, expected, audio),
        _judge_picture(whole),
        _judge_motion(whole),
        judge_colour(whole, bad),
        judge_identity(whole, bad),
    ]
    findings = tuple(finding for finding in candidates if finding is not None)
    return Report(whole.frames, round(whole.frames / whole.fps, 3), findings)


@dataclass(frozen=True)
class WindowFault:
    """Reason why a window is unusable, such as "All 81 frames of the first window are black.".

    `sure` is True for a black, noisy or frozen window, and False for one that is only past a limit
    fitted to drafts.
    """

    message: str
    sure: bool


def find_first_window_fault(measured: Measurements) -> WindowFault | None:
    """Return the fault that makes a job's first window unusable; None if there is none."""
    frames = measured.frames
    noise = find_noise_frames(measured)
    mostly_noise = find_noise_frames(measured, sure=True).sum() > _MAX_BAD_SHARE * frames
    for flags, description, sure in (
        (find_black_frames(measured), "black", True),
        (noise, "noise" if mostly_noise else "nothing like the picture", bool(mostly_noise)),
    ):
        count = int(flags.sum())
        if count > _MAX_BAD_SHARE * frames:
            how_many = f"All {frames}" if count == frames else f"{count} of the {frames}"
            return WindowFault(f"{how_many} frames of the first window are {description}.", sure)
    frozen = sum(map(len, find_frozen_runs(measured)))
    if frozen >= _FROZEN_SHARE * (frames - 1):
        message = f"All {frames} frames of the first window show the same: nothing moves."
        return WindowFault(message, sure=frozen >= frames - 1)
    size = measured.width, measured.height
    target = measured.picture_width, measured.picture_height
    if size != target:
        message = (
            f"The first window is {size[0]}x{size[1]} pixels; {target[0]}x{target[1]} were planned."
        )
        return WindowFault(message, sure=False)
    return None


def join_measurements(measured: Sequence[Measurements]) -> Measurements:
    """Concatenate measurements; values that are no series are those of the first."""
    first = measured[0]
    if len(measured) == 1:
        return first
    series = {
        name: np.concatenate([getattr(each, name) for each in measured])
        for name, value in vars(first).items()
        if isinstance(value, np.ndarray) and name != "last"
    }
    return Measurements(**(vars(first) | series | {"last": measured[-1].last}))


def _judge_length(whole: Measurements, expected: ExpectedVideo, audio: AudioEnvelopes) -> Finding:
    picture_s = whole.frames / whole.fps
    numbers = {"frames": float(whole.frames), "picture_s": round(picture_s, 3)}
    if audio.sound_s is not None:
        numbers["sound_s"] = round(audio.sound_s, 3)
    fault = _find_size_fault(whole, expected) or _find_sound_fault(
        picture_s, whole.fps, audio.sound_s
    )
    if fault:
        return Finding(Aspect.LENGTH, Verdict.FAIL, fault, numbers)
    sound = "no sound" if audio.sound_s is None else f"{picture_s:.2f} s of sound"
    end = ", as planned." if expected.frames is not None else "."
    return Finding(Aspect.LENGTH, Verdict.PASS, f"{whole.frames} frames and {sound}{end}", numbers)


def _find_size_fault(whole: Measurements, expected: ExpectedVideo) -> str | None:
    size = whole.width, whole.height
    target = expected.width or size[0], expected.height or size[1]
    if size != target:
        return f"The picture is {size[0]}x{size[1]} pixels; {target[0]}x{target[1]} were planned."
    if expected.fps is not None and abs(whole.fps - expected.fps) > _FPS_TOLERANCE:
        return f"It plays {whole.fps:g} frames a second; {expected.fps:g} were planned."
    if expected.frames is not None and whole.frames != expected.frames:
        return f"There are {whole.frames} frames; {expected.frames} were planned."
    return None


def _find_sound_fault(picture_s: float, fps: float, sound_s: float | None) -> str | None:
    if sound_s is None or abs(sound_s - picture_s) <= _AAC_FRAME_S + 1 / fps:
        return None
    than = "longer" if sound_s > picture_s else "shorter"
    return f"The sound is {abs(sound_s - picture_s):.1f} s {than} than the picture."


def _judge_picture(whole: Measurements) -> Finding:
    black = int(find_black_frames(whole).sum())
    noise = int(find_noise_frames(whole, sure=True).sum())
    unlike = int(find_noise_frames(whole).sum()) - noise
    numbers = {"black_frames": float(black), "noise_frames": float(noise + unlike)}
    for count, description, verdict in (
        (black, "black", Verdict.FAIL),
        (noise, "noise", Verdict.FAIL),
        (unlike, "nothing like the picture", Verdict.WARN),
    ):
        if count:
            message = (
                f"{count} of {whole.frames} frames {'is' if count == 1 else 'are'} {description}."
            )
            return Finding(Aspect.PICTURE, verdict, message, numbers)
    message = "No frame is black and none is noise."
    return Finding(Aspect.PICTURE, Verdict.PASS, message, numbers)


def _judge_motion(whole: Measurements) -> Finding:
    frozen = find_frozen_runs(whole)
    longest = max(frozen, key=len, default=range(0))
    long_s = len(longest) / whole.fps
    numbers = {
        "still_s": round(sum(map(len, frozen)) / whole.fps, 2),
        "longest_s": round(long_s, 2),
    }
    if not frozen:
        return Finding(Aspect.MOTION, Verdict.PASS, "Something moves all the time.", numbers)
    if len(longest) >= _FROZEN_SHARE * (whole.frames - 1):
        return Finding(Aspect.MOTION, Verdict.FAIL, "Nothing moves.", numbers)
    verdict = Verdict.FAIL if long_s >= _FAIL_FROZEN_S else Verdict.WARN
    message = f"{long_s:.1f} s stand still from {longest.start / whole.fps:.1f} s on."
    if longest.stop == whole.frames:
        message = f"The last {long_s:.1f} s stand still."
    return Finding(Aspect.MOTION, verdict, message, numbers)

"""Verdicts on what was measured, in plain words. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.core.report import Aspect, Finding, Report, Verdict
from inference.quality.appearance import judge_colour, judge_identity
from inference.quality.faults import find_black_frames, find_frozen_runs, find_noise_frames
from inference.quality.lips import bridge_lip_gaps, judge_lip_sync, judge_speakers
from inference.quality.measure import Measurements

Floats = NDArray[np.float32]

# Sound and picture end together to within an AAC frame and a video frame.
_AAC_FRAME_S = 1024 / 48_000
_FPS_TOLERANCE = 0.01  # frames per second

_MAX_BAD_SHARE = 0.5  # share of a window's frames from which on it is not worth going on with
_FROZEN_SHARE = 0.9  # share that stands still; a still face may well do so for a moment
_FAIL_FROZEN_S = 1.0  # as long as this nobody takes it for a pause


@dataclass(frozen=True)
class ExpectedVideo:
    """What the video was to be; None: nobody said."""

    frames: int | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None


@dataclass(frozen=True)
class AudioEnvelopes:
    """What is heard: loudness envelopes, float32 (n,), one value a frame.

    `sound` is that of the whole, None without any; `voices` are the speakers' own, in their order,
    where they are known. `sound_s` is when the video's own sound ends, None where it has none.
    """

    sound: Floats | None = None
    voices: tuple[Floats, ...] = ()
    sound_s: float | None = None


def judge(
    measured: Sequence[Measurements], planned: ExpectedVideo, heard: AudioEnvelopes
) -> Report:
    """The report on a video that was measured in stretches, in their order."""
    whole = join_measurements(measured)
    bad = find_black_frames(whole) | find_noise_frames(whole)
    gap = np.where(bad[:, None], np.nan, whole.gap).astype(np.float32)
    gaps = bridge_lip_gaps(gap)
    found = [
        judge_lip_sync(gaps, heard.sound, whole.fps),
        judge_speakers(gaps, heard.voices),
        _judge_length(whole, planned, heard),
        _judge_picture(whole),
        _judge_motion(whole),
        judge_colour(whole, bad),
        judge_identity(whole, bad),
    ]
    told = tuple(finding for finding in found if finding is not None)
    return Report(whole.frames, round(whole.frames / whole.fps, 3), told)


@dataclass(frozen=True)
class WindowFault:
    """Why a window looks of no use: a sentence such as "All 81 frames of the first window are
    black."; `sure` when it is black, noise or frozen throughout, not just past a limit that was set
    on drafts."""

    message: str
    sure: bool


def find_first_window_fault(measured: Measurements) -> WindowFault | None:
    """What is so wrong with a job's first window that the rest seems not worth paying for."""
    frames = measured.frames
    noise = find_noise_frames(measured)
    surely = find_noise_frames(measured, sure=True).sum() > _MAX_BAD_SHARE * frames
    for flags, what, sure in (
        (find_black_frames(measured), "black", True),
        (noise, "noise" if surely else "nothing like the picture", bool(surely)),
    ):
        count = int(flags.sum())
        if count > _MAX_BAD_SHARE * frames:
            how_many = f"All {frames}" if count == frames else f"{count} of the {frames}"
            return WindowFault(f"{how_many} frames of the first window are {what}.", sure)
    still = sum(map(len, find_frozen_runs(measured)))
    if still >= _FROZEN_SHARE * (frames - 1):
        message = f"All {frames} frames of the first window show the same: nothing moves."
        return WindowFault(message, sure=still >= frames - 1)
    size = measured.width, measured.height
    wanted = measured.picture_width, measured.picture_height
    if size != wanted:
        message = (
            f"The first window is {size[0]}x{size[1]} pixels; {wanted[0]}x{wanted[1]} were planned."
        )
        return WindowFault(message, sure=False)
    return None


def join_measurements(measured: Sequence[Measurements]) -> Measurements:
    """All stretches as one. What is no series is the first one's."""
    first = measured[0]
    if len(measured) == 1:
        return first
    series = {
        name: np.concatenate([getattr(each, name) for each in measured])
        for name, value in vars(first).items()
        if isinstance(value, np.ndarray) and name != "last"
    }
    return Measurements(**(vars(first) | series | {"last": measured[-1].last}))


def _judge_length(whole: Measurements, planned: ExpectedVideo, heard: AudioEnvelopes) -> Finding:
    picture_s = whole.frames / whole.fps
    numbers = {"frames": float(whole.frames), "picture_s": round(picture_s, 3)}
    if heard.sound_s is not None:
        numbers["sound_s"] = round(heard.sound_s, 3)
    fault = _find_size_fault(whole, planned) or _find_sound_fault(
        picture_s, whole.fps, heard.sound_s
    )
    if fault:
        return Finding(Aspect.LENGTH, Verdict.FAIL, fault, numbers)
    sound = "no sound" if heard.sound_s is None else f"{picture_s:.2f} s of sound"
    end = ", as planned." if planned.frames is not None else "."
    return Finding(Aspect.LENGTH, Verdict.PASS, f"{whole.frames} frames and {sound}{end}", numbers)


def _find_size_fault(whole: Measurements, planned: ExpectedVideo) -> str | None:
    size = whole.width, whole.height
    wanted = planned.width or size[0], planned.height or size[1]
    if size != wanted:
        return f"The picture is {size[0]}x{size[1]} pixels; {wanted[0]}x{wanted[1]} were planned."
    if planned.fps is not None and abs(whole.fps - planned.fps) > _FPS_TOLERANCE:
        return f"It plays {whole.fps:g} frames a second; {planned.fps:g} were planned."
    if planned.frames is not None and whole.frames != planned.frames:
        return f"There are {whole.frames} frames; {planned.frames} were planned."
    return None


def _find_sound_fault(picture_s: float, fps: float, sound_s: float | None) -> str | None:
    if sound_s is None or abs(sound_s - picture_s) <= _AAC_FRAME_S + 1 / fps:
        return None
    than = "longer" if sound_s > picture_s else "shorter"
    return f"The sound is {abs(sound_s - picture_s):.1f} s {than} than the picture."


def _judge_picture(whole: Measurements) -> Finding:
    black, noise = (
        int(find_black_frames(whole).sum()),
        int(find_noise_frames(whole, sure=True).sum()),
    )
    unlike = int(find_noise_frames(whole).sum()) - noise
    numbers = {"black_frames": float(black), "noise_frames": float(noise + unlike)}
    for count, what, verdict in (
        (black, "black", Verdict.FAIL),
        (noise, "noise", Verdict.FAIL),
        (unlike, "nothing like the picture", Verdict.WARN),
    ):
        if count:
            message = f"{count} of {whole.frames} frames {'is' if count == 1 else 'are'} {what}."
            return Finding(Aspect.PICTURE, verdict, message, numbers)
    message = "No frame is black and none is noise."
    return Finding(Aspect.PICTURE, Verdict.PASS, message, numbers)


def _judge_motion(whole: Measurements) -> Finding:
    still = find_frozen_runs(whole)
    longest = max(still, key=len, default=range(0))
    long_s = len(longest) / whole.fps
    numbers = {"still_s": round(sum(map(len, still)) / whole.fps, 2), "longest_s": round(long_s, 2)}
    if not still:
        return Finding(Aspect.MOTION, Verdict.PASS, "Something moves all the time.", numbers)
    if len(longest) >= _FROZEN_SHARE * (whole.frames - 1):
        return Finding(Aspect.MOTION, Verdict.FAIL, "Nothing moves.", numbers)
    verdict = Verdict.FAIL if long_s >= _FAIL_FROZEN_S else Verdict.WARN
    message = f"{long_s:.1f} s stand still from {longest.start / whole.fps:.1f} s on."
    if longest.stop == whole.frames:
        message = f"The last {long_s:.1f} s stand still."
    return Finding(Aspect.MOTION, verdict, message, numbers)

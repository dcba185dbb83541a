"""Faults planted in good videos: decoded, changed, encoded again as the product encodes."""

import wave
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

from inference.core.inputs import SAMPLE_RATE_HZ
from inference.core.report import Aspect, Finding, Report
from inference.core.task import PICTURE, SOUND, Task
from inference.core.timing import SAMPLES_PER_FRAME
from inference.media.image import render_crop
from inference.media.video import SegmentWriter, join_segments
from inference.quality.measure import Measurements, Measurer
from inference.quality.report_builder import build_task_report

Frame: TypeAlias = NDArray[np.uint8]
Samples: TypeAlias = NDArray[np.int16]


def planted(
    task: Task,
    frames: Sequence[Frame],
    target: Path,
    sound: Callable[[Samples], Samples] = lambda samples: samples,
) -> Path:
    """`target`, a video of `frames` with the task's sound as `sound` changes it, int16 (n, c)."""
    pictures = target.with_suffix(".segment.mp4")
    height, width = frames[0].shape[:2]
    with SegmentWriter(pictures, width, height) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame))
    return with_sound(task, [pictures], target, sound)


def with_sound(
    task: Task, segments: Sequence[Path], target: Path, sound: Callable[[Samples], Samples]
) -> Path:
    """`target`, a video of `segments` with the task's sound as `sound` changes it, int16 (n, c)."""
    with wave.open(str(task.folder / SOUND)) as voice:
        channels = voice.getnchannels()
        data = np.frombuffer(voice.readframes(voice.getnframes()), np.int16).reshape(-1, channels)
    changed = sound(data)
    heard = target.with_suffix(".wav")
    with wave.open(str(heard), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(np.ascontiguousarray(changed).tobytes())
    join_segments(
        segments, heard, len(changed) // SAMPLES_PER_FRAME, target, {"comment": comment(task)}
    )
    return target


def comment(task: Task) -> str:
    """What the product wrote into the task's own video."""
    with av.open(str(task.folder / "result.mp4")) as file:
        return str(file.metadata["comment"])


def later(seconds: float) -> Callable[[Samples], Samples]:
    """Sound that comes so much later; earlier, if that is negative."""
    samples = round(seconds * SAMPLE_RATE_HZ)

    def shift(sound: Samples) -> Samples:
        moved = np.zeros_like(sound)
        if samples > 0:
            moved[samples:] = sound[:-samples]
        else:
            moved[:samples] = sound[-samples:]
        return moved

    return shift


def blotches(count: int, width: int, height: int, cell_px: int, seed: int = 0) -> list[Frame]:
    """Frames of coloured noise in cells of so many pixels."""
    rng = np.random.default_rng(seed)
    rows, columns = -(-height // cell_px), -(-width // cell_px)
    noise = rng.integers(0, 256, (count, rows, columns, 3)).astype(np.uint8)
    return list(noise.repeat(cell_px, 1).repeat(cell_px, 2)[:, :height, :width])


def picture_of(task: Task) -> Frame:
    """The finished frame that the task's video starts from."""
    plan = task.plan
    return render_crop(task.folder / PICTURE, plan.picture, plan.crop, plan.width, plan.height)


def measured(task: Task, video: Path) -> Measurements:
    """`video` measured as one that `task` made."""
    boxes = [speaker.box for speaker in task.plan.speakers]
    return Measurer(picture_of(task), boxes).measure(video)


def report(task: Task, video: Path) -> Report:
    """The report on `video` as one that `task` made."""
    return build_task_report(task, [measured(task, video)], video)


def found(report: Report, aspect: Aspect) -> Finding:
    """What the report says of one aspect."""
    return next(finding for finding in report.findings if finding.aspect is aspect)


def swapped(task: Task) -> Task:
    """The task as it would be if the two people had each other's recording."""
    left, right = task.plan.speakers
    speakers = replace(left, audio=right.audio), replace(right, audio=left.audio)
    return replace(task, plan=replace(task.plan, speakers=speakers))

"""Builders of the quality report on a job's video and on any mp4."""

import json
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.core.errors import InputCode, InputError
from inference.core.framing import choose_speakers
from inference.core.inputs import FRAME_SIZES, SAMPLE_RATE_HZ, Face, Shape, Speaking
from inference.core.report import Report
from inference.core.task import Task, voice_name
from inference.core.timing import FPS, SAMPLES_PER_FRAME, place_recordings, place_spans
from inference.media.mono import iterate_mono
from inference.media.portrait import find_faces
from inference.quality.container import open_mp4, open_video
from inference.quality.judge import AudioEnvelopes, ExpectedVideo, judge
from inference.quality.measure import Measurements, Measurer
from inference.quality.sound import VideoSound, compute_envelope

Floats = NDArray[np.float32]

MAX_MINUTES = 3  # of video to check: with two faces that takes a minute
MAX_FACES = 2
_SEARCHED_FRAMES = (0, 25, 50)  # faces are located in the first of these frames that shows any


def build_task_report(task: Task, measured: Sequence[Measurements], result: Path) -> Report:
    """Build the report on `result`, the video of `task`, from its windows' measurements, in order.

    The lips are compared with the sound of `result`, and each speaker's with their recording.
    """
    plan, frames = task.plan, sum(each.frames for each in measured)
    tracks = [
        iterate_mono(task.folder / voice_name(at), span, frames * SAMPLES_PER_FRAME)
        for at, span in enumerate(place_recordings(task.request.soundtrack))
    ]
    spoken = [compute_envelope(track, frames, FPS) for track in tracks]
    voices = tuple(spoken[speaker.audio] for speaker in plan.speakers)
    audio = replace(_read_own_sound(result, frames, measured[0].fps), voices=voices)
    return judge(measured, ExpectedVideo(plan.frames, plan.width, plan.height, plan.fps), audio)


def build_report(video: Path, recordings: Sequence[Path] = ()) -> Report:
    """Build the report on any mp4, compared with its own first frame.

    `recordings` are the clean voices of the people in it, left to right; without them the lips are
    compared with the video's own sound. Raises InputError for an unreadable or too long video, and
    for more recordings than faces.
    """
    settings = _read_settings(video)
    _require_short(video)
    found = _find_faces(video, len(recordings))
    boxes = [tuple(map(round, astuple(face.box))) for face in found]
    measured = Measurer(None, boxes, [face.roll_rad for face in found]).measure(video)
    audio = _read_own_sound(video, measured.frames, measured.fps)
    if recordings:
        frames, fps = measured.frames, measured.fps
        open_tracks = partial(
            _open_tracks, recordings, settings, round(frames / fps * SAMPLE_RATE_HZ)
        )
        voices = tuple(compute_envelope(track, frames, fps) for track in open_tracks())
        mixed = (np.sum(blocks, 0) for blocks in zip(*open_tracks(), strict=True))
        audio = replace(audio, sound=compute_envelope(mixed, frames, fps), voices=voices)
    return judge([measured], _parse_expected(settings), audio)


def build_report_in_sandbox(video: Path, target: Path) -> Report:
    """Build the report on any mp4 with the clean recordings, if any, that lie beside `target`."""
    recordings = [target.parent / voice_name(at) for at in range(MAX_FACES)]
    return build_report(video, [each for each in recordings if each.exists()])


def _read_own_sound(video: Path, frames: int, fps: float) -> AudioEnvelopes:
    """Return the envelope of the video's own sound."""
    sound = VideoSound(video)
    envelope = compute_envelope(sound.iterate_mono(), frames, fps)
    if sound.end_s is None:
        return AudioEnvelopes()
    return AudioEnvelopes(sound=envelope, sound_s=sound.end_s)


def _open_tracks(
    recordings: Sequence[Path], settings: Mapping[str, object], samples: int
) -> list[Iterator[Floats]]:
    """Return each recording on the axis of a video of `samples`, as blocks of float32 (n,)."""
    lengths = []
    for recording in recordings:
        with wave.open(str(recording), "rb") as sound:
            lengths.append(sound.getnframes())
    in_turn = settings.get("speaking") == Speaking.IN_TURN
    total = sum(lengths) if in_turn else max(lengths)
    spans = place_spans(lengths, in_turn, _parse_used_range(settings.get("used_s"), total))
    return [iterate_mono(*each, samples) for each in zip(recordings, spans, strict=True)]


def _parse_used_range(used_s: object, total: int) -> tuple[int, int]:
    """Return the used range of `total` samples, from seconds; all of them without a valid range."""
    match used_s:
        case [float(start_s), float(end_s)]:
            first, last = round(start_s * SAMPLE_RATE_HZ), round(end_s * SAMPLE_RATE_HZ)
            if 0 <= first < last <= total:
                return first, last
    return 0, total


def _read_settings(video: Path) -> dict[str, object]:
    """Read the settings in the video's metadata, written by `inference.rendering.windows`."""
    with open_mp4(video) as container:
        comment = container.metadata.get("comment", "")
    try:
        settings = json.loads(comment)
    except (ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _parse_expected(settings: dict[str, object]) -> ExpectedVideo:
    match settings:
        case {"frames": int(frames), "width": int(width), "height": int(height)}:
            return ExpectedVideo(frames, width, height, FPS)
        case {"frames": int(frames), "shape": "landscape" | "portrait" | "square" as shape}:
            frame = FRAME_SIZES[Shape(shape)]  # before there were other sizes
            return ExpectedVideo(frames, frame.width, frame.height, FPS)
    return ExpectedVideo()


def _require_short(video: Path) -> None:
    with open_video(video) as (_, stream):
        duration_s = float((stream.duration or 0) * (stream.time_base or 0))
    if duration_s > MAX_MINUTES * 60:
        message = f"This video is longer than {MAX_MINUTES} minutes, which is the most."
        raise InputError(InputCode.TOO_LONG, f"{message} Cut it shorter.")


def _find_faces(video: Path, count: int) -> tuple[Face, ...]:
    """Return the largest faces, left to right: `count`, or up to `MAX_FACES` for 0."""
    with open_video(video) as (container, stream):
        for number, frame in enumerate(container.decode(stream)):
            if number > max(_SEARCHED_FRAMES):
                break
            if number not in _SEARCHED_FRAMES:
                continue
            faces = find_faces(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            if faces:
                break
        else:
            faces = ()
    if 0 < len(faces) < count:
        message = f"{count} recordings were given, but only {len(faces)} face was found."
        raise InputError(InputCode.TOO_FEW_FACES, f"{message} Give one recording.")
    return choose_speakers(faces, min(count or MAX_FACES, len(faces)))

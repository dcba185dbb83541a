"""Finished sound of a video, and the tracks of single speakers, from clean recordings.

Sound is processed in blocks of ten seconds, so that memory does not grow with length.
"""

import math
import warnings
import wave
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import reduce
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from inference.core.inputs import SAMPLE_RATE_HZ
from inference.core.task import Task, voice_name
from inference.core.timing import SAMPLES_PER_FRAME, Span, place_recordings
from inference.media.level import measure_recording
from inference.media.mono import FULL_SCALE, iterate_mono

with warnings.catch_warnings():
    # pydub looks for an ffmpeg program, which is not needed here, and predates Python 3.12.
    warnings.filterwarnings("ignore", "Couldn't find ff", RuntimeWarning)
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", '("\\S+" is an )?invalid escape sequence', SyntaxWarning)
    from pydub import AudioSegment

Floats = NDArray[np.float32]

TARGET_DBFS = -23.0  # RMS to which a low voice is raised
MAX_GAIN_DB = 20.0
MAX_PEAK_DBFS = -1.0  # of a raised voice and of a mix
_HALF_DB = 20 * math.log10(2)

_BLOCK_SAMPLES = 10 * SAMPLE_RATE_HZ
_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000


class _Track:
    """Clean recording, 16-bit WAV, on the video's time axis; silent outside its span."""

    def __init__(self, path: Path, sound: wave.Wave_read, span: Span) -> None:
        self.path, self._sound, self.span = path, sound, span
        self.channels = sound.getnchannels()
        self.end = span.start + span.samples

    def read(self, start: int, samples: int) -> AudioSegment:
        """Return exactly `samples` samples from `start`, which may be negative.

        Cut and padded here, because AudioSegment only cuts at whole milliseconds.
        """
        begin, end = max(start, self.span.start), min(start + samples, self.end)
        before, data = samples, b""
        if begin < end:
            self._sound.setpos(self.span.source_start + begin - self.span.start)
            before, data = begin - start, self._sound.readframes(end - begin)
        width = 2 * self.channels
        data = (bytes(before * width) + data).ljust(samples * width, b"\0")
        return AudioSegment(data, sample_width=2, frame_rate=SAMPLE_RATE_HZ, channels=self.channels)


def mix_voices(task: Task, target: Path) -> None:
    """Write the task's finished sound, as long as the video, as 48 kHz WAV."""
    placed = place_recordings(task.request.soundtrack)
    voices = [task.prepare_path(voice_name(index)) for index in range(len(placed))]
    shared = any(recording.is_shared for recording in task.request.recordings)
    write_sound(voices, placed, task.plan.frames * SAMPLES_PER_FRAME, target, shared)


def write_sound(
    voices: Sequence[Path], spans: Sequence[Span], samples: int, target: Path, shared: bool = False
) -> None:
    """Write the finished sound: `samples` samples of 48 kHz 16-bit WAV, stereo if any voice is.

    `voices` are clean recordings, each placed in its span; `shared` as `Recording.is_shared`. A low
    voice is raised, and two simultaneous voices are lowered where they would clip. No file is left
    on an error.
    """
    with ExitStack() as stack:
        tracks = [_open_track(stack, path, span) for path, span in zip(voices, spans, strict=True)]
        channels = max(track.channels for track in tracks)
        gains_db = _compute_gains_db(tracks, samples, shared)
        try:
            with wave.open(str(target), "wb") as sound:
                sound.setnchannels(channels)
                sound.setsampwidth(2)
                sound.setframerate(SAMPLE_RATE_HZ)
                for start, length in _split_blocks(0, samples):
                    mixed = _mix_block(tracks, gains_db, channels, start, length)
                    sound.writeframesraw(mixed[: length * channels * 2])
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def read_mono(path: Path, span: Span, samples: int, sample_rate_hz: int = 16_000) -> Floats:
    """Return a speaker's track on the video's time axis: float32 mono, -1 to 1, silent off `span`.

    `samples` is the video's length at 48 kHz; `sample_rate_hz` must divide that rate.
    """
    out = np.zeros(samples * sample_rate_hz // SAMPLE_RATE_HZ, np.float32)
    filled = 0
    for part in _resample(iterate_mono(path, span, samples), sample_rate_hz):
        block = part[: len(out) - filled]
        out[filled : filled + len(block)] = block
        filled += len(block)
    return out


def _resample(blocks: Iterator[Floats], sample_rate_hz: int) -> Iterator[Floats]:
    """Yield the 48 kHz `blocks` at another rate, float32 (n,)."""
    resampler, start = av.AudioResampler("flt", "mono", sample_rate_hz), 0
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(block[None], "flt", "mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, start
        start += len(block)
        yield from (np.asarray(out.to_ndarray()[0]) for out in resampler.resample(frame))
    yield from (np.asarray(out.to_ndarray()[0]) for out in resampler.resample(None))


def _open_track(stack: ExitStack, path: Path, span: Span) -> _Track:
    return _Track(path, stack.enter_context(wave.open(str(path), "rb")), span)


def _split_blocks(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield start and length of each block from `start` to `end`."""
    for at in range(start, end, _BLOCK_SAMPLES):
        yield at, min(_BLOCK_SAMPLES, end - at)


def _to_floats(segment: AudioSegment) -> Floats:
    """Return the segment's samples, float32 (n, c), -1 to 1."""
    return _to_samples(segment).astype(np.float32) / np.float32(FULL_SCALE)


def _to_samples(segment: AudioSegment) -> NDArray[np.int16]:
    """Return the segment's samples, int16 (n, c)."""
    values: NDArray[np.int16] = np.frombuffer(segment.raw_data, np.int16)
    return values.reshape(-1, segment.channels)


def _mix_block(
    tracks: Sequence[_Track], gains_db: Sequence[float], channels: int, start: int, length: int
) -> bytes:
    """Return the sum of all tracks, int16 (n, c) as bytes; at least `length` samples."""
    padded = math.ceil(length / _SAMPLES_PER_MS) * _SAMPLES_PER_MS  # else overlay() would cut
    parts = []
    for track, gain_db in zip(tracks, gains_db, strict=True):
        part = track.read(start, padded).set_channels(channels)
        parts.append(part.apply_gain(gain_db) if gain_db else part)
    data: bytes = reduce(AudioSegment.overlay, parts).raw_data
    return data


def _compute_gains_db(tracks: Sequence[_Track], samples: int, shared: bool) -> list[float]:
    """Return the gain of each track, constant over its length; shared ones sound as their sum."""
    gains_db = [_compute_boost_db(track, _HALF_DB if shared else 0.0) for track in tracks]
    if shared:
        gains_db = [min(gains_db)] * len(gains_db)
    start, end = max(track.span.start for track in tracks), min(track.end for track in tracks)
    if len(tracks) < 2 or start >= end:
        return gains_db
    peak = 0.0
    for at, length in _split_blocks(start, min(end, samples)):
        total = np.zeros((length, 1), np.float32)
        for track, gain_db in zip(tracks, gains_db, strict=True):
            # broadcasting adds mono to both channels of a stereo track
            total = total + _to_floats(track.read(at, length)) * np.float32(10 ** (gain_db / 20))
        peak = max(peak, float(np.abs(total).max()))
    lower_db = max(0.0, _to_dbfs(peak) - MAX_PEAK_DBFS)
    return [gain_db - lower_db for gain_db in gains_db]


def _compute_boost_db(track: _Track, louder_db: float) -> float:
    """Return the gain that raises a low voice, which sounds that much louder in the mix.

    It is 0 for any other voice and for silence.
    """
    measured = measure_recording(track.path, track.span.source_start, track.span.samples)
    level_dbfs, peak_dbfs = measured.level_dbfs + louder_db, measured.peak_dbfs + louder_db
    measured = replace(measured, level_dbfs=level_dbfs, peak_dbfs=peak_dbfs)
    if measured.is_silent or not measured.is_quiet:
        return 0.0
    boost_db = min(TARGET_DBFS - measured.level_dbfs, MAX_PEAK_DBFS - measured.peak_dbfs)
    return max(0.0, min(boost_db, MAX_GAIN_DB))


def _to_dbfs(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf

"""Conversion of a user's untrusted recording into a clean one; runs in the sandbox.

The clean recording is a 48 kHz 16-bit WAV with one or two channels. It is streamed, so that memory
does not grow with length. Length is counted in decoded samples; durations in containers are not
trusted.
"""

import math
import mmap
import wave
from collections.abc import Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition
from numpy.typing import NDArray

from inference.core.errors import InputCode, InputError
from inference.core.inputs import MAX_RECORDING_MIB, SAMPLE_RATE_HZ, Recording
from inference.media.file_type import HEAD_BYTES, detect_kind, is_truncated
from inference.media.level import LevelMeter

Samples = NDArray[np.int16]

MAX_MINUTES = 10

# Half a second more, because encoders pad the sound.
_MAX_SAMPLES = MAX_MINUTES * 60 * SAMPLE_RATE_HZ + SAMPLE_RATE_HZ // 2
_RATES_HZ = range(2_000, 768_001)  # outside this range, one decoded frame could fill the memory
# FFmpeg's names of demuxers that open no further files, unlike playlists.
_DEMUXERS = "wav,mp3,aac,flac,ogg,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2"
_JUNK_TOLERANT_DECODERS = ("mp3", "mp3float")  # decoders' names
_MIN_DECODED_PART = 0.99  # of a FLAC's stated length, because its demuxer skips gaps silently
_FORMAT_ADVICE = "Use WAV, MP3, M4A, FLAC, OGG, WebM, MP4 or MOV."


def clean_recording(source: Path, target: Path) -> Recording:
    """Write a clean copy of the recording `source` to `target`, and return its length and level.

    Raises InputError for a file that is not a recording, too large or long, or damaged, and for a
    video without sound.
    """
    _require_recording(source)
    meter = LevelMeter()
    # A file object instead of a name, in which FFmpeg would look for protocols.
    with source.open("rb") as file, _open_container(file) as container:
        stream = _select_sound_track(container)
        channels = 2 if stream.codec_context.channels >= 2 else 1
        with wave.open(str(target), "wb") as clean:
            clean.setnchannels(channels)
            clean.setsampwidth(2)
            clean.setframerate(SAMPLE_RATE_HZ)
            for block in _resample(container, stream, channels):
                meter.add(block)
                if meter.samples > _MAX_SAMPLES:
                    raise InputError(
                        InputCode.TOO_LONG,
                        f"This recording is longer than {MAX_MINUTES} minutes, which is the most. "
                        "Choose a shorter one.",
                    )
                clean.writeframesraw(block.tobytes())
    return meter.to_recording(channels)


def _require_recording(source: Path) -> None:
    """Raise InputError for a picture, a file that is too large, and a truncated one."""
    size_mib = source.stat().st_size / 2**20
    with source.open("rb") as file:
        kind = detect_kind(file.read(HEAD_BYTES))
        if kind is not None and kind.is_picture:
            raise InputError(
                InputCode.NOT_A_RECORDING, f"This is a picture, not a recording. {_FORMAT_ADVICE}"
            )
        if size_mib > MAX_RECORDING_MIB:
            raise InputError(
                InputCode.RECORDING_TOO_LARGE,
                f"This recording is {math.ceil(size_mib)} MB; {MAX_RECORDING_MIB} MB is the most. "
                "Choose a shorter one.",
            )
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if is_truncated(data, kind):
                raise _build_damaged_error(f"{kind} ends before its headers say")


def _build_format_error(details: str) -> InputError:
    message = f"This file is not a recording we can open. {_FORMAT_ADVICE}"
    return InputError(InputCode.NOT_A_RECORDING, message, details)


def _build_damaged_error(details: str) -> InputError:
    message = "This recording is damaged or cut short. Choose another copy of it."
    return InputError(InputCode.NOT_A_RECORDING, message, details)


def _open_container(file: BinaryIO) -> InputContainer:
    try:
        return av.open(
            file,
            "r",
            options={"format_whitelist": _DEMUXERS, "protocol_whitelist": "none"},
            metadata_errors="replace",
        )
    except MemoryError:
        raise
    except Exception as error:  # decoders raise anything on a malicious file
        raise _build_format_error(repr(error)) from error


def _select_sound_track(container: InputContainer) -> AudioStream:
    """Return the first decodable sound track; the demuxer discards the others."""
    playable = [stream for stream in container.streams.audio if stream.codec_context is not None]
    if not playable:
        videos = (
            stream
            for stream in container.streams.video
            if not stream.disposition & Disposition.attached_pic
        )
        if not container.streams.audio and any(videos):
            raise InputError(
                InputCode.NO_SOUND,
                "This video has no sound. Choose one with a voice, or a recording.",
            )
        raise _build_format_error("no sound track that can be decoded")
    for stream in container.streams:
        if stream is not playable[0]:
            stream.discard = Discard.all
    return playable[0]


def _resample(container: InputContainer, stream: AudioStream, channels: int) -> Iterator[Samples]:
    """Yield blocks of the clean sound, int16 (n, c)."""
    layout = "mono" if channels == 1 else "stereo"
    try:
        for _, alike in groupby(_decode(container, stream), key=_format):
            resampler = av.AudioResampler("s16", layout, SAMPLE_RATE_HZ)
            for frame in chain(alike, (None,)):
                for part in resampler.resample(frame):
                    yield np.asarray(part.to_ndarray(), np.int16).reshape(-1, channels)
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise _build_damaged_error(repr(error)) from error


def _format(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _decode(container: InputContainer, stream: AudioStream) -> Iterator[av.AudioFrame]:
    """Yield the frames of the sound track.

    Undecodable data is an error, except between MP3 frames, where tags may be.
    """
    decoder, decoded_s, good, bad = stream.codec_context.name, 0.0, 0, 0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError as error:
            bad += 1
            if decoder not in _JUNK_TOLERANT_DECODERS or bad > 2 + good // 50:
                raise _build_damaged_error(repr(error)) from error
            continue
        for frame in frames:
            if frame.sample_rate not in _RATES_HZ:
                raise _build_format_error(f"{frame.sample_rate} Hz")
            decoded_s += frame.samples / frame.sample_rate
            good += 1
            yield frame
    if decoder == "flac" and decoded_s < _MIN_DECODED_PART * _read_header_duration_s(stream):
        raise _build_damaged_error(f"{decoded_s:.2f} s of FLAC are fewer than its header says")


def _read_header_duration_s(stream: AudioStream) -> float:
    """Return the length in the stream's header, in seconds; 0 if unknown."""
    return float((stream.duration or 0) * (stream.time_base or 0))

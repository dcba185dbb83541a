"""Conversion of a user's untrusted recording into a clean one; runs in the sandbox.

The clean recording is a 48 kHz 16-bit WAV with one or two channels. It is streamed, so that memory
does not grow with length. Length is counted in decoded samples and in gaps of their timestamps;
durations in containers are not trusted.
"""

import math
import mmap
import wave
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.container import InputContainer
from av.stream import Discard, Disposition
from numpy.typing import NDArray

from inference.core.errors import InputCode, InputError
from inference.core.inputs import MAX_RECORDING_MIB, SAMPLE_RATE_HZ, Recording
from inference.media.containers import can_decode, open_container
from inference.media.file_type import HEAD_BYTES, detect_kind, is_cut, is_truncated, open_readable
from inference.media.level import mend_recording
from inference.media.mono import choose_downmix, read_floats

Samples = NDArray[np.int16]
Floats = NDArray[np.float32]
PlacedFrame = tuple[float, av.AudioFrame]  # with the seconds of silence before it
Track = tuple[int, int]  # index in the container, channels

MAX_MINUTES = 10

# Half a second more, because encoders pad the sound.
_MAX_SAMPLES = MAX_MINUTES * 60 * SAMPLE_RATE_HZ + SAMPLE_RATE_HZ // 2
_RATES_HZ = range(2_000, 768_001)  # outside this range, one decoded frame could fill the memory
# FFmpeg's names of demuxers that open no further files, unlike playlists.
_DEMUXERS = "wav,mp3,aac,flac,ogg,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2"
# FFmpeg's names of the decoders of sound in such files. None of pictures: they are never opened.
_DECODERS = (
    "aac,aac_latm,ac3,eac3,alac,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,flac,mp1float,mp2float,"
    "mp3float,mp3,opus,libopus,vorbis,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,gsm_ms,"
    "pcm_alaw,pcm_mulaw,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be"
)
_JUNK_TOLERANT_DECODERS = ("mp3", "mp3float")  # decoders' names
_MIN_DECODED_PART = 0.99  # of a FLAC's stated length, because its demuxer skips gaps silently
_FORMAT_ADVICE = "Use WAV, MP3, M4A, FLAC, OGG, WebM, MP4 or MOV."

_SECONDARY = Disposition.comment | Disposition.hearing_impaired | Disposition.visual_impaired
_PLAIN_LAYOUTS = ("mono", "stereo", "1 channels", "2 channels")  # FFmpeg's names
_MAX_OVERSHOOT = 2  # of full scale, by decoders of MP3 and the like; it is clipped, as players do
_MIN_GAP_S = 0.1  # in timestamps; shorter ones are inaccuracies
_MIN_BACK_S = 1.0  # timestamps that jump back by this much, or far ahead, start anew


class _UndecodableError(Exception):
    """Nothing of a sound track can be decoded."""


class _UnplainError(Exception):
    """A sound has more than two channels, or samples over full scale or that are no numbers."""


def clean_recording(source: Path, target: Path) -> Recording:
    """Write a clean copy of the recording `source` to `target`, and return its length and level.

    Of several sound tracks it is the default one, or the first that sounds. Raises InputError for a
    file that is not a recording, too large or long, or damaged, and for a video without sound.
    """
    _require_recording(source)
    silent: list[Track] = []
    with open_readable(source) as file:
        containers = _open_repeatedly(file)
        first = next(containers)
        tracks, containers = _order_sound_tracks(first), chain((first,), containers)
        for track in tracks:
            try:
                measured = _convert(containers, track, target)
            except _UndecodableError:
                continue
            if not measured.is_silent or len(tracks) == 1:
                return measured
            silent.append(track)
        if not silent:
            raise _build_damaged_error("nothing can be decoded")
        return _convert(containers, silent[0], target)


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
        return open_container(file, _DEMUXERS, _DECODERS)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise anything on a malicious file
        raise _build_format_error(repr(error)) from error


def _open_repeatedly(file: BinaryIO) -> Iterator[InputContainer]:
    """Yield the file as a new container each time; the one before is closed."""
    while True:
        file.seek(0)
        with _open_container(file) as container:
            yield container


def _order_sound_tracks(container: InputContainer) -> list[Track]:
    """Return the decodable sound tracks, in the order in which to try them."""
    playable = [each for each in container.streams.audio if can_decode(each, _DECODERS)]
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
    playable.sort(key=lambda each: bool(each.disposition & _SECONDARY))
    playable.sort(key=lambda each: not each.disposition & Disposition.default)
    return [(each.index, each.codec_context.channels) for each in playable]


def _convert(containers: Iterator[InputContainer], track: Track, target: Path) -> Recording:
    """Write a clean copy of the sound track to `target`, and measure it."""
    try:
        try:
            _write(_decode(next(containers), track), None, min(2, max(1, track[1])), target)
        except _UnplainError:
            downmix = choose_downmix(frame for _, frame in _decode(next(containers), track))
            _write(_decode(next(containers), track), downmix, len(downmix), target)
    except (InputError, MemoryError, _UndecodableError):
        raise
    except Exception as error:  # decoders raise anything on a malicious file
        if isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError):
            raise  # of writing
        raise _build_damaged_error(repr(error)) from error
    return mend_recording(target)


def _write(
    frames: Iterator[PlacedFrame], downmix: Floats | None, channels: int, target: Path
) -> None:
    """Write a clean recording."""
    samples = 0
    with wave.open(str(target), "wb") as clean:
        clean.setnchannels(channels)
        clean.setsampwidth(2)
        clean.setframerate(SAMPLE_RATE_HZ)
        for block in _resample(frames, downmix, channels):
            samples += len(block)
            if samples > _MAX_SAMPLES:
                raise InputError(
                    InputCode.TOO_LONG,
                    f"This recording is longer than {MAX_MINUTES} minutes, which is the most. "
                    "Choose a shorter one.",
                )
            clean.writeframesraw(block.tobytes())


def _resample(
    frames: Iterator[PlacedFrame], downmix: Floats | None, channels: int
) -> Iterator[Samples]:
    """Yield blocks of the clean sound, int16 (n, c)."""
    layout, resampler, form = ("mono", "stereo")[channels - 1], None, ""
    for gap_s, decoded in chain(frames, ((0.0, None),)):
        frame = decoded and _shape(decoded, downmix)
        last = form
        form = f"{frame.format.name} {frame.layout.name} {frame.sample_rate}" if frame else ""
        if resampler and (gap_s or form != last):
            yield from _to_blocks(resampler.resample(None), channels)
            resampler = None
        silence = round(gap_s * SAMPLE_RATE_HZ)
        for at in range(0, silence, SAMPLE_RATE_HZ):
            yield np.zeros((min(silence - at, SAMPLE_RATE_HZ), channels), np.int16)
        if frame:
            resampler = resampler or av.AudioResampler("s16", layout, SAMPLE_RATE_HZ)
            yield from _to_blocks(resampler.resample(frame), channels)


def _to_blocks(frames: list[av.AudioFrame], channels: int) -> Iterator[Samples]:
    for frame in frames:
        yield np.asarray(frame.to_ndarray(), np.int16).reshape(-1, channels)


def _shape(frame: av.AudioFrame, downmix: Floats | None) -> av.AudioFrame:
    """Return the frame with `downmix`; without one, raise _UnplainError where it needs one."""
    if downmix is None:
        if frame.layout.name not in _PLAIN_LAYOUTS:
            raise _UnplainError
        if frame.format.name.startswith(("flt", "dbl")):
            most = _MAX_OVERSHOOT if frame.format.is_planar else 1  # packed: a file of floats
            if not np.abs(frame.to_ndarray()).max(initial=0) <= most:  # NaN is not
                raise _UnplainError
        return frame
    sound = read_floats(frame)
    if len(sound) != downmix.shape[1]:
        downmix = np.full((len(downmix), len(sound)), 1 / len(sound), np.float32)
    layout = ("mono", "stereo")[len(downmix) - 1]
    shaped = av.AudioFrame.from_ndarray(np.ascontiguousarray(downmix @ sound), "fltp", layout)
    shaped.sample_rate = frame.sample_rate
    return shaped


def _decode(container: InputContainer, track: Track) -> Iterator[PlacedFrame]:
    """Yield the frames of the sound track, each with the seconds of silence before it.

    A gap in the timestamps is silence, if the sound stops for it; where they jump back or far
    ahead, another clock begins. The first timestamp is the start of the recording.
    """
    origin_s: float | None = None
    length_s, end_s = 0.0, 0.0  # of what was yielded; of the last frame, by its timestamp
    for frame in _decode_packets(container, track[0]):
        at_s, gap_s = end_s if frame.time is None else frame.time, 0.0
        jump_s = at_s - end_s
        if origin_s is None or jump_s < -_MIN_BACK_S or jump_s > MAX_MINUTES * 60:
            origin_s = at_s - length_s
        elif jump_s >= _MIN_GAP_S:
            gap_s = at_s - origin_s - length_s
            gap_s = gap_s if gap_s >= _MIN_GAP_S else 0.0
        end_s = at_s + frame.samples / frame.sample_rate
        length_s += gap_s + frame.samples / frame.sample_rate
        yield gap_s, frame


def _decode_packets(container: InputContainer, index: int) -> Iterator[av.AudioFrame]:
    """Yield the frames of the sound track; the demuxer discards the others.

    Undecodable data is an error, except at the end, where a part of the last packet may be missing,
    and between MP3 frames, where tags may be.
    """
    stream = next(each for each in container.streams.audio if each.index == index)
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    decoder, decoded_s, good, bad, failure = stream.codec_context.name, 0.0, 0, 0, ""
    for packet in container.demux(stream):
        if failure and packet.size:
            break
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except av.error.FFmpegError as error:
            bad += 1
            if decoder not in _JUNK_TOLERANT_DECODERS or bad > 2 + good // 50:
                failure = repr(error)
            continue
        for frame in frames:
            if frame.sample_rate not in _RATES_HZ:
                raise _build_format_error(f"{frame.sample_rate} Hz")
            decoded_s += frame.samples / frame.sample_rate
            good += 1
            yield frame
    else:
        failure = ""
    announced_s = float((stream.duration or 0) * (stream.time_base or 0)) * _MIN_DECODED_PART
    if bad and not good:
        raise _UndecodableError
    if failure:
        raise _build_damaged_error(failure)
    if decoder == "flac" and is_cut(max(decoded_s, 1), announced_s, 0):  # a parser loses some
        raise _build_damaged_error(f"{decoded_s:.2f} s of FLAC are fewer than its header says")

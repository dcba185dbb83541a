"""Video encoding: frames to closed segments, and segments with sound to one mp4.

Frames are encoded as they arrive and never held. Joining copies the encoded packets, so that
nothing is encoded twice. A file gets its final name only when complete, even if the process is
killed.
"""

import os
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from inference.core.inputs import SAMPLE_RATE_HZ
from inference.core.timing import FPS, SAMPLES_PER_FRAME

VideoPacket: TypeAlias = "av.Packet[VideoStream]"
AudioPacket: TypeAlias = "av.Packet[AudioStream]"

_BT709 = 1  # ITU-T H.273 code of BT.709, for primaries, transfer and matrix alike
_X264_OPTIONS = {"preset": "veryfast", "crf": "16", "profile": "high"}
_THREADS = 2  # fixed, so that a video does not depend on the number of cores
_FASTSTART_OPTIONS = {"movflags": "+faststart"}
_AAC_BITS_PER_SECOND = 160_000
_AAC_FRAME_SAMPLES = 1024
_MAX_POSTER_SIDE_PX = 640  # sharp on a card of a contact sheet


class SegmentWriter:
    """Encoder of frames to one silent mp4 at `FPS`: H.264 High, yuv420p, BT.709, closed GOPs.

    As a context manager, it finishes the file on exit and deletes it on an error.
    """

    def __init__(self, path: Path, width: int, height: int) -> None:
        self._path, self._part = path, _part_path(path)
        self._reformatter = VideoReformatter()
        self._container = av.open(str(self._part), "w", format="mp4")
        stream = self._container.add_stream("libx264", rate=FPS, options=_X264_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.thread_count = _THREADS
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = ColorRange.MPEG.value
        self._stream: VideoStream = stream
        self._frames = 0

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Add one frame, RGB uint8 (height, width, 3)."""
        picture = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(frame, format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        picture.pts, picture.time_base = self._frames, Fraction(1, FPS)
        self._frames += 1
        self._container.mux(self._stream.encode(picture))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            if kind is None:
                os.replace(self._part, self._path)
        finally:
            self._part.unlink(missing_ok=True)


def join_segments(
    segments: Sequence[Path],
    sound: Path,
    frames: int,
    target: Path,
    metadata: dict[str, str],
    last_box: bytes = b"",
) -> None:
    """Write all segments, `frames` frames in total, and as much of `sound`, to `target`.

    `sound` is a 48 kHz 16-bit WAV. The mp4 starts with its index (+faststart) and carries
    `metadata` under the standard names (title, comment, description), and `last_box` at its end.
    No file is left on an error.
    """
    with _create_mp4(target, last_box) as container, wave.open(str(sound), "rb") as voice:
        container.metadata.update(metadata)
        pictures = _copy_video_packets(segments, _add_video_stream(container, segments))
        audio = _add_aac_stream(container, voice)
        _interleave(container, pictures, _encode_audio(voice, frames, audio))


def encode_sound(sound: Path, frames: int, target: Path) -> None:
    """Write an mp4 with `frames` frames' worth of the WAV `sound`, for `join_encoded`."""
    with _create_mp4(target) as container, wave.open(str(sound), "rb") as voice:
        for packet in _encode_audio(voice, frames, _add_aac_stream(container, voice)):
            container.mux(packet)


def join_encoded(segments: Sequence[Path], sound: Path, frames: int, target: Path) -> None:
    """Write `target` as `join_segments` does, with `sound` that `encode_sound` wrote.

    The sound ends with the AAC frame at the last picture. No file is left on an error.
    """
    with _create_mp4(target) as container, av.open(str(sound)) as source:
        pictures = _copy_video_packets(segments, _add_video_stream(container, segments))
        audio = container.add_stream_from_template(source.streams.audio[0])
        _interleave(container, pictures, _copy_audio_packets(source, frames, audio))


def write_poster(video: Path, target: Path) -> None:
    """Write the middle frame of one of our own videos to `target` as a JPEG, atomically."""
    part = target.with_name(f".{target.name}.part")
    with av.open(str(video)) as file:
        stream: VideoStream = file.streams.video[0]
        middle = (stream.duration or 0) // 2
        file.seek(middle, stream=stream)  # to the keyframe before it
        frame = next(frame for frame in file.decode(stream) if (frame.pts or 0) >= middle)
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    image.thumbnail((_MAX_POSTER_SIDE_PX, _MAX_POSTER_SIDE_PX))
    image.save(part, "JPEG", quality=82)
    os.replace(part, target)


@contextmanager
def _create_mp4(target: Path, last_box: bytes = b"") -> Iterator[av.container.OutputContainer]:
    """Open an mp4 with its index first; it appears at `target` on exit without an error."""
    part = _part_path(target)
    try:
        with av.open(str(part), "w", format="mp4", options=_FASTSTART_OPTIONS) as container:
            yield container
        with part.open("ab") as file:
            file.write(last_box)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _part_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _add_video_stream(
    container: av.container.OutputContainer, segments: Sequence[Path]
) -> VideoStream:
    """Add a stream for the packets of `segments`, which all have the same format."""
    with av.open(str(segments[0])) as first:
        return container.add_stream_from_template(first.streams.video[0])


def _add_aac_stream(container: av.container.OutputContainer, voice: wave.Wave_read) -> AudioStream:
    layout = "stereo" if voice.getnchannels() == 2 else "mono"
    audio = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout=layout)
    audio.bit_rate = _AAC_BITS_PER_SECOND
    return audio


def _interleave(
    container: av.container.OutputContainer,
    pictures: Iterator[VideoPacket],
    sounds: Iterator[AudioPacket],
) -> None:
    """Mux both in time order, so that neither accumulates in memory."""
    waiting = next(sounds, None)
    for picture in pictures:
        while waiting is not None and _packet_time_s(waiting) <= _packet_time_s(picture):
            container.mux(waiting)
            waiting = next(sounds, None)
        container.mux(picture)
    while waiting is not None:
        container.mux(waiting)
        waiting = next(sounds, None)


def _packet_time_s(packet: "VideoPacket | AudioPacket") -> float:
    return float((packet.dts or 0) * packet.time_base)


def _copy_video_packets(segments: Sequence[Path], stream: VideoStream) -> Iterator[VideoPacket]:
    """Yield the packets of all segments, each segment shifted to the end of the previous one."""
    start = 0
    for path in segments:
        with av.open(str(path)) as source:
            frames = 0
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is None or packet.pts is None:
                    continue  # the demuxer's last, empty packet
                offset = round(start / FPS / packet.time_base)
                packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                packet.stream = stream
                frames += 1
                yield packet
        start += frames


def _copy_audio_packets(
    source: av.container.InputContainer, frames: int, stream: AudioStream
) -> Iterator[AudioPacket]:
    """Yield the packets of the first `frames` video frames' worth of `source`."""
    for packet in source.demux(source.streams.audio[0]):
        if packet.pts is None or packet.pts * packet.time_base >= frames / FPS:
            return  # the demuxer's last, empty packet, or past the last frame
        packet.stream = stream
        yield packet


def _encode_audio(voice: wave.Wave_read, frames: int, stream: AudioStream) -> Iterator[AudioPacket]:
    """Yield AAC packets of the first `frames` video frames' worth of `voice`."""
    samples = frames * SAMPLES_PER_FRAME
    starts = [*range(0, samples, _AAC_FRAME_SAMPLES), samples]
    for start, end in pairwise(starts):
        data = np.frombuffer(voice.readframes(end - start), np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(data, format="s16", layout=stream.layout.name)
        frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, start
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        yield from stream.encode(frame)
    yield from stream.encode(None)

"""Opening of untrusted mp4 files: no other format, no other file, no memory-filling size."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Discard, Stream
from av.video.stream import VideoStream

from inference.core.errors import InputCode, InputError, PortraitError
from inference.media.containers import can_decode, open_container

MAX_MEGAPIXELS = 9  # a frame of 4K
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2"
# FFmpeg's names of what decodes the pictures and sounds of usual videos.
_DECODERS = (
    "h264,hevc,libdav1d,av1,vp9,mpeg4,prores,mjpeg,"
    "aac,mp3float,mp3,ac3,eac3,alac,opus,flac,pcm_s16le,pcm_s16be,pcm_s24le"
)


def build_unreadable_error(details: str) -> InputError:
    """Return the error for a file that can't be decoded as an mp4."""
    message = "This file is not a video we can read, or it is damaged. Choose an MP4 or MOV file."
    return InputError(InputCode.NOT_A_VIDEO, message, details)


def require_known_codec(stream: Stream) -> None:
    """Raise InputError unless the stream is in a codec that usual videos have."""
    if not can_decode(stream, _DECODERS):
        raise build_unreadable_error("an unusual codec")


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the file and its first video track; the other tracks are not read.

    Raises InputError when the file can't be decoded, also later, inside the `with` block.
    """
    with open_mp4(path) as container:
        if not container.streams.video:
            raise build_unreadable_error("no picture track")
        stream = container.streams.video[0]
        require_known_codec(stream)
        if stream.width * stream.height > MAX_MEGAPIXELS * 1e6:
            message = (
                f"The pictures of this video are {stream.width}x{stream.height} pixels, "
                f"which is more than we can check. Save it smaller."
            )
            raise InputError(InputCode.VIDEO_TOO_LARGE, message)
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
        yield container, stream


@contextmanager
def open_mp4(path: Path) -> Iterator[InputContainer]:
    """Open the file as an mp4.

    Raises InputError when the file can't be decoded, also later, inside the `with` block.
    """
    try:
        with (
            path.open("rb") as file,
            open_container(file, _DEMUXERS, _DECODERS) as container,
        ):
            yield container
    except (PortraitError, MemoryError):
        raise
    except (av.error.FFmpegError, OverflowError, ValueError) as error:
        raise build_unreadable_error(repr(error)) from error

"""Opening of untrusted recordings and videos: listed formats and codecs only, and no other file."""

from typing import BinaryIO

import av
from av.container import InputContainer
from av.stream import Stream


def open_container(file: BinaryIO, demuxers: str, decoders: str) -> InputContainer:
    """Open the file with FFmpeg's `demuxers` and `decoders`, names with commas between them.

    It is a file, not a name: FFmpeg searches names for protocols. Raises PyAV's errors, and others
    on a malicious file.
    """
    allowed = {
        "format_whitelist": demuxers,
        "codec_whitelist": decoders,
        "protocol_whitelist": "none",
    }
    return av.open(file, "r", options=allowed, metadata_errors="replace")


def can_decode(stream: Stream, decoders: str) -> bool:
    """Return whether the stream has a decoder, and that is one of them."""
    context = stream.codec_context
    return context is not None and context.name in decoders.split(",")

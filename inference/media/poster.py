"""Still picture that represents a video."""

import os
from pathlib import Path

import av
from av.video.stream import VideoStream
from PIL import Image

_MAX_POSTER_SIDE_PX = 640  # sharp on a card of a contact sheet


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

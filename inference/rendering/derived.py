"""Files made of a finished video: an animated GIF, and a still picture. Both run in the sandbox.

Frames are decoded one after the other, twice for a GIF: once for its palette, once to draw it with
that. Like the video, the files say that they are AI-generated.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph
from av.video.stream import VideoStream
from PIL import Image

from inference.core.errors import InputCode, InputError
from inference.core.timing import FPS

MAX_GIF_SIDE_PX = 480  # the longer one
_STEP_FRAMES = 2  # of the video for each of a GIF: 12.5 a second, 8 hundredths each
_MAX_GIF_FRAMES = 250  # 20 s of these; a longer video is shown in larger steps
_STILL_QUALITY = 95  # of JPEG
_COMMENT = "AI-generated: a still picture animated to a recording."
_GIF_COMMENT = b"\x21\xfe" + bytes([len(_COMMENT)]) + _COMMENT.encode() + b"\0"
_GIF_HEAD_BYTES, _PALETTE_FLAGS_AT = 13, 10


@dataclass(frozen=True)
class DerivedFile:
    """Size of what was written, in pixels, and its number of frames."""

    width: int
    height: int
    frames: int


def write_gif(video: Path, target: Path, longest_s: int) -> DerivedFile:
    """Write one of our own videos to `target` as a GIF that repeats forever.

    Raises InputError for a video longer than `longest_s`.
    """
    with _open(video) as (file, stream):
        frames = stream.frames or sum(1 for _ in file.decode(stream))
        scale = min(1.0, MAX_GIF_SIDE_PX / max(stream.width, stream.height))
        width, height = round(stream.width * scale), round(stream.height * scale)
    length_s = frames / FPS
    if length_s > longest_s:
        message = f"This video is {length_s:.0f} s long; a GIF can be up to {longest_s} s."
        raise InputError(InputCode.TOO_LONG, f"{message} Choose a shorter part to use.")
    step = _STEP_FRAMES * -(-frames // (_STEP_FRAMES * _MAX_GIF_FRAMES))
    (palette,) = _filter(video, (width, height), step, "palettegen")
    with av.open(str(target), "w", format="gif") as out:
        stream = out.add_stream("gif", rate=Fraction(FPS, step))
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        written = 0
        for frame in _filter(video, (width, height), step, "paletteuse", palette):
            frame.pts, frame.time_base = written, Fraction(step, FPS)
            written += 1
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    _add_comment(target)
    return DerivedFile(width, height, written)


def write_still(video: Path, target: Path) -> DerivedFile:
    """Write the middle frame of one of our own videos to `target` as a JPEG of full size."""
    with _open(video) as (file, stream):
        middle = (stream.duration or 0) // 2
        file.seek(middle, stream=stream)  # to the keyframe before it
        frame = next(frame for frame in file.decode(stream) if (frame.pts or 0) >= middle)
        image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    image.save(target, "JPEG", quality=_STILL_QUALITY, subsampling=0, comment=_COMMENT)
    return DerivedFile(image.width, image.height, 1)


@contextmanager
def _open(video: Path) -> Iterator[tuple[av.container.InputContainer, VideoStream]]:
    with av.open(str(video)) as file:
        stream: VideoStream = file.streams.video[0]
        stream.thread_count = 1
        yield file, stream


def _filter(
    video: Path, size: tuple[int, int], step: int, last: str, palette: av.VideoFrame | None = None
) -> Iterator[av.VideoFrame]:
    """Yield what the filter `last` makes of every `step`-th frame, scaled to `size`.

    `palette` is its second input. Never more than a few frames are held.
    """
    with _open(video) as (file, stream):
        graph = Graph()
        source = graph.add_buffer(template=stream, time_base=stream.time_base)
        steps = graph.add("select", rf"not(mod(n\,{step}))")
        scale = graph.add("scale", f"{size[0]}:{size[1]}:flags=lanczos")
        end, sink = graph.add(last, _OPTIONS[last]), graph.add("buffersink")
        source.link_to(steps)
        steps.link_to(scale)
        scale.link_to(end)
        end.link_to(sink)
        colours = None
        if palette is not None:
            colours = graph.add_buffer(
                width=palette.width,
                height=palette.height,
                format=palette.format,
                time_base=Fraction(1, FPS),
            )
            colours.link_to(end, 0, 1)
        graph.configure()
        if colours is not None:
            colours.push(palette)
            colours.push(None)
        for frame in file.decode(stream):
            source.push(frame)
            yield from _pull(sink)
        source.push(None)
        yield from _pull(sink)


# One palette of the whole video. An ordered pattern stands still where the picture does, and packs
# well; only the rectangle that changes is drawn anew.
_OPTIONS = {
    "palettegen": "stats_mode=full",
    "paletteuse": "dither=bayer:bayer_scale=4:diff_mode=rectangle",
}


def _pull(sink: av.filter.context.FilterContext) -> Iterator[av.VideoFrame]:
    """Yield the frames that are ready."""
    while True:
        try:
            frame = sink.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(frame, av.VideoFrame)
        yield frame


def _add_comment(gif: Path) -> None:
    """Insert the comment behind the head of the file, which may have a palette."""
    content = gif.read_bytes()
    flags = content[_PALETTE_FLAGS_AT]
    at = _GIF_HEAD_BYTES + (3 << (flags % 8 + 1) if flags & 0x80 else 0)
    gif.write_bytes(content[:at] + _GIF_COMMENT + content[at:])

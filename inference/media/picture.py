"""Conversion of a user's untrusted picture into a clean one; runs in the sandbox.

The clean picture is an upright RGB PNG of at most `LONGEST_SIDE_PX`, colours in sRGB.
"""

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from inference.core.errors import InputCode, InputError
from inference.core.framing import PictureSize
from inference.core.inputs import LONGEST_SIDE_PX, MAX_PICTURE_MIB, Picture
from inference.media import portrait
from inference.media.file_type import HEAD_BYTES, FileKind, detect_kind, is_truncated
from inference.media.picture_files.colour import convert_to_srgb
from inference.media.picture_files.heif import open_heif
from inference.media.picture_files.jpeg import open_jpeg
from inference.media.picture_files.png import open_png, to_8_bit_channels
from inference.media.picture_files.webp import open_webp

Pixels = NDArray[np.uint8]

MAX_MEGAPIXELS = 40

_OPENERS: dict[FileKind, Callable[[bytes], Image.Image]] = {
    FileKind.JPEG: open_jpeg,
    FileKind.PNG: open_png,
    FileKind.WEBP: open_webp,
    FileKind.GIF: lambda data: Image.open(io.BytesIO(data), formats=["GIF"]),  # to tell moving ones
    FileKind.HEIF: open_heif,
}
# A JPEG or HEIC with several frames is not an animation.
_MAY_BE_ANIMATED = (FileKind.PNG, FileKind.WEBP, FileKind.GIF)
_TRANSPOSES = {  # by the EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FIRST_SIDEWAYS = 5  # from this orientation on, width and height are swapped
_FORMAT_ADVICE = "Use JPEG, PNG, WebP or HEIC."


def warm_up() -> None:
    """Load what `clean_picture` needs, for the processes that are forked from this one."""
    portrait.warm_up()


def clean_picture(source: Path, target: Path, turn: int | None = None) -> Picture:
    """Write a clean copy of the picture `source` to `target`, and return its size and faces.

    It is turned by `turn` degrees clockwise; None: until its faces stand upright. Raises
    InputError, as `decode_picture` does.
    """
    pixels, upright = decode_picture(source)
    found = portrait.find_portrait(pixels, turn)
    Image.fromarray(found.pixels).save(target, format="PNG", compress_level=1)
    height, width = found.pixels.shape[:2]
    measured = Picture(width, height, found.faces, found.turned)
    return measured.measure_in(upright.width, upright.height)


def decode_picture(source: Path) -> tuple[Pixels, PictureSize]:
    """Return the picture, RGB uint8 (h, w, 3) of at most `LONGEST_SIDE_PX`, and its full size.

    The size is that of the upright picture. Transparent parts become white. Raises InputError for a
    file that is not a picture, too large, animated or damaged.
    """
    kind = _require_picture(source)
    pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # our own limit is lower
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about harmless irregularities
            return _decode(source, kind)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # decoders raise anything on a malicious file
        raise InputError(
            InputCode.NOT_A_PICTURE,
            "This picture is damaged or cut short. Choose another copy of it.",
            repr(error),
        ) from error
    finally:
        Image.MAX_IMAGE_PIXELS = pillow_limit


def _require_picture(source: Path) -> FileKind:
    """Return the file's type. Raises InputError if it is unsupported or too large."""
    with source.open("rb") as file:
        kind = detect_kind(file.read(HEAD_BYTES))
    if kind is not None and not kind.is_picture:
        raise InputError(
            InputCode.NOT_A_PICTURE,
            f"This is a recording or a video, not a picture. {_FORMAT_ADVICE}",
        )
    if kind not in _OPENERS:
        raise _build_format_error()
    size_mib = source.stat().st_size / 2**20
    if size_mib > MAX_PICTURE_MIB:
        raise InputError(
            InputCode.PICTURE_TOO_LARGE,
            f"This picture is {np.ceil(size_mib):.0f} MB; {MAX_PICTURE_MIB} MB is the most. "
            "Save it smaller.",
        )
    return kind


def _build_format_error() -> InputError:
    return InputError(
        InputCode.NOT_A_PICTURE, f"This file is not a picture we can open. {_FORMAT_ADVICE}"
    )


def _decode(source: Path, kind: FileKind) -> tuple[Pixels, PictureSize]:
    data = source.read_bytes()
    if is_truncated(data, kind):
        raise EOFError("the file is shorter than its headers state")
    with _OPENERS[kind](data) as opened:
        if kind in _MAY_BE_ANIMATED and getattr(opened, "is_animated", False):
            raise InputError(InputCode.PICTURE_MOVES, "This picture moves. Use a still one.")
        if kind is FileKind.GIF:
            raise _build_format_error()
        megapixels = opened.width * opened.height / 1e6
        if megapixels > MAX_MEGAPIXELS:
            raise InputError(
                InputCode.PICTURE_TOO_LARGE,
                f"This picture has {np.ceil(megapixels):.0f} megapixels; "
                f"{MAX_MEGAPIXELS} is the most. Save it smaller.",
            )
        if kind is FileKind.HEIF:
            opened.load()  # its size is reliable only now
        size, orientation = PictureSize(opened.width, opened.height), _read_orientation(opened)
        # Shrink before all other steps: a full-size copy of 40 megapixels is 160 MB.
        small = to_8_bit_channels(opened)
        small.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.LANCZOS)
        small.load()  # thumbnail() doesn't for a picture that is small already
    if orientation in _TRANSPOSES:
        small = small.transpose(_TRANSPOSES[orientation])
    if orientation >= _FIRST_SIDEWAYS:
        size = PictureSize(size.height, size.width)
    return np.asarray(_paste_on_white(convert_to_srgb(small))), size


def _read_orientation(opened: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (upright) without one."""
    try:
        orientation = opened.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # a picture with broken EXIF data is still usable
        return 1
    return orientation if orientation in _TRANSPOSES else 1


def _paste_on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white

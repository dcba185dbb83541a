"""What lies around the pixels in a picture's file does no harm; missing pixels are damage."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from inference.core.errors import InputCode, InputError
from inference.media.picture import decode_picture
from tests.support.media import ASTRONAUT
from tests.support.picture_files import (
    COLOURS,
    RGB,
    SIGNATURE,
    check_close,
    chunk,
    decoded,
    iccp,
    interlaced_png,
    jpeg,
    lightened,
    linear_profile,
    png,
    webp,
)

DATA = Path(__file__).parents[1] / "data"
TEXT = b"workflow " * 300_000  # 2.7 MB


def check_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged or cut short") as caught:
        decode_picture(path)
    assert caught.value.code == InputCode.NOT_A_PICTURE


PLAIN = png(COLOURS, RGB)
IDAT_AT = PLAIN.index(b"IDAT") - 4
TURN = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"
DAMAGED_CHUNKS = [
    chunk(name, body, 7)
    for name, body in (
        (b"iCCP", b"n\0\0" + zlib.compress(linear_profile())),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>"),
        (b"pHYs", bytes(9)),
        (b"tIME", bytes(7)),
        (b"eXIf", TURN),
        (b"tRNS", bytes(6)),
    )
]


@pytest.mark.parametrize(
    "chunks",
    [
        *((damaged,) for damaged in DAMAGED_CHUNKS),
        (chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(TEXT)),),
        (chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**27))),),
        (chunk(b"tEXt", b"a\0" + TEXT),),
        (chunk(b"tEXt", b"prompt\0" + bytes(900)),) * 5000,
        (
            chunk(b"iTXt", b"\xff\xfe"),
            chunk(b"zTXt", b"x"),
            chunk(b"tEXt", b""),
            chunk(b"pHYs", b""),
        ),
        (chunk(b"acTL", b"\0"), chunk(b"fcTL", b""), chunk(b"cHRM", b"1"), chunk(b"sRGB", b"")),
    ],
)
def test_other_chunks_of_a_png_do_no_harm(chunks: tuple[bytes, ...], tmp_path: Path) -> None:
    extra = b"".join(chunks)
    assert (decoded(tmp_path / "a", PLAIN[:IDAT_AT] + extra + PLAIN[IDAT_AT:]) == COLOURS).all()
    assert (decoded(tmp_path / "b", PLAIN[:-12] + extra + PLAIN[-12:]) == COLOURS).all()


def test_a_large_profile_is_used(tmp_path: Path) -> None:
    profile = linear_profile(3 * 2**20)
    chunks = iccp(profile)
    check_close(decoded(tmp_path / "a", png(COLOURS, RGB, chunks)), lightened(COLOURS))
    check_close(decoded(tmp_path / "b", webp(icc_profile=profile)), lightened(COLOURS))
    plain = decoded(tmp_path / "c", jpeg())
    check_close(decoded(tmp_path / "d", jpeg(icc_profile=profile)), lightened(plain), tolerance=2)
    bomb = iccp(linear_profile() + bytes(2**26))  # unpacked in part, and the profile is in it
    check_close(decoded(tmp_path / "e", png(COLOURS, RGB, bomb)), lightened(COLOURS))


@pytest.mark.parametrize(
    "flawed",
    [
        PLAIN[:-12],
        PLAIN[:-6],
        PLAIN[:-16],  # the checksum of the pixels, too
        PLAIN + b"and then some text " * 99,
        PLAIN[: IDAT_AT + 100] + PLAIN[IDAT_AT + 100 : -16] + b"1234" + PLAIN[-12:],
    ],
)
def test_flaws_around_the_pixels_of_a_png_do_no_harm(flawed: bytes, tmp_path: Path) -> None:
    assert (decoded(tmp_path / "a", flawed) == COLOURS).all()


def test_missing_or_wrong_rows_of_a_png_are_damage(tmp_path: Path) -> None:
    short = png(COLOURS[:20], RGB)
    head = struct.pack(">IIBBBBB", 48, 40, 8, RGB, 0, 0, 0)
    pixels = short[short.index(b"IDAT") - 4 :]
    check_refused(tmp_path / "a", SIGNATURE + chunk(b"IHDR", head) + pixels)
    check_refused(tmp_path / "b", interlaced_png(COLOURS, RGB)[:-300])
    check_refused(tmp_path / "d", PLAIN[: IDAT_AT + 300] + b"\x55\x66" + PLAIN[IDAT_AT + 302 :])
    check_refused(tmp_path / "c", SIGNATURE + chunk(b"IHDR", head, 7) + PLAIN[IDAT_AT:])


PHOTO = np.asarray(Image.open(ASTRONAUT).convert("RGB").resize((320, 320)))
JPEGS = {
    "baseline": jpeg(PHOTO),
    "progressive": jpeg(PHOTO, progressive=True),
    "restarts": jpeg(PHOTO, restart_marker_rows=2),
    "grey": jpeg(PHOTO[..., 0], progressive=True),
}
APP1, APP2 = b"\xff\xe1", b"\xff\xe2"


def segment(marker: bytes, body: bytes) -> bytes:
    return marker + struct.pack(">H", 2 + len(body)) + body


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_needs_no_end_marker(name: str, tmp_path: Path) -> None:
    whole = JPEGS[name]
    expected = decoded(tmp_path / "whole", whole)
    for flawed in (whole[:-2], whole[:-1], whole[:-2] + bytes(5000), whole + b"text" * 999):
        assert (decoded(tmp_path / "a", flawed) == expected).all()


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("tail", [b"", bytes(5000)])
def test_a_jpeg_without_all_of_its_scans_is_damaged(name: str, tail: bytes, tmp_path: Path) -> None:
    whole = JPEGS[name]
    for missing in (4, 40, len(whole) // 10, len(whole) // 2):
        check_refused(tmp_path / "a", whole[:-missing] + tail)
    # exactly between two parts of it
    marker = b"\xff\xd3" if name == "restarts" else b"\xff\xc4"
    check_refused(tmp_path / "b", whole[: whole.rindex(marker)] + tail)


def test_other_segments_of_a_jpeg_do_no_harm(tmp_path: Path) -> None:
    whole = JPEGS["baseline"]
    expected = decoded(tmp_path / "whole", whole)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    turn = segment(APP1, b"Exif\0\0" + exif.tobytes()[6:])
    for extra in (
        segment(APP2, b"MPF\0MM\0*" + bytes(90)),  # a broken list of further pictures
        segment(APP1, b"Exif\0\0" + bytes(60_000)) * 170,  # 10 MB
        segment(APP2, b"other\0" + bytes(2000)) * 3000,
        segment(APP1, b"Exif\0\0MM\0*") * 100_000,
        segment(b"\xff\xfe", bytes(65_000)) * 100,
        segment(APP2, b"ICC_PROFILE\0\1\2" + linear_profile()),  # of which a half is missing
        segment(APP2, b"ICC_PROFILE\0\1\1"),
        segment(b"\xff\xed", b"Photoshop 3.0\08BIM\4\4"),
    ):
        assert (decoded(tmp_path / "a", whole[:2] + extra + whole[2:]) == expected).all()
        turned = decoded(tmp_path / "b", whole[:2] + turn + extra + whole[2:])
        assert (turned == expected[::-1, ::-1]).all()


def test_flaws_around_the_pixels_of_a_webp_do_no_harm(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    whole = webp(icc_profile=linear_profile(), exif=exif.tobytes())
    expected = decoded(tmp_path / "whole", whole)
    check_close(expected, lightened(COLOURS)[::-1, ::-1])
    xmp = b"XMP " + struct.pack("<I", 2**21) + bytes(2**21)
    for said in (0, 40, len(whole) - 8, 2**31):
        head = b"RIFF" + struct.pack("<I", said)
        for tail in (b"", b"and then some text", xmp, xmp[:3000]):
            assert (decoded(tmp_path / "a", head + whole[8:] + tail) == expected).all()
    lossy = io.BytesIO()
    Image.fromarray(PHOTO).save(lossy, "WEBP")
    check_refused(tmp_path / "b", lossy.getvalue()[:-50])


def test_bytes_after_a_heic_do_no_harm(tmp_path: Path) -> None:
    whole = (DATA / "upright.heic").read_bytes()
    expected = decoded(tmp_path / "whole", whole)
    for tail in (b"and then some text", b"mpvd" * 40, bytes(99), b"\xff" * 5, b"\0\0\1\0uuid"):
        assert (decoded(tmp_path / "a", whole + tail) == expected).all()
    check_refused(tmp_path / "b", whole[:-1])

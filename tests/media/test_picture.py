"""People's pictures become upright, opaque sRGB, and what is no good picture is refused."""

import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from inference.core.errors import InputCode, InputError
from inference.core.framing import PictureSize
from inference.core.inputs import LONGEST_SIDE_PX
from inference.media.picture import clean_picture, decode_picture
from tests.support.media import ASTRONAUT, VOICE_A
from tests.support.sounds import chirps, encode

Pixels = NDArray[np.uint8]

DATA = Path(__file__).parents[1] / "data"
WIDTH, HEIGHT = 160, 96


def quadrants() -> Image.Image:
    """Red, green, blue and grey quarters: every turn and mirroring of it looks different."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), (200, 30, 30))
    picture.paste((30, 160, 30), (WIDTH // 2, 0, WIDTH, HEIGHT // 2))
    picture.paste((30, 30, 200), (0, HEIGHT // 2, WIDTH // 2, HEIGHT))
    picture.paste((120, 120, 120), (WIDTH // 2, HEIGHT // 2, WIDTH, HEIGHT))
    return picture


def saved(path: Path, picture: Image.Image, form: str, **options: object) -> Path:
    picture.save(path, format=form, **options)
    return path


def check_quadrants(pixels: Pixels, tolerance: int = 6) -> None:
    assert pixels.shape == (HEIGHT, WIDTH, 3) and pixels.dtype == np.uint8
    expected = np.asarray(quadrants(), np.int16)
    for y in (HEIGHT // 4, 3 * HEIGHT // 4):
        for x in (WIDTH // 4, 3 * WIDTH // 4):
            assert np.abs(pixels[y, x] - expected[y, x]).max() <= tolerance, (x, y)


def check_refused(path: Path, code: InputCode, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        decode_picture(path)
    assert caught.value.code == code
    for word in words:
        assert word in caught.value.message


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("PNG", {}),
        ("WEBP", {"quality": 95}),
        ("WEBP", {"lossless": True}),
        ("MPO", {"quality": 95, "save_all": True, "append_images": [Image.new("RGB", (9, 9))]}),
    ],
)
def test_usual_pictures_open(form: str, options: dict[str, object], tmp_path: Path) -> None:
    pixels, size = decode_picture(saved(tmp_path / "wrong.gif", quadrants(), form, **options))
    check_quadrants(pixels)
    assert size == PictureSize(WIDTH, HEIGHT)


@pytest.mark.parametrize("name", ["upright.heic", "turned.heic"])
def test_heic_opens_upright(name: str) -> None:
    """The second is stored as a sensor held sideways records it. Both: the quadrants in HEVC."""
    pixels, size = decode_picture(DATA / name)
    check_quadrants(pixels)
    assert size == PictureSize(WIDTH, HEIGHT)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, form: str, tmp_path: Path) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = quadrants()
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    pixels, size = decode_picture(saved(tmp_path / "a", stored, form, exif=exif))
    check_quadrants(pixels, tolerance=12)
    assert size == PictureSize(WIDTH, HEIGHT)


@pytest.mark.parametrize("exif", [b"junk", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0II*\0"])
def test_broken_exif_data_does_no_harm(exif: bytes, tmp_path: Path) -> None:
    pixels, _ = decode_picture(saved(tmp_path / "a.jpg", quadrants(), "JPEG", exif=exif))
    check_quadrants(pixels)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_transparency_lies_on_white(form: str, tmp_path: Path) -> None:
    picture = quadrants()
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, WIDTH // 2, HEIGHT))
    alpha.paste(128, (0, HEIGHT // 2, WIDTH // 2, HEIGHT))
    picture.putalpha(alpha)
    pixels, _ = decode_picture(saved(tmp_path / "a", picture, form, lossless=True))
    assert pixels[10, 10].tolist() == [255, 255, 255]
    assert np.abs(pixels[-10, 10] - np.array([142, 142, 227])).max() <= 2
    assert pixels[10, -10].tolist() == [30, 160, 30]


def test_other_kinds_of_pixels_become_rgb(tmp_path: Path) -> None:
    picture, grey = quadrants(), quadrants().convert("L")
    see_through = picture.quantize(8)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    check_quadrants(decode_picture(saved(tmp_path / "1", picture.quantize(8), "PNG"))[0])
    check_quadrants(decode_picture(saved(tmp_path / "2", picture.convert("CMYK"), "JPEG"))[0], 20)
    blue = see_through.getpixel((10, HEIGHT - 10))
    path = saved(tmp_path / "3", see_through, "PNG", transparency=blue)
    assert decode_picture(path)[0][-10, 10].tolist() == [255, 255, 255]
    for number, other in enumerate((grey, deep, grey.convert("LA"))):
        pixels, _ = decode_picture(saved(tmp_path / f"g{number}", other, "PNG"))
        assert (pixels == np.asarray(grey)[..., None]).all()
    pixels, _ = decode_picture(saved(tmp_path / "bw", picture.convert("1"), "PNG"))
    assert set(np.unique(pixels)) == {0, 255}


def test_colours_are_converted_to_srgb(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"tmp.").replace(b"gXYZ", b"rXYZ").replace(b"tmp.", b"gXYZ")
    red = Image.new("RGB", (32, 32), (255, 0, 0))
    pixels, _ = decode_picture(saved(tmp_path / "a", red, "PNG", icc_profile=swapped))
    assert np.abs(pixels[5, 5] - np.array([0, 255, 0])).max() <= 3
    for broken in (b"no profile", swapped[:200]):
        pixels, _ = decode_picture(saved(tmp_path / "b", red, "PNG", icc_profile=broken))
        assert pixels[5, 5].tolist() == [255, 0, 0]


def test_a_large_picture_is_made_smaller_but_measured_whole(tmp_path: Path) -> None:
    large = quadrants().resize((4800, 2880))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for form in ("JPEG", "PNG"):
        pixels, size = decode_picture(saved(tmp_path / form, large, form, exif=exif))
        assert pixels.shape == (LONGEST_SIDE_PX, round(LONGEST_SIDE_PX * 0.6), 3)
        assert size == PictureSize(2880, 4800)


def test_faces_are_in_pixels_of_the_whole_picture(tmp_path: Path) -> None:
    known = clean_picture(ASTRONAUT, tmp_path / "small.png").faces[0].box
    astronaut = Image.open(ASTRONAUT).convert("RGB").resize((2560, 2560))
    picture = clean_picture(saved(tmp_path / "a", astronaut, "JPEG"), tmp_path / "clean.png")
    (face,) = picture.faces
    for edge in ("left", "top", "right", "bottom"):
        assert getattr(face.box, edge) == pytest.approx(5 * getattr(known, edge), abs=25)
    with Image.open(tmp_path / "clean.png") as clean:
        assert (clean.format, clean.mode, clean.size) == ("PNG", "RGB", (2048, 2048))
        assert not clean.info


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3000, 1), (2000, 9)])
def test_a_sliver_has_no_face(width: int, height: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "a", Image.new("RGB", (width, height)), "PNG")
    picture = clean_picture(path, tmp_path / "clean.png")
    assert (picture.width, picture.height, picture.faces) == (width, height, ())


def test_what_moves_is_refused(tmp_path: Path) -> None:
    frames = {"save_all": True, "append_images": [Image.new("RGB", (WIDTH, HEIGHT))]}
    for form in ("GIF", "WEBP", "PNG"):
        path = saved(tmp_path / form, quadrants(), form, **frames)
        check_refused(path, InputCode.PICTURE_MOVES, "This picture moves. Use a still one.")


def test_what_is_no_picture_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (tmp_path / "text").write_text("a picture, believe me")
    for form in ("GIF", "BMP", "TIFF", "AVIF"):
        saved(tmp_path / form, quadrants(), form)
    for path in tmp_path.iterdir():
        check_refused(path, InputCode.NOT_A_PICTURE, "Use JPEG, PNG, WebP or HEIC.")


def test_a_recording_is_told_from_a_picture(tmp_path: Path) -> None:
    for name in ("a.mp3", "a.mp4", "a.webm", "a.ogg"):
        path = encode(tmp_path / name, chirps(9600, 48_000))
        check_refused(path, InputCode.NOT_A_PICTURE, "a recording or a video, not a picture")
    check_refused(VOICE_A, InputCode.NOT_A_PICTURE, "a recording or a video, not a picture")


def test_large_files_and_bombs_are_refused_unopened(tmp_path: Path) -> None:
    path = saved(tmp_path / "a", quadrants(), "PNG")
    with path.open("r+b") as file:
        file.truncate(31 * 2**20 - 99)
    check_refused(path, InputCode.PICTURE_TOO_LARGE, "This picture is 31 MB; 20 MB is the most.")
    header = struct.pack(">4sIIBBBBB", b"IHDR", 30_000, 30_000, 8, 2, 0, 0, 0)
    start = struct.pack(">8sI17sI", b"\x89PNG\r\n\x1a\n", 13, header, zlib.crc32(header))
    (tmp_path / "bomb").write_bytes(start + struct.pack(">I4s", 2**20, b"IDAT") + bytes(2**20))
    check_refused(tmp_path / "bomb", InputCode.PICTURE_TOO_LARGE, "900 megapixels; 40 is the most")
    over = saved(tmp_path / "over", Image.new("1", (8000, 5001)), "PNG")
    check_refused(over, InputCode.PICTURE_TOO_LARGE, "41 megapixels")


@pytest.mark.parametrize("part", [0.03, 0.3, 0.6, 0.98])
def test_a_cut_picture_is_refused(part: float, tmp_path: Path) -> None:
    astronaut = Image.open(ASTRONAUT).convert("RGB").resize((256, 256))
    whole = [
        saved(tmp_path / "a.jpg", astronaut, "JPEG"),
        saved(tmp_path / "b.jpg", astronaut, "JPEG", progressive=True),
        saved(tmp_path / "a.png", astronaut, "PNG"),
        saved(tmp_path / "a.webp", astronaut, "WEBP"),
        Path(shutil.copy(DATA / "upright.heic", tmp_path / "a.heic")),
    ]
    for path in whole:
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * part)])
        check_refused(path, InputCode.NOT_A_PICTURE, "damaged or cut short")


def test_noise_in_a_file_is_one_error_at_most(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    for form in ("JPEG", "PNG", "WEBP", "GIF"):
        data = bytearray(saved(tmp_path / form, quadrants(), form).read_bytes())
        for _ in range(20):
            noisy = data.copy()
            for at in random.integers(0, len(noisy), 5):
                noisy[at] = random.integers(256)
            (tmp_path / "noisy").write_bytes(noisy)
            try:
                pixels, _ = decode_picture(tmp_path / "noisy")
            except InputError:
                continue
            assert pixels.ndim == 3

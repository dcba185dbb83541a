"""Files are known by their first bytes, and cut ones by what their headers promise."""

import struct
from pathlib import Path

import pytest
from PIL import Image

from inference.media.file_type import HEAD_BYTES, FileKind, detect_kind, is_truncated
from tests.support.sounds import FORMATS, chirps, encode, write_wav

ID3V1 = b"TAG" + bytes(125)
APE = b"APETAGEX" + struct.pack("<4I8x", 2000, 64, 1, 0xA000_0000) + b"Artist" * 9
KINDS = {
    "a.mp3": FileKind.MP3,
    "a.m4a": FileKind.MP4,
    "a.aac": FileKind.AAC,
    "a.flac": FileKind.FLAC,
    "a.ogg": FileKind.OGG,
    "a.opus": FileKind.OGG,
    "flac.oga": FileKind.OGG,
    "a.webm": FileKind.MATROSKA,
    "a.mp4": FileKind.MP4,
    "a.mov": FileKind.MP4,
}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two seconds in every format, and some of their variants."""
    folder, sound = tmp_path_factory.mktemp("sounds"), chirps(96_500, 48_000)
    paths = [encode(folder / name, sound) for name in FORMATS]
    paths.append(write_wav(folder / "a.wav", sound))
    files = {path.name: path.read_bytes() for path in paths}
    for name, muxer in {
        "plain.mp3": {"write_xing": "0"},
        "index first.m4a": {"movflags": "+faststart"},
        "pieces.mp4": {"movflags": "frag_keyframe+empty_moov"},
        "live.mkv": {"live": "1"},
    }.items():
        encoder = FORMATS.get("a" + Path(name).suffix, "libopus")
        files[name] = encode(folder / name, sound, encoder=encoder, muxer=muxer).read_bytes()
    return files


@pytest.mark.parametrize("name", FORMATS)
def test_recordings_are_known_by_their_first_bytes(name: str, recordings: dict[str, bytes]) -> None:
    kind = detect_kind(recordings[name][:HEAD_BYTES])
    assert kind is KINDS[name] and not kind.is_picture


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "gif", "avif"])
def test_pictures_are_known_by_their_first_bytes(name: str, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "picture", format=name)
    kind = detect_kind((tmp_path / "picture").read_bytes()[:HEAD_BYTES])
    assert kind is FileKind(name) and kind.is_picture


@pytest.mark.parametrize("head", [b"", b"\xff", b"RIFF", b"RIFF1234AVI ", b"<svg>", b"\xff\xfe\0"])
def test_anything_else_is_unknown(head: bytes) -> None:
    assert detect_kind(head) is None


NOTICED_BY_DECODERS = ("a.flac",)
WITHOUT_LENGTH = ("a.aac", "plain.mp3", "live.mkv")


def test_a_whole_file_does_not_end_early(recordings: dict[str, bytes]) -> None:
    for name, data in recordings.items():
        assert not is_truncated(data, detect_kind(data)), name


@pytest.mark.parametrize("part", [0.2, 0.5, 0.83, 0.95])
def test_a_cut_file_ends_early(part: float, recordings: dict[str, bytes]) -> None:
    for name, data in recordings.items():
        if name not in (*NOTICED_BY_DECODERS, *WITHOUT_LENGTH):
            assert is_truncated(data[: int(len(data) * part)], detect_kind(data)), name


def test_a_part_of_the_last_frame_is_no_cut(recordings: dict[str, bytes]) -> None:
    for name in ("a.mp3", "plain.mp3", "a.webm", "index first.m4a", "pieces.mp4"):
        for missing in (1, 60):
            data = recordings[name][:-missing]
            assert not is_truncated(data, detect_kind(data)), name
    # but a page of OGG is a second
    assert is_truncated(recordings["a.ogg"][:-1], FileKind.OGG)


def test_an_mp3_cut_between_frames_misses_announced_ones(recordings: dict[str, bytes]) -> None:
    data = recordings["a.mp3"]
    frames = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xfb"]
    assert is_truncated(data[: frames[len(frames) // 2]], FileKind.MP3)


@pytest.mark.parametrize("tail", [ID3V1, APE, APE + ID3V1, bytes(3000), b"some text"])
def test_tags_after_an_mp3_are_no_cut(tail: bytes, recordings: dict[str, bytes]) -> None:
    for name in ("a.mp3", "plain.mp3"):
        assert not is_truncated(recordings[name] + tail, FileKind.MP3)
    assert not is_truncated(recordings["a.mp3"] * 2, FileKind.MP3)


@pytest.mark.parametrize("said", [0, 2_000_000_000, 0x7FFF_F024, 0xFFFF_FFFF])
def test_a_wav_written_to_a_pipe_is_whole(said: int, recordings: dict[str, bytes]) -> None:
    data = recordings["a.wav"]
    assert not is_truncated(data[:40] + struct.pack("<I", said) + data[44:], FileKind.WAV)


def test_junk_never_breaks_it() -> None:
    for kind in FileKind:
        for data in (b"", b"\0", b"\xff" * 99, bytes(99), b"OggS", b"ID3" + b"\x7f" * 40):
            is_truncated(data, kind)

"""Recordings as devices and programs write them: odd lengths, levels and channels."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.core.errors import InputCode, InputError
from inference.core.inputs import QUIET_DBFS
from inference.media.level import measure_recording
from inference.media.recording import clean_recording
from tests.support.media import VOICE_A
from tests.support.sounds import Samples, chirps, encode, read_wav, write_wav

RATE_HZ = 48_000
RATE_A_HZ = 24_000
SECOND = chirps(RATE_HZ, RATE_HZ)
POSITIONS_51 = 0x3F  # front left, right, centre, rumble, back left, right


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return tmp_path / "clean.wav"


def voice() -> NDArray[np.float64]:
    """Two seconds of speech at 24 kHz, -1 to 1."""
    return read_wav(VOICE_A)[: 2 * RATE_A_HZ, 0] / 32768


def write_any_wav(
    path: Path,
    values: NDArray[Any],
    positions: int | None = None,
    stated: int | None = None,
    long: int | None = None,
) -> Path:
    """A WAV of (n, c) samples of any type at 24 kHz, whose data chunk states another length.

    With `long` it is an RF64 that states that one.
    """
    channels, width = values.shape[1], values.dtype.itemsize
    code = 3 if values.dtype.kind == "f" else 1
    head = struct.pack(
        "<HHIIHH",
        code if positions is None else 0xFFFE,
        channels,
        RATE_A_HZ,
        RATE_A_HZ * channels * width,
        channels * width,
        8 * width,
    )
    if positions is not None:
        head += struct.pack("<HHIH", 22, 8 * width, positions, code)
        head += bytes.fromhex("000000001000800000aa00389b71")
    data = values.tobytes()
    said = len(data) if stated is None else stated
    lengths = b""
    if long is not None:
        lengths = b"ds64" + struct.pack("<Iqqqi", 28, long, long, long, 0)
    path.write_bytes(
        (b"RIFF" if long is None else b"RF64")
        + struct.pack("<I", 0xFFFF_FFFF)
        + b"WAVE"
        + lengths
        + b"fmt "
        + struct.pack("<I", len(head))
        + head
        + b"data"
        + struct.pack("<I", said)
        + data
    )
    return path


def pcm(*sides: NDArray[np.float64]) -> Samples:
    return np.asarray(np.rint(np.stack(sides, 1) * 32767), np.int16)


def check_cut(path: Path, clean: Path) -> None:
    with pytest.raises(InputError, match="damaged or cut short") as caught:
        clean_recording(path, clean)
    assert caught.value.code == InputCode.NOT_A_RECORDING


@pytest.mark.parametrize("stated", [0, 2_000_000_000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_a_placeholder_of_a_length_is_none(stated: int, tmp_path: Path, clean: Path) -> None:
    path = write_any_wav(tmp_path / "a.wav", pcm(voice()), stated=stated)
    assert clean_recording(path, clean).samples == 2 * RATE_HZ


@pytest.mark.parametrize("long", [-1, 0, 2**40, 4 * RATE_A_HZ])
def test_so_it_is_in_a_long_wav(long: int, tmp_path: Path, clean: Path) -> None:
    path = write_any_wav(tmp_path / "a.wav", pcm(voice()), stated=0xFFFF_FFFF, long=long)
    assert clean_recording(path, clean).samples == 2 * RATE_HZ


@pytest.mark.parametrize("times", [10 / 9, 2, 5])
def test_a_part_of_what_is_announced_is_a_cut(times: float, tmp_path: Path, clean: Path) -> None:
    announced = round(times * 4 * RATE_A_HZ)
    check_cut(write_any_wav(tmp_path / "a.wav", pcm(voice()), stated=announced), clean)
    long = write_any_wav(tmp_path / "b.wav", pcm(voice()), stated=0xFFFF_FFFF, long=announced)
    check_cut(long, clean)


@pytest.mark.parametrize("total", [0, 2**36 - 1, RATE_HZ // 2])
def test_the_length_of_a_flac_that_was_streamed_is_a_hint(
    total: int, tmp_path: Path, clean: Path
) -> None:
    path = encode(tmp_path / "a.flac", SECOND)
    data = bytearray(path.read_bytes())
    data[21] = data[21] & 0xF0 | total >> 32
    data[22:26] = struct.pack(">I", total & 0xFFFF_FFFF)
    path.write_bytes(data)
    assert clean_recording(path, clean).samples == RATE_HZ


@pytest.mark.parametrize("count", [0, 0xFFFF_FFFF])
def test_the_frame_count_of_an_mp3_is_a_hint(count: int, tmp_path: Path, clean: Path) -> None:
    path = encode(tmp_path / "a.mp3", SECOND)
    data = bytearray(path.read_bytes())
    at = data.find(b"Info") + 8
    data[at : at + 4] = struct.pack(">I", count)
    path.write_bytes(data)
    assert clean_recording(path, clean).samples >= RATE_HZ


LOSSY = {
    "a.mp3": ("libmp3lame", {}),
    "plain.mp3": ("libmp3lame", {"write_xing": "0"}),
    "a.aac": ("aac", {}),
    "first.m4a": ("aac", {"movflags": "+faststart"}),
    "pieces.mp4": ("aac", {"movflags": "frag_keyframe+empty_moov"}),
    "a.mkv": ("aac", {}),
    "mp3.mkv": ("libmp3lame", {}),
}


@pytest.mark.parametrize("name", LOSSY)
def test_half_of_the_last_frame_is_no_loss(name: str, tmp_path: Path, clean: Path) -> None:
    encoder, muxer = LOSSY[name]
    path = encode(tmp_path / name, SECOND, encoder=encoder, muxer=muxer)
    with av.open(str(path)) as container:
        ends = [(p.pos + p.size, p.size) for p in container.demux(audio=0) if p.size and p.pos]
    end, size = max(ends)
    path.write_bytes(path.read_bytes()[: end - size // 2])
    assert 0.96 * RATE_HZ <= clean_recording(path, clean).samples <= 1.1 * RATE_HZ


@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_sound_over_full_scale_is_scaled(kind: str, tmp_path: Path, clean: Path) -> None:
    loud = np.stack([voice() * 8, voice() * 4], 1)
    measured = clean_recording(write_any_wav(tmp_path / "a.wav", loud.astype(kind)), clean)
    assert measured.peak_dbfs == pytest.approx(-1, abs=0.1)
    left, right = read_wav(clean)[::2].T / 32768
    scale = np.abs(left).max() / np.abs(voice()).max()
    assert np.abs(left - scale * voice()).max() < 0.05  # but for the filter of the resampling
    assert np.abs(left - 2 * right).max() < 1e-3


@pytest.mark.parametrize("milliseconds", [0, 1])
@pytest.mark.parametrize("positions", [None, POSITIONS_51])
def test_a_click_lowers_no_voice(
    milliseconds: int, positions: int | None, tmp_path: Path, clean: Path
) -> None:
    values = np.stack([voice()] * (6 if positions else 1), 1).astype("<f4")
    values[RATE_A_HZ // 2 :][: max(1, milliseconds * RATE_A_HZ // 1000)] = 1000
    clean_recording(write_any_wav(tmp_path / "a.wav", values, positions), clean)
    left = read_wav(clean)[::2, 0] / 32768
    elsewhere = np.abs(np.arange(len(left)) - RATE_A_HZ // 2) > RATE_A_HZ // 10
    scale = np.linalg.norm(left[elsewhere]) / np.linalg.norm(voice()[elsewhere])
    assert scale == pytest.approx(1 + 2 * 0.5**0.5 if positions else 1, abs=0.05)


@pytest.mark.parametrize(
    ("name", "encoder", "loud", "is_scaled"),
    [("a.mp3", "libmp3lame", 5, False), ("a.m4a", "aac", 5, False), ("b.m4a", "aac", 12, True)],
)
def test_only_a_slight_overshoot_of_a_lossy_file_is_clipped(
    name: str, encoder: str, loud: int, is_scaled: bool, tmp_path: Path, clean: Path
) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(encoder, rate=RATE_A_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray((voice() * loud)[None].astype("<f4"), "fltp", "mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE_A_HZ, Fraction(1, RATE_A_HZ), 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    measured = clean_recording(path, clean)
    assert measured.peak_dbfs == pytest.approx(-1 if is_scaled else 0, abs=0.1)


def test_float_sound_within_full_scale_stays_as_it_is(tmp_path: Path, clean: Path) -> None:
    floats = write_any_wav(tmp_path / "f.wav", voice()[:, None].astype("<f4"))
    clean_recording(floats, clean)
    as_float = read_wav(clean)
    clean_recording(write_any_wav(tmp_path / "i.wav", pcm(voice())), clean)
    assert np.abs(as_float.astype(int) - read_wav(clean)).max() <= 1


def test_samples_that_are_no_numbers_are_silence(tmp_path: Path, clean: Path) -> None:
    values = voice()[:, None].astype("<f4")
    values[1000:1004, 0] = np.nan, np.inf, -np.inf, 3e38
    measured = clean_recording(write_any_wav(tmp_path / "a.wav", values), clean)
    assert measured.samples == 2 * RATE_HZ and measured.peak_dbfs < 0
    assert np.abs(read_wav(clean)[::2, 0] / 32768 - voice())[2000:].max() < 0.01
    values[:] = np.nan
    assert clean_recording(write_any_wav(tmp_path / "b.wav", values), clean).is_silent


@pytest.mark.parametrize("offset", [0.02, -0.3])
def test_a_constant_offset_counts_for_nothing(offset: float, tmp_path: Path, clean: Path) -> None:
    whisper = 0.1 * voice()
    path = write_any_wav(tmp_path / "a.wav", pcm(whisper + offset, whisper - offset))
    measured = clean_recording(path, clean)
    plain = write_any_wav(tmp_path / "b.wav", pcm(whisper, whisper))
    level = clean_recording(plain, tmp_path / "plain.wav").level_dbfs
    assert measured.level_dbfs == pytest.approx(level, abs=0.5) and level < QUIET_DBFS
    assert np.abs(read_wav(clean).mean(0)).max() < 2  # so it clicks at no end
    silent = write_any_wav(tmp_path / "c.wav", pcm(np.full(RATE_A_HZ, offset)))
    assert clean_recording(silent, clean).is_silent
    old = write_wav(tmp_path / "old.wav", pcm(np.full(RATE_HZ, offset)))  # of a job before
    assert measure_recording(old).is_silent


def test_a_side_upside_down_is_turned_over(tmp_path: Path, clean: Path) -> None:
    path = write_any_wav(tmp_path / "a.wav", pcm(voice(), -0.5 * voice()))
    assert clean_recording(path, clean).channels == 2
    left, right = read_wav(clean).T.astype(int)
    assert np.abs(left - 2 * right).max() <= 3


@pytest.mark.parametrize("channels, at", [(3, 1), (6, 3), (9, 0), (32, 31)])
@pytest.mark.parametrize("kind", ["<i2", "<i4", "<f4"])
def test_a_recorders_tracks_are_heard(
    channels: int, at: int, kind: str, tmp_path: Path, clean: Path
) -> None:
    values = np.zeros((RATE_A_HZ, channels))
    values[:, at] = voice()[:RATE_A_HZ] * (1 if kind == "<f4" else 2 ** (8 * int(kind[2]) - 1))
    measured = clean_recording(write_any_wav(tmp_path / "a.wav", values.astype(kind)), clean)
    assert (measured.samples, measured.channels) == (RATE_HZ, 1)
    assert measured.peak_dbfs == pytest.approx(
        20 * np.log10(np.abs(voice()[:RATE_A_HZ]).max()), abs=1
    )


def test_a_cinemas_channels_are_mixed_for_two_loudspeakers(tmp_path: Path, clean: Path) -> None:
    silence = np.zeros(2 * RATE_A_HZ)
    rumble = 0.5 * np.sin(2 * np.pi * 40 * np.arange(len(silence)) / RATE_A_HZ)
    sides = (silence, silence, voice(), rumble, silence, silence)
    path = write_any_wav(tmp_path / "a.wav", pcm(*sides), POSITIONS_51)
    assert clean_recording(path, clean).channels == 2
    left, right = read_wav(clean)[::2].T / 32768
    assert np.array_equal(left, right)
    assert np.abs(left - np.sqrt(0.5) * voice()).max() < 0.01
    # a recorder's fourth track that a program wrote as the cinema's rumble
    sides = (silence, silence, silence, voice(), silence, silence)
    path = write_any_wav(tmp_path / "b.wav", pcm(*sides), POSITIONS_51)
    measured = clean_recording(path, clean)
    assert measured.channels == 1 and not measured.is_silent


def test_sound_of_a_rare_codec_is_not_decoded(tmp_path: Path, clean: Path) -> None:
    rare = encode(tmp_path / "a.wav", SECOND, encoder="wmav2")
    with pytest.raises(InputError, match="not a recording we can open") as caught:
        clean_recording(rare, clean)
    assert caught.value.code == InputCode.NOT_A_RECORDING


def test_the_pictures_of_a_film_are_not_decoded(tmp_path: Path, clean: Path) -> None:
    film = encode(tmp_path / "a.mp4", SECOND, encoder="aac")
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as messages:
            clean_recording(film, clean)
    finally:
        av.logging.set_level(None)
    assert any("h264" in text and "not on whitelist" in text for *_, text in messages)

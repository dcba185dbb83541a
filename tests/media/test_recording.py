"""People's recordings become 48 kHz WAVs of exact length, and damaged ones are refused."""

import json
import subprocess
import sys
import wave
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from inference.core.errors import InputCode, InputError
from inference.media.level import FLOOR_DBFS
from inference.media.recording import clean_recording
from inference.media.sandbox.child import Order
from tests.support.media import ASTRONAUT, ROOT, VOICE_A
from tests.support.sounds import (
    FORMATS,
    Samples,
    chirps,
    encode,
    read_wav,
    write_mute_video,
    write_wav,
)

EXACT = ("a.mp3", "a.flac", "a.ogg", "a.opus", "flac.oga", "a.webm")  # these keep their length
BARE = "a.aac"  # tells neither of the encoder's delay nor of the padding at its end
AAC_FRAME = 1024  # samples; mp4 counts in these
LOSSLESS = ("a.flac", "flac.oga")


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return tmp_path / "clean.wav"


def delay(sound: Samples, original: Samples) -> int:
    """By how many samples `sound` lags behind `original`."""
    length = min(len(sound), len(original), 48_000)
    pair = [each[:length, 0].astype(np.float64) for each in (sound, original)]
    spectra = [np.fft.rfft(each, 2 * length) for each in pair]
    match = np.fft.irfft(spectra[0] * spectra[1].conj())
    return int((np.argmax(match) + length) % (2 * length)) - length


def check_refused(path: Path, clean: Path, code: InputCode, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        clean_recording(path, clean)
    assert caught.value.code == code
    for word in words:
        assert word in caught.value.message


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_keeps_length_time_and_channels(
    name: str, channels: int, tmp_path: Path, clean: Path
) -> None:
    original = chirps(100_777, 48_000, channels)
    measured = clean_recording(encode(tmp_path / name, original), clean)
    sound = read_wav(clean)
    assert sound.shape == (measured.samples, channels) and measured.channels == channels
    if name in EXACT:
        assert measured.samples == len(original)
    else:
        assert 0 <= measured.samples - len(original) < 2 * AAC_FRAME
    assert abs(delay(sound, original)) <= (AAC_FRAME if name == BARE else 2)
    if name in LOSSLESS:
        assert np.array_equal(sound, original)
    if channels == 2:  # the right side is 40 % as loud
        left, right = np.abs(sound.astype(np.float64)).mean(0)
        assert right / left == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 96_000])
def test_any_rate_becomes_48_khz_to_the_sample(rate_hz: int, tmp_path: Path, clean: Path) -> None:
    samples = 2 * rate_hz + 777
    path = write_wav(tmp_path / "a.wav", chirps(samples, rate_hz), rate_hz)
    measured = clean_recording(path, clean)
    assert measured.samples == pytest.approx(samples * 48_000 / rate_hz, abs=1)
    assert abs(delay(read_wav(clean), chirps(measured.samples, 48_000))) <= 1
    with wave.open(str(clean)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (48_000, 2)


def test_cd_rate_is_rounded_up_so_that_nothing_is_cut(tmp_path: Path, clean: Path) -> None:
    for samples in (44_100, 44_101, 50_000, 100_001):
        path = write_wav(tmp_path / "a.wav", chirps(samples, 44_100), 44_100)
        assert clean_recording(path, clean).samples == -(-samples * 160 // 147)


def test_a_48_khz_wav_comes_through_unchanged(tmp_path: Path, clean: Path) -> None:
    for channels in (1, 2):
        sound = chirps(30_001, 48_000, channels)
        clean_recording(write_wav(tmp_path / "a.wav", sound), clean)
        assert np.array_equal(read_wav(clean), sound)


def test_levels_are_those_of_the_samples(tmp_path: Path, clean: Path) -> None:
    time = np.arange(48_000) / 48_000
    for amplitude, peak_dbfs in ((1.0, 0.0), (0.1, -20.0)):
        sine = np.rint(amplitude * 32767 * np.sin(2 * np.pi * 480 * time)).astype(np.int16)
        path = write_wav(tmp_path / "a.wav", np.stack([sine, sine], 1))
        measured = clean_recording(path, clean)
        assert measured.peak_dbfs == pytest.approx(peak_dbfs, abs=0.01)
        assert measured.level_dbfs == pytest.approx(peak_dbfs - 3.01, abs=0.01)
    lowest = np.zeros((9600, 1), np.int16)
    lowest[100] = -32768
    assert clean_recording(write_wav(tmp_path / "b.wav", lowest), clean).peak_dbfs > -0.01


def test_silence_and_emptiness_are_measured_too(tmp_path: Path, clean: Path) -> None:
    silent = clean_recording(write_wav(tmp_path / "a.wav", np.zeros((9600, 1), np.int16)), clean)
    assert silent.is_silent and silent.peak_dbfs == silent.level_dbfs == FLOOR_DBFS
    assert clean_recording(write_wav(tmp_path / "b.wav", chirps(0, 48_000)), clean).samples == 0


def test_a_video_without_sound_is_told_from_one_with(tmp_path: Path, clean: Path) -> None:
    for name in ("a.mp4", "a.mov"):
        path = write_mute_video(tmp_path / name)
        check_refused(path, clean, InputCode.NO_SOUND, "This video has no sound.")
        assert clean_recording(encode(path, chirps(48_000, 48_000)), clean).samples >= 48_000


def test_what_is_no_recording_is_refused(tmp_path: Path, clean: Path) -> None:
    files = {
        "a.mp3": b"la la la " * 500,
        "a.wav": b"RIFF\0\0\0\0WAVE",
        "a.mp4": b"\0\0\0\x18ftypisom" + bytes(500),
        "a.svg": b"<svg/>",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        check_refused(tmp_path / name, clean, InputCode.NOT_A_RECORDING, "not a recording we can")
    check_refused(ASTRONAUT, clean, InputCode.NOT_A_RECORDING, "This is a picture, not a rec")


def test_lists_of_other_files_are_not_followed(tmp_path: Path, clean: Path) -> None:
    lists = {
        "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{VOICE_A}\n#EXT-X-ENDLIST\n",
        "a.ffconcat": f"ffconcat version 1.0\nfile '{VOICE_A}'\n",
        "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        check_refused(tmp_path / name, clean, InputCode.NOT_A_RECORDING)


@pytest.mark.parametrize("name", ["a.wav", *(name for name in FORMATS if name != BARE)])
def test_a_cut_recording_is_refused(name: str, tmp_path: Path, clean: Path) -> None:
    sound = chirps(96_000, 48_000)
    path = tmp_path / name
    data = (write_wav(path, sound) if name == "a.wav" else encode(path, sound)).read_bytes()
    for part in (0.3, 0.5, 0.77, 0.95):
        path.write_bytes(data[: int(len(data) * part)])
        check_refused(path, clean, InputCode.NOT_A_RECORDING, "damaged or cut short")


def test_a_hole_in_a_flac_is_refused(tmp_path: Path, clean: Path) -> None:
    path = encode(tmp_path / "a.flac", chirps(96_000, 48_000))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    path.write_bytes(data)
    check_refused(path, clean, InputCode.NOT_A_RECORDING, "damaged or cut short")


def test_tags_around_an_mp3_do_no_harm(tmp_path: Path, clean: Path) -> None:
    data = encode(tmp_path / "a.mp3", chirps(96_000, 48_000)).read_bytes()
    for start, end in (
        (b"", b"TAG" + bytes(125)),
        (b"", b"LYRICSBEGIN" + b"la " * 99),
        (data, b""),
    ):
        (tmp_path / "b.mp3").write_bytes(start + data + end)
        assert clean_recording(tmp_path / "b.mp3", clean).samples >= 96_000


def test_ten_minutes_are_the_most(tmp_path: Path, clean: Path) -> None:
    for seconds, fits in ((600, True), (601, False)):
        path = encode(tmp_path / "a.flac", np.zeros((seconds * 8000, 1), np.int16), 8_000)
        if fits:
            assert clean_recording(path, clean).samples == 600 * 48_000
        else:
            check_refused(path, clean, InputCode.TOO_LONG, "longer than 10 minutes")


def test_a_hundred_megabytes_are_the_most(tmp_path: Path, clean: Path) -> None:
    path = write_wav(tmp_path / "a.wav", chirps(4800, 48_000))
    with path.open("r+b") as file:
        file.truncate(101 * 2**20)
    check_refused(path, clean, InputCode.RECORDING_TOO_LARGE, "is 101 MB; 100 MB is the most")


@pytest.mark.parametrize("rate_hz", [1, 500, 2**31 - 1])
def test_absurd_rates_are_refused(rate_hz: int, tmp_path: Path, clean: Path) -> None:
    path = write_wav(tmp_path / "a.wav", chirps(48_000, 48_000), rate_hz)
    check_refused(path, clean, InputCode.NOT_A_RECORDING)


def test_memory_does_not_grow_with_length(tmp_path: Path, clean: Path) -> None:
    # A process between, because a child's peak starts from that of the one that started it.
    code = (
        "import resource, subprocess, sys;"
        "child = [sys.executable, '-m', 'inference.media.sandbox.child'];"
        "subprocess.run(child, input=sys.argv[1], text=True);"
        "print('', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    peaks = []
    for seconds in (10, 300):
        sound = np.resize(chirps(48_000, 48_000, 2), (seconds * 44_100, 2))
        path = write_wav(tmp_path / "a.wav", sound, 44_100)
        entry = "inference.media.recording:clean_recording"
        order = json.dumps(asdict(Order(entry, str(path), str(clean), cpu_s=20, wall_s=40)))
        command = [sys.executable, "-c", code, order]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        answer, peak = done.stdout.rsplit(" ", 1)
        assert f'"samples": {seconds * 48_000}' in answer
        peaks.append(int(peak))
    assert peaks[1] < 1.1 * peaks[0]

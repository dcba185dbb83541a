"""The draft as a stranger sees it: lips that follow the sound, on the finished, decoded video.

The face mesh is run again on the video, and what its lips do is held against an envelope of the
sound that the engine knows nothing of.
"""

import wave
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.signal import butter, sosfiltfilt

from inference.core.engine import EngineOptions
from inference.core.errors import InputCode
from inference.core.events import Failed, Finished, Result
from inference.core.inputs import Speaking
from inference.core.plan import make_plan
from inference.core.request import Request
from inference.core.task import Task, voice_name
from inference.core.timing import place_recordings
from inference.draft.voice.speech import LEAD_S
from inference.engines.draft import DraftEngine
from inference.media.faces import FaceMesh
from inference.media.ingest import ingest_files
from tests.support.bad_files import write_wav
from tests.support.media import ASTRONAUT, VOICE_A, VOICE_B, decoded

INNER_UPPER, INNER_LOWER = 13, 14  # the mesh's points in the middle of the inner lips
FOREHEAD, CHIN = 10, 152
SHUT = 0.04  # lip gap in face heights: the mesh reads up to this from lips that touch in a smile
OPEN = 0.08
LAGS = range(-4, 5)  # frames by which the envelope is shifted against the lips


@dataclass(frozen=True)
class Made:
    """A finished draft with its task."""

    task: Task
    result: Result

    def frames(self) -> list[NDArray[np.uint8]]:
        return decoded(self.task.folder / self.result.path)

    def lip_gaps(self, speaker: int) -> NDArray[np.float64]:
        """The gap between a speaker's inner lips in each frame, in face heights."""
        box = np.asarray(self.task.plan.speakers[speaker].box, np.float32)
        mesh, gaps = FaceMesh(), []
        for frame in self.frames():
            points, _ = mesh.fit(frame, box, 0.0)
            height = np.linalg.norm(points[CHIN, :2] - points[FOREHEAD, :2])
            gap = np.linalg.norm(points[INNER_LOWER, :2] - points[INNER_UPPER, :2])
            gaps.append(gap / height)
        return np.array(gaps)


def make(folder: Path, image: Path, *voices: Path, **choices: object) -> Made:
    picture, recordings = ingest_files(folder, image, voices)
    request = Request(picture, recordings, **choices)  # type: ignore[arg-type]
    task = Task(request, make_plan(request, 120), folder)
    last = list(DraftEngine(EngineOptions()).generate(task, lambda: False))[-1]
    assert isinstance(last, Finished), last
    return Made(task, last.result)


def envelope(made: Made, speaker: int) -> NDArray[np.float64]:
    """Loudness of a speaker's own recording in each video frame, on the video's time axis.

    Root of the RMS of the 200 to 4000 Hz band in frames of 40 ms.
    """
    with av.open(str(made.task.folder / voice_name(speaker))) as file:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=48_000)
        sound = np.concatenate(
            [part.to_ndarray()[0] for f in file.decode(audio=0) for part in resampler.resample(f)]
        )
    band = sosfiltfilt(butter(2, [200, 4000], "bandpass", fs=48_000, output="sos"), sound)
    span = place_recordings(made.task.request.soundtrack)[speaker]
    placed = np.zeros(made.result.frames * 1920)
    placed[span.start : span.start + span.samples] = band[span.source_start :][: span.samples]
    power: NDArray[np.float64] = (placed.reshape(-1, 1920) ** 2).mean(1)
    return power**0.25


def correlations(gaps: NDArray[np.float64], loudness: NDArray[np.float64]) -> dict[int, float]:
    """Correlation of lips and loudness for each lag; a positive lag means the lips lead."""
    edge = max(LAGS)
    inner = slice(edge, len(gaps) - edge)
    return {
        lag: float(np.corrcoef(gaps[inner], np.roll(loudness, -lag)[inner])[0, 1]) for lag in LAGS
    }


def check_lips_follow(made: Made, speaker: int) -> None:
    found = correlations(made.lip_gaps(speaker), envelope(made, speaker))
    best = max(found, key=lambda lag: found[lag])
    assert abs(best - LEAD_S * 25) <= 1, found
    assert found[best] >= 0.8, found


def write_two_people(path: Path) -> Path:
    """The astronaut and her mirror image, side by side."""
    with Image.open(ASTRONAUT) as opened:
        one = opened.convert("RGB")
    both = Image.new("RGB", (2 * one.width, one.height))
    both.paste(one, (0, 0))
    both.paste(ImageOps.mirror(one), (one.width, 0))
    both.save(path)
    return path


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("one"), ASTRONAUT, VOICE_A)


@pytest.fixture(scope="module")
def in_turn(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("two")
    picture = write_two_people(folder / "two.png")
    return make(folder / "made", picture, VOICE_A, VOICE_B, speaking=Speaking.IN_TURN)


def test_lips_follow_the_voice(astronaut: Made) -> None:
    check_lips_follow(astronaut, 0)


@pytest.mark.parametrize("speaker", [0, 1])
def test_each_of_two_follows_their_own_voice(in_turn: Made, speaker: int) -> None:
    check_lips_follow(in_turn, speaker)


def test_who_is_not_speaking_keeps_the_mouth_shut(in_turn: Made) -> None:
    change = round(place_recordings(in_turn.task.request.soundtrack)[1].start / 1920)
    left, right = in_turn.lip_gaps(0), in_turn.lip_gaps(1)
    assert left[:change].max() > OPEN and right[change:].max() > OPEN
    assert left[change + 8 :].max() < SHUT and right[: change - 8].max() < SHUT


def test_a_mouth_that_is_open_in_the_picture_is_shut_in_silence(
    astronaut: Made, tmp_path: Path
) -> None:
    widest = int(np.argmax(astronaut.lip_gaps(0)))
    Image.fromarray(astronaut.frames()[widest]).save(tmp_path / "open.png")
    voice = write_voice_then_silence(tmp_path / "voice.wav", 2, 2)
    gaps = make(tmp_path / "made", tmp_path / "open.png", voice).lip_gaps(0)
    assert gaps[:50].max() > OPEN and gaps[60:].max() < SHUT


def write_voice_then_silence(path: Path, voice_s: float, silence_s: float) -> Path:
    with wave.open(str(VOICE_B)) as voice, wave.open(str(path), "wb") as out:
        out.setparams(voice.getparams())
        rate_hz, width = voice.getframerate(), voice.getsampwidth()
        out.writeframes(voice.readframes(round(voice_s * rate_hz)))
        out.writeframes(bytes(round(silence_s * rate_hz) * width))
    return path


def test_the_same_seed_gives_the_same_video_and_another_one_does_not(tmp_path: Path) -> None:
    voice = write_wav(tmp_path / "voice.wav", 1.5, 0.1)
    videos = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        made = make(tmp_path / name, ASTRONAUT, voice, seed=seed)
        videos.append((made.task.folder / made.result.path).read_bytes())
    assert videos[0] == videos[1]
    first, other = (decoded(tmp_path / name / "result.mp4") for name in "ac")
    assert any(not np.array_equal(x, y) for x, y in zip(first, other, strict=True))


def test_without_a_face_it_refuses_kindly(tmp_path: Path) -> None:
    Image.new("RGB", (640, 480), "steelblue").save(tmp_path / "plain.png")
    picture, recordings = ingest_files(tmp_path / "made", tmp_path / "plain.png", [VOICE_B])
    request = Request(picture, recordings)
    task = Task(request, make_plan(request, 120), tmp_path / "made")
    last = list(DraftEngine(EngineOptions()).generate(task, lambda: False))[-1]
    assert isinstance(last, Failed) and last.code == InputCode.NO_FACE
    assert "No face was found" in last.message

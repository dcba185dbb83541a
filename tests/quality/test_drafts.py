"""Good drafts pass in every aspect; each fault that is planted in one is named."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import maximum_filter1d

from inference.core.inputs import Speaking, Trim
from inference.core.report import Aspect, Verdict
from inference.core.task import SOUND, Task, measurements_name, segment_name, voice_name
from inference.core.timing import SAMPLES_PER_FRAME, place_recordings
from inference.draft.voice.speech import analyse
from inference.media.audio import read_mono
from inference.media.faces import FaceMesh
from inference.quality.face_tracker import FaceTracker
from inference.quality.measure import Measurements
from inference.quality.report_builder import build_task_report
from presets.examples import EXAMPLES, MEDIA
from tests.draft.test_pipeline import make
from tests.support import video_faults
from tests.support.certificates import sign
from tests.support.media import DRAWN_ONE, VOICE_A, VOICE_B
from tests.support.video_faults import Frame, found
from tests.ui.cli.test_commands import run

PART_S = 3.2  # of an example: 81 frames, a window


@dataclass(frozen=True)
class Good:
    """A good draft: its task, its frames and what was measured of them."""

    task: Task
    frames: list[Frame]
    measured: Measurements

    @property
    def video(self) -> Path:
        return self.task.folder / "result.mp4"


def draft(folder: Path, name: str) -> Good:
    """The middle of an example, made as a draft."""
    example = EXAMPLES[name]
    voices = [MEDIA / voice for voice in example.voices]
    start_s = round((example.duration_s - PART_S) / 2, 1) + (0.9 if len(voices) == 2 else 0)
    made = make(folder, MEDIA / example.picture, *voices, trim=Trim(start_s, start_s + PART_S),
                speaking=Speaking(example.speaking))  # fmt: skip
    return Good(made.task, made.frames(), Measurements.load(folder / measurements_name(0)))


@pytest.fixture(scope="module", params=list(EXAMPLES))
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Good:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory: pytest.TempPathFactory) -> Good:
    return draft(tmp_path_factory.mktemp("astronaut"), "astronaut")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Good:
    return draft(tmp_path_factory.mktemp("pair"), "pair")


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Good:
    return draft(tmp_path_factory.mktemp("portrait"), "portrait")


def test_a_good_draft_passes_in_every_aspect(example: Good) -> None:
    report = build_task_report(example.task, [example.measured], example.video)
    assert [f for f in report.findings if f.verdict is not Verdict.PASS] == []
    two = len(example.task.plan.speakers) == 2
    assert [f.aspect for f in report.findings] == [
        aspect
        for aspect in Aspect
        if aspect is not Aspect.CREDENTIALS and (two or aspect is not Aspect.SPEAKERS)
    ]
    assert found(report, Aspect.LENGTH).message == "81 frames and 3.24 s of sound, as planned."


def test_the_lips_of_a_draft_neither_twitch_nor_jump(astronaut: Good) -> None:
    """Beside closures, which are abrupt; in shares of the usual range of the gap."""
    (speaker,) = astronaut.task.plan.speakers
    tracker = FaceTracker(FaceMesh(), astronaut.frames[0], speaker.box)
    gap = np.asarray([tracker.track(frame).gap for frame in astronaut.frames])
    low, high = np.percentile(gap, (5, 95))
    samples = len(gap) * SAMPLES_PER_FRAME
    (span,) = place_recordings(astronaut.task.request.soundtrack)
    curves = analyse(read_mono(astronaut.task.folder / voice_name(0), span, samples), len(gap))
    steps = np.diff(gap) / (high - low)
    steps[maximum_filter1d(curves.closure > 0.25, 5)[1:]] = np.nan
    assert np.nanmax(np.abs(steps)) < 0.4
    assert np.nanmax(np.abs(np.diff(steps))) / 2 < 0.15


@pytest.mark.parametrize(
    ("shift_s", "message"),
    [
        (-0.2, "The lips run 0.20 s behind the voice."),
        (0.2, "The lips run 0.20 s ahead of the voice."),
    ],
)
def test_a_shifted_sound_is_named(
    astronaut: Good, shift_s: float, message: str, tmp_path: Path
) -> None:
    segments = [astronaut.task.folder / segment_name(0)]
    video = video_faults.with_sound(
        astronaut.task, segments, tmp_path / "v.mp4", video_faults.later(shift_s)
    )
    lips = found(build_task_report(astronaut.task, [astronaut.measured], video), Aspect.LIP_SYNC)
    assert (lips.verdict, lips.message) == (Verdict.FAIL, message)


def test_swapped_speakers_are_named(pair: Good) -> None:
    report = build_task_report(video_faults.swapped(pair.task), [pair.measured], pair.video)
    speakers = found(report, Aspect.SPEAKERS)
    assert (speakers.verdict, speakers.message) == (Verdict.FAIL, "The voices look swapped.")


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (61, "There are 61 frames; 81 were planned."),
        (81, "The sound is 0.4 s shorter than the picture."),
    ],
)
def test_a_wrong_length_is_named(
    astronaut: Good, frames: int, message: str, tmp_path: Path
) -> None:
    def cut(sound: video_faults.Samples) -> video_faults.Samples:
        return sound[: (frames - 10 * (frames == 81)) * 1920]

    video = video_faults.planted(astronaut.task, astronaut.frames[:frames], tmp_path / "v.mp4", cut)
    report = video_faults.report(astronaut.task, video)
    length = found(report, Aspect.LENGTH)
    assert (length.verdict, length.message) == (Verdict.FAIL, message)
    assert report.frames == frames


def frozen(good: Good) -> list[Frame]:
    return good.frames[:71] + [good.frames[70]] * 10


def blackened(good: Good) -> list[Frame]:
    return good.frames[:60] + [np.zeros_like(good.frames[0])] * 21


def warmed(good: Good) -> list[Frame]:
    """Slowly warmer, from the beginning to the end."""
    tint = np.asarray([7, 0, -12], np.float32) / len(good.frames)
    return [
        np.clip(frame + tint * number, 0, 255).astype(np.uint8)
        for number, frame in enumerate(good.frames)
    ]


def noisy(good: Good) -> list[Frame]:
    height, width = good.frames[0].shape[:2]
    return good.frames[:60] + video_faults.blotches(21, width, height, 16)


def smaller(good: Good) -> list[Frame]:
    return [frame[::2, ::2] for frame in good.frames]


def another_face(good: Good) -> list[Frame]:
    """From the middle on the drawn face, with a third of its size around it, where the
    astronaut's was."""
    left, top, right, bottom = good.task.plan.speakers[0].box
    wide, high = (right - left) // 3, (bottom - top) // 3
    with Image.open(DRAWN_ONE) as opened:
        face = opened.convert("RGB").crop((499, 168, 850, 519))
    other = np.asarray(face.resize((right - left + 2 * wide, bottom - top + 2 * high)))
    changed = [frame.copy() for frame in good.frames]
    for frame in changed[41:]:
        part = frame[max(0, top - high) : bottom + high, left - wide : right + wide]
        part[:] = other[-len(part) :]
    return changed


@pytest.mark.parametrize(
    ("plant", "aspect", "verdict", "message"),
    [
        (frozen, Aspect.MOTION, Verdict.WARN, "The last 0.4 s stand still."),
        (blackened, Aspect.PICTURE, Verdict.FAIL, "21 of 81 frames are black."),
        (noisy, Aspect.PICTURE, Verdict.FAIL, "2[01] of 81 frames are noise."),
        (warmed, Aspect.COLOUR, Verdict.WARN,
         "A little warmer than your picture after [12].[0-9] s."),
        (smaller, Aspect.LENGTH, Verdict.FAIL,
         "The picture is 448x224 pixels; 896x448 were planned."),
        (another_face, Aspect.IDENTITY, Verdict.FAIL,
         "The face is another one from (1.[5-9]|2.[01]) s on."),
    ],
)  # fmt: skip
def test_a_planted_fault_is_named(
    astronaut: Good,
    plant: Callable[[Good], list[Frame]],
    aspect: Aspect,
    verdict: Verdict,
    message: str,
    tmp_path: Path,
) -> None:
    video = video_faults.planted(astronaut.task, plant(astronaut), tmp_path / "v.mp4")
    report = video_faults.report(astronaut.task, video)
    finding = found(report, aspect)
    assert finding.verdict is verdict and re.fullmatch(message, finding.message), finding


def test_the_command_names_what_is_wrong_and_ends_with_1(astronaut: Good, tmp_path: Path) -> None:
    segments = [astronaut.task.folder / segment_name(0)]
    video = video_faults.with_sound(
        astronaut.task, segments, tmp_path / "v.mp4", video_faults.later(-0.2)
    )
    with sign(video).open("ab") as file:
        file.write((8).to_bytes(4, "big") + b"free")  # what players skip
    done = run("check", video, temporary=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert re.fullmatch("Lip sync +Failed +The lips run 0.20 s behind the voice.", lines[0])
    assert len(lines) == 8 and all("Good" in line for line in lines[1:6])
    assert re.fullmatch("Content credentials +Failed +This file was changed after .*", lines[6])


@pytest.mark.parametrize(
    ("name", "voices"), [("astronaut", [SOUND]), ("pair", [VOICE_A, VOICE_B])], ids=["part", "all"]
)
def test_the_command_holds_a_video_against_its_voices(
    name: str, voices: list[str | Path], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    good: Good = request.getfixturevalue(name)
    given = [option for voice in voices for option in ("--audio", good.task.folder / voice)]
    signed = sign(Path(shutil.copy(good.video, tmp_path / "out.mp4")))
    done = run("check", signed, *given, "--json", temporary=tmp_path, PORTRAIT_CERTIFICATE="no.pem")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr, report["verdict"]) == (0, "", "pass")
    assert report["findings"][0]["aspect"] == "lip_sync"
    assert report["findings"][-1]["aspect"] == "credentials"
    assert "its certificate is trusted here" in report["findings"][-1]["message"]


@pytest.mark.parametrize("other", [VOICE_B, DRAWN_ONE])
def test_the_command_refuses_what_is_no_video(other: Path, tmp_path: Path) -> None:
    done = run("check", other, "--json", temporary=tmp_path)
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout)["error"]["code"] == "not_a_video"

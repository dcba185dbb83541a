"""Files given to the page are taken in or refused in a sentence; jobs are made of them."""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PIL import Image

from inference import jobs
from inference.settings import Settings
from tests.bad_files import write_wav
from tests.media import ASTRONAUT, DRAWN_ONE, VOICE_A
from ui.handlers import Handlers, Job
from ui.views import CardView, GivenPicture, GivenVoice, StageView

PATIENCE_S = 60
T = TypeVar("T")


@pytest.fixture
def handlers(tmp_path: Path) -> Handlers:
    return Handlers(Settings(data=tmp_path / "data", max_draft_seconds=10))


@pytest.fixture
def given(handlers: Handlers, tmp_path: Path) -> tuple[GivenPicture, GivenVoice]:
    picture, _ = last(handlers.give_picture(upload(tmp_path, ASTRONAUT), None))
    voice, _ = last(handlers.give_voice(upload(tmp_path, VOICE_A), None))
    assert picture and voice
    return picture, voice


def upload(tmp_path: Path, source: Path) -> str:
    """A copy of `source` where Gradio would put it."""
    target = tmp_path / "data" / "uploads" / "0123" / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    return str(target)


def last(answers: Iterator[tuple[T, CardView]]) -> tuple[T, CardView]:
    *_, answer = answers
    return answer


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def folders(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "data" / "jobs").glob("*")}


def until_ended(handlers: Handlers, job: Job) -> StageView:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        view = handlers.follow(job)
        if not view.polling:
            return view
        time.sleep(0.05)
    raise AssertionError("the job did not end")


def test_a_picture_is_taken_in_and_its_crop_is_shown(handlers: Handlers, tmp_path: Path) -> None:
    first, (given, view) = handlers.give_picture(upload(tmp_path, ASTRONAUT), None)
    assert "Looking for the face" in first[1].below
    assert given is not None and len(given.picture.faces) == 1
    folder = tmp_path / "data" / "jobs" / given.job
    assert files(folder) == {"picture.png", "crop.jpg"}
    with Image.open(folder / "crop.jpg") as crop:
        assert crop.size == (896, 448)
    assert f"/media/{given.job}/crop.jpg" in view.above
    assert files(tmp_path / "data" / "uploads") == set()


def test_another_upload_that_has_just_begun_is_left_alone(
    handlers: Handlers, tmp_path: Path
) -> None:
    source = upload(tmp_path, ASTRONAUT)
    begun, lost = (tmp_path / "data" / "uploads" / name for name in ("tmp_new", "tmp_old"))
    for path in (begun, lost):
        path.touch()
    os.utime(lost, (0, 0))
    last(handlers.give_picture(source, None))
    assert begun.exists() and not lost.exists()


def test_a_new_picture_takes_the_place_of_the_one_before(
    handlers: Handlers, tmp_path: Path
) -> None:
    before, _ = last(handlers.give_picture(upload(tmp_path, ASTRONAUT), None))
    after, _ = last(handlers.give_picture(upload(tmp_path, DRAWN_ONE), before))
    assert after is not None
    assert folders(tmp_path) == {after.job}


def test_a_picture_that_can_not_be_used_leaves_everything_as_it_was(
    handlers: Handlers, tmp_path: Path
) -> None:
    before, _ = last(handlers.give_picture(upload(tmp_path, ASTRONAUT), None))
    blank = tmp_path / "blank.png"
    Image.new("RGB", (400, 300), "grey").save(blank)
    for bad, sentence in ((VOICE_A, "picture"), (blank, "No face was found in this picture.")):
        after, view = last(handlers.give_picture(upload(tmp_path, bad), before))
        assert after == before is not None
        assert 'role="alert"' in view.message and sentence in view.message
        assert folders(tmp_path) == {before.job}
        assert files(tmp_path / "data" / "uploads") == set()


@pytest.mark.parametrize(
    ("seconds", "level", "sentence"),
    [
        (12, 0.1, "This recording is 12 s long; 10 s is the most. Choose a shorter one."),
        (0.2, 0.1, "This recording is 0.2 s long"),
        (2, 0, "No voice is heard"),
    ],
)
def test_a_recording_that_can_not_be_used_is_refused_in_a_sentence(
    handlers: Handlers, tmp_path: Path, seconds: float, level: float, sentence: str
) -> None:
    bad = write_wav(tmp_path / "bad.wav", seconds, level)
    after, view = last(handlers.give_voice(upload(tmp_path, bad), None))
    assert after is None
    assert sentence in view.message
    assert folders(tmp_path) == set()


def test_what_is_missing_is_asked_for(
    handlers: Handlers, given: tuple[GivenPicture, GivenVoice]
) -> None:
    picture, voice = given
    assert "Add a portrait and a recording" in handlers.arrange(None, None).head
    assert "Add the recording" in handlers.arrange(picture, None).head
    assert "Add the portrait" in handlers.arrange(None, voice).head
    ready = handlers.arrange(picture, voice)
    assert ready.go.startswith("Make the draft · about ")
    assert "197 frames, 7.88 s (4 windows)" in ready.under


def test_a_job_has_its_own_inputs_and_shows_its_video(
    handlers: Handlers,
    given: tuple[GivenPicture, GivenVoice],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "WORKER", "tests.fakes")
    job, view = handlers.make(*given)
    assert job is not None and view.polling and view.stop and not view.inputs
    for one in given:
        handlers.forget(one)
    assert folders(tmp_path) == {job.id}
    done = until_ended(handlers, job)
    assert f'<video src="/media/{job.id}/result.mp4"' in done.frame
    assert f'href="/media/{job.id}/result.mp4"' in done.beside
    folder = tmp_path / "data" / "jobs" / job.id
    assert {"picture.png", "crop.jpg", "voice-1.wav", "plan.json"} <= files(folder)


def test_a_stopped_job_shows_what_it_has(
    handlers: Handlers,
    given: tuple[GivenPicture, GivenVoice],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "WORKER", "tests.fakes")
    job, _ = handlers.make(*given)
    assert job is not None
    stopping = handlers.stop(job)
    assert "Stopping" in stopping.beside and not stopping.stop
    ended = until_ended(handlers, job)
    assert "Stopped" in ended.head and ended.go == "Try again"


def test_a_failed_job_says_so_and_can_be_tried_again(
    handlers: Handlers,
    given: tuple[GivenPicture, GivenVoice],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "WORKER", "no.such.module")
    job, _ = handlers.make(*given)
    assert job is not None
    ended = until_ended(handlers, job)
    assert 'role="alert"' in ended.under and "Traceback" not in ended.under
    assert f"Job {job.id[:4]}-{job.id[4:8]}" in ended.under
    assert ended.go == "Try again" and ended.inputs


def test_a_full_disk_is_said_and_the_plan_stays(
    handlers: Handlers,
    given: tuple[GivenPicture, GivenVoice],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fill(task: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(jobs, "start", fill)
    job, view = handlers.make(*given)
    assert job is None
    assert "The disk is full." in view.under
    assert view.go.startswith("Make the draft")
    assert folders(tmp_path) == {one.job for one in given}

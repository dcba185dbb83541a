"""The task in a folder that came from elsewhere: with a plan, or as plain uploads."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from inference.cloud.load_task import load_or_plan_task
from inference.core.errors import Fault, InputError
from inference.core.plan import make_plan
from inference.core.settings import Settings
from inference.core.task import PICTURE, Task, load_task
from inference.core.timing import PlannedWindow, split_even_windows
from tests.support.media import ASTRONAUT, DRAWN_PAIR, MEDIA, VOICE_A, VOICE_B
from tests.support.tiny_tasks import with_silence

SETTINGS = Settings()


@pytest.fixture
def sent(task: Task) -> Task:
    """A task with its plan and its recordings."""
    whole = with_silence(task)
    whole.save()
    return whole


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """A folder of a picture and a recording as they were given."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    shutil.copy(ASTRONAUT, folder / "given-picture")
    shutil.copy(VOICE_A, folder / "given-voice-1")
    return folder


def test_a_plan_comes_through_as_it_was_shown(sent: Task) -> None:
    assert load_or_plan_task(sent.folder, {}, SETTINGS) == sent


def test_crop_and_speakers_are_the_plans_own(sent: Task) -> None:
    moved = replace(sent.plan, crop=replace(sent.plan.crop, left=3, top=5))
    other = replace(moved.speakers[0], box=(1, 2, 90, 120))
    Task(sent.request, replace(moved, speakers=(other,)), sent.folder).save()
    plan = load_or_plan_task(sent.folder, {}, SETTINGS).plan
    assert (plan.crop.left, plan.crop.top, plan.speakers) == (3, 5, (other,))


def test_arithmetic_of_another_version_is_refused(sent: Task) -> None:
    odd = replace(sent.plan, windows=(PlannedWindow(0, 81), PlannedWindow(20, 81)))
    Task(sent.request, odd, sent.folder).save()
    with pytest.raises(Fault, match="different versions. Deploy the app again"):
        load_or_plan_task(sent.folder, {}, SETTINGS)


def test_a_final_video_planned_with_even_windows_goes_on_with_them(sent: Task) -> None:
    request = replace(sent.request, quality="best")
    plan = make_plan(request, 40)
    earlier = replace(plan, windows=split_even_windows(plan.frames, 25))
    assert earlier.windows != plan.windows
    for planned in (plan, earlier):
        Task(request, planned, sent.folder).save()
        assert load_or_plan_task(sent.folder, {}, SETTINGS).plan == planned


def test_a_recording_that_was_not_planned_with_is_refused(sent: Task) -> None:
    shorter = replace(sent.request.recordings[0], samples=96_000)
    with_silence(Task(replace(sent.request, recordings=(shorter,)), sent.plan, sent.folder))
    with pytest.raises(InputError, match="not the one that was planned with"):
        load_or_plan_task(sent.folder, {}, SETTINGS)


def test_a_recording_over_the_limit_of_the_deploy_is_refused(sent: Task) -> None:
    with pytest.raises(InputError, match="2 s is the most"):
        load_or_plan_task(sent.folder, {}, replace(SETTINGS, max_draft_seconds=2))


def test_a_folder_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="not on Modal any more"):
        load_or_plan_task(tmp_path / "gone", {}, SETTINGS)


def test_plain_uploads_are_taken_in_cropped_and_counted(uploads: Path) -> None:
    task = load_or_plan_task(uploads, {"quality": "fast", "seed": 7}, SETTINGS)
    plan = task.plan
    assert (plan.width, plan.height, plan.fps, plan.seed) == (896, 448, 25, 7)
    assert plan.frames % 4 == 1 and len(plan.speakers) == 1
    assert plan == make_plan(task.request, 40)
    assert (uploads / PICTURE).exists() and load_task(uploads) == task
    assert load_or_plan_task(uploads, {}, SETTINGS) == task  # the next run finds it done


def test_two_uploads_are_two_speakers(uploads: Path) -> None:
    shutil.copy(DRAWN_PAIR, uploads / "given-picture")
    shutil.copy(VOICE_B, uploads / "given-voice-2")
    task = load_or_plan_task(uploads, {"speaking": "in-turn", "shape": "square"}, SETTINGS)
    assert [speaker.audio for speaker in task.plan.speakers] == [0, 1]
    assert (task.plan.width, task.plan.height, task.plan.quality) == (640, 640, "balanced")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"seed": "soon"}, "seed is not what it should be"),
        ({"shape": "round"}, "shape is not what it should be"),
        ({"steps": 500}, "Steps: 500 is out of range"),
        ({"quality": "superb"}, "no quality 'superb'"),
    ],
)
def test_options_that_can_not_be_are_named(
    uploads: Path, options: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        load_or_plan_task(uploads, options, SETTINGS)


@pytest.mark.holds(
    "making on Modal", "torn file", "what arrived damaged is refused in one sentence"
)
def test_an_upload_that_is_no_picture_is_refused(uploads: Path) -> None:
    shutil.copy(MEDIA / "voice_b.wav", uploads / "given-picture")
    with pytest.raises(InputError, match="picture"):
        load_or_plan_task(uploads, {}, SETTINGS)

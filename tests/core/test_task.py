"""A task comes back from its folder as it was."""

import json
from pathlib import Path

import pytest

from inference.core.inputs import Box, CropChoice, Face, Picture, Recording, Shape, Speaking, Trim
from inference.core.plan import make_plan
from inference.core.request import Request
from inference.core.task import (
    PLAN,
    REQUEST,
    Task,
    load_task,
    partial_video_name,
    segment_name,
    voice_name,
)


def test_a_task_survives_the_disk(tmp_path: Path) -> None:
    faces = (Face(Box(100.5, 50, 200, 150), 0.9), Face(Box(300, 50, 420, 170), 0.8))
    voice = Recording(480_000, 1, -1.0, -20.0)
    request = Request(
        Picture(600, 400, faces),
        (voice, voice),
        Speaking.IN_TURN,
        Shape.SQUARE,
        Trim(1.0, 9.5),
        CropChoice(-10, 0, 400),
        quality="balanced",
        prompt="Café at night",
        seed=7,
        steps=6,
        negative_prompt="Regen",
        audio_guidance=2.5,
    )
    task = Task(request, make_plan(request, 40), tmp_path)
    task.save()
    assert load_task(tmp_path) == task


def test_a_request_of_the_version_before_is_read(task: Task) -> None:
    task.save()
    saved = json.loads((task.folder / REQUEST).read_text())
    for name in ("negative_prompt", "text_guidance", "audio_guidance", "turn", "permission"):
        del saved[name]
    del saved["picture"]["turned"]
    for face in saved["picture"]["faces"]:
        del face["roll_rad"], face["mouth_hidden"]
    (task.folder / REQUEST).write_text(json.dumps(saved))
    plan = json.loads((task.folder / PLAN).read_text())
    for speaker in plan["speakers"]:
        del speaker["roll_rad"]
    (task.folder / PLAN).write_text(json.dumps(plan))
    assert load_task(task.folder) == task


def test_what_was_found_of_a_face_changes_no_stored_key() -> None:
    """Keys of drafts are made of the repr: a draft of the version before is not made again."""
    found = Face(Box(1, 2, 3, 4), 0.9, roll_rad=0.1, mouth_hidden=True)
    known = Picture(6, 4, (Face(Box(1, 2, 3, 4), 0.9),))
    assert repr(Picture(6, 4, (found,), turned=90)) == repr(known)
    assert repr(known).endswith("score=0.9),))")
    written = repr(Request(known, (Recording(480_000, 1, -1.0, -20.0),)))
    assert "turn" not in written and "permission" not in written


def test_files_have_the_names_the_folder_is_read_by() -> None:
    assert (voice_name(0), segment_name(12)) == ("voice-1.wav", "windows/012.mp4")
    assert partial_video_name(3) == "growing/003.mp4"


def test_a_task_makes_folders_in_its_own_but_not_its_own_again(task: Task) -> None:
    task.prepare_path("windows/000.mp4").touch()
    assert (task.folder / "windows/000.mp4").exists()
    gone = task.folder.rename(task.folder.with_name("gone"))
    with pytest.raises(FileNotFoundError):
        task.prepare_path("windows/001.mp4")
    assert gone.exists() and not task.folder.exists()

"""The person's files arrive under fixed names, all of them or none."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inference.core.errors import InputCode, InputError
from inference.core.plan import make_plan
from inference.core.request import Request
from inference.core.task import PICTURE, voice_name
from inference.media import ingest
from inference.media.image import render_crop
from inference.media.ingest import ingest_files
from tests.support.media import ASTRONAUT, VOICE_A, VOICE_B
from tests.support.sounds import read_wav


def test_clean_files_lie_under_their_names_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "task"
    picture, recordings = ingest_files(folder, ASTRONAUT, [VOICE_A, VOICE_B])
    assert (picture.width, picture.height, len(picture.faces)) == (512, 512, 1)
    assert [recording.samples for recording in recordings] == [372_000, 278_400]
    assert {path.name for path in folder.iterdir()} == {PICTURE, "voice-1.wav", "voice-2.wav"}
    for index, recording in enumerate(recordings):
        assert len(read_wav(folder / voice_name(index))) == recording.samples


@dataclass(frozen=True)
class _Lie:
    width: Any = 10
    height: int = 10
    faces: tuple[int, ...] = ()


def _write_a_bomb(source: Path, target: Path) -> _Lie:
    Image.new("RGB", (30_000, 1)).save(target, "PNG")
    return _Lie()


def _write_no_picture(source: Path, target: Path) -> _Lie:
    return _Lie()


def _tell_nonsense(source: Path, target: Path) -> _Lie:
    Image.new("RGB", (10, 10)).save(target, "PNG")
    return _Lie(width={"no": "number"}, faces=(3,))


@pytest.mark.parametrize("name", ["_write_a_bomb", "_write_no_picture", "_tell_nonsense"])
def test_a_decoder_that_was_taken_over_does_no_harm_by_its_answer(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = replace(ingest.PICTURE_OPERATION, entry=f"tests.media.test_ingest:{name}")
    monkeypatch.setattr(ingest, "PICTURE_OPERATION", taken)
    with pytest.raises(InputError, match="could not be opened"):
        ingest_files(tmp_path, ASTRONAUT, [VOICE_A])
    assert not list(tmp_path.iterdir())


def test_what_was_taken_in_can_be_planned_and_shown(tmp_path: Path) -> None:
    picture, recordings = ingest_files(tmp_path, ASTRONAUT, [VOICE_A])
    plan = make_plan(Request(picture, recordings), 40)
    frame = render_crop(tmp_path / PICTURE, plan.picture, plan.crop, plan.width, plan.height)
    assert frame.shape == (448, 896, 3)


@pytest.mark.parametrize(
    ("image", "voices", "code"),
    [
        (VOICE_A, [VOICE_B], InputCode.NOT_A_PICTURE),
        (ASTRONAUT, [ASTRONAUT], InputCode.NOT_A_RECORDING),
        (ASTRONAUT, [VOICE_A, Path("none.wav")], InputCode.NOT_FOUND),
        (VOICE_A, [Path("none.wav"), ASTRONAUT], InputCode.NOT_A_PICTURE),  # the picture's first
        (ASTRONAUT, [ASTRONAUT, Path("none.wav")], InputCode.NOT_A_RECORDING),  # then in order
    ],
)
def test_the_first_bad_file_is_named_and_none_is_left(
    image: Path, voices: list[Path], code: InputCode, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        ingest_files(tmp_path, image, voices)
    assert caught.value.code == code
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("voices", [[], [VOICE_A] * 3])
def test_one_or_two_recordings_are_taken(voices: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one or two can speak") as caught:
        ingest_files(tmp_path / "task", ASTRONAUT, voices)
    assert caught.value.code == InputCode.BAD_OPTION
    assert not list(tmp_path.iterdir())

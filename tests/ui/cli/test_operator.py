"""The operator's actions, with parts that only note what they are asked for."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.media import ASTRONAUT
from ui.cli import operator

GOOD = {"name": "gpu", "ok": True, "found": "NVIDIA H100", "needed": True}
BAD = GOOD | {"ok": False, "found": "None."}


def act(*arguments: str, checks: list[dict[str, Any]] | None = None, status: int = 0) -> int:
    def manage(commands: list[list[str]]) -> int:
        print("one call:", *(" ".join(command) for command in commands), sep="; ")
        return status

    return operator.main(arguments, operator.AppFunctions({}, manage, lambda: checks or []))


@pytest.mark.parametrize(
    ("arguments", "commands"),
    [
        ("download-models", "download; prepare"),
        ("download-models --dtype fp8", "download; prepare --dtype fp8"),
        ("download-models --no-prepare", "download"),
        ("prepare-models", "prepare"),
        ("prepare-models --dtype fp8", "prepare --dtype fp8"),
        ("verify", "verify"),
    ],
)
@pytest.mark.parametrize("status", [0, 1])
def test_weights_are_looked_after_by_their_own_commands(
    capsys: pytest.CaptureFixture[str], arguments: str, commands: str, status: int
) -> None:
    assert act("--action", *arguments.split(), status=status) == status
    assert capsys.readouterr().out == f"one call:; {commands}\n"


@pytest.mark.parametrize(("checks", "status"), [([GOOD], 0), ([GOOD, BAD], 1)])
def test_the_environment_is_shown_line_by_line(
    capsys: pytest.CaptureFixture[str], checks: list[dict[str, Any]], status: int
) -> None:
    assert act("--action", "test-environment", checks=checks) == status
    assert "NVIDIA H100" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--action", "dance"], "'dance' is not one of 'test-environment'"),
        ([], "Missing option '--action'"),
        (["--action", "generate"], "generate needs --image and --audio."),
        (["--action", "batch"], "batch needs --folder."),
        (["--action", "download-models", "--dtype", "int4"], "'int4'. Use one of bf16, fp8."),
        (["--action", "batch", "--folder", "nowhere"], "There is no folder nowhere"),
        (["--action", "generate", "--quality", "superb"], "generate needs --image and --audio."),
        (
            ["--action", "generate", "--image", str(ASTRONAUT), "--audio", "x", "-o", "out.avi"],
            "does not end in .mp4",
        ),
    ],
)
def test_what_can_not_be_is_said_in_a_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert act(*arguments) == 2
    said = capsys.readouterr()
    assert says in said.err and said.out == "" and "Traceback" not in said.err


def test_a_recording_that_is_a_film_is_not_taken_for_the_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("face.png", "face.mp4"):
        (tmp_path / name).write_bytes(b"neither")
    assert act("--action", "batch", "--folder", str(tmp_path)) == 1
    assert "face: This file is not a picture" in capsys.readouterr().err
    assert (tmp_path / "face.mp4").read_bytes() == b"neither"


def test_a_file_that_nobody_named_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("astronaut.mp4").write_bytes(b"mine")
    given = ["--image", str(ASTRONAUT), "--audio", "astronaut.mp4"]
    assert act("--action", "generate", *given) == 2
    assert "astronaut.mp4 is there already. Name another file" in capsys.readouterr().err
    assert Path("astronaut.mp4").read_bytes() == b"mine"


def test_a_folder_is_gone_through_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("done.png", "done.wav", "one.png", "two.png"):
        (tmp_path / name).touch()
    made = tmp_path / operator.DEFAULT_FOLDER / "done.mp4"
    made.parent.mkdir()
    made.touch()
    assert act("--action", "batch", "--folder", str(tmp_path)) == 1
    said = capsys.readouterr().err
    assert "done.mp4 is there already." in said
    assert "one: There is no recording for one.png" in said and "two: There is no" in said
    assert "2 of 3 could not be made." in said

"""The operator's actions: `modal run app.py --action ...`."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.modal.conftest import needs_root
from tests.modal.deployed import SMALL_FRAMES, TINY
from tests.modal.standin.handle import StandIn
from tests.support.media import ASTRONAUT, DRAWN_ONE, decoded, spoken


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Modal, with nothing deployed: an action brings the app along."""
    needs_root()
    with StandIn(tmp_path_factory.mktemp("modal")) as standin:
        yield standin


def act(standin: StandIn, *arguments: str) -> tuple[int, str]:
    """Exit status and everything that was said."""
    done = standin.modal("run", "app.py", "--action", *arguments, env=TINY)
    return done.returncode, done.stdout + done.stderr


def test_the_environment_is_looked_at_from_inside(standin: StandIn) -> None:
    status, said = act(standin, "test-environment")
    assert status == 0, said
    assert re.search(r"^ok +packages +torch 2\.", said, re.M)
    assert re.search(r"^ok +attention +.*off by at most", said, re.M)
    assert re.search(r"^- +gpu +No NVIDIA GPU is seen", said, re.M)
    for volume in ("weights", "jobs", "cache"):
        assert re.search(rf"^ok +volume {volume} +/vol/{volume}", said, re.M), said


@pytest.mark.parametrize("action", ["prepare-models", "verify"])
def test_missing_weights_are_a_sentence(standin: StandIn, action: str) -> None:
    status, said = act(standin, action)
    assert status == 1 and "Traceback" not in said
    assert "/vol/weights" in said and "Run modal run app.py --action download-models" in said


def test_a_download_that_can_not_be_is_a_sentence(tmp_path: Path) -> None:
    """From a hub that nobody runs; what a Volume says of its room is no matter."""
    needs_root()
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "PORTRAIT_SECRETS": "hub"}
    with StandIn(tmp_path / "modal", secrets={"hub": nowhere}) as standin:
        done = standin.modal(
            "run", "app.py", "--action", "download-models", env={"PORTRAIT_SECRETS": "hub"}
        )
        images = json.dumps(standin.images())
    assert "torch==2.10.0+cpu" in images and "flash" not in images  # which might not be built
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in said
    assert "The connection to the hub failed" in said, said
    assert "not complete" not in said  # of what did not come nothing is prepared


def test_a_folder_is_gone_through_with_one_loaded_model(tmp_path: Path) -> None:
    needs_root()
    given, made = tmp_path / "given", tmp_path / "made"
    given.mkdir()
    shutil.copy(ASTRONAUT, given / "a.png")
    shutil.copy(DRAWN_ONE, given / "b.png")
    shutil.copy(ASTRONAUT, given / "without.png")
    for name in ("a", "b"):
        spoken(given / f"{name}.wav", seconds=0.8)
    options = ["--folder", str(given), "-o", str(made), "--quality", "fast", "--steps", "2"]
    with StandIn(tmp_path / "modal", replaced=SMALL_FRAMES) as standin:
        status, said = act(standin, "batch", *options)
        assert status == 1 and "without: There is no recording" in said
        assert "1 of 3 could not be made." in said
        assert [len(decoded(made / f"{name}.mp4")) for name in ("a", "b")] == [21, 21]
        assert standin.output().count("MultiTalk is loaded") == 1
        (given / "without.png").unlink()
        assert act(standin, "batch", *options)[0] == 0  # all are there


def test_one_video_comes_back_to_this_machine(standin: StandIn, tmp_path: Path) -> None:
    voice, out = spoken(tmp_path / "voice.wav", seconds=0.8), tmp_path / "out.mp4"
    given = ["--image", str(ASTRONAUT), "--audio", str(voice), "-o", str(out)]
    status, said = act(standin, "generate", *given, "--quality", "draft")
    assert status == 0, said
    frames = decoded(out)
    assert len(frames) == 21 and frames[0].shape == (448, 896, 3)


def test_a_wrong_option_is_a_sentence_and_the_persons_own(standin: StandIn) -> None:
    status, said = act(standin, "generate", "--image", "nowhere.png", "--audio", "nowhere.wav")
    assert status == 2 and "nowhere.png" in said and "Traceback" not in said

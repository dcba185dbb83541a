"""What the hub refuses is told in one line that says what to do, and nothing finished is lost."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.hub import Hub
from tests.support.weights_runner import FILES, Machine, keys, know
from weights.hub_errors import to_weights_error

EARLIER, LOST = FILES[0], FILES[3]
REPO = LOST.repo.name
OTHERS = [file for file in FILES if file != LOST]
TOKEN = "huggingface.co/settings/tokens and set HF_TOKEN"
Arrange = Callable[[Hub], None]


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """A machine that has everything but the file LOST."""
    machine.lose(LOST)
    return machine


def _remove_file(hub: Hub) -> None:
    (hub.folder / LOST.key).unlink()


def _require_token(hub: Hub) -> None:
    hub.required_token = "hf_right"


@pytest.mark.parametrize(
    ("arrange", "words"),
    [
        pytest.param(lambda hub: hub.refuse.update({REPO: 401}), (REPO, TOKEN), id="401"),
        pytest.param(
            lambda hub: hub.refuse.update({LOST.key: 403}),
            (REPO, "Accept its terms on huggingface.co", TOKEN),
            id="403, gated",
        ),
        pytest.param(
            lambda hub: hub.refuse_content.update({LOST.key: 403}),
            (LOST.key, "403", "HF_TOKEN"),
            id="403 of the content",
        ),
        pytest.param(
            lambda hub: hub.refuse_content.update({LOST.key: 401}),
            (LOST.key, "401", "HF_TOKEN"),
            id="401 of the content",
        ),
        pytest.param(lambda hub: hub.refuse.update({REPO: 404}), (REPO, TOKEN), id="404"),
        pytest.param(_remove_file, (LOST.key, "Update this project"), id="no such file"),
        pytest.param(
            lambda hub: hub.refuse_content.update({LOST.key: 404}),
            (LOST.key, "404"),
            id="404 of the content",
        ),
        pytest.param(
            lambda hub: hub.refuse.update({LOST.key: 500}),
            (LOST.key, "500", "Try again later"),
            id="500",
        ),
        pytest.param(
            lambda hub: hub.refuse_content.update({LOST.key: 503}),
            (LOST.key, "503", "Try again later", "What is finished is kept"),
            id="503 of the content",
        ),
        pytest.param(_require_token, (REPO, TOKEN), id="a token is needed"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(
    machine: Machine, hub: Hub, arrange: Arrange, words: tuple[str, ...]
) -> None:
    arrange(hub)
    line = machine.run("download").told()
    assert all(word in line for word in words), line
    assert not machine.marked()
    assert machine.checked() == keys(OTHERS)
    assert not list(machine.weights.rglob("*.incomplete"))


def test_a_wrong_token_is_told_and_the_right_one_goes_on(machine: Machine, hub: Hub) -> None:
    _require_token(hub)
    line = machine.run("download", HF_TOKEN="hf_wrong").told()
    assert TOKEN in line
    assert not machine.marked()
    machine.download(HF_TOKEN="hf_right")
    assert hub.fetched == [LOST.key]
    assert machine.marked()


def test_a_revision_that_is_gone_is_told(machine: Machine, hub: Hub) -> None:
    know(hub.folder, LOST, revision="v9")
    line = machine.run("download").told()
    assert REPO in line and "v9" in line and "Update this project" in line
    assert not machine.marked()


def test_a_name_that_moved_on_does_not_mix_two_commits(tmp_path: Path) -> None:
    class MovedOn(Hub):
        def commit(self, repo: str) -> str:
            return "d" * 40

    with Hub(tmp_path / "hub") as hub:
        machine = Machine(tmp_path, hub)
        for file in (EARLIER, LOST):
            know(hub.folder, file, revision="main")
        hub.refuse_content[LOST.key] = 503
        machine.run("download").told()
        first = hub.commit(REPO)
        assert machine.lock()[EARLIER.key]["commit"] == first
    with MovedOn(tmp_path / "hub") as hub:
        machine = Machine(tmp_path, hub)
        line = machine.run("download").told()
        assert REPO in line and f"no revision {first}" in line
        assert not hub.fetched


def test_what_is_finished_before_a_refusal_is_kept(machine: Machine, hub: Hub) -> None:
    machine.lose(EARLIER)
    hub.refuse_content[LOST.key] = 503
    machine.run("download").told()
    assert hub.fetched == [EARLIER.key]
    assert machine.checked() == keys(OTHERS)
    hub.refuse_content.clear()
    machine.download()
    assert hub.fetched == [EARLIER.key, LOST.key]
    assert machine.marked() and not machine.strays()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, ("disk is full", "Free some space", "What is finished is kept")),
        (errno.EDQUOT, ("disk is full", "Free some space")),
        (errno.EACCES, ("/w/file", "can't be written", "PORTRAIT_WEIGHTS")),
        (errno.EPERM, ("/w/file", "can't be written", "PORTRAIT_WEIGHTS")),
        (errno.EROFS, ("/w/file", "can't be written", "PORTRAIT_WEIGHTS")),
        (errno.EIO, ("a/b/c", "Input/output error")),
    ],
)
def test_what_the_disk_refuses_is_told(number: int, words: tuple[str, ...]) -> None:
    line = str(to_weights_error(OSError(number, os.strerror(number), "/w/file"), "a/b/c"))
    assert all(word in line for word in words), line

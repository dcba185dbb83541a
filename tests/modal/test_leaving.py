"""A container that is left gets no other work, and what was stuck in it is not run again."""

from collections.abc import Iterator
from typing import Any

import modal
import pytest

from tests.modal.conftest import needs_root
from tests.modal.leaving_app import NAME
from tests.modal.standin.handle import StandIn
from tests.modal.trying import PATIENCE_S, client, notes

__all__ = ["client", "notes"]


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Modal, with the small app deployed."""
    needs_root()
    with StandIn(tmp_path_factory.mktemp("modal"), grace_s=0.5) as standin:
        done = standin.modal("deploy", "tests/modal/leaving_app.py")
        assert done.returncode == 0, done.stdout + done.stderr
        yield standin


@pytest.fixture
def worker(client: modal.Client) -> Any:
    return modal.Cls.from_name(NAME, "Worker", client=client)()


def test_who_leaves_after_the_work_answers_and_takes_no_more(worker: Any) -> None:
    first = worker.work.remote(leave=False)
    assert worker.work.remote(leave=True) == first
    assert worker.work.remote(leave=False) != first


def test_what_hangs_is_ended_and_not_run_again(worker: Any, notes: modal.Dict) -> None:
    call = worker.hang.spawn("stuck")
    with pytest.raises(modal.exception.RemoteError):
        call.get(timeout=PATIENCE_S)
    worker.work.remote(leave=False)  # the next one has a container, once that one is gone
    assert notes["stuck"] == 1

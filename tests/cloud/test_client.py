"""What Modal's client raises becomes a sentence that says what to do."""

import errno
from pathlib import Path

import modal
import pytest

from inference.cloud import cleanup, client
from inference.cloud.client import ModalClient, Unreachable, translate_errors
from inference.cloud.remote_handle import RemoteHandle, read_handle, write_handle
from inference.core.errors import Fault, FaultCode
from inference.core.task import PREVIOUS_REMOTE, REMOTE


@pytest.mark.parametrize(
    ("error", "account", "says"),
    [
        (modal.exception.AuthError("Token missing."), False, "Run modal setup"),
        (modal.exception.AuthError("Token not valid."), True, "Run modal token new."),
        (modal.exception.NotFoundError("No class"), True, "Run modal deploy app.py."),
        (modal.exception.InvalidError("odd"), True, "deploy the app again"),
    ],
)
def test_a_refusal_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, error: Exception, account: bool, says: str
) -> None:
    monkeypatch.setattr(client, "has_account", lambda: account)
    with pytest.raises(Fault, match=says) as caught, translate_errors():
        raise error
    assert not isinstance(caught.value, Unreachable) and caught.value.details


@pytest.mark.parametrize(
    "error",
    [
        modal.exception.ConnectionError("no route"),
        modal.exception.ServiceError("unavailable"),
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
    ],
)
def test_a_network_that_is_away_is_no_refusal(error: Exception) -> None:
    with pytest.raises(Unreachable, match="Modal can't be reached"), translate_errors():
        raise error


@pytest.mark.holds("making on Modal", "full disk", "one sentence")
def test_a_full_disk_stays_a_full_disk() -> None:
    with pytest.raises(OSError, match="full"), translate_errors():
        raise OSError(errno.ENOSPC, "full")


class Call:
    """Stands for a function call that ends in `end`."""

    def __init__(self, end: BaseException | None) -> None:
        self._end = end

    def get(self, timeout: float) -> None:
        if self._end:
            raise self._end


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (TimeoutError(), None),
        (None, "ended early"),
        (modal.exception.FunctionTimeoutError("4 h"), "took longer than it may"),
        (modal.exception.InternalFailure("container exited"), "ended early"),
        (ModuleNotFoundError("No module named 'ui'"), "ended early"),
    ],
)
def test_how_a_call_ended_is_known(
    monkeypatch: pytest.MonkeyPatch, end: BaseException | None, says: str | None
) -> None:
    monkeypatch.setattr(modal.FunctionCall, "from_id", lambda call: Call(end))
    fault = ModalClient().find_end_fault("fc-1")
    assert (fault is None) == (says is None)
    assert fault is None or (says or "") in fault.message


class Gone(ModalClient):
    """A cloud that only notes what is to be forgotten."""

    forgotten: list[RemoteHandle] = []
    away = False

    def delete_job(self, mark: RemoteHandle) -> None:
        if self.away:
            raise Unreachable(FaultCode.ENGINE_UNAVAILABLE, "away")
        self.forgotten.append(mark)


@pytest.mark.parametrize("away", [False, True])
def test_a_deleted_jobs_folder_goes_when_modal_has_forgotten_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    folder = tmp_path / "job.deleted"
    folder.mkdir()
    write_handle(folder, RemoteHandle("job", "fc-1"))
    (folder / REMOTE).rename(folder / PREVIOUS_REMOTE)
    write_handle(folder, RemoteHandle("job", "fc-2"))
    monkeypatch.setattr(Gone, "forgotten", [])
    monkeypatch.setattr(Gone, "away", away)
    monkeypatch.setattr(cleanup, "ModalClient", Gone)
    said = cleanup.main([str(folder)])
    assert folder.exists() == away == isinstance(said, str)
    assert {mark.call for mark in Gone.forgotten} == (set() if away else {"fc-1", "fc-2"})


def test_a_handle_of_another_job_deletes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gone, "forgotten", [])
    monkeypatch.setattr(cleanup, "ModalClient", Gone)
    write_handle(tmp_path, RemoteHandle("theirs", "fc-1"))
    assert not cleanup.delete_from_modal(tmp_path) and not Gone.forgotten


def test_a_mark_that_can_not_be_read_is_none(tmp_path: Path) -> None:
    assert read_handle(tmp_path) is None
    (tmp_path / REMOTE).write_text("{")
    assert read_handle(tmp_path) is None

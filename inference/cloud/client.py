"""The deployed app, as whoever wants something made there uses it: Modal's client, its refusals
turned into sentences.

Tasks and what is made of them travel through the Volume of jobs, as files; what happens is read
from the board. So a laptop and the page's own container do exactly the same.
"""

import io
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import aiohttp
import modal

from inference.cloud import names
from inference.cloud.remote_handle import RemoteHandle
from inference.cloud.shared import commit
from inference.cloud.status import KeyValueStore, StatusStore
from inference.cloud.sweep import USED_AT, encode_now
from inference.core.errors import Fault, FaultCode
from inference.core.task import PICTURE, PLAN, REQUEST, Task, voice_name
from presets.schema import EngineFamily

NOT_DEPLOYED = f"The app {names.APP} is not deployed on Modal. Run modal deploy app.py."
NO_ACCOUNT = "Modal does not know this machine. Run modal setup, with a Modal account."
BAD_TOKEN = "Modal refuses the token of this machine. Run modal token new."
UNREACHABLE = "Modal can't be reached. Check the network, and go on with this job then."
_TOO_LONG = "The work on Modal took longer than it may. Go on with this job."
_NOT_COMMITTED = "Modal did not keep what was written. Go on with this job."
_ENDED = "The work on Modal ended early. Go on with this job."

_NETWORK_ERRORS = (
    modal.exception.ConnectionError,
    modal.exception.ServiceError,
    modal.exception.InternalError,
    modal.exception.ResourceExhaustedError,
    modal.exception.DataLossError,
    aiohttp.ClientError,
    ConnectionError,
    socket.gaierror,
)

Spawn = Callable[..., "modal.FunctionCall[None]"]


class Unreachable(Fault):
    """Modal did not answer; what was asked of it may still be done."""


def has_account() -> bool:
    """Whether this machine has credentials for Modal, good or not. Asks nobody."""
    settings = modal.config.config
    return bool(settings.get("token_id") or settings.get("oauth_refresh_token"))


@contextmanager
def translate_errors() -> Iterator[None]:
    """What Modal's client raises becomes a Fault with a sentence."""
    try:
        yield
    except modal.exception.AuthError as error:
        refusal = BAD_TOKEN if has_account() else NO_ACCOUNT
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, refusal, str(error)) from error
    except modal.exception.NotFoundError as error:
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, NOT_DEPLOYED, str(error)) from error
    except _NETWORK_ERRORS as error:
        raise Unreachable(FaultCode.ENGINE_UNAVAILABLE, UNREACHABLE, repr(error)) from error
    except modal.exception.Error as error:
        message = "Modal refused what was asked of it. Try again; deploy the app again if it stays."
        raise Fault(FaultCode.INTERNAL, message, repr(error)) from error


class _TranslatingStore:
    """A Dict that refuses in sentences."""

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store

    def get(self, key: Any, default: Any = None) -> Any:
        with translate_errors():
            return self._store.get(key, default)

    def pop(self, key: Any, default: Any) -> Any:
        with translate_errors():
            return self._store.pop(key, default)

    def put(self, key: Any, value: Any, *, skip_if_exists: bool = False) -> bool:
        with translate_errors():
            return self._store.put(key, value, skip_if_exists=skip_if_exists)


def list_input_files(task: Task) -> list[str]:
    """The names of the files that a task is made of."""
    return [REQUEST, PLAN, PICTURE, *map(voice_name, range(len(task.request.recordings)))]


class ModalClient:
    """The app as it is deployed. `spawns` replaces the functions that are found by name, one for
    each engine family, for a run that has its own. `within`: asked from one of its containers,
    whose tasks lie on the Volume of jobs, too. All of this raises Fault, also Unreachable."""

    def __init__(self, spawns: Mapping[str, Spawn] | None = None, within: bool = False) -> None:
        self._spawns, self._within = spawns or {}, within

    @cached_property
    def status(self) -> StatusStore:
        """How far each job is."""
        return StatusStore(
            _TranslatingStore(modal.Dict.from_name(names.STATUS_DICT, create_if_missing=True))
        )

    @cached_property
    def _volume(self) -> modal.Volume:
        return modal.Volume.from_name(names.JOBS_VOLUME, create_if_missing=True)

    def require_deployed(self) -> None:
        """Raises Fault when the app is not there, or can't be reached."""
        with translate_errors():
            modal.Cls.from_name(names.APP, names.GPU_CLASS).hydrate()

    def send(self, task: Task, job: str) -> None:
        """Put the task's files into the job's folder."""
        with translate_errors(), self._volume.batch_upload(force=True) as batch:
            for name in list_input_files(task):
                batch.put_file(task.folder / name, names.work_folder(job) / name)
            batch.put_file(io.BytesIO(encode_now()), names.work_folder(job) / USED_AT)

    def fetch(self, job: str, name: str, target: Path) -> None:
        """Copy a file of the job's folder to `target`, whole. Raises OSError, too."""
        part = target.with_name(f"{target.name}.part")
        try:
            with part.open("wb") as file, translate_errors():
                self._volume.read_file_into_fileobj(str(names.work_folder(job) / name), file)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)

    def commit(self) -> None:
        """Make what was written to the tasks' folders outlive this machine."""
        if self._within:
            try:
                with translate_errors():
                    commit(self._volume)
            except RuntimeError as error:  # of the Volume
                raise Fault(FaultCode.INTERNAL, _NOT_COMMITTED, repr(error)) from error

    def spawn(self, family: EngineFamily, job: str, attempt: str) -> str:
        """The id of a new call that carries out the task in the job's folder, if no other call
        makes that attempt."""
        with translate_errors():
            return self._find_spawn(family)(job, attempt=attempt).object_id

    def _find_spawn(self, family: EngineFamily) -> Spawn:
        if family in self._spawns:
            return self._spawns[family]
        where = names.FUNCTIONS[family]
        if family is EngineFamily.DRAFT:
            draft: Spawn = modal.Function.from_name(names.APP, where).spawn
            return draft
        generate: Spawn = getattr(modal.Cls.from_name(names.APP, where)(), names.GENERATE).spawn
        return generate

    def find_end_fault(self, call: str) -> Fault | None:
        """Why the call ended, for what it does not say on the board itself; None while it lasts."""
        try:
            with translate_errors():
                modal.FunctionCall.from_id(call).get(timeout=0)
        except TimeoutError:
            return None
        except Unreachable:
            raise
        except Fault as fault:
            cause = fault.__cause__
            late = isinstance(cause, modal.exception.FunctionTimeoutError)
            return Fault(FaultCode.INTERNAL, _TOO_LONG if late else _ENDED, repr(cause))
        except Exception as error:  # whatever the function raised
            return Fault(FaultCode.INTERNAL, _ENDED, repr(error))
        return Fault(FaultCode.INTERNAL, _ENDED, "the call returned without a last word")

    def cancel_call(self, call: str) -> None:
        """End the call at once; one that is over, or gone, is left alone."""
        with (
            translate_errors(),
            suppress(modal.exception.NotFoundError, modal.exception.OutputExpiredError),
        ):
            modal.FunctionCall.from_id(call).cancel()

    def find_calls(self, mark: RemoteHandle) -> set[str]:
        """The ids of the calls that are known to have been spawned for a job: the one that makes
        it may be another than its mark has."""
        maker = self.status.find_call(mark.job, mark.attempt)
        return {call for call in (mark.call, maker) if call}

    def delete_job(self, mark: RemoteHandle) -> None:
        """End the calls of a job, and leave nothing of it there."""
        for call in self.find_calls(mark):
            self.cancel_call(call)
        self.delete_data(mark.job)

    def is_committed(self, file: Path) -> bool:
        """Whether other machines would find that file of a task's folder as it is here."""
        if not self._within:
            return True
        with translate_errors():
            try:
                (entry,) = self._volume.listdir(str(file.relative_to(names.JOBS)))
            except (modal.exception.NotFoundError, ValueError):
                return False
        return entry.size == file.stat().st_size

    def delete_data(self, job: str) -> None:
        """Delete the job's folder there, and what the board says of it."""
        with translate_errors():
            with suppress(FileNotFoundError, modal.exception.NotFoundError):
                self._volume.remove_file(str(names.work_folder(job)), recursive=True)
            self.status.clear(job)

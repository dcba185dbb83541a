"""Client of the deployed app: Modal's client, with its errors translated into Faults.

Tasks and results are exchanged as files on the jobs Volume, events through the status store; a
laptop and the page's container work in the same way.
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
from inference.cloud.mounted_volume import commit
from inference.cloud.remote_handle import RemoteHandle
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
    """Modal did not answer; the request may still have an effect."""


def has_account() -> bool:
    """Tell whether this machine has credentials for Modal, without a request to check them."""
    settings = modal.config.config
    return bool(settings.get("token_id") or settings.get("oauth_refresh_token"))


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn the errors of Modal's client into Faults."""
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
    """Store that raises Faults."""

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
    """Return the names of the task's input files."""
    return [REQUEST, PLAN, PICTURE, *map(voice_name, range(len(task.request.recordings)))]


class ModalClient:
    """The deployed app. Every method raises Fault, among these Unreachable.

    `spawns` replaces the deployed functions of some engine families, for an app that runs without
    being deployed. `within` tells that this process is one of the app's containers, so that its own
    task folders are on the jobs Volume, too.
    """

    def __init__(self, spawns: Mapping[str, Spawn] | None = None, within: bool = False) -> None:
        self._spawns, self._within = spawns or {}, within

    @cached_property
    def status(self) -> StatusStore:
        """Status of all remote jobs."""
        return StatusStore(
            _TranslatingStore(modal.Dict.from_name(names.STATUS_DICT, create_if_missing=True))
        )

    @cached_property
    def _volume(self) -> modal.Volume:
        return modal.Volume.from_name(names.JOBS_VOLUME, create_if_missing=True)

    def require_deployed(self) -> None:
        """Raise Fault unless the app is deployed and can be reached."""
        with translate_errors():
            modal.Cls.from_name(names.APP, names.GPU_CLASS).hydrate()

    def send(self, task: Task, job: str) -> None:
        """Upload the task's inputs to the job's folder."""
        with translate_errors(), self._volume.batch_upload(force=True) as batch:
            for name in list_input_files(task):
                batch.put_file(task.folder / name, names.work_folder(job) / name)
            batch.put_file(io.BytesIO(encode_now()), names.work_folder(job) / USED_AT)

    def fetch(self, job: str, name: str, target: Path) -> None:
        """Download a file of the job's folder to `target`, in one step. Raises OSError, too."""
        part = target.with_name(f"{target.name}.part")
        try:
            with part.open("wb") as file, translate_errors():
                self._volume.read_file_into_fileobj(str(names.work_folder(job) / name), file)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)

    def commit(self) -> None:
        """Make the files written to task folders survive this machine."""
        if self._within:
            try:
                with translate_errors():
                    commit(self._volume)
            except RuntimeError as error:  # of the Volume
                raise Fault(FaultCode.INTERNAL, _NOT_COMMITTED, repr(error)) from error

    def spawn(self, family: EngineFamily, job: str, attempt: str) -> str:
        """Spawn a call that makes the attempt, unless another call does; return its id."""
        with translate_errors():
            return self._find_spawn(family)(job, attempt=attempt).object_id

    def _find_spawn(self, family: EngineFamily) -> Spawn:
        if family in self._spawns:
            return self._spawns[family]
        if family.needs_gpu:
            instance = modal.Cls.from_name(names.APP, names.GPU_CLASS)()
            generate: Spawn = getattr(instance, names.GENERATE).spawn
            return generate
        draft: Spawn = modal.Function.from_name(names.APP, names.DRAFT).spawn
        return draft

    def find_end_fault(self, call: str) -> Fault | None:
        """Return why the call ended without a final event; None while it runs."""
        try:
            with translate_errors():
                modal.FunctionCall.from_id(call).get(timeout=0)
        except TimeoutError:
            return None
        except Unreachable:
            raise
        except Fault as fault:
            cause = fault.__cause__
            timed_out = isinstance(cause, modal.exception.FunctionTimeoutError)
            return Fault(FaultCode.INTERNAL, _TOO_LONG if timed_out else _ENDED, repr(cause))
        except Exception as error:  # raised by the function
            return Fault(FaultCode.INTERNAL, _ENDED, repr(error))
        return Fault(FaultCode.INTERNAL, _ENDED, "the call returned without a last word")

    def cancel_call(self, call: str) -> None:
        """End the call at once, unless it has ended or expired."""
        with (
            translate_errors(),
            suppress(modal.exception.NotFoundError, modal.exception.OutputExpiredError),
        ):
            modal.FunctionCall.from_id(call).cancel()

    def find_calls(self, handle: RemoteHandle) -> set[str]:
        """Return the ids of the known calls of a job.

        The call that makes it may be another one than that of the handle.
        """
        maker = self.status.find_call(handle.job, handle.attempt)
        return {call for call in (handle.call, maker) if call}

    def delete_job(self, handle: RemoteHandle) -> None:
        """End the job's calls, and delete its data on Modal."""
        for call in self.find_calls(handle):
            self.cancel_call(call)
        self.delete_data(handle.job)

    def is_committed(self, file: Path) -> bool:
        """Tell whether other machines see this file of a task's folder as it is here."""
        if not self._within:
            return True
        with translate_errors():
            try:
                (entry,) = self._volume.listdir(str(file.relative_to(names.JOBS)))
            except (modal.exception.NotFoundError, ValueError):
                return False
        return entry.size == file.stat().st_size

    def delete_data(self, job: str) -> None:
        """Delete the job's folder and its status."""
        with translate_errors():
            with suppress(FileNotFoundError, modal.exception.NotFoundError):
                self._volume.remove_file(str(names.work_folder(job)), recursive=True)
            self.status.clear(job)

"""From a form to a job in the queue, over the HTTP API.

The files are written straight into the new job's folder, decoded there, and removed; a job that
does not come into the queue leaves nothing behind.
"""

import hashlib
import shutil
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import anyio
from starlette.requests import Request as HttpRequest

from inference.core.cost_model import load_cost_model
from inference.core.errors import Fault, FaultCode, InputCode, InputError, build_no_face_error
from inference.core.files import read_word, write_whole
from inference.core.inputs import MAX_PICTURE_MIB, MAX_RECORDING_MIB
from inference.core.options import (
    FILES,
    OPTIONS,
    REQUIRED_FILES,
    JobOptions,
    find_preset,
    parse_option,
)
from inference.core.plan import make_plan
from inference.core.request import Request
from inference.core.settings import Settings
from inference.core.task import Task
from inference.core.write_access import WriteAccess
from inference.jobs import lock
from inference.jobs.deletion import KEYS
from inference.jobs.store import JobStore
from inference.media.ingest import ingest_files
from inference.media.sandbox.runner import DIRECT, Sandbox
from ui.api.errors import LATER, Refusal
from ui.api.form import Part, parts
from ui.media.uploads import (
    UploadKind,
    iterate_while_granted,
    require_free_disk,
    write_chunks,
)
from ui.session.availability import OfferChecker

_KINDS = {name: UploadKind.PICTURE if name == "image" else UploadKind.VOICE for name in FILES}
KEY_HEADER = "Idempotency-Key"
AT_ONCE = 8  # forms that are received; who comes then is asked to come later
_DECODED_AT_ONCE = 1  # forms: all are of one owner
_PATIENCE_S = 600  # with a form on its way
_FIELD_BYTES = 16_384  # more than the longest prompt has
_MOST_BYTES = (MAX_PICTURE_MIB + 2 * MAX_RECORDING_MIB + 1) * 2**20
_KEY = "idempotency-key"  # in a job's folder: the hash of the key that it was asked for with
_GIVEN = "given-"


class Intake:
    """Takes jobs in for one owner, a few at a time."""

    def __init__(
        self, settings: Settings, jobs: JobStore, owner: str, sandbox: Sandbox = DIRECT
    ) -> None:
        self._settings, self._jobs, self._owner = settings, jobs, owner
        self._sandbox = sandbox
        self._offers = OfferChecker(settings)
        self._receiving = 0
        self._decoding = anyio.CapacityLimiter(_DECODED_AT_ONCE)

    async def take(self, request: HttpRequest) -> tuple[Path, bool]:
        """The job's folder, and whether the job is new: the key that was sent with it may be known.

        Raises Refusal, PortraitError, OSError and ClientDisconnect.
        """
        given = request.headers.get(KEY_HEADER)
        if not given:
            return await self._new(request), True
        key = hashlib.sha256(given.encode()).hexdigest()
        claim = self._jobs.data / KEYS / hashlib.sha256(f"{self._owner} {key}".encode()).hexdigest()
        with ExitStack() as stack:  # of a file, as other servers may have the same folder
            if not await anyio.to_thread.run_sync(stack.enter_context, lock.claim(claim)):
                message = (
                    f"The first request with this {KEY_HEADER} is being received. Wait for it."
                )
                raise Refusal(409, "in_progress", message, LATER)
            known = await anyio.to_thread.run_sync(self._known, key)
            return (known, False) if known else (await self._new(request, key), True)

    def _known(self, key: str) -> Path | None:
        """The job that was asked for with that key, if it is still there."""
        jobs = self._jobs.list_owned(self._owner)
        return next((job for job in jobs if read_word(job / _KEY) == key), None)

    async def _new(self, request: HttpRequest, key: str = "") -> Path:
        if _announced_bytes(request) > _MOST_BYTES:
            message = f"This form is too large; {_MOST_BYTES >> 20} MB is the most."
            raise Refusal(413, "form_too_large", message)
        if self._receiving >= AT_ONCE:
            message = f"{self._receiving} requests are being received already. Try again soon."
            raise Refusal(429, "busy", message, LATER)
        self._receiving += 1
        try:
            if not self._settings.on_modal:  # whose volumes don't tell how much space is left
                await anyio.to_thread.run_sync(require_free_disk, self._settings.data)
            with ExitStack() as stack:
                prepare = self._jobs.prepare(self._owner)
                folder: Path = await anyio.to_thread.run_sync(stack.enter_context, prepare)
                try:
                    fields = await _received(request, folder, self._jobs.access)
                    if key:
                        write_whole(folder / _KEY, key)
                    submit = partial(self._submit, folder, fields)
                    await anyio.to_thread.run_sync(submit, limiter=self._decoding)
                except BaseException:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
        finally:
            self._receiving -= 1
        return folder

    def _submit(self, folder: Path, fields: dict[str, str]) -> None:
        """Plan what was given and put it in the queue. Raises PortraitError, OSError."""
        self._jobs.access.require()  # others were decoded first, and that takes a while
        options = _parse_options(fields)
        family = find_preset(options.quality).engine
        if family.needs_gpu:
            self._require_offered()
        given = {name: folder / f"{_GIVEN}{name}" for name in FILES}
        voices = [path for name, path in given.items() if name != "image" and path.exists()]
        picture, recordings = ingest_files(
            folder, given["image"], voices, options.turn, self._sandbox
        )
        for path in (given["image"], *voices):
            path.unlink()
        request = Request.from_options(options, picture, recordings)
        rates = load_cost_model(
            self._settings, paid=family.needs_gpu and self._offers.get_latest().paid
        )
        plan = make_plan(request, self._settings.max_seconds_for(family), rates)
        if not family.needs_gpu and not plan.speakers:
            raise build_no_face_error()
        self._jobs.submit(Task(request, plan, folder))

    def _require_offered(self) -> None:
        """Raises Fault where no final videos can be made."""
        final = self._offers.get_latest().final
        if not final.ready:
            raise Fault(FaultCode.ENGINE_UNAVAILABLE, final.reason)


async def _received(request: HttpRequest, folder: Path, access: WriteAccess) -> dict[str, str]:
    try:
        with anyio.fail_after(_PATIENCE_S):
            return await _receive(request, folder, access)
    except TimeoutError as error:
        message = "The files did not arrive in time. Send smaller ones."
        raise Refusal(408, "too_slow", message) from error


async def _receive(request: HttpRequest, folder: Path, access: WriteAccess) -> dict[str, str]:
    """The form's fields; its files are written into `folder`. Raises Moving."""
    fields: dict[str, str] = {}
    got: set[str] = set()
    chunks = iterate_while_granted(request.stream(), access)
    async for part in parts(request.headers.get("content-type", ""), chunks):
        if part.name in got or part.name not in (*FILES, *OPTIONS):
            raise _unexpected(part.name, part.name in got)
        got.add(part.name)
        if part.name not in FILES:
            fields[part.name] = await _value(part)
        elif part.is_file:
            await write_chunks(folder / f"{_GIVEN}{part.name}", _KINDS[part.name], part.chunks)
        else:
            message = f"{part.name} is no file. Send one, as with curl -F {part.name}=@FILE."
            raise InputError(InputCode.BAD_OPTION, message)
    for name in REQUIRED_FILES:
        if name not in got:
            message = f"There is no {name}. Send a file, as with curl -F {name}=@FILE."
            raise InputError(InputCode.BAD_OPTION, message)
    return fields


async def _value(part: Part) -> str:
    content = b""
    async for chunk in part.chunks:
        content += chunk
        if len(content) > _FIELD_BYTES:
            raise Refusal(413, "form_too_large", f"{part.name} is too long. Shorten it.")
    return content.decode(errors="replace").strip()


def _parse_options(fields: dict[str, str]) -> JobOptions:
    """Return the options; a field that was sent empty counts as not sent. Raises InputError."""
    return JobOptions(**{name: parse_option(name, text) for name, text in fields.items() if text})


def _unexpected(name: str, again: bool) -> InputError:
    known = ", ".join((*FILES, *OPTIONS))
    message = f"There is no field {name[:40]!r}. Use {known}."
    if again:
        message = f"The field {name} was sent twice. Send it once."
    return InputError(InputCode.BAD_OPTION, message)


def _announced_bytes(request: HttpRequest) -> int:
    """The length of what is sent, as far as it was said."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isdecimal() else 0

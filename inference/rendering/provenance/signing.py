"""Signing of finished videos, as the last step of the process that follows their engine."""

import importlib
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.core.errors import Fault, InputError, PortraitError, from_os_error
from inference.core.events import Cancelled, Event, Finished
from inference.core.files import UnreadableFile, write_whole
from inference.core.report import Aspect, Finding, Verdict, parse_report
from inference.core.settings import Settings
from inference.core.task import Task
from inference.rendering.provenance.identity import CERTIFICATE, Identity, load_identity
from presets.quality import PRESETS

logger = logging.getLogger(__name__)


def prepare_signing(settings: Settings) -> None:
    """Make the data folder's certificate at the first start; log why videos won't be signed."""
    try:
        (require_identity if settings.certificate else load_identity)(settings)
    except (PortraitError, OSError) as error:
        logger.warning("finished videos are not signed: %s", error)


def require_identity(settings: Settings) -> Identity:
    """Return the identity once it has signed something.

    Raises like `load_identity`, and InputError for a certificate that is not for signing media.
    """
    identity = load_identity(settings)
    try:
        _load_library().try_signing(identity)
    except InputError as error:
        if not settings.certificate:
            raise UnreadableFile(settings.data / CERTIFICATE, error.details) from error
        raise
    return identity


def require_usable_setting(settings: Settings) -> None:
    """Raise InputError if the operator has set a certificate that can't sign.

    One that has expired may stay: videos are made all the same, and say why they are not signed.
    """
    if settings.certificate:
        with suppress(Fault):
            require_identity(settings)


def sign_results(events: Iterator[Event], task: Task, settings: Settings) -> Iterator[Event]:
    """Yield an engine's `events`, the last one once its video is signed and its report says so.

    A video that can't be signed stays as it is.
    """
    for event in events:
        if isinstance(event, Finished):
            result = event.result
            finding = _sign(task, task.folder / result.path, result.model, settings)
            if result.report:
                _add_finding(task.folder / result.report, finding)
        elif isinstance(event, Cancelled) and event.path:
            _sign(task, task.folder / event.path, None, settings)
        yield event


def _sign(task: Task, video: Path, model: str | None, settings: Settings) -> Finding:
    try:
        identity = load_identity(settings)
        family = PRESETS[task.plan.quality].engine
        _load_library().sign_video(video, identity, family, model)
    except Exception as error:
        is_known = isinstance(error, (PortraitError, OSError))
        logger.warning("a video is not signed: %s", error, exc_info=not is_known)
        message = f"This video could not be signed. {_explain(error)}"
        return Finding(Aspect.CREDENTIALS, Verdict.WARN, message)
    return _describe_signature(identity.name)


def _explain(error: Exception) -> str:
    """Return a sentence for the user of the page."""
    if isinstance(error, InputError):  # whose own sentence is the operator's
        return "The certificate of this app can't be used."
    if isinstance(error, OSError):
        return from_os_error(error).message
    return error.message if isinstance(error, PortraitError) else "Something broke on our side."


def _load_library() -> Any:
    # by name: the library of C2PA is loaded with the first video
    return importlib.import_module("inference.rendering.provenance.c2pa_file")


def _describe_signature(name: str) -> Finding:
    """Return the finding on a video just signed by an operator of that name, or by this app."""
    who = "Who made it is not proved, as this app made the certificate itself."
    if name:
        who = f"It is signed by {name}, for whoever trusts that certificate."
    message = f"Any later change to its pictures or sound shows. {who}"
    return Finding(Aspect.CREDENTIALS, Verdict.PASS, message)


def _add_finding(path: Path, finding: Finding) -> None:
    try:
        report = parse_report(path.read_bytes())
        others = (each for each in report.findings if each.aspect is not finding.aspect)
        write_whole(path, replace(report, findings=(*others, finding)).to_json())
    except (OSError, ValueError):
        logger.exception("the report does not say whether the video is signed")

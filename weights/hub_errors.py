"""What the hub's client or the disk refuses, in one sentence."""

import errno

import httpx2
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from weights.errors import WeightsError

_UNWRITABLE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
)
_KEPT = "What is finished is kept."
_TOO_MANY, _SERVER = 429, 500
_TOKEN = "Make a token at huggingface.co/settings/tokens and set HF_TOKEN to it."


def to_weights_error(error: Exception, what: str, revision: str = "") -> WeightsError:
    """The WeightsError that tells a person of `error`, which came while fetching `what`."""
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # what kept the client from asking
    return WeightsError(_describe_error(error, what, revision))


def _describe_error(error: Exception, what: str, revision: str) -> str:
    repo = "/".join(what.split("/")[:2])
    if isinstance(error, OfflineModeIsEnabled):
        return f"{what} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it. Unset it."
    if isinstance(error, GatedRepoError):
        return f"{repo} asks who uses it. Accept its terms on huggingface.co. {_TOKEN}"
    if isinstance(error, RepositoryNotFoundError):
        return f"The hub does not show {repo} to everyone, or has it no more. {_TOKEN}"
    if isinstance(error, RevisionNotFoundError):
        return f"{repo} has no revision {revision} on the hub. Update this project."
    if isinstance(error, EntryNotFoundError):
        return f"The hub has no {what} at revision {revision}. Update this project."
    if isinstance(error, HfHubHTTPError):
        return _describe_status(error, what)
    if isinstance(error, httpx2.TransportError):
        return f"The connection to the hub failed at {what}. Check the network. {_KEPT}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full at {what}. Free some space and run it again. {_KEPT}"
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        return f"{error.filename or what} can't be written. Set PORTRAIT_WEIGHTS to another folder."
    return f"{what} could not be fetched: {error}."


def _describe_status(error: HfHubHTTPError, what: str) -> str:
    status = error.response.status_code
    if status in (401, 403):
        return f"The hub refuses {what} ({status}) without a token that may read it. {_TOKEN}"
    if status == _TOO_MANY:
        return f"The hub has too many requests from here. Try again later. {_KEPT}"
    if status < _SERVER:
        return f"The hub does not give {what} ({status}). Update this project."
    return f"The hub has trouble of its own ({status}) with {what}. Try again later. {_KEPT}"

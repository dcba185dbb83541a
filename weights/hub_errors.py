"""Errors of the hub's client and of the disk, as WeightsErrors with one sentence each."""

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
_TOO_MANY, _SERVER = 429, 500  # HTTP statuses
_TOKEN = "Make a token at huggingface.co/settings/tokens and set HF_TOKEN to it."


def to_weights_error(error: Exception, name: str, revision: str = "") -> WeightsError:
    """Return the WeightsError for an `error` raised while `name` was fetched or written."""
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # the reason why the client could not ask the hub
    return WeightsError(_describe_error(error, name, revision))


def _describe_error(error: Exception, name: str, revision: str) -> str:
    repo = "/".join(name.split("/")[:2])
    if isinstance(error, OfflineModeIsEnabled):
        return f"{name} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it. Unset it."
    if isinstance(error, GatedRepoError):
        return f"{repo} asks who uses it. Accept its terms on huggingface.co. {_TOKEN}"
    if isinstance(error, RepositoryNotFoundError):
        return f"The hub does not show {repo} to everyone, or has it no more. {_TOKEN}"
    if isinstance(error, RevisionNotFoundError):
        return f"{repo} has no revision {revision} on the hub. Update this project."
    if isinstance(error, EntryNotFoundError):
        return f"The hub has no {name} at revision {revision}. Update this project."
    if isinstance(error, HfHubHTTPError):
        return _describe_status(error, name)
    if isinstance(error, httpx2.TransportError):
        return f"The connection to the hub failed at {name}. Check the network. {_KEPT}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full at {name}. Free some space and run it again. {_KEPT}"
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        return f"{error.filename or name} can't be written. Set PORTRAIT_WEIGHTS to another folder."
    return f"{name} could not be fetched: {error}."


def _describe_status(error: HfHubHTTPError, name: str) -> str:
    status = error.response.status_code
    if status in (401, 403):
        return f"The hub refuses {name} ({status}) without a token that may read it. {_TOKEN}"
    if status == _TOO_MANY:
        return f"The hub has too many requests from here. Try again later. {_KEPT}"
    if status < _SERVER:
        return f"The hub does not give {name} ({status}). Update this project."
    return f"The hub has trouble of its own ({status}) with {name}. Try again later. {_KEPT}"

"""Key and certificate that sign finished videos: the operator's, or those of the data folder."""

import fcntl
import importlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from inference.core.errors import InputError
from inference.core.files import UnreadableFile, write_whole
from inference.core.settings import Settings, read_operator_certificate

CERTIFICATE = "certificate.pem"  # in the data folder: the key, then the chain
ANCHORS = "anchors.pem"  # the certificates to trust, for a process that may not read the key
_KEY = re.compile("-----BEGIN PRIVATE KEY-----.+?-----END PRIVATE KEY-----\n", re.DOTALL)
_CERTIFICATES = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True)
class Identity:
    """Signer of videos, in PEM; `algorithm` is C2PA's name of it.

    `chain` begins with the signer's certificate. `name` is that of an operator's certificate, ""
    for one made here, for which nobody else vouches.
    """

    key: str = field(repr=False)
    chain: tuple[str, ...]
    algorithm: str = "es256"
    name: str = ""


def load_identity(settings: Settings) -> Identity:
    """Return the operator's identity, or the data folder's, which is made at the first call.

    Raises InputError for a wrong setting, Fault for a certificate that has expired or a damaged
    file, OSError.
    """
    if settings.certificate:
        pem = read_operator_certificate(settings.certificate)
        module = importlib.import_module("inference.rendering.provenance.certificate")
        key, algorithm, name, _ = module.read_certificate(pem)
        return Identity(key, tuple(_CERTIFICATES.findall(pem)), algorithm, name)
    path = settings.data / CERTIFICATE
    pem = _read(path) or _make(path)
    found, chain = _KEY.search(pem), tuple(_CERTIFICATES.findall(pem))
    if found is None or not chain:
        raise UnreadableFile(path)
    return Identity(found[0], chain)


def read_anchors(settings: Settings) -> str:
    """Return the certificates that vouch for videos signed here, as PEM: the operator's, and the
    data folder's, which signed before. What can't be read is left out.
    """
    found = []
    for place in filter(None, (settings.certificate, str(settings.data.absolute() / CERTIFICATE))):
        with suppress(InputError):
            found += _CERTIFICATES.findall(read_operator_certificate(place))[-1:]
    return "\n".join(found)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""


def _make(path: Path) -> str:
    """Return what `path` holds, a new key and certificate if that is nothing.

    Processes that start together agree on one: the empty file is locked meanwhile.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        pem = _read(path)
        if not pem:
            module = importlib.import_module("inference.rendering.provenance.certificate")
            pem = str(module.make_certificate())
            write_whole(path, pem, mode=0o600)
    return pem

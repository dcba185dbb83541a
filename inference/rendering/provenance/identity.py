"""Key and certificate that sign finished videos: the operator's, or those of the data folder."""

import fcntl
import importlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from inference.core.files import UnreadableFile, write_whole
from inference.core.settings import Settings, read_operator_certificate

CERTIFICATE = "certificate.pem"  # in the data folder: the key, then the chain
ANCHOR = "anchor.pem"  # copy of the certificate to trust, for a process that may not read the key
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


def read_anchor(settings: Settings) -> str:
    """Return the certificate that vouches for videos signed here, as PEM; "" if there is none yet.

    Raises InputError and OSError.
    """
    own = settings.data / CERTIFICATE
    pem = read_operator_certificate(settings.certificate) if settings.certificate else _read(own)
    return str(["", *_CERTIFICATES.findall(pem)][-1])


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

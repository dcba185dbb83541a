"""Checks whether this machine fulfils the requirements of the product."""

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import av
import pillow_heif

from inference.core.errors import PortraitError
from inference.core.settings import Settings
from inference.diagnostics.check import Check
from inference.diagnostics.confinement import check_confinement
from inference.engines.select import select_configured_engine
from inference.rendering.provenance.identity import CERTIFICATE
from inference.rendering.provenance.signing import require_identity
from presets.schema import EngineFamily

_PACKAGES = ("gradio", "av", "opencv-python-headless", "numpy", "pillow", "pydub")
_CODECS = ("libx264", "aac")  # of the finished video
_SUPPORTED = ((3, 11), (3, 13))  # first and last Python version that is tested


def examine(settings: Settings) -> list[Check]:
    """Run every check, in a readable order."""
    python = sys.version_info[:2]
    codecs = [codec for codec in _CODECS if codec not in av.codecs_available]
    return [
        Check("system", True, f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"),
        Check("python", _SUPPORTED[0] <= python <= _SUPPORTED[1], platform.python_version()),
        Check("packages", True, ", ".join(f"{name} {version(name)}" for name in _PACKAGES)),
        Check("codecs", not codecs, f"{', '.join(codecs)} missing" if codecs else "H.264, AAC"),
        Check("heic pictures", True, f"libheif {pillow_heif.libheif_version()}", needed=False),
        check_confinement(),
        _check_data_folder(settings.data),
        _check_signing(settings),
        *(_check_engine(name, settings) for name in (*EngineFamily, "modal")),
    ]


def _check_data_folder(folder: Path) -> Check:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    return Check("data folder", writable, f"{folder}{'' if writable else ' is not writable'}")


def _check_signing(settings: Settings) -> Check:
    own = "by a certificate of this app's own"
    if not settings.certificate and not (settings.data / CERTIFICATE).exists():
        return Check("signing", True, f"{own}, made at the first start", needed=False)
    try:
        name = require_identity(settings).name
    except PortraitError as error:
        return Check("signing", False, error.message, needed=False)
    except OSError as error:
        found = f"{settings.data / CERTIFICATE} can't be read: {error.strerror}"
        return Check("signing", False, found, needed=False)
    return Check("signing", True, f"by the certificate of {name}" if name else own, needed=False)


def _check_engine(name: str, settings: Settings) -> Check:
    needed = name == EngineFamily.DRAFT
    try:
        details = select_configured_engine(name, settings).describe()
    except PortraitError as error:
        return Check(f"{name} engine", False, error.message, needed)
    return Check(f"{name} engine", True, f"ready: {details}" if details else "ready", needed)

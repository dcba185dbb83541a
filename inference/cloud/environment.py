"""What the container that makes the videos finds around itself, GPU and volumes among it.

Whatever goes wrong becomes a check that says so: a look at a broken machine must end well.
"""

import importlib
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from inference.check import Check
from inference.cloud.gpu import attention_check, first_line, gpu_checks
from inference.errors import PortraitError
from inference.placement import gb_down, gb_up
from inference.settings import Settings
from presets.models import DEFAULT_MODEL, MODELS
from weights.sets import complete_sets

_PYTHONS = ("3.11", "3.12")  # of the image
_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "einops", "numpy", "av", "psutil")
_FLASH = "flash-attn"
_TEMPORARY_BYTES = 1_000_000_000  # a recording and its video several times over
_LIMITS = (  # on a container's memory, as the two versions of control groups have them
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_AGAIN = "Start the container anew; if that does not help, build its image anew."


class _Look(NamedTuple):
    """Where to look; `name` and `needed` are of the check that tells when that itself fails."""

    name: str
    needed: bool
    find: Callable[[], Check | list[Check]]


def examine(settings: Settings, volumes: Mapping[str, Path]) -> list[Check]:
    """Every check, in the order a person would want to read them; `volumes` are mounted folders
    by their names. Loads torch, if it is there."""
    trained = MODELS[settings.model or DEFAULT_MODEL].trained
    gpu = trained or (settings.device or "").startswith("cuda")
    looks = [
        _Look("system", True, _system),
        _Look("python", False, lambda: python_check(platform.python_version_tuple())),
        _Look("host", False, _host),
        _Look("temporary folder", True, _temporary),
        _Look("packages", True, _packages),
        _Look("gpu", gpu, lambda: gpu_checks(_probe().gpus(), gpu)),
        _Look(_FLASH, False, partial(_flash_attention, settings)),
        _Look("attention", True, partial(_attention, settings)),
        _Look("model", True, partial(_model, settings)),
    ]
    for volume, folder in volumes.items():
        name = f"volume {volume}"
        looks.append(_Look(name, True, partial(_volume, name, folder, settings)))
    return [check for look in looks for check in _found_by(look)]


def _found_by(look: _Look) -> list[Check]:
    """What a look finds; a check that says so when it fails."""
    try:
        found = look.find()
    except PortraitError as error:
        return [Check(look.name, False, error.message, look.needed)]
    except Exception as error:
        words = f"This could not be found out: {_told(error)}. {_AGAIN}"
        return [Check(look.name, False, words, look.needed)]
    return [found] if isinstance(found, Check) else found


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(str(error)).rstrip('.')}"


def _probe() -> Any:
    return importlib.import_module("inference.cloud.probe")


def _system() -> Check:
    return Check("system", True, f"{platform.system()} {platform.release()}, {platform.machine()}")


def python_check(python: Sequence[str]) -> Check:
    """Whether this Python, as ("3", "11", "4"), is one that the image is made for."""
    ok, found = ".".join(python[:2]) in _PYTHONS, ".".join(python)
    if not ok:
        found += (
            f". The image is made for {' and '.join(_PYTHONS)}: build it anew with one of them."
        )
    return Check("python", ok, found, needed=False)


def _host() -> Check:
    memory = importlib.import_module("psutil").virtual_memory()
    total, free = int(memory.total), int(memory.available)
    found = f"{os.cpu_count()} cores, {gb_down(total)} GB of memory, {gb_down(free)} GB free"
    limit = memory_limit(_LIMITS)
    if limit is not None and limit < total:
        found += f"; this container may use {gb_down(limit)} GB"
    return Check("host", True, found)


def memory_limit(files: Sequence[Path]) -> int | None:
    """Bytes that this container may use, of the first of the files that says; None: no limit."""
    for file in files:
        if file.is_file():
            text = file.read_text().strip()
            return int(text) if text.isdigit() else None  # "max"
    return None


def _temporary() -> Check:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    ok, found = free >= _TEMPORARY_BYTES, f"{folder}, {gb_down(free)} GB free"
    if not ok:
        found += f". {gb_up(_TEMPORARY_BYTES)} GB are needed: give the container more disk."
    return Check("temporary folder", ok, found)


def _packages() -> Check:
    versions = {name: _version(name) for name in (*_PACKAGES, _FLASH)}
    found = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    missing = [name for name in _PACKAGES if not versions[name]]
    if missing:
        found += f". Missing: {', '.join(missing)}. Build the image anew."
    elif not versions[_FLASH]:
        found += f", no {_FLASH}"
    return Check("packages", not missing, found.removeprefix(". "))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _flash_attention(settings: Settings) -> Check:
    """Of the package itself. Not needed: what the model runs is a check of its own."""
    try:
        attention = _probe().flash_attention(settings.device)
    except ImportError as error:
        found = f"It can't be loaded ({_told(error)}). Attention is slower without: build the image"
        return Check(_FLASH, False, f"{found} anew to have it.", needed=False)
    except RuntimeError as error:
        found = f"It does not run here ({_told(error)}). Take a GPU of compute capability 8.0 or up"
        return Check(_FLASH, False, f"{found}.", needed=False)
    return attention_check(_FLASH, attention, needed=False)


def _attention(settings: Settings) -> Check:
    return attention_check("attention", _probe().model_attention(settings.device), needed=True)


def _model(settings: Settings) -> Check:
    """How the configured model goes on this machine. Raises Fault when it does not fit."""
    model = MODELS[settings.model or DEFAULT_MODEL]
    if not model.trained:
        return Check("model", True, f"{model.name}: random weights, which draw noise")
    folder = settings.weights / model.name
    if not complete_sets(folder):
        found = f"{model.name}: {folder} holds no complete set of weights. Download them first."
        return Check("model", False, found)
    card = importlib.import_module("inference.multitalk.card")
    device = card.device_of(settings.device)
    if device.type != "cuda":
        found = f"{model.name}: its weights are here, but no GPU to put them on. See the line gpu."
        return Check("model", False, found)
    return Check("model", True, f"{model.name}: {card.placement(device, folder).sentence}")


def _volume(name: str, folder: Path, settings: Settings) -> Check:
    """Of the weights it is enough that they can be read."""
    if not folder.is_dir():
        found = f"{folder} is not there. Deploy again, so that the volume is mounted."
        return Check(name, False, found)
    files, size = counted(folder)
    refusal = _refusal(folder)
    ok, found = not refusal, f"{folder}, {files} files, {gb_up(size)} GB"
    if settings.weights.is_relative_to(folder):
        sets = complete_sets(settings.weights / (settings.model or DEFAULT_MODEL))
        found += f", complete sets: {', '.join(sets) or 'none'}"
        ok = True
    if not refusal:
        found += ", writable"
    elif ok:
        found += f", read-only ({refusal})"
    else:
        found += f". It can't be written to ({refusal}). Make room there, or mount it writable."
    return Check(name, ok, found)


def counted(folder: Path) -> tuple[int, int]:
    """The number of files below, and their bytes; a file of several names takes its own once.
    Links are not followed; what can't be read, or goes away meanwhile, is left out."""
    files, sizes = 0, dict[tuple[int, int], int]()
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(place, name))
            except OSError:
                continue
            files += 1
            if stat.S_ISREG(found.st_mode):
                sizes[found.st_dev, found.st_ino] = found.st_size
    return files, sum(sizes.values())


def _refusal(folder: Path) -> str:
    """Why no file can be written there, in the system's words; "" when one can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:  # gone when it is closed
            file.write(b"x")
            file.flush()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""

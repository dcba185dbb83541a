"""What the container that makes the videos finds around itself, GPU and volumes among it.

Whatever goes wrong becomes a check that says so: a look at a broken machine must end well.
"""

import ctypes
import importlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any, NamedTuple

from inference.cloud import names
from inference.cloud.shared import Shared
from inference.core.errors import Fault, PortraitError
from inference.core.settings import Settings
from inference.diagnostics.check import Check
from inference.diagnostics.gpu import attention_check, first_line, gpu_checks
from inference.diagnostics.volumes import free_space, read_rate, tried, volume_check
from inference.multitalk.runtime.placement import gb_down, gb_up
from presets.models import DEFAULT_MODEL, MODELS
from weights.sets import complete_sets

_PYTHONS = ("3.11", "3.12")  # of the image
_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "einops", "numpy", "av", "psutil")
_FLASH, _FLASH_BUILD = "flash-attn", "flash-attn build"
_LANDLOCK_CREATE_RULESET, _LANDLOCK_VERSION = 444, 1  # the system call, and its flag that asks
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


def examine(
    settings: Settings, volumes: Mapping[str, Path], shared: Mapping[str, Shared] | None = None
) -> list[Check]:
    """Every check, in the order a person would want to read them; `volumes` are mounted folders
    by their names, of which those in `shared` are tried out. Loads torch, if it is there."""
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
        _Look(_FLASH_BUILD, False, _flash_build),
        _Look("attention", True, partial(_attention, settings)),
        _Look("model", True, partial(_model, settings)),
    ]
    for volume, folder in volumes.items():
        name = f"volume {volume}"
        looks.append(_Look(name, True, partial(_volume, name, folder, settings)))
    looks.append(_Look("free space", False, partial(free_space, volumes)))
    for volume, one in (shared or {}).items():
        own = volumes[volume] / names.work("tried-out")  # if it stays, it goes like a job
        looks.append(_Look(f"trying {volume}", False, partial(tried, own, one)))
    looks.append(_Look("read rate", False, partial(read_rate, settings.weights)))
    looks.append(_Look("landlock", False, _landlock))
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
    return importlib.import_module("inference.diagnostics.probe")


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


def _flash_build() -> Check:
    """Whether the package was compiled for this image: then this image's setuptools made it."""
    if not _version(_FLASH):
        return Check(_FLASH_BUILD, False, "it is not here: build the image anew", needed=False)
    found = distribution(_FLASH)
    about = dict(
        line.split(": ", 1) for line in (found.read_text("WHEEL") or "").splitlines() if line
    )
    made = f"{about.get('Tag', 'no tag')}, made by {about.get('Generator', 'nobody knows what')}"
    here = f"setuptools ({version('setuptools')})"
    how = (
        "compiled when the image was built" if about.get("Generator") == here else "a release wheel"
    )
    return Check(_FLASH_BUILD, True, f"{how}: {made}; here is {here}", needed=False)


def _landlock() -> Check:
    """Whether the kernel lets a process shut itself in, by the version of its interface."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    if number >= 0:
        found = f"version {number} of its interface: a process can shut itself in"
    else:
        why = os.strerror(ctypes.get_errno())
        found = f"not there ({why}): what reads people's files is held by limits and the container"
    return Check("landlock", True, found, needed=False)


def _attention(settings: Settings) -> Check:
    """Of the kernel that a model chooses here. Needed: without one there are no videos."""
    model = settings.model or DEFAULT_MODEL
    attention = _probe().model_attention(model, settings.device)
    return attention_check("attention", attention, needed=True)


def _model(settings: Settings) -> Check:
    """How the configured model goes on this machine. That it does not is no fault: jobs may run on
    a larger card."""
    model = MODELS[settings.model or DEFAULT_MODEL]
    if not model.trained:
        return Check("model", True, f"{model.name}: random weights, which draw noise")
    folder = settings.weights / model.name
    if not complete_sets(folder):
        found = f"{model.name}: {folder} holds no complete set of weights. Download them first."
        return Check("model", False, found)
    card = importlib.import_module("inference.multitalk.runtime.gpu")
    device = card.device_of(settings.device)
    if device.type != "cuda":
        found = f"{model.name}: its weights are here, but no GPU to put them on. See the line gpu."
        return Check("model", False, found)
    name = f"{model.name}, looked at on {card.measured(device).name}"
    try:
        return Check("model", True, f"{name}: {card.placement(device, folder).sentence}")
    except Fault as fault:
        found = f"{name}: {fault.message} Jobs run on {' or '.join(settings.gpus)}."
        return Check("model", False, found, needed=False)


def _volume(name: str, folder: Path, settings: Settings) -> Check:
    """Of the weights it is enough that they can be read."""
    sets = None
    if settings.weights.is_relative_to(folder):
        there = complete_sets(settings.weights / (settings.model or DEFAULT_MODEL))
        sets = ", ".join(there) or "none"
    return volume_check(name, folder, sets)

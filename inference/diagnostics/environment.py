"""Checks of a GPU container: packages, GPU, attention, weights and volumes.

Every error becomes a failed check, so that a broken machine can be examined too.
"""

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
from inference.cloud.mounted_volume import MountedVolume
from inference.core.errors import Fault, PortraitError
from inference.core.settings import Settings
from inference.diagnostics.check import Check
from inference.diagnostics.confinement import check_confinement
from inference.diagnostics.gpu import check_attention, check_gpus, first_line
from inference.diagnostics.volumes import (
    check_file_system,
    check_free_space,
    check_read_rate,
    check_volume,
)
from inference.multitalk.runtime.placement import round_down_gb, round_up_gb
from presets.models import DEFAULT_MODEL, MODELS
from weights.sets import list_complete_sets

_PYTHONS = ("3.11", "3.12")  # of the image
_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "einops", "numpy", "av", "psutil")
_FLASH, _FLASH_BUILD = "flash-attn", "flash-attn build"
_TEMPORARY_BYTES = 1_000_000_000  # enough for several recordings with their videos
_MEMORY_LIMIT_FILES = (  # memory limits of a container, in both versions of control groups
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_RESTART_ADVICE = "Start the container anew; if that does not help, build its image anew."


class _PlannedCheck(NamedTuple):
    """Check to run; `name` and `needed` are those of the failed check if it raises."""

    name: str
    needed: bool
    run: Callable[[], Check | list[Check]]


def examine(
    settings: Settings,
    volumes: Mapping[str, Path],
    shared: Mapping[str, MountedVolume] | None = None,
) -> list[Check]:
    """Run every check, in a readable order.

    `volumes` are mounted folders by name; the file systems of those in `shared` are tested. Imports
    torch if it is installed.
    """
    trained = MODELS[settings.model or DEFAULT_MODEL].trained
    gpu = trained or (settings.device or "").startswith("cuda")
    plan = [
        _PlannedCheck("system", True, _check_system),
        _PlannedCheck("python", False, lambda: check_python(platform.python_version_tuple())),
        _PlannedCheck("host", False, _check_host),
        _PlannedCheck("temporary folder", True, _check_temporary_folder),
        _PlannedCheck("packages", True, _check_packages),
        _PlannedCheck("gpu", gpu, lambda: check_gpus(_import_probe().find_gpus(), gpu)),
        _PlannedCheck(_FLASH, False, partial(_check_flash_attention, settings)),
        _PlannedCheck(_FLASH_BUILD, False, _check_flash_build),
        _PlannedCheck("attention", True, partial(_check_attention, settings)),
        _PlannedCheck("model", True, partial(_check_model, settings)),
    ]
    for volume, folder in volumes.items():
        name = f"volume {volume}"
        plan.append(_PlannedCheck(name, True, partial(_check_volume, name, folder, settings)))
    plan.append(_PlannedCheck("free space", False, partial(check_free_space, volumes)))
    for volume, one in (shared or {}).items():
        own = volumes[volume] / names.work_folder("tried-out")  # leftovers are removed like jobs
        plan.append(_PlannedCheck(f"trying {volume}", False, partial(check_file_system, own, one)))
    plan.append(_PlannedCheck("read rate", False, partial(check_read_rate, settings.weights)))
    plan.append(_PlannedCheck("confinement", False, check_confinement))
    return [check for planned in plan for check in _run_check(planned)]


def _run_check(planned: _PlannedCheck) -> list[Check]:
    """Run a planned check; return a failed one if it raises."""
    try:
        found = planned.run()
    except PortraitError as error:
        return [Check(planned.name, False, error.message, planned.needed)]
    except Exception as error:
        message = f"This could not be found out: {_describe_error(error)}. {_RESTART_ADVICE}"
        return [Check(planned.name, False, message, planned.needed)]
    return [found] if isinstance(found, Check) else found


def _describe_error(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(str(error)).rstrip('.')}"


def _import_probe() -> Any:
    return importlib.import_module("inference.diagnostics.probe")


def _check_system() -> Check:
    return Check("system", True, f"{platform.system()} {platform.release()}, {platform.machine()}")


def check_python(python: Sequence[str]) -> Check:
    """Check whether this Python, such as ("3", "11", "4"), is supported by the image."""
    ok, found = ".".join(python[:2]) in _PYTHONS, ".".join(python)
    if not ok:
        found += (
            f". The image is made for {' and '.join(_PYTHONS)}: build it anew with one of them."
        )
    return Check("python", ok, found, needed=False)


def _check_host() -> Check:
    memory = importlib.import_module("psutil").virtual_memory()
    total, free = int(memory.total), int(memory.available)
    found = (
        f"{os.cpu_count()} cores, {round_down_gb(total)} GB of memory, "
        f"{round_down_gb(free)} GB free"
    )
    limit = read_memory_limit(_MEMORY_LIMIT_FILES)
    if limit is not None and limit < total:
        found += f"; this container may use {round_down_gb(limit)} GB"
    return Check("host", True, found)


def read_memory_limit(files: Sequence[Path]) -> int | None:
    """Read the memory limit in bytes from the first of the files that exists; None: no limit."""
    for file in files:
        if file.is_file():
            text = file.read_text().strip()
            return int(text) if text.isdigit() else None  # "max"
    return None


def _check_temporary_folder() -> Check:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    ok, found = free >= _TEMPORARY_BYTES, f"{folder}, {round_down_gb(free)} GB free"
    if not ok:
        found += f". {round_up_gb(_TEMPORARY_BYTES)} GB are needed: give the container more disk."
    return Check("temporary folder", ok, found)


def _check_packages() -> Check:
    versions = {name: _find_version(name) for name in (*_PACKAGES, _FLASH)}
    found = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    missing = [name for name in _PACKAGES if not versions[name]]
    if missing:
        found += f". Missing: {', '.join(missing)}. Build the image anew."
    elif not versions[_FLASH]:
        found += f", no {_FLASH}"
    return Check("packages", not missing, found.removeprefix(". "))


def _find_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _check_flash_attention(settings: Settings) -> Check:
    """Check the package itself; not needed, as the model's attention has its own check."""
    try:
        attention = _import_probe().measure_flash_attention(settings.device)
    except ImportError as error:
        found = f"It can't be loaded ({_describe_error(error)}). Attention is slower without"
        return Check(_FLASH, False, f"{found}: build the image anew to have it.", needed=False)
    except RuntimeError as error:
        found = f"It does not run here ({_describe_error(error)})"
        advice = "Take a GPU of compute capability 8.0 or up"
        return Check(_FLASH, False, f"{found}. {advice}.", needed=False)
    return check_attention(_FLASH, attention, needed=False)


def _check_flash_build() -> Check:
    """Check whether the package was compiled in this image, that is with its setuptools."""
    if not _find_version(_FLASH):
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


def _check_attention(settings: Settings) -> Check:
    """Check the attention kernel that the model chooses here."""
    model = settings.model or DEFAULT_MODEL
    attention = _import_probe().measure_model_attention(model, settings.device)
    return check_attention("attention", attention, needed=True)


def _check_model(settings: Settings) -> Check:
    """Check the placement of the configured model; not needed, as jobs may run on a larger GPU."""
    model = MODELS[settings.model or DEFAULT_MODEL]
    if not model.trained:
        return Check("model", True, f"{model.name}: random weights, which draw noise")
    folder = settings.weights / model.name
    if not list_complete_sets(folder):
        found = f"{model.name}: {folder} holds no complete set of weights. Download them first."
        return Check("model", False, found)
    gpu = importlib.import_module("inference.multitalk.runtime.gpu")
    device = gpu.select_device(settings.device)
    if device.type != "cuda":
        found = f"{model.name}: its weights are here, but no GPU to put them on. See the line gpu."
        return Check("model", False, found)
    name = f"{model.name}, looked at on {gpu.measure_gpu(device).name}"
    try:
        return Check("model", True, f"{name}: {gpu.plan_placement(device, folder).sentence}")
    except Fault as fault:
        found = f"{name}: {fault.message} Jobs run on {' or '.join(settings.gpus)}."
        return Check("model", False, found, needed=False)


def _check_volume(name: str, folder: Path, settings: Settings) -> Check:
    """Check a Volume; that of the weights may be read-only."""
    sets = None
    if settings.weights.is_relative_to(folder):
        there = list_complete_sets(settings.weights / (settings.model or DEFAULT_MODEL))
        sets = ", ".join(there) or "none"
    return check_volume(name, folder, sets)

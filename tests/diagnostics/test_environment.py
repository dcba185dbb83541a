"""A container is looked at from end to end, and what is broken in it ends no look."""

import json
import os
import tempfile
from collections import namedtuple
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.core.settings import Settings
from inference.diagnostics import environment
from inference.diagnostics.check import Check
from inference.diagnostics.environment import check_python, examine, read_memory_limit
from inference.diagnostics.gpu import GpuInfo, GpuReport
from tests.support.local_cloud import Still
from weights.sets import BF16, FP8, SetMarker, write_marker

GB = 10**9
NAMES = ["system", "python", "host", "temporary folder", "packages"]
NO_GPU = GpuReport((), "", "12.8", None, None)
ONE_GPU = GpuReport(
    (GpuInfo("NVIDIA H100", (9, 0), 79 * GB, 85 * GB, True),), "", "12.8", "570", "12.8"
)


@pytest.fixture
def real(tmp_path: Path) -> Settings:
    return Settings(weights=tmp_path / "weights")


@pytest.fixture
def tiny(tmp_path: Path) -> Settings:
    return Settings(weights=tmp_path / "weights", model="multitalk-tiny", device="cpu")


@pytest.fixture(autouse=True)
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as torch tells."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def found(settings: Settings, **volumes: Path) -> dict[str, Check]:
    return {check.name: check for check in examine(settings, volumes)}


def complete(settings: Settings, *kinds: str) -> None:
    """Sets that are complete as far as their marks tell."""
    for kind in kinds:
        folder = settings.weights / "multitalk-14b" / kind
        folder.mkdir(parents=True)
        write_marker(folder, SetMarker("", {}, {}))


def insert(monkeypatch: pytest.MonkeyPatch, free_gb: int) -> None:
    """A card of the sort of an H100, for what asks torch about it."""
    answers: dict[str, Any] = {
        "is_available": True,
        "mem_get_info": (free_gb * GB, 80 * GB),
        "memory_reserved": 0,
        "memory_allocated": 0,
        "get_device_name": "NVIDIA H100",
        "get_device_capability": (9, 0),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, answer=answer: answer)


def raises(error: Exception) -> Callable[..., Any]:
    def stub(*_: object, **__: object) -> Any:
        raise error

    return stub


def test_all_is_told_in_order_as_plain_data_that_fits_a_terminal(
    tiny: Settings, tmp_path: Path
) -> None:
    checks = examine(tiny, {"jobs": tmp_path}, {"jobs": Still()})
    names = [*NAMES, "gpu", "cuda", "flash-attn", "flash-attn build", "attention", "model"]
    names += ["volume jobs", "free space", "times", "symlinks", "hard links", "locks"]
    assert [check.name for check in checks] == [*names, "commits", "read rate", "confinement"]
    assert [Check(**one) for one in json.loads(json.dumps([*map(asdict, checks)]))] == checks
    assert all(len(check.name) <= 16 and "\n" not in check.found for check in checks)


def test_a_model_for_any_machine_needs_no_gpu(tiny: Settings, tmp_path: Path) -> None:
    checks = found(tiny, jobs=tmp_path)
    assert not checks["gpu"].ok and not checks["gpu"].needed
    assert all(check.ok for check in checks.values() if check.needed)


def test_the_real_model_needs_a_gpu_and_weights(
    real: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.diagnostics.probe.find_gpus", lambda: NO_GPU)
    checks = found(real)
    assert {name for name, check in checks.items() if check.needed and not check.ok} == {
        "gpu",
        "cuda",
        "model",
    }
    assert "No NVIDIA GPU is seen in this container" in checks["gpu"].found
    assert str(real.weights) in checks["model"].found
    complete(real, BF16)
    assert "no GPU to put them on" in found(real)["model"].found


def test_a_device_that_is_asked_for_is_needed(tmp_path: Path) -> None:
    settings = Settings(weights=tmp_path, model="multitalk-tiny", device="cuda:1")
    checks = found(settings)
    assert checks["gpu"].needed and not checks["gpu"].ok
    assert checks["attention"].needed and not checks["attention"].ok


@pytest.mark.parametrize(
    ("free_gb", "ok", "says"), [(79, True, "all blocks on the GPU"), (9, False, "9.0 GB free")]
)
def test_the_model_s_placement_is_told(
    free_gb: int, ok: bool, says: str, real: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete(real, BF16)
    insert(monkeypatch, free_gb)
    monkeypatch.setattr("inference.diagnostics.probe.find_gpus", lambda: ONE_GPU)
    monkeypatch.setattr(
        "inference.diagnostics.probe.measure_model_attention", raises(RuntimeError("no kernel"))
    )
    checks = found(real)
    assert checks["gpu"].ok and checks["gpu memory"].found == "79.0 of 85.0 GB free"
    assert checks["model"].ok is ok and says in checks["model"].found
    assert "looked at on NVIDIA H100: " in checks["model"].found
    assert ok or not checks["model"].needed  # jobs may run on a larger one
    assert not checks["attention"].ok and "RuntimeError: no kernel." in checks["attention"].found


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ImportError("flash_attn.so: undefined symbol"), "ImportError: flash_attn.so: undefined"),
        (RuntimeError("only supports Ampere GPUs or newer."), "capability 8.0"),
        (AttributeError("flash_attn_func"), "could not be found out"),
    ],
)
def test_flash_attn_may_fail_but_says_so(
    error: Exception, says: str, tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.diagnostics.probe.measure_flash_attention", raises(error))
    check = found(tiny)["flash-attn"]
    assert not check.ok and not check.needed and says in check.found


class Installed:
    """flash-attn's metadata, as far as it tells who built it."""

    def __init__(self, generator: str) -> None:
        self._generator = generator

    def read_text(self, name: str) -> str:
        assert name == "WHEEL"
        return (
            f"Wheel-Version: 1.0\nGenerator: {self._generator}\nTag: cp312-cp312-linux_x86_64\n\n"
        )


@pytest.mark.parametrize(
    ("generator", "says"),
    [
        ("setuptools (75.8.0)", "a release wheel: cp312-cp312-linux_x86_64, made by setuptools (7"),
        ("setuptools (80.9.0)", "compiled when the image was built: cp312-cp312-linux_x86_64"),
        ("", "a release wheel"),
    ],
)
def test_where_flash_attn_was_built_is_told(
    generator: str, says: str, tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "not here" in found(tiny)["flash-attn build"].found
    monkeypatch.setattr(environment, "version", lambda name: "80.9.0")
    monkeypatch.setattr(environment, "distribution", lambda name: Installed(generator))
    assert says in found(tiny)["flash-attn build"].found


BREAKS = {
    "system": "platform.release",
    "python": "platform.python_version_tuple",
    "host": "psutil.virtual_memory",
    "temporary folder": "shutil.disk_usage",
    "packages": "inference.diagnostics.environment.version",
    "gpu": "inference.diagnostics.probe.find_gpus",
    "flash-attn": "inference.diagnostics.probe.measure_flash_attention",
    "attention": "inference.diagnostics.probe.measure_model_attention",
    "model": "inference.diagnostics.environment.list_complete_sets",
    "volume weights": "inference.diagnostics.volumes.count_files",
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks_is_told_and_the_rest_too(
    name: str, real: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete(real, BF16)
    wanted = [name for name in found(real, weights=real.weights) if name != "cuda"]
    monkeypatch.setattr(BREAKS[name], raises(ZeroDivisionError("an odd\nthing")))
    checks = found(real, weights=real.weights)
    assert [name for name in checks if name != "cuda"] == wanted
    assert not checks[name].ok and "ZeroDivisionError: an odd. Start the" in checks[name].found


def test_packages_that_are_missing_are_named(
    tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "_PACKAGES", ("torch", "no-such-package"))
    check = found(tiny)["packages"]
    assert not check.ok and check.needed
    assert f"torch {torch.__version__}" in check.found and "Missing: no-such-package" in check.found


@pytest.mark.parametrize(
    ("python", "ok"),
    [("3.10.9", False), ("3.11.0", True), ("3.12.11", True), ("3.13.1", False), ("3.1.0", False)],
)
def test_the_image_s_pythons_are_known(python: str, ok: bool) -> None:
    check = check_python(python.split("."))
    assert check.ok is ok and check.found.startswith(python)
    assert ok or "3.11 and 3.12" in check.found


Usage = namedtuple("Usage", "free")


@pytest.mark.parametrize(("free", "ok"), [(GB, True), (GB - 1, False)])
def test_a_temporary_folder_needs_room(
    free: int, ok: bool, tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(free))
    check = found(tiny)["temporary folder"]
    assert check.ok is ok and tempfile.gettempdir() in check.found
    assert ok or "0.9 GB free. 1.0 GB are needed" in check.found


@pytest.mark.parametrize(
    ("text", "limit"), [("max\n", None), ("32000000000\n", 32 * GB), ("", None)]
)
def test_a_container_s_limit_is_read(text: str, limit: int | None, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(text)
    assert read_memory_limit([tmp_path / "not there", tmp_path / "memory.max"]) == limit
    assert read_memory_limit([tmp_path / "not there"]) is None


@pytest.mark.parametrize(("limit", "told"), [(GB, True), (10**18, False), (None, False)])
def test_a_limit_is_told_where_it_is_one(
    limit: int | None, told: bool, tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "read_memory_limit", lambda files: limit)
    check = found(tiny)["host"]
    assert check.ok and ("this container may use 1.0 GB" in check.found) is told


def test_a_volume_is_counted_and_written_to_without_a_trace(tiny: Settings, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"x" * 1000)
    os.link(tmp_path / "a" / "b" / "file", tmp_path / "a" / "again")
    check = found(tiny, jobs=tmp_path / "a")["volume jobs"]
    assert check.ok and check.found == f"{tmp_path / 'a'}, 2 files, 0.1 GB, writable"
    assert len([*(tmp_path / "a").rglob("*")]) == 3


@pytest.mark.parametrize("there", [None, "file"])
def test_a_volume_that_is_not_mounted_is_named(
    there: str | None, tiny: Settings, tmp_path: Path
) -> None:
    if there:
        (tmp_path / "jobs").touch()
    check = found(tiny, jobs=tmp_path / "jobs")["volume jobs"]
    assert not check.ok and check.needed and f"{tmp_path / 'jobs'} is not there" in check.found


@pytest.mark.holds("making on Modal", "read-only", "told by `test-environment` before work begins")
def test_only_weights_may_be_read_only(
    real: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete(real, BF16, FP8)
    (tmp_path / "jobs").mkdir()
    error = OSError(30, "Read-only file system")
    monkeypatch.setattr("tempfile.TemporaryFile", raises(error))
    checks = found(real, weights=real.weights, jobs=tmp_path / "jobs")
    jobs, weights = checks["volume jobs"], checks["volume weights"]
    assert not jobs.ok and "can't be written to (Read-only file system)" in jobs.found
    assert weights.ok and "sets: bf16, fp8, read-only (Read-only file system)" in weights.found


def test_weights_may_lie_below_their_volume(real: Settings, tmp_path: Path) -> None:
    real.weights.mkdir()
    check = found(real, all=tmp_path)["volume all"]
    assert check.ok and check.found.endswith("complete sets: none, writable")

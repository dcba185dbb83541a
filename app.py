"""The app on Modal, and the command line: settings, engines and the page put together.

    modal deploy app.py                    the page with its GPU class, at a URL
    modal run app.py --action ACTION       an operator's action, see `ui.cli.operator`
    python app.py ...                      the same page and engines on this machine

This file decides which part runs on which machine, with which limits, and nothing else.
"""

import importlib
import sys

if __name__ == "__main__":  # the command line needs none of the rest, and starts faster without
    sys.exit(importlib.import_module("ui.cli.commands").main(sys.argv[1:]))

import logging
import secrets
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import modal

from inference.cloud import names
from inference.cloud.lease import Lease
from inference.cloud.loader import EngineLoader
from inference.cloud.status import StatusStore
from inference.cloud.task_runner import TaskRunner
from inference.cloud.watchdog import leave_container
from inference.cloud.writer import LeasedWriter
from inference.core.confinement.confine import hide_memory
from inference.core.errors import InputError
from inference.core.events import StageName
from inference.core.settings import (
    ROOT,
    build_access_variables,
    build_container_environment,
    load_settings,
)
from inference.engines.select import select_configured_engine
from inference.rendering.provenance.signing import require_usable_setting
from presets.gpus import find_gpu, select_attention_kernels
from presets.schema import EngineFamily
from weights.errors import override_commands

PYTHON = "3.12"
CUDA = "nvidia/cuda:12.8.1-devel-ubuntu22.04"  # devel: flash-attn compiles where no wheel fits
TORCH = "torch==2.10.0"  # the newest with flash-attn wheels; brings CUDA 12.8
CPU_TORCH = f"{TORCH}+cpu"  # not on PyPI, but in the next line's index
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
BUILD_TOOLS = (
    "ninja==1.13.0",
    "packaging==25.0",
    "wheel==0.45.1",
    "setuptools==80.9.0",
    "psutil==7.2.2",
)
FLASH_ATTENTION = "flash-attn==2.8.3.post2"
PINNED = "--constraint /constraints.txt"
TRIAL_GPU = "L4"  # the cheapest that flash-attn supports

_MINUTE_S, _HOUR_S = 60, 3600
_GIB = 1024  # Modal counts memory in MiB
_LONGEST_VIDEO_S = 4 * _HOUR_S  # 40 s in the best quality; a longer job is resumed on request
_LONGEST_DRAFT_S = 10 * _MINUTE_S  # the longest draft takes about two

try:
    environment = build_container_environment(names.PAGE_DATA, names.WEIGHTS)
    limits, local_settings = load_settings(environment), load_settings()
    access_variables = build_access_variables(local_settings)
    if modal.is_local() and "deploy" in sys.argv:
        require_usable_setting(local_settings)
        if not local_settings.password:
            print(names.NO_PASSWORD_WARNING)
except InputError as error:  # a wrong setting at deploy
    sys.exit(error.message)


def _with_constraints(image: modal.Image) -> modal.Image:
    """Return `image` with the file of PINNED, the versions of all packages."""
    return image.add_local_file(ROOT / "constraints-modal.txt", "/constraints.txt", copy=True)


def _with_sources(image: modal.Image) -> modal.Image:
    """Return `image` with the project's folders: code, and the files beside it."""
    image = image.env(environment | {"HF_HOME": f"{names.CACHE}/huggingface"})
    for folder in ("presets", "weights", "inference", "ui"):
        ignored = ["**/__pycache__", *(["files"] if folder == "weights" else [])]
        image = image.add_local_dir(ROOT / folder, f"/root/{folder}", ignore=ignored)
    return image


slim_image = _with_constraints(
    modal.Image.debian_slim(python_version=PYTHON)
).pip_install_from_requirements(str(ROOT / "requirements.txt"), extra_options=PINNED)
page_image = _with_sources(slim_image)
weights_image = _with_sources(
    slim_image.pip_install(CPU_TORCH, extra_index_url=CPU_INDEX, extra_options=PINNED)
)
# Options for compiling flash-attn where no wheel fits. They are part of the image, because only
# then another list of GPUs rebuilds it. Its default number of jobs counts the machine's cores and
# memory, not the builder's share of them; a job takes about 9 GB with two threads.
compile_env = {
    "FLASH_ATTN_CUDA_ARCHS": ";".join(
        map(str, select_attention_kernels([TRIAL_GPU, *limits.gpus]))
    ),
    "MAX_JOBS": "4",
    "NVCC_THREADS": "2",
}
model_image = (
    _with_constraints(modal.Image.from_registry(CUDA, add_python=PYTHON))
    .entrypoint([])  # NVIDIA's prints a page of text at each start
    .pip_install(TORCH, extra_options=PINNED)
    .pip_install(*BUILD_TOOLS, extra_options=PINNED)
    .env(compile_env)
    .pip_install(FLASH_ATTENTION, extra_options=f"--no-build-isolation {PINNED}")
    .pip_install_from_requirements(str(ROOT / "requirements.txt"), extra_options=PINNED)
    .pip_install_from_requirements(str(ROOT / "requirements-model.txt"), extra_options=PINNED)
)
# `modal run` builds the images of all functions before it calls one. Actions on weights use no GPU,
# and must work where flash-attn can't be built, so they replace its image.
command_line = " ".join(sys.argv).replace("=", " ")
is_weights_action = any(f"--action {action}" in command_line for action in names.ACTIONS.values())
gpu_image = weights_image if is_weights_action else _with_sources(model_image)

weights_volume = modal.Volume.from_name(names.WEIGHTS_VOLUME, create_if_missing=True)
readonly_weights = weights_volume.with_mount_options(read_only=True)
jobs_volume = modal.Volume.from_name(names.JOBS_VOLUME, create_if_missing=True)
cache_volume = modal.Volume.from_name(names.CACHE_VOLUME, create_if_missing=True)
gpu_volumes: dict[str | PurePosixPath, modal.Volume | modal.CloudBucketMount] = {
    names.WEIGHTS: readonly_weights,
    names.JOBS: jobs_volume,
    names.CACHE: cache_volume,
}
fits_on_gpu = all(gpu.memory_gb >= 80 for gpu in map(find_gpu, limits.gpus) if gpu)
named_secrets = [modal.Secret.from_name(name) for name in limits.secrets]
# also when empty: containers must find as many Secrets as the deploy defined
page_secret = modal.Secret.from_dict(access_variables)

app = modal.App(names.APP)
if not modal.is_local():  # errors there name the operator's commands
    override_commands(names.WEIGHTS_COMMANDS)


def _open_status() -> StatusStore:
    return StatusStore(modal.Dict.from_name(names.STATUS_DICT, create_if_missing=True))


def _create_runner(longest_s: float) -> TaskRunner:
    return TaskRunner(load_settings(), Path(names.JOBS), jobs_volume, _open_status(), longest_s)


def _load_multitalk() -> Any:
    """Load the engine from the Volume, and store how long that took."""
    started, status_store = time.monotonic(), _open_status()
    status_store.write_loading(f"{time.time():.3f}")
    readonly_weights.reload()
    engine: Any = select_configured_engine(EngineFamily.MULTITALK.value, load_settings())
    engine.load()
    took_s = time.monotonic() - started
    status_store.add_stage_time(StageName.LOADING, took_s)
    print(f"MultiTalk is loaded, after {took_s:.0f} s.")
    return engine


@app.cls(
    image=gpu_image,
    gpu=list(limits.gpus),
    volumes=gpu_volumes,
    memory=(32 if fits_on_gpu else 80) * _GIB,  # blocks that do not fit on the GPU wait here
    cpu=4,  # encoding and checks run beside the GPU; torch would adapt to Modal's 0.125
    timeout=_LONGEST_VIDEO_S,  # a watchdog ends the job before that: Modal would run it again
    startup_timeout=30 * _MINUTE_S,  # a cold Volume reads 52 GB slowly; `load` returns before
    retries=modal.Retries(max_retries=3, initial_delay=1.0),  # see `inference.jobs.resume`
    scaledown_window=limits.gpu_idle_minutes * _MINUTE_S,  # for the next video
    max_containers=limits.running,  # limits the spending at a time
)  # no memory snapshot: it is taken without a GPU, and torch finds none afterwards
class MultiTalk:
    """MultiTalk on a GPU: loaded once, for one video at a time."""

    runner: TaskRunner
    model: EngineLoader

    @modal.enter()
    def load(self) -> None:
        """Load the model from the Volume. The next call reports a failure."""
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
        self.runner, self.model = _create_runner(_LONGEST_VIDEO_S), EngineLoader(_load_multitalk)
        self.model.start()

    @modal.method()
    def generate(self, job: str, options: dict[str, Any] | None = None, attempt: str = "") -> None:
        """Make the video of the job's folder on the Volume, and write the job's status.

        `options` are for a folder of uploads without a plan, see `inference.cloud.load_task`. Of
        several calls with the same `attempt` one makes the video.
        """
        call = modal.current_function_call_id() or ""
        try:
            self.runner.run(job, lambda _: self.model.get_engine(), options, attempt, call)
        finally:
            if self.model.is_broken:
                leave_container()


@app.function(
    image=page_image,
    volumes={names.JOBS: jobs_volume},
    cpu=4,  # as many as a draft uses
    memory=4 * _GIB,
    timeout=_LONGEST_DRAFT_S,
    retries=1,  # for a lost machine; a second failure is the input's
    scaledown_window=10 * _MINUTE_S,  # drafts come in bursts, and an idle CPU costs little
    max_containers=limits.running,
)
def draft(job: str, options: dict[str, Any] | None = None, attempt: str = "") -> None:
    """Make the draft of the job's folder on the Volume, like `MultiTalk.generate`."""
    engine = partial(select_configured_engine, settings=load_settings())
    call = modal.current_function_call_id() or ""
    _create_runner(_LONGEST_DRAFT_S).run(job, engine, options, attempt, call)


@app.function(
    image=page_image,
    volumes={names.JOBS: jobs_volume},
    secrets=[*named_secrets, page_secret],
    cpu=2,  # decodes uploads, in processes with limits
    memory=4 * _GIB,
    timeout=5 * _MINUTE_S,  # per request; Modal itself cuts them after 150 s
    scaledown_window=20 * _MINUTE_S,  # an open page sends requests all the time
    max_containers=1,  # Gradio's queue, sessions and locks need one process on one machine;
)  # deploys and lost machines still overlap: the lease decides which of two containers may write
@modal.concurrent(max_inputs=100)  # requests are short, and many people have a page open
@modal.asgi_app()
def web() -> Any:
    """Serve the page: it reads at once, and writes while it holds the lease."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    hide_memory()
    lease = Lease(
        modal.Dict.from_name(names.STATUS_DICT, create_if_missing=True), secrets.token_hex(8)
    )
    access = LeasedWriter(lease, jobs_volume)
    access.start()
    if not Path(names.PAGE_DATA, names.PAGE_KEY).exists():  # the first page creates it
        access.wait()
    return importlib.import_module("ui.web.app").create_app(load_settings(), access)


@app.function(
    image=weights_image,
    volumes={names.WEIGHTS: weights_volume, names.CACHE: cache_volume},
    secrets=named_secrets,
    cpu=4,
    memory=16 * _GIB,
    timeout=12 * _HOUR_S,  # 101 GB over a slow line; another run resumes
)
def manage_weights(commands: list[list[str]]) -> int:
    """Run commands of `python -m weights` on the Volume, up to the first that fails.

    Returns the exit status of the last one that ran.
    """
    status = 0
    for command in commands:
        try:
            status = importlib.import_module("weights.__main__").main(command)
        finally:
            weights_volume.commit()
        if status:
            break
    return status


@app.function(
    image=gpu_image,
    gpu=TRIAL_GPU,
    volumes=gpu_volumes,
    cpu=4,
    timeout=10 * _MINUTE_S,  # hashes and loads nothing, and reads 4 GB
)
def examine() -> list[dict[str, Any]]:
    """Check the environment of a GPU container, see `inference.diagnostics.environment`."""
    volumes = {Path(name).name: Path(name) for name in (names.WEIGHTS, names.JOBS, names.CACHE)}
    checks = importlib.import_module("inference.diagnostics.environment").examine(
        load_settings(), volumes, {Path(names.JOBS).name: jobs_volume}
    )
    return [asdict(check) for check in checks]


@app.local_entrypoint()
def main(*arguments: str) -> None:
    """Run an operator's action: `modal run app.py --action ACTION ...`, see `ui.cli.operator`."""
    operator = importlib.import_module("ui.cli.operator")
    spawns = {
        family: (MultiTalk().generate if family.needs_gpu else draft).spawn
        for family in EngineFamily
    }
    parts = operator.AppFunctions(spawns, manage_weights.remote, examine.remote)
    sys.exit(operator.main(arguments, parts))

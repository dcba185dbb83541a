"""The MultiTalk engine, on this machine's NVIDIA GPU; its tiny model also runs on a CPU.

The page checks availability, so torch and its dependents are only located here, and imported with
the first task.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from inference.core.engine import Availability, EngineOptions, convert_errors
from inference.core.errors import InputCode, InputError
from inference.core.events import Event, Stage, StageName
from inference.core.settings import load_settings
from inference.core.task import Task
from presets.models import DEFAULT_MODEL, DEVICE_PATTERN, MODELS, Model
from presets.schema import EngineFamily
from weights.errors import WeightsError, format_command
from weights.lora import describe_unusable, require_lora
from weights.manifest import MULTITALK_14B
from weights.sets import list_complete_sets, lora_path

_PACKAGES = ("torch", "diffusers", "transformers")
_DRIVER = Path("/proc/driver/nvidia/version")
_WSL_DRIVER = Path("/usr/lib/wsl/lib/libcuda.so.1")  # the Windows driver inside WSL


class Runner(Protocol):
    """Runner of tasks with the model in memory; see `inference.multitalk.runner`."""

    def load(self) -> None: ...

    def run(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]: ...


class MultiTalkEngine:
    """Engine with a model of `presets.models`; see `inference.multitalk`.

    Raises InputError when the model or the device does not exist.
    """

    name = EngineFamily.MULTITALK.value

    def __init__(self, options: EngineOptions) -> None:
        self._model = _find_model(options.model or DEFAULT_MODEL)
        self._device = options.device
        if self._device and not DEVICE_PATTERN.fullmatch(self._device):
            message = f"There is no device {self._device!r}. Use cpu, cuda, or cuda:1 and so on."
            raise InputError(InputCode.BAD_OPTION, message)
        settings, trained = load_settings(), self._model.trained
        self._weights = settings.weights / self._model.name if trained else None
        self._loras = settings.loras if trained else ()  # of the operator
        self._strict = settings.strict
        self._runner: Runner | None = None

    def check_availability(self) -> Availability:
        reason = self._check_gpu() or _check_packages() or self._check_weights()
        reason = reason or self._check_loras()
        return Availability(not reason, reason)

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        return convert_errors(self._run(task, cancelled), task.folder)

    def _run(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        """Load the model and run the task; loading errors are converted to events too."""
        yield Stage(StageName.LOADING, "Loading MultiTalk")
        yield from self._get_runner().run(task, cancelled)

    def load(self) -> None:
        """Load the model ahead of the first task. Raises Fault and OSError."""
        self._get_runner().load()

    def _get_runner(self) -> Runner:
        if self._runner is None:  # kept for the next task
            module = importlib.import_module("inference.multitalk.runner")
            self._runner = module.Runner(
                self._model.name, self._device, self._weights, self._loras, self._strict
            )
        assert self._runner is not None
        return self._runner

    def describe(self) -> str:
        """Describe the placement of the model and the attention kernel.

        Imports torch and times the kernels on the GPU. Raises Fault when the model does not fit.
        """
        if self._weights is None:
            return "random weights, which draw noise"
        gpu = importlib.import_module("inference.multitalk.runtime.gpu")
        device = gpu.select_device(self._device)
        placement = gpu.plan_placement(device, self._weights, self._loras)
        kernels = importlib.import_module("inference.multitalk.runtime.kernels")
        dtype = getattr(importlib.import_module("torch"), placement.compute_dtype)
        attention = kernels.choose_kernel(self._model.name, device, dtype)
        return f"{placement.sentence}; attention by {attention.sentence}"

    def _check_gpu(self) -> str:
        """Return a sentence on the missing GPU, or "".

        Checked first: without a GPU, installing torch or downloading weights does not help.
        """
        on_cpu = self._device == "cpu"
        if self._model.trained and not has_gpu():
            return "MultiTalk needs an NVIDIA GPU, and this machine has none. Use --quality draft."
        if self._model.trained and on_cpu:
            return "MultiTalk needs an NVIDIA GPU, and cpu was asked for. Use the device cuda."
        if self._device and not on_cpu and not has_gpu():
            return (
                f"The device {self._device} was asked for, and this machine has no NVIDIA GPU. "
                "Use the device cpu."
            )
        return ""

    def _check_weights(self) -> str:
        if self._weights is None or list_complete_sets(self._weights):
            return ""
        return (
            f"The MultiTalk weights are not on this machine: {self._weights} holds no complete "
            f"set. Run {format_command('download')}, or use --quality draft."
        )

    def _check_loras(self) -> str:
        """Return a sentence on a LoRA of the operator that is unusable, or ""."""
        if self._weights is None or not self._loras:
            return ""
        shapes = MULTITALK_14B.read_shapes("transformer")
        for lora in self._loras:
            file = lora_path(self._weights, lora)
            try:
                require_lora(file, shapes)
            except (WeightsError, OSError) as error:
                return describe_unusable(file, error)
        return ""


ENGINE = MultiTalkEngine


def has_gpu() -> bool:
    """Return whether this machine has an NVIDIA GPU, by its files."""
    # in a container GPUs keep their numbers on the host, so nvidia0 may be missing
    devices = Path("/dev").glob("nvidia[0-9]*")
    return _DRIVER.exists() or _WSL_DRIVER.exists() or any(devices)


def _find_model(name: str) -> Model:
    if name not in MODELS:
        message = f"There is no model {name!r}. Use one of {', '.join(MODELS)}."
        raise InputError(InputCode.BAD_OPTION, message)
    return MODELS[name]


def _check_packages() -> str:
    if all(importlib.util.find_spec(package) for package in _PACKAGES):
        return ""
    return "MultiTalk needs torch and its companions, which are not installed. Run make gpu."

"""Queries to torch, the NVIDIA driver and attention on this machine. Imports torch."""

import ctypes
import importlib
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from inference.diagnostics.gpu import Accuracy, AttentionResult, GpuInfo, GpuReport, first_line
from inference.multitalk.models.attention import attend, use_kernel
from inference.multitalk.runtime.gpu import measure_gpu, select_device
from inference.multitalk.runtime.kernels import choose_kernel

# Queries and keys (b, l, n, d) of different lengths, as in attention to the prompt; d is the
# model's. The inputs are the same on every machine.
_QUERIES, _KEYS = (2, 128, 4, 128), (2, 77, 4, 128)
_SEED = 0
_DTYPES = (torch.bfloat16, torch.float16)
# As in flash-attn's own test (tests/test_flash_attn.py of its repository): the error against
# float32 is at most twice that of plain attention that rounds every intermediate result.
_MAX_ERROR_RATIO = 2
_NVML_BUFFER_BYTES = 80  # bytes; NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE


def find_gpus() -> GpuReport:
    """Find the GPUs of this machine. Raises RuntimeError when one does not answer."""
    with warnings.catch_warnings(record=True) as caught:  # torch reports the reason as a warning
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    messages = [first_line(str(one.message)) for one in caught if "CUDA" in str(one.message)]
    failure = messages[0] if messages and not count else ""
    gpus = tuple(_read_gpu(torch.device("cuda", index)) for index in range(count))
    return GpuReport(gpus, failure, torch.version.cuda, read_driver_version(), read_driver_cuda())


def _read_gpu(device: torch.device) -> GpuInfo:
    gpu = measure_gpu(device)
    _, total = torch.cuda.mem_get_info(device)
    with torch.cuda.device(device):
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return GpuInfo(gpu.name, gpu.capability, gpu.free_bytes, total, bfloat16)


def measure_model_attention(model: str, device: str | None) -> AttentionResult:
    """Measure the attention that the model runs on its device."""
    target = select_device(device)
    choice = choose_kernel(model, target, _DTYPES[0])
    with use_kernel(choice.kernel):
        return AttentionResult(choice.sentence, str(target), measure_accuracies(attend, target))


def measure_flash_attention(device: str | None) -> AttentionResult:
    """Measure flash-attn. Raises ImportError without it, RuntimeError if it does not run here."""
    module, target = importlib.import_module("flash_attn"), select_device(device)
    computed = measure_accuracies(module.flash_attn_func, target)
    return AttentionResult(f"version {module.__version__}", str(target), computed)


def measure_accuracies(
    attention: Callable[[Tensor, Tensor, Tensor], Tensor], device: torch.device
) -> tuple[Accuracy, ...]:
    """Measure the accuracy of an attention on the device, in each half-precision dtype."""
    return tuple(_measure_accuracy(attention, device, dtype) for dtype in _DTYPES)


def _measure_accuracy(
    attention: Callable[[Tensor, Tensor, Tensor], Tensor], device: torch.device, dtype: torch.dtype
) -> Accuracy:
    generator = torch.Generator().manual_seed(_SEED)
    inputs = [torch.randn(s, generator=generator).to(dtype) for s in (_QUERIES, _KEYS, _KEYS)]
    exact = _compute_plain_attention(inputs, torch.float32)
    allowed = _MAX_ERROR_RATIO * _compute_max_error(_compute_plain_attention(inputs, dtype), exact)
    computed = attention(*(tensor.to(device) for tensor in inputs)).float().cpu()
    error = _compute_max_error(computed, exact) if computed.shape == exact.shape else float("inf")
    return Accuracy(str(dtype).removeprefix("torch."), error, allowed)


def _compute_plain_attention(inputs: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """Compute softmax(q kᵀ / √d) v of (b, l, n, d) on the CPU, rounding every result to `dtype`."""
    q, k, v = (tensor.float() for tensor in inputs)

    def rounded(tensor: Tensor) -> Tensor:
        return tensor.to(dtype).float()

    scores = rounded(torch.einsum("blnd,bsnd->bnls", rounded(q * q.shape[-1] ** -0.5), k))
    return rounded(torch.einsum("bnls,bsnd->blnd", rounded(scores.softmax(-1)), v))


def _compute_max_error(computed: Tensor, exact: Tensor) -> float:
    return float((computed - exact).abs().max())


def read_driver_version() -> str | None:
    """Read the NVIDIA driver's version from its management library; None without it."""
    library = _load_library("libnvidia-ml.so.1")
    if library is None or library.nvmlInit_v2():
        return None
    text = ctypes.create_string_buffer(_NVML_BUFFER_BYTES)
    failed = library.nvmlSystemGetDriverVersion(text, ctypes.c_uint(_NVML_BUFFER_BYTES))
    library.nvmlShutdown()
    return None if failed else text.value.decode()


def read_driver_cuda() -> str | None:
    """Read the newest CUDA version that the NVIDIA driver supports; None without a driver."""
    library, number = _load_library("libcuda.so.1"), ctypes.c_int()
    if library is None or library.cuDriverGetVersion(ctypes.byref(number)) or not number.value:
        return None
    return f"{number.value // 1000}.{number.value % 1000 // 10}"


def _load_library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None

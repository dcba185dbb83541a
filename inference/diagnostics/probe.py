"""What torch, the NVIDIA driver and attention answer on this machine. Loads torch."""

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

# Queries and keys (b, l, n, d) of unlike lengths, as where the prompt is attended to; d is the
# model's. The numbers are the same on every machine.
_QUERIES, _KEYS = (2, 128, 4, 128), (2, 77, 4, 128)
_SEED = 0
_DTYPES = (torch.bfloat16, torch.float16)
# flash-attn's own test (tests/test_flash_attn.py of its repository): its error, as seen from
# float32, is at most twice that of plain attention which rounds whatever it computes.
_MAX_ERROR_RATIO = 2
_NVML_BUFFER_BYTES = 80  # bytes; NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE


def find_gpus() -> GpuReport:
    """The GPUs of this machine. Raises RuntimeError when one does not answer."""
    with warnings.catch_warnings(record=True) as caught:  # that is how torch tells why not
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    told = [first_line(str(one.message)) for one in caught if "CUDA" in str(one.message)]
    why = told[0] if told and not count else ""
    seen = tuple(_read_gpu(torch.device("cuda", index)) for index in range(count))
    return GpuReport(seen, why, torch.version.cuda, read_driver_version(), read_driver_cuda())


def _read_gpu(device: torch.device) -> GpuInfo:
    card = measure_gpu(device)
    _, total = torch.cuda.mem_get_info(device)
    with torch.cuda.device(device):
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return GpuInfo(card.name, card.capability, card.free_bytes, total, bfloat16)


def measure_model_attention(model: str, device: str | None) -> AttentionResult:
    """The attention that the model runs on its device."""
    where = select_device(device)
    choice = choose_kernel(model, where, _DTYPES[0])
    with use_kernel(choice.kernel):
        return AttentionResult(choice.sentence, str(where), measure_accuracies(attend, where))


def measure_flash_attention(device: str | None) -> AttentionResult:
    """flash-attn by itself. Raises ImportError without it, RuntimeError where it can't run."""
    module, where = importlib.import_module("flash_attn"), select_device(device)
    found = measure_accuracies(module.flash_attn_func, where)
    return AttentionResult(f"version {module.__version__}", str(where), found)


def measure_accuracies(
    attention: Callable[[Tensor, Tensor, Tensor], Tensor], device: torch.device
) -> tuple[Accuracy, ...]:
    """How well an attention computes on the device, in each kind of numbers of half the bytes."""
    return tuple(_measure_accuracy(attention, device, dtype) for dtype in _DTYPES)


def _measure_accuracy(
    attention: Callable[[Tensor, Tensor, Tensor], Tensor], device: torch.device, dtype: torch.dtype
) -> Accuracy:
    generator = torch.Generator().manual_seed(_SEED)
    given = [torch.randn(s, generator=generator).to(dtype) for s in (_QUERIES, _KEYS, _KEYS)]
    exact = _compute_plain_attention(given, torch.float32)
    allowed = _MAX_ERROR_RATIO * _compute_max_error(_compute_plain_attention(given, dtype), exact)
    found = attention(*(tensor.to(device) for tensor in given)).float().cpu()
    error = _compute_max_error(found, exact) if found.shape == exact.shape else float("inf")
    return Accuracy(str(dtype).removeprefix("torch."), error, allowed)


def _compute_plain_attention(given: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """softmax(q kᵀ / √d) v of (b, l, n, d), in float32 on the CPU, rounded to `dtype` wherever
    something is computed."""
    q, k, v = (tensor.float() for tensor in given)

    def rounded(tensor: Tensor) -> Tensor:
        return tensor.to(dtype).float()

    scores = rounded(torch.einsum("blnd,bsnd->bnls", rounded(q * q.shape[-1] ** -0.5), k))
    return rounded(torch.einsum("bnls,bsnd->blnd", rounded(scores.softmax(-1)), v))


def _compute_max_error(found: Tensor, exact: Tensor) -> float:
    return float((found - exact).abs().max())


def read_driver_version() -> str | None:
    """The NVIDIA driver's version, of its management library; None when that is not there."""
    library = _load_library("libnvidia-ml.so.1")
    if library is None or library.nvmlInit_v2():
        return None
    text = ctypes.create_string_buffer(_NVML_BUFFER_BYTES)
    failed = library.nvmlSystemGetDriverVersion(text, ctypes.c_uint(_NVML_BUFFER_BYTES))
    library.nvmlShutdown()
    return None if failed else text.value.decode()


def read_driver_cuda() -> str | None:
    """The newest CUDA that the NVIDIA driver knows; None without a driver."""
    library, number = _load_library("libcuda.so.1"), ctypes.c_int()
    if library is None or library.cuDriverGetVersion(ctypes.byref(number)) or not number.value:
        return None
    return f"{number.value // 1000}.{number.value % 1000 // 10}"


def _load_library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None

"""What torch, the NVIDIA driver and attention answer on this machine. Loads torch."""

import ctypes
import importlib
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from inference.diagnostics.gpu import Accuracy, Attention, Gpus, Seen, first_line
from inference.multitalk.models.attention import attend, attention_by
from inference.multitalk.runtime.gpu import device_of, measured
from inference.multitalk.runtime.kernels import choose_kernel

# Queries and keys (b, l, n, d) of unlike lengths, as where the prompt is attended to; d is the
# model's. The numbers are the same on every machine.
_QUERIES, _KEYS = (2, 128, 4, 128), (2, 77, 4, 128)
_SEED = 0
_NUMBERS = (torch.bfloat16, torch.float16)
# flash-attn's own test (tests/test_flash_attn.py of its repository): its error, as seen from
# float32, is at most twice that of plain attention which rounds whatever it computes.
_TIMES = 2
_NVML_TEXT = 80  # bytes; NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE


def gpus() -> Gpus:
    """The GPUs of this machine. Raises RuntimeError when one does not answer."""
    with warnings.catch_warnings(record=True) as caught:  # that is how torch tells why not
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    told = [first_line(str(one.message)) for one in caught if "CUDA" in str(one.message)]
    why = told[0] if told and not count else ""
    seen = tuple(_seen(torch.device("cuda", index)) for index in range(count))
    return Gpus(seen, why, torch.version.cuda, driver_version(), driver_cuda())


def _seen(device: torch.device) -> Seen:
    card = measured(device)
    _, total = torch.cuda.mem_get_info(device)
    with torch.cuda.device(device):
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return Seen(card.name, card.capability, card.free_bytes, total, bfloat16)


def model_attention(model: str, device: str | None) -> Attention:
    """The attention that the model runs on its device."""
    where = device_of(device)
    choice = choose_kernel(model, where, _NUMBERS[0])
    with attention_by(choice.kernel):
        return Attention(choice.sentence, str(where), accuracies(attend, where))


def flash_attention(device: str | None) -> Attention:
    """flash-attn by itself. Raises ImportError without it, RuntimeError where it can't run."""
    module, where = importlib.import_module("flash_attn"), device_of(device)
    found = accuracies(module.flash_attn_func, where)
    return Attention(f"version {module.__version__}", str(where), found)


def accuracies(
    attention: Callable[[Tensor, Tensor, Tensor], Tensor], device: torch.device
) -> tuple[Accuracy, ...]:
    """How well an attention computes on the device, in each kind of numbers of half the bytes."""
    return tuple(_accuracy(attention, device, dtype) for dtype in _NUMBERS)


def _accuracy(
    attention: Callable[[Tensor, Tensor, Tensor], Tensor], device: torch.device, dtype: torch.dtype
) -> Accuracy:
    generator = torch.Generator().manual_seed(_SEED)
    given = [torch.randn(s, generator=generator).to(dtype) for s in (_QUERIES, _KEYS, _KEYS)]
    exact = _plain(given, torch.float32)
    allowed = _TIMES * _error(_plain(given, dtype), exact)
    found = attention(*(tensor.to(device) for tensor in given)).float().cpu()
    error = _error(found, exact) if found.shape == exact.shape else float("inf")
    return Accuracy(str(dtype).removeprefix("torch."), error, allowed)


def _plain(given: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """softmax(q kᵀ / √d) v of (b, l, n, d), in float32 on the CPU, rounded to `dtype` wherever
    something is computed."""
    q, k, v = (tensor.float() for tensor in given)

    def rounded(tensor: Tensor) -> Tensor:
        return tensor.to(dtype).float()

    scores = rounded(torch.einsum("blnd,bsnd->bnls", rounded(q * q.shape[-1] ** -0.5), k))
    return rounded(torch.einsum("bnls,bsnd->blnd", rounded(scores.softmax(-1)), v))


def _error(found: Tensor, exact: Tensor) -> float:
    return float((found - exact).abs().max())


def driver_version() -> str | None:
    """The NVIDIA driver's version, of its management library; None when that is not there."""
    library = _library("libnvidia-ml.so.1")
    if library is None or library.nvmlInit_v2():
        return None
    text = ctypes.create_string_buffer(_NVML_TEXT)
    failed = library.nvmlSystemGetDriverVersion(text, ctypes.c_uint(_NVML_TEXT))
    library.nvmlShutdown()
    return None if failed else text.value.decode()


def driver_cuda() -> str | None:
    """The newest CUDA that the NVIDIA driver knows; None without a driver."""
    library, number = _library("libcuda.so.1"), ctypes.c_int()
    if library is None or library.cuDriverGetVersion(ctypes.byref(number)) or not number.value:
        return None
    return f"{number.value // 1000}.{number.value % 1000 // 10}"


def _library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None

"""A model's networks, ready on a device: read from its folder, or of random weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoTokenizer, ByT5Tokenizer

from inference.errors import Fault, FaultCode
from inference.models.registry import MODELS, ModelSpec, Networks, initialised
from inference.multitalk.lora import LoraError, changed_parameters
from inference.multitalk.prompt import Tokenizer
from weights.loading import MisfitError, load_strict, read_folder

_SEED = 0  # of random weights
# What each network runs in on a GPU, as in the original.
_ON_GPU = {
    "transformer": torch.bfloat16,
    "text": torch.bfloat16,
    "image": torch.float16,
    "video": torch.float32,
    "audio": torch.float32,
}


@dataclass(frozen=True)
class Loaded:
    """Networks with the tokenizer of their text encoder and the LoRA that is merged, if any."""

    networks: Networks
    tokenizer: Tokenizer
    lora: str | None


def load(model: str, folder: Path | None, device: torch.device, lora: str | None) -> Loaded:
    """The networks of `model` on `device`, in evaluation mode.

    `folder` holds one folder of safetensors for each network (its names: the fields of Networks),
    `tokenizer/` and `loras/`; None for random weights, which take no LoRA. Raises Fault when a
    file does not fit the model.
    """
    spec = MODELS[model]
    if folder is None:
        return Loaded(_moved(initialised(spec, _SEED), device), ByT5Tokenizer(), None)
    try:
        networks = _read(spec, folder, device)
        if lora is not None:
            _merge(networks, folder / "loras" / f"{lora}.safetensors", device)
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    except (MisfitError, LoraError, OSError, ValueError) as error:
        message = f"The weights in {folder} are not those of {model}. Fetch them again."
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, message, str(error)) from error
    return Loaded(networks, cast(Tokenizer, tokenizer), lora)


def _moved(networks: Networks, device: torch.device) -> Networks:
    for name, dtype in _dtypes(device).items():
        network = getattr(networks, name).to(device)
        if dtype is not torch.float32:  # what it is already; the autoencoder warns of being cast
            network.to(dtype)
    return networks


def _read(spec: ModelSpec, folder: Path, device: torch.device) -> Networks:
    parts: dict[str, Any] = {}
    for name, build in spec.parts().items():
        with torch.device("meta"):
            parts[name] = build().eval()
        load_strict(parts[name], read_folder(folder / name, device, _dtypes(device)[name]))
        parts[name].to(device)  # what no file holds
    return Networks(**parts)


def _merge(networks: Networks, file: Path, device: torch.device) -> None:
    state = dict(networks.transformer.named_parameters())
    tensors = read_folder(file, device, torch.float32)
    with torch.no_grad():
        for name, parameter in changed_parameters(state, tensors, scale=1.0).items():
            state[name].copy_(parameter)


def _dtypes(device: torch.device) -> dict[str, torch.dtype]:
    return _ON_GPU if device.type == "cuda" else dict.fromkeys(_ON_GPU, torch.float32)

"""A model's networks, ready on a device: read from a set of weights, or of random numbers."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import ByT5Tokenizer

from inference.core.errors import Fault, FaultCode
from inference.multitalk.conditioning.prompt import Tokenizer, read_tokenizer
from inference.multitalk.models.encoders import TextEncoder
from inference.multitalk.models.linear import Linear
from inference.multitalk.models.registry import MODELS, ModelSpec, Networks, initialised
from inference.multitalk.models.transformer import Transformer
from inference.multitalk.runtime.lora import switch_on
from inference.multitalk.runtime.offload import Supply, travelling
from presets.schema import Lora
from weights.errors import WeightsError, how_to
from weights.loading import load_part, read_file
from weights.lora import unusable
from weights.sets import DTYPES, lora_file
from weights.tensors import FLOAT8, Source, sources

logger = logging.getLogger(__name__)
_SEED = 0  # of random weights
_HOST = torch.device("cpu")


@dataclass(frozen=True)
class Choices:
    """How networks lie on a GPU; see `inference.multitalk.runtime.placement`. None: all blocks are
    resident."""

    compute: torch.dtype = torch.bfloat16
    resident: int | None = None
    text_stays: bool = True


class Loaded:
    """Networks with the tokenizer of their text encoder; LoRAs may be on or off."""

    def __init__(
        self, networks: Networks, tokenizer: Tokenizer, device: torch.device, folder: Path | None
    ) -> None:
        self.networks, self.tokenizer = networks, tokenizer
        self.loras: tuple[Lora, ...] = ()  # that are on, each on top of those before it
        self._device, self._folder = device, folder
        self._on = ExitStack()

    def use(self, loras: tuple[Lora, ...]) -> None:
        """Switch to those LoRAs and no others; random weights take none. Raises Fault when one is
        not there, or not this model's; none is on then."""
        if self._folder is None or loras == self.loras:
            return
        self.loras = ()
        self._on.close()
        with ExitStack() as on:
            for lora in loras:
                on.callback(self._switched_on(lora, lora_file(self._folder, lora)))
            self._on = on.pop_all()
        self.loras = loras

    def _switched_on(self, lora: Lora, file: Path) -> Callable[[], None]:
        logger.info("LoRA %s of strength %g", file, lora.strength)
        try:
            tensors = read_file(file, _HOST, torch.float32)
            return switch_on(self.networks.transformer, tensors, lora.strength, self._device)
        except (WeightsError, OSError) as error:
            if Path(lora.name).is_absolute():
                message = unusable(file, error)
            elif isinstance(error, OSError):
                message = f"{file} is not there. Run {how_to('download')}."
            else:
                message = f"{file} is damaged, or not for this model. Run {how_to('verify')}."
            raise Fault(FaultCode.ENGINE_UNAVAILABLE, message, str(error)) from error

    @contextmanager
    def text_encoder(self) -> Iterator[TextEncoder]:
        """The text encoder, on the device while it is used."""
        encoder, home = self.networks.text, self.networks.text.device
        encoder.to(self._device)
        try:
            yield encoder
        finally:
            encoder.to(home)


def load(
    model: str, folder: Path | None, device: torch.device, choices: Choices | None = None
) -> Loaded:
    """The networks of `model` on `device`, in evaluation mode.

    `folder` is a set of weights (see `weights.sets`), None for random ones. On a CPU all is in
    float32, except what is in 8 bits. Raises Fault when a file does not fit the model.
    """
    spec, choices = MODELS[model], choices or Choices()
    dtypes = _dtypes(device, choices)
    if folder is None:
        networks = _moved(initialised(spec, _SEED), device, dtypes)
        _let_travel(networks.transformer, device, choices)
        return Loaded(networks, ByT5Tokenizer(), device, None)
    try:
        networks = read_networks(spec, folder, device, dtypes, choices)
        tokenizer = read_tokenizer(folder / "tokenizer")
    except (WeightsError, OSError, ValueError) as error:
        message = f"The weights in {folder} are not those of {model}. Run {how_to('verify')}."
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, message, str(error)) from error
    _let_travel(networks.transformer, device, choices)
    return Loaded(networks, tokenizer, device, folder)


def read_networks(
    spec: ModelSpec,
    folder: Path,
    device: torch.device,
    dtypes: Mapping[str, torch.dtype],
    choices: Choices,
) -> Networks:
    """The networks of `spec` from a set of weights, each in its dtype; what is not to be on the
    device is on the host. Raises WeightsError or OSError when files don't fit or are not there."""
    parts, started, count = dict[str, Any](), time.monotonic(), 0
    away = _away(spec.transformer.num_layers, choices)
    for name, build in spec.parts().items():
        found = sources(folder / name)
        with torch.device("meta"):
            parts[name] = build().eval()
        _make_room(parts[name], found)
        on_host = ("",) if name == "text" and not choices.text_stays else ()
        starts = away if name == "transformer" else on_host

        def place(tensor: str, starts: tuple[str, ...] = starts) -> torch.device:
            return _HOST if tensor.startswith(starts) else device

        count += load_part(parts[name], found, place, dtypes[name])
        if name != "transformer":  # it may be in two places, and its files hold all of it
            parts[name].to(place(""))  # what no file holds
    gigabytes, seconds = count / 1e9, time.monotonic() - started
    logger.info("read %.1f GB in %.0f s, %.2f GB/s", gigabytes, seconds, gigabytes / seconds)
    return Networks(**parts)


def _away(blocks: int, choices: Choices) -> tuple[str, ...]:
    """How the names of tensors begin that wait on the host."""
    resident = blocks if choices.resident is None else choices.resident
    return tuple(f"blocks.{index}." for index in travelling(blocks, resident))


def _make_room(network: nn.Module, found: Mapping[str, Source]) -> None:
    """Layers whose weight is in 8 bits need a place for its scale."""
    for name, source in found.items():
        if source.dtype == FLOAT8 and name.endswith(".weight"):
            layer = network.get_submodule(name.removesuffix(".weight"))
            if isinstance(layer, Linear):
                layer.keep_in_8_bits()


def _let_travel(transformer: Transformer, device: torch.device, choices: Choices) -> None:
    if choices.resident is not None and choices.resident < len(transformer.blocks):
        Supply(transformer, device, choices.resident)


def _moved(networks: Networks, device: torch.device, dtypes: Mapping[str, torch.dtype]) -> Networks:
    for name, dtype in dtypes.items():
        network = getattr(networks, name).to(device)
        if dtype is not torch.float32:  # what it is already; the autoencoder warns of being cast
            network.to(dtype)
    return networks


def _dtypes(device: torch.device, choices: Choices) -> dict[str, torch.dtype]:
    if device.type != "cuda":
        return dict.fromkeys(DTYPES, torch.float32)
    own = {name: cast(torch.dtype, getattr(torch, dtype)) for name, dtype in DTYPES.items()}
    return own | {"transformer": choices.compute}

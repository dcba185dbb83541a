"""Loading of a model's networks on a device, from a set of weights or with random ones."""

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
from inference.multitalk.models.registry import MODELS, ModelSpec, Networks, initialise_networks
from inference.multitalk.models.transformer import Transformer
from inference.multitalk.runtime.lora import apply_lora
from inference.multitalk.runtime.offload import BlockOffloader, select_offloaded
from presets.schema import Lora
from weights.errors import WeightsError, format_command
from weights.loading import load_part, read_file
from weights.lora import describe_unusable
from weights.sets import DTYPES, lora_path
from weights.tensors import FLOAT8, StoredTensor, find_tensors

logger = logging.getLogger(__name__)
_SEED = 0  # of random weights
_HOST = torch.device("cpu")


@dataclass(frozen=True)
class LoadOptions:
    """Placement of networks on a GPU; see `inference.multitalk.runtime.placement`.

    `resident_blocks` None keeps all blocks on the GPU.
    """

    compute_dtype: torch.dtype = torch.bfloat16
    resident_blocks: int | None = None
    keep_text_encoder: bool = True


class LoadedModel:
    """Loaded networks with the tokenizer of their text encoder, and the LoRAs applied to them."""

    def __init__(
        self, networks: Networks, tokenizer: Tokenizer, device: torch.device, folder: Path | None
    ) -> None:
        self.networks, self.tokenizer = networks, tokenizer
        self.loras: tuple[Lora, ...] = ()  # active, each on top of those before it
        self._device, self._folder = device, folder
        self._active = ExitStack()

    def set_loras(self, loras: tuple[Lora, ...]) -> None:
        """Apply exactly these LoRAs; random weights take none.

        Raises Fault, with none active, when a file is missing or not for this model.
        """
        if self._folder is None or loras == self.loras:
            return
        self.loras = ()
        self._active.close()
        with ExitStack() as on:
            for lora in loras:
                on.callback(self._apply_lora(lora, lora_path(self._folder, lora)))
            self._active = on.pop_all()
        self.loras = loras

    def _apply_lora(self, lora: Lora, file: Path) -> Callable[[], None]:
        logger.info("LoRA %s of strength %g", file, lora.strength)
        try:
            tensors = read_file(file, _HOST, torch.float32)
            return apply_lora(self.networks.transformer, tensors, lora.strength, self._device)
        except (WeightsError, OSError) as error:
            if Path(lora.name).is_absolute():
                message = describe_unusable(file, error)
            elif isinstance(error, OSError):
                message = f"{file} is not there. Run {format_command('download')}."
            else:
                message = (
                    f"{file} is damaged, or not for this model. Run {format_command('verify')}."
                )
            raise Fault(FaultCode.ENGINE_UNAVAILABLE, message, str(error)) from error

    @contextmanager
    def text_encoder(self) -> Iterator[TextEncoder]:
        """Keep the text encoder on the device inside the context."""
        encoder, home = self.networks.text, self.networks.text.device
        encoder.to(self._device)
        try:
            yield encoder
        finally:
            encoder.to(home)


def load_model(
    model: str, folder: Path | None, device: torch.device, options: LoadOptions | None = None
) -> LoadedModel:
    """Load the networks of `model` on `device`, in evaluation mode.

    `folder` is a set of weights (see `weights.sets`), None for random ones. On a CPU everything is
    float32, except 8-bit weights. Raises Fault when a file does not fit the model.
    """
    spec, options = MODELS[model], options or LoadOptions()
    dtypes = _select_dtypes(device, options)
    if folder is None:
        networks = _move_networks(initialise_networks(spec, _SEED), device, dtypes)
        _offload_blocks(networks.transformer, device, options)
        return LoadedModel(networks, ByT5Tokenizer(), device, None)
    try:
        networks = read_networks(spec, folder, device, dtypes, options)
        tokenizer = read_tokenizer(folder / "tokenizer")
    except (WeightsError, OSError, ValueError) as error:
        message = (
            f"The weights in {folder} are not those of {model}. Run {format_command('verify')}."
        )
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, message, str(error)) from error
    _offload_blocks(networks.transformer, device, options)
    return LoadedModel(networks, tokenizer, device, folder)


def read_networks(
    spec: ModelSpec,
    folder: Path,
    device: torch.device,
    dtypes: Mapping[str, torch.dtype],
    options: LoadOptions,
) -> Networks:
    """Read the networks of `spec` from a set of weights, each in its dtype, on device or host.

    Raises WeightsError or OSError when files are missing or don't fit.
    """
    parts, started, size = dict[str, Any](), time.monotonic(), 0
    host_prefixes = _host_prefixes(spec.transformer.num_layers, options)
    for name, build in spec.get_builders().items():
        found = find_tensors(folder / name)
        with torch.device("meta"):
            parts[name] = build().eval()
        _allocate_fp8_layers(parts[name], found)
        on_host = ("",) if name == "text" and not options.keep_text_encoder else ()
        starts = host_prefixes if name == "transformer" else on_host

        def place(tensor: str, starts: tuple[str, ...] = starts) -> torch.device:
            return _HOST if tensor.startswith(starts) else device

        size += load_part(parts[name], found, place, dtypes[name])
        if name != "transformer":  # which may be on both, and whose files hold all tensors
            parts[name].to(place(""))  # buffers that no file holds
    gigabytes, seconds = size / 1e9, time.monotonic() - started
    logger.info("read %.1f GB in %.0f s, %.2f GB/s", gigabytes, seconds, gigabytes / seconds)
    return Networks(**parts)


def _host_prefixes(blocks: int, options: LoadOptions) -> tuple[str, ...]:
    """Return the name prefixes of tensors that stay on the host."""
    resident = blocks if options.resident_blocks is None else options.resident_blocks
    return tuple(f"blocks.{index}." for index in select_offloaded(blocks, resident))


def _allocate_fp8_layers(network: nn.Module, found: Mapping[str, StoredTensor]) -> None:
    """Prepare the layers whose weight is in 8 bits in the files."""
    for name, source in found.items():
        if source.dtype == FLOAT8 and name.endswith(".weight"):
            layer = network.get_submodule(name.removesuffix(".weight"))
            if isinstance(layer, Linear):
                layer.allocate_fp8()


def _offload_blocks(transformer: Transformer, device: torch.device, options: LoadOptions) -> None:
    if options.resident_blocks is not None and options.resident_blocks < len(transformer.blocks):
        BlockOffloader(transformer, device, options.resident_blocks)


def _move_networks(
    networks: Networks, device: torch.device, dtypes: Mapping[str, torch.dtype]
) -> Networks:
    for name, dtype in dtypes.items():
        network = getattr(networks, name).to(device)
        if dtype is not torch.float32:  # already so, and the autoencoder warns when it is cast
            network.to(dtype)
    return networks


def _select_dtypes(device: torch.device, options: LoadOptions) -> dict[str, torch.dtype]:
    if device.type != "cuda":
        return dict.fromkeys(DTYPES, torch.float32)
    dtypes = {name: cast(torch.dtype, getattr(torch, dtype)) for name, dtype in DTYPES.items()}
    return dtypes | {"transformer": options.compute_dtype}

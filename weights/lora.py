"""LoRA files by their keys and shapes: what each adds to which parameter of the video transformer.

No tensor is looked at, so a file's header is enough to tell whether it fits. As in the original,
`alpha` and `diff_m` are passed over, and so is a change of the patch embedding that has another
shape: LoRAs that were made for the text-to-video model have one of fewer input channels.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from weights.tensors import MismatchError, read_header

Shape = tuple[int, ...]
_PREFIX = "diffusion_model."  # that some files have
_DOWN, _UP, _FULL = "down", "up", "full"
# How keys end, what they hold, and of which of a module's parameters.
_KEY_SUFFIXES = {
    ".lora_down.weight": (_DOWN, "weight"),
    ".lora_A.weight": (_DOWN, "weight"),
    ".lora_up.weight": (_UP, "weight"),
    ".lora_B.weight": (_UP, "weight"),
    ".diff": (_FULL, "weight"),
    ".diff_b": (_FULL, "bias"),
}
_IGNORED = (".alpha", ".diff_m")
_MODULATION = ".modulation"  # a parameter with no module of its own
_OFTEN_MISSHAPEN = "patch_embedding."


@dataclass(frozen=True)
class Change:
    """What is added to a parameter, as keys of the file: the product of the `factors`, which are
    down (rank, ...) and up (out, rank), and the difference `full`."""

    factors: tuple[str, str] | None = None
    full: str | None = None


@dataclass(frozen=True)
class Changes:
    """What a file says: the change of each parameter; how many keys of each kind are `ignored`,
    and which parameters are `skipped` for their shape."""

    by_parameter: dict[str, Change] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)


def parse_changes(file: Mapping[str, Shape], model: Mapping[str, Shape]) -> Changes:
    """What the `file`, of tensors of these shapes, changes of the `model`, whose parameters are of
    those. Raises MisfitError naming the first key that is not understood or does not fit."""
    found, parts = Changes(), dict[str, dict[str, str]]()
    for key in file:
        ignored = next((ending for ending in _IGNORED if key.endswith(ending)), None)
        if ignored:
            found.ignored[ignored] += 1
            continue
        parameter, what = _parse_key(key)
        named = parts.setdefault(parameter, {})
        if what in named:
            raise MismatchError(f"{key} says what {named[what]} says")
        named[what] = key
    for parameter, named in parts.items():
        if _is_applicable(parameter, dict(_list_shapes(named, file)), model):
            factors = (named[_DOWN], named[_UP]) if _DOWN in named else None
            found.by_parameter[parameter] = Change(factors, named.get(_FULL))
        else:
            found.skipped.append(parameter)
    return found


def require_lora(file: Path, model: Mapping[str, Shape]) -> None:
    """Raises MisfitError or OSError unless the file is a LoRA of the `model`, by its header."""
    parse_changes({source.name: source.shape for source in read_header(file)}, model)


def describe_unusable(file: Path, error: Exception) -> str:
    """What is said to an operator, whose own the file is, when reading it raised `error`."""
    if isinstance(error, OSError):
        return f"The LoRA {file} can't be read. Put it there, or take it out of PORTRAIT_LORAS."
    return f"The LoRA {file} does not fit the model ({error}). Take it out of PORTRAIT_LORAS."


def _parse_key(key: str) -> tuple[str, str]:
    """The parameter that a key is about, and what it holds of the change."""
    for ending, (what, leaf) in _KEY_SUFFIXES.items():
        if key.endswith(ending):
            module = key.removeprefix(_PREFIX).removesuffix(ending)
            if ending == ".diff" and f".{module}".endswith(_MODULATION):
                return module, what
            return f"{module}.{leaf}", what
    raise MismatchError(f"{key} is not understood")


def _list_shapes(
    named: Mapping[str, str], file: Mapping[str, Shape]
) -> Iterator[tuple[str, Shape]]:
    """The shape of each change of one parameter, with a key that it comes from."""
    if _FULL in named:
        yield named[_FULL], file[named[_FULL]]
    factors = [named[what] for what in (_DOWN, _UP) if what in named]
    if len(factors) == 1:
        raise MismatchError(f"{factors[0]} has no other factor")
    if factors:
        down, up = (file[key] for key in factors)
        if not down or not up or prod(up[1:]) != down[0]:
            raise MismatchError(
                f"{factors[1]} is {up}, which does not go with {factors[0]}, {down}"
            )
        yield factors[1], (up[0], *down[1:])


def _is_applicable(parameter: str, shapes: Mapping[str, Shape], model: Mapping[str, Shape]) -> bool:
    """Whether the change can be made; False for one that is often misshapen."""
    for key, shape in shapes.items():
        if parameter not in model:
            raise MismatchError(f"{key}: the model has no {parameter}")
        if shape != model[parameter]:
            if parameter.startswith(_OFTEN_MISSHAPEN):
                return False
            raise MismatchError(f"{key}: the change is {shape}, {parameter} is {model[parameter]}")
    return True

"""LoRA files, parsed by their keys and shapes into changes of the transformer's parameters.

No tensor is read, so a file's header is enough to check it. As in the original, `alpha` and
`diff_m` are ignored, and a change of the patch embedding is skipped if its shape differs: LoRAs
made for the text-to-video model have fewer input channels there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from weights.tensors import MismatchError, read_header

Shape = tuple[int, ...]
_PREFIX = "diffusion_model."  # in some files
_DOWN, _UP, _FULL = "down", "up", "full"
# Suffix of a key -> its role in the change, and the module's parameter that is changed.
_KEY_SUFFIXES = {
    ".lora_down.weight": (_DOWN, "weight"),
    ".lora_A.weight": (_DOWN, "weight"),
    ".lora_up.weight": (_UP, "weight"),
    ".lora_B.weight": (_UP, "weight"),
    ".diff": (_FULL, "weight"),
    ".diff_b": (_FULL, "bias"),
}
_IGNORED = (".alpha", ".diff_m")
_MODULATION = ".modulation"  # a parameter, where other keys name a module
_OFTEN_MISSHAPEN = "patch_embedding."


@dataclass(frozen=True)
class Change:
    """Change of one parameter, as keys of the file.

    It adds the product of the `factors`, down (rank, ...) and up (out, rank), and the difference
    `full`, which has the parameter's shape.
    """

    factors: tuple[str, str] | None = None
    full: str | None = None


@dataclass(frozen=True)
class Changes:
    """Content of a LoRA file: changes by parameter, counts of `ignored` keys by suffix, and the
    parameters `skipped` for their shape."""

    by_parameter: dict[str, Change] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)


def parse_changes(file: Mapping[str, Shape], model: Mapping[str, Shape]) -> Changes:
    """Return the changes of a `file` to a `model`, both given as shapes by tensor name.

    Raises MismatchError naming the first key that is not understood or does not fit.
    """
    changes, keys_by_parameter = Changes(), dict[str, dict[str, str]]()
    for key in file:
        ignored = next((suffix for suffix in _IGNORED if key.endswith(suffix)), None)
        if ignored:
            changes.ignored[ignored] += 1
            continue
        parameter, role = _parse_key(key)
        keys = keys_by_parameter.setdefault(parameter, {})
        if role in keys:
            raise MismatchError(f"{key} says what {keys[role]} says")
        keys[role] = key
    for parameter, keys in keys_by_parameter.items():
        if _is_applicable(parameter, dict(_list_shapes(keys, file)), model):
            factors = (keys[_DOWN], keys[_UP]) if _DOWN in keys else None
            changes.by_parameter[parameter] = Change(factors, keys.get(_FULL))
        else:
            changes.skipped.append(parameter)
    return changes


def require_lora(file: Path, model: Mapping[str, Shape]) -> None:
    """Raise MismatchError or OSError unless the file's header is that of a LoRA of the `model`."""
    parse_changes({source.name: source.shape for source in read_header(file)}, model)


def describe_unusable(file: Path, error: Exception) -> str:
    """Return the message for an operator whose own LoRA raised `error` when it was read."""
    if isinstance(error, OSError):
        return f"The LoRA {file} can't be read. Put it there, or take it out of PORTRAIT_LORAS."
    return f"The LoRA {file} does not fit the model ({error}). Take it out of PORTRAIT_LORAS."


def _parse_key(key: str) -> tuple[str, str]:
    """Return the parameter that a key belongs to, and its role in the change."""
    for suffix, (role, leaf) in _KEY_SUFFIXES.items():
        if key.endswith(suffix):
            module = key.removeprefix(_PREFIX).removesuffix(suffix)
            if suffix == ".diff" and f".{module}".endswith(_MODULATION):
                return module, role
            return f"{module}.{leaf}", role
    raise MismatchError(f"{key} is not understood")


def _list_shapes(keys: Mapping[str, str], file: Mapping[str, Shape]) -> Iterator[tuple[str, Shape]]:
    """Yield the shape of each change of one parameter, with a key that it comes from."""
    if _FULL in keys:
        yield keys[_FULL], file[keys[_FULL]]
    factors = [keys[role] for role in (_DOWN, _UP) if role in keys]
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
    """Return False for a misshapen change that is skipped; raise MismatchError for another one."""
    for key, shape in shapes.items():
        if parameter not in model:
            raise MismatchError(f"{key}: the model has no {parameter}")
        if shape != model[parameter]:
            if parameter.startswith(_OFTEN_MISSHAPEN):
                return False
            raise MismatchError(f"{key}: the change is {shape}, {parameter} is {model[parameter]}")
    return True

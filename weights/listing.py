"""What is known of a model's networks, and whether files are of these: the committed list of every
tensor, and the settings of the voice encoder."""

import json
from collections.abc import Mapping
from pathlib import Path

from weights.lora import require_lora
from weights.manifest import VOICE_CONFIG, Manifest
from weights.tensors import SCALE_SUFFIX, MismatchError, StoredTensor, require_match


def read_shapes(manifest: Manifest, part: str) -> dict[str, tuple[int, ...]]:
    """Every tensor of a network, by its name there, with its shape."""
    names = json.loads(manifest.shapes.read_text())[part]
    return {name: tuple(shape) for name, shape in names.items()}


def require_shapes(manifest: Manifest, part: str, found: Mapping[str, StoredTensor]) -> None:
    """Raises MisfitError unless the tensors `found` are those listed; scales of 8-bit ones may be
    among them."""
    shapes = {
        name: source.shape for name, source in found.items() if not name.endswith(SCALE_SUFFIX)
    }
    require_match(read_shapes(manifest, part), shapes)


def find_mismatch(manifest: Manifest, place: str, file: Path) -> str | None:
    """Why the `file`, which belongs at a `place` in a set, does not fit the model. None if it does,
    or is a network's: of these all files count together. Raises OSError when it can't be read."""
    try:
        if place.startswith("loras/"):
            require_lora(file, read_shapes(manifest, "transformer"))
        elif place == VOICE_CONFIG:
            _require_voice_config(manifest, file)
    except MismatchError as error:
        return f"does not fit the model: {error}"
    return None


def _require_voice_config(manifest: Manifest, file: Path) -> None:
    """What the settings don't say is the library's default, which is what is wanted."""
    try:
        found = dict(json.loads(file.read_bytes()))
    except (ValueError, TypeError) as error:
        raise MismatchError(f"it is damaged: {error}") from error
    wrong = [
        f"{name} is {json.dumps(found[name])}, and {json.dumps(wanted)} is wanted"
        for name, wanted in manifest.voice.items()
        if found.get(name, wanted) != wanted
    ]
    if wrong:
        raise MismatchError("; ".join(wrong))

"""What is known of a model's networks, and whether files are of these: the committed list of every
tensor, and the settings of the voice encoder."""

import json
from collections.abc import Mapping
from pathlib import Path

from weights.lora import require_lora
from weights.manifest import VOICE_CONFIG, Manifest
from weights.tensors import SCALE, MisfitError, Source, require_fit


def listed(manifest: Manifest, part: str) -> dict[str, tuple[int, ...]]:
    """Every tensor of a network, by its name there, with its shape."""
    names = json.loads(manifest.shapes.read_text())[part]
    return {name: tuple(shape) for name, shape in names.items()}


def require_listed(manifest: Manifest, part: str, found: Mapping[str, Source]) -> None:
    """Raises MisfitError unless the tensors `found` are those listed; scales of 8-bit ones may be
    among them."""
    shapes = {name: source.shape for name, source in found.items() if not name.endswith(SCALE)}
    require_fit(listed(manifest, part), shapes)


def misfit(manifest: Manifest, place: str, file: Path) -> str | None:
    """Why the `file`, which belongs at a `place` in a set, does not fit the model. None if it does,
    or is a network's: of these all files count together. Raises OSError when it can't be read."""
    try:
        if place.startswith("loras/"):
            require_lora(file, listed(manifest, "transformer"))
        elif place == VOICE_CONFIG:
            _require_voice(manifest, file)
    except MisfitError as error:
        return f"does not fit the model: {error}"
    return None


def _require_voice(manifest: Manifest, file: Path) -> None:
    """What the settings don't say is the library's default, which is what is wanted."""
    try:
        found = dict(json.loads(file.read_bytes()))
    except (ValueError, TypeError) as error:
        raise MisfitError(f"it is damaged: {error}") from error
    wrong = [
        f"{name} is {json.dumps(found[name])}, and {json.dumps(wanted)} is wanted"
        for name, wanted in manifest.voice.items()
        if found.get(name, wanted) != wanted
    ]
    if wrong:
        raise MisfitError("; ".join(wrong))

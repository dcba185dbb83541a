"""The committed list of every network's tensors, and whether files hold exactly those."""

import json
from collections.abc import Mapping

from weights.manifest import Manifest
from weights.tensors import SCALE, Source, require_fit


def listed(manifest: Manifest, part: str) -> dict[str, tuple[int, ...]]:
    """Every tensor of a network, by its name there, with its shape."""
    names = json.loads(manifest.shapes.read_text())[part]
    return {name: tuple(shape) for name, shape in names.items()}


def require_listed(manifest: Manifest, part: str, found: Mapping[str, Source]) -> None:
    """Raises MisfitError unless the tensors `found` are those listed; scales of 8-bit ones may be
    among them."""
    shapes = {name: source.shape for name, source in found.items() if not name.endswith(SCALE)}
    require_fit(listed(manifest, part), shapes)

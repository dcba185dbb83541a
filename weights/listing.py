"""The committed list of the transformer's parameters, and whether files hold exactly those."""

import json
from collections.abc import Mapping

from weights.manifest import Manifest
from weights.tensors import SCALE, Source, require_fit


def listed(manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """Every parameter of the transformer, by name, with its shape."""
    return {name: tuple(shape) for name, shape in json.loads(manifest.shapes.read_text()).items()}


def require_listed(manifest: Manifest, found: Mapping[str, Source]) -> None:
    """Raises MisfitError unless the tensors `found` are those listed; scales of 8-bit ones may be
    among them."""
    shapes = {name: source.shape for name, source in found.items() if not name.endswith(SCALE)}
    require_fit(listed(manifest), shapes)

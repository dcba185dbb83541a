"""Engines by name. Each is imported only when it is asked for, so that a page stays light."""

import importlib
from typing import cast

from inference.engines.base import Engine
from inference.errors import Fault, FaultCode

_ENGINES = {"draft": ("inference.engines.draft", "DraftEngine")}


def select_engine(name: str) -> Engine:
    """The engine of that name. Raises Fault when it is not there or can't work here."""
    if name not in _ENGINES:
        raise Fault(
            FaultCode.ENGINE_UNAVAILABLE,
            f"The {name} engine is not part of this version yet. Use --quality draft.",
        )
    module, attribute = _ENGINES[name]
    engine = cast(Engine, getattr(importlib.import_module(module), attribute)())
    availability = engine.availability()
    if not availability.ready:
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, availability.reason)
    return engine

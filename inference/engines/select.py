"""Engines by name. Each is imported only when it is asked for, so that a page stays light."""

import importlib
from typing import cast

from inference.engines.base import Engine, EngineOptions
from inference.errors import Fault, FaultCode
from inference.settings import Settings
from presets.schema import EngineFamily

_OWN_CHOICE = EngineOptions()
_ENGINES = {
    "draft": ("inference.engines.draft", "DraftEngine"),
    "multitalk": ("inference.engines.multitalk", "MultiTalkEngine"),
}


def select_engine(name: str, options: EngineOptions = _OWN_CHOICE) -> Engine:
    """The engine of that name.

    Raises Fault when it is not there or can't work here, InputError when it has no such options.
    """
    if name not in _ENGINES:
        raise Fault(
            FaultCode.ENGINE_UNAVAILABLE,
            f"The {name} engine is not part of this version yet. Use --quality draft.",
        )
    module, attribute = _ENGINES[name]
    engine = cast(Engine, getattr(importlib.import_module(module), attribute)(options))
    availability = engine.availability()
    if not availability.ready:
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, availability.reason)
    return engine


def configured_engine(name: str, settings: Settings, asked: EngineOptions = _OWN_CHOICE) -> Engine:
    """The engine of that name; an option that is not asked for is as in the settings.

    Raises what `select_engine` raises.
    """
    if name == EngineFamily.DRAFT:  # the settings' model and device are MultiTalk's
        return select_engine(name, asked)
    model, device = asked.model or settings.model, asked.device or settings.device
    return select_engine(name, EngineOptions(model, device))

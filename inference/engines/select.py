"""Engines by name. Each is imported only when it is asked for, so that a page stays light."""

import importlib
from typing import cast

from inference.core.engine import Engine, EngineOptions
from inference.core.errors import Fault, FaultCode
from inference.core.settings import Settings
from presets.schema import EngineFamily

_DEFAULT_OPTIONS = EngineOptions()
_ENGINES = {
    "draft": ("inference.engines.draft", "DraftEngine"),
    "multitalk": ("inference.engines.multitalk", "MultiTalkEngine"),
    "modal": ("inference.engines.remote", "RemoteEngine"),
    "container": ("inference.engines.remote", "ContainerEngine"),
}


def select_engine(name: str, options: EngineOptions = _DEFAULT_OPTIONS) -> Engine:
    """The engine of that name.

    Raises Fault when it can't work here, InputError when it has no such options.
    """
    module, attribute = _ENGINES[name]
    engine = cast(Engine, getattr(importlib.import_module(module), attribute)(options))
    availability = engine.check_availability()
    if not availability.ready:
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, availability.reason)
    return engine


def select_configured_engine(
    name: str, settings: Settings, asked: EngineOptions = _DEFAULT_OPTIONS
) -> Engine:
    """The engine of that name; an option that is not asked for is as in the settings.

    Raises what `select_engine` raises.
    """
    if name != EngineFamily.MULTITALK:  # whose the settings' model and device are
        return select_engine(name, asked)
    model, device = asked.model or settings.model, asked.device or settings.device
    return select_engine(name, EngineOptions(model, device))


def select_engine_for(
    family: EngineFamily, settings: Settings, asked: EngineOptions = _DEFAULT_OPTIONS
) -> Engine:
    """Who makes videos of that family: in the deployed app one of its containers; elsewhere this
    machine, and for what it can't do, the deployed app.

    Raises what `select_engine` raises; where nobody can, what this machine lacks.
    """
    if settings.on_modal:
        return select_engine("container", asked)
    try:
        return select_configured_engine(family.value, settings, asked)
    except Fault as fault:
        if family is EngineFamily.DRAFT or asked != _DEFAULT_OPTIONS:
            raise
        try:
            return select_engine("modal")
        except Fault:
            raise fault from None

"""Selection of engines by name. Each is imported only on request, so that a page stays light."""

import importlib
from typing import cast

from inference.core.engine import Engine, EngineOptions
from inference.core.errors import Fault, FaultCode
from inference.core.settings import Settings
from presets.schema import EngineFamily

_DEFAULT_OPTIONS = EngineOptions()
# the module `inference.engines.NAME` holds a family's own engine as `ENGINE`
_OF_ANY_FAMILY = {
    "modal": ("inference.engines.remote", "RemoteEngine"),
    "container": ("inference.engines.remote", "ContainerEngine"),
}


def select_engine(name: str, options: EngineOptions = _DEFAULT_OPTIONS) -> Engine:
    """Return the engine of that name.

    Raises Fault when it is unavailable here, InputError when it does not support the options.
    """
    module, attribute = _OF_ANY_FAMILY.get(name, (f"inference.engines.{name}", "ENGINE"))
    engine = cast(Engine, getattr(importlib.import_module(module), attribute)(options))
    availability = engine.check_availability()
    if not availability.ready:
        raise Fault(FaultCode.ENGINE_UNAVAILABLE, availability.reason)
    return engine


def select_configured_engine(
    name: str, settings: Settings, options: EngineOptions = _DEFAULT_OPTIONS
) -> Engine:
    """Return the engine of that name; options that are not given come from the settings.

    Raises like `select_engine`.
    """
    if name != EngineFamily.MULTITALK:  # the settings' model and device are MultiTalk's
        return select_engine(name, options)
    model, device = options.model or settings.model, options.device or settings.device
    return select_engine(name, EngineOptions(model, device))


def select_engine_for(
    family: EngineFamily, settings: Settings, options: EngineOptions = _DEFAULT_OPTIONS
) -> Engine:
    """Return an engine of that family.

    In the deployed app it is one of its containers; elsewhere this machine, or else the deployed
    app. Raises like `select_engine`; if both are unavailable, the Fault of this machine.
    """
    if settings.on_modal:
        return select_engine("container", options)
    try:
        return select_configured_engine(family.value, settings, options)
    except Fault as fault:
        if not family.needs_gpu or options != _DEFAULT_OPTIONS:
            raise
        try:
            return select_engine("modal")
        except Fault:
            raise fault from None

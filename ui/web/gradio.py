"""Gradio, without the notes for editors that it would write anew at each start.

For every component it parses that component's source and renders a file of types beside it: half
the time that it takes to load, and with it half the time that a page needs to start.
"""

import importlib
import sys
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, Any

__all__ = ["gr"]


def _load_gradio() -> Any:
    """The package. Its module of the notes is loaded ahead of what asks for them."""
    spec = find_spec("gradio")
    assert spec is not None and spec.loader is not None
    package = module_from_spec(spec)
    sys.modules["gradio"] = package  # until it is carried out, so that its module can be found
    notes: Any = importlib.import_module("gradio.component_meta")
    notes.create_or_modify_pyi = lambda component_class, class_name, events: None
    spec.loader.exec_module(package)
    return package


if TYPE_CHECKING:
    import gradio as gr
else:
    gr = _load_gradio()

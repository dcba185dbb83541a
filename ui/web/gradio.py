"""Gradio without its type stubs, which it would generate anew at each start.

For every component it parses the component's source and writes a .pyi file beside it. That takes
half of Gradio's loading time, and with it half of the page's start-up.
"""

import importlib
import sys
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, Any

__all__ = ["gr"]


def _load_gradio() -> Any:
    """Load the package, with its stub generator replaced before anything uses it."""
    spec = find_spec("gradio")
    assert spec is not None and spec.loader is not None
    package = module_from_spec(spec)
    sys.modules["gradio"] = package  # so that its submodules can be found
    stubs: Any = importlib.import_module("gradio.component_meta")
    stubs.create_or_modify_pyi = lambda component_class, class_name, events: None
    spec.loader.exec_module(package)
    return package


if TYPE_CHECKING:
    import gradio as gr
else:
    gr = _load_gradio()

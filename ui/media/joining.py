"""The page's scripts and styles, each joined into one file; their sources stay modules of one job.

A script keeps its lines, in a function of its own: names that it doesn't export are its own.
"""

import re
from collections.abc import Sequence
from pathlib import Path

_IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(
    r"^export (?=(?:async )?(?:function|class|const)\*? (\w+))", re.MULTILINE | re.ASCII
)
_UNKNOWN = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def join_scripts(folder: Path, entry: str) -> str:
    """Return one script with module `entry` of `folder` and all that it imports, in order.

    Modules import by name from their own folder and export functions, classes and constants.
    Raises ValueError for anything else, and for modules that import each other.
    """
    joined: dict[str, str] = {}
    open_modules: list[str] = []

    def add(module: str) -> None:
        if module in open_modules:
            raise ValueError(f"these modules import each other: {', '.join(open_modules)}")
        if module in joined:
            return
        open_modules.append(module)
        source = (folder / f"{module}.js").read_text()
        for imported in _IMPORT.finditer(source):
            add(imported[2])
        joined[open_modules.pop()] = _wrap(module, source)

    add(entry)
    return '"use strict";\n' + "".join(joined.values())


def _wrap(module: str, source: str) -> str:
    """Return a module as a function, which is called and returns what the module exports."""
    exported = ", ".join(_EXPORT.findall(source))
    body = _EXPORT.sub("", _IMPORT.sub(_take, source))
    if unknown := _UNKNOWN.search(body):
        raise ValueError(f"{module}.js can't be joined: {unknown[0]}")
    end = f"  return {{ {exported} }};\n" if exported else ""
    return f"\n// ---- {module}.js\nconst {_name(module)} = (() => {{\n{body}{end}}})();\n"


def _take(imported: re.Match[str]) -> str:
    names = (imported[1] or "").replace(" as ", ": ")
    return f"const {{{names}}} = {_name(imported[2])};\n" if names else ""


def _name(module: str) -> str:
    return f"{module}_js"


def join_styles(folder: Path, names: Sequence[str]) -> str:
    """Return one style sheet with those of `folder`, in the order of the cascade."""
    return "".join(
        f"\n/* ---- {name}.css */\n{(folder / f'{name}.css').read_text()}" for name in names
    )

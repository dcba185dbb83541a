"""Gradio's own files for the browser: which of them its first page needs."""

import re
from pathlib import Path

from ui.web.gradio import gr

GRADIO_FILES = Path(gr.__file__).parent / "templates" / "frontend"
_COMPONENTS = ("html", "row", "column")  # that the page is made of
_STATIC_IMPORT = re.compile(r'(?:from|import)"\./([\w-]+\.js)"')
_LATE_IMPORT = re.compile(r"import\(`\./([\w-]+\.js)`\)")


def find_first_files() -> tuple[str, str]:
    """Return the addresses of Gradio's first script and style sheet."""
    page = (GRADIO_FILES / "index.html").read_text()
    script = re.search(r'src="\.(/assets/[^"]+\.js)"', page)
    style = re.search(r'href="\.(/assets/[^"]+\.css)"', page)
    assert script and style, "Gradio's document has changed"
    return script[1], style[1]


def find_scripts(first: str) -> list[str]:
    """Return the addresses of the scripts that the `first` one leads to, one after another.

    A browser that is told of them asks for all at once. An unknown build gives fewer.
    """
    found: list[str] = []

    def read(name: str) -> str:
        return (GRADIO_FILES / "assets" / name).read_text()

    def add(name: str) -> None:
        if name not in found:
            found.append(name)
            for imported in _STATIC_IMPORT.findall(read(name)):
                add(imported)

    add(Path(first).name)
    for name in _LATE_IMPORT.findall(read(Path(first).name)):
        if name.startswith("__"):  # for Node alone
            continue
        add(name)
        source = read(name)
        for late in _LATE_IMPORT.findall(source):
            if late.startswith("Blocks-"):
                add(late)
        for component in _COMPONENTS:
            pattern = (
                rf"\b{component}:{{[^{{}}]*?component:\(\)=>\w+\(\(\)=>import\(`\./([\w-]+\.js)`"
            )
            if loaded := re.search(pattern, source):
                add(loaded[1])
    return [f"/assets/{name}" for name in found[1:]]

"""`docs/reliability.md`, from the tests that hold it: those marked `holds`.

`python -m tests.hostile.reliability` writes it.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.media import ROOT

DOCUMENT = ROOT / "docs" / "reliability.md"
FAULTS = ("kill", "full disk", "read-only", "torn file", "no network", "two servers")
STAGES = (
    "upload",
    "decoding",
    "page",
    "API",
    "queue",
    "making, draft",
    "making, MultiTalk",
    "making on Modal",
    "publishing",
    "deleting",
    "command line",
    "weights",
)
# Faults that a stage can't have, with the reason.
NONE = {
    ("decoding", "no network"): "it needs none",
    ("queue", "no network"): "it needs none",
    ("making, draft", "no network"): "it needs none",
    ("making, MultiTalk", "no network"): "it needs none",
    ("publishing", "full disk"): "the video is finished before",
    ("publishing", "read-only"): "the video is finished before",
}
_HEAD = """# Reliability

<!-- Written by `make reliability`: change the marks `holds` of the tests instead. -->

What becomes of people's work when something fails, by the stage of its way
([architecture](architecture.md)). Each entry leads to the test that holds it.

- **kill**: the process is gone at once, as by a loss of power.
- **full disk**, **read-only**: the data folder takes no more, or nothing.
- **torn file**: a part of a file is missing or wrong.
- **no network**: the connection breaks, or is away.
- **two servers**: two processes have the same data folder, as while the deployed page moves.
"""


@dataclass(frozen=True)
class Held:
    """Promise that a test holds: `path` is relative to the project."""

    stage: str
    fault: str
    says: str
    path: str
    test: str


def find_held() -> list[Held]:
    """Return the promises of all tests, in the order of their files."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [held for file in files if b".holds(" in file.read_bytes() for held in _read(file)]


def _read(file: Path) -> Iterator[Held]:
    functions = (
        node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)
    )
    for function in functions:
        for mark in function.decorator_list:
            match mark:
                case ast.Call(func=ast.Attribute(attr="holds"), args=args):
                    stage, fault, says = (ast.literal_eval(each) for each in args)
                    path = file.relative_to(ROOT).as_posix()
                    yield Held(stage, fault, says, path, function.name)


def render() -> str:
    """Return the document."""
    held = find_held()
    rows = [f"| | {' | '.join(FAULTS)} |", f"|---|{'---|' * len(FAULTS)}"]
    for stage in STAGES:
        cells = [_render_cell(held, stage, fault) for fault in FAULTS]
        rows.append(f"| **{stage}** | {' | '.join(cells)} |")
    return "\n".join([_HEAD, *rows, ""])


def _render_cell(held: list[Held], stage: str, fault: str) -> str:
    found = [each for each in held if (each.stage, each.fault) == (stage, fault)]
    links = (f'[{each.says}](../{each.path} "{each.test}")' for each in found)
    return "; ".join(links) or f"– ({NONE[stage, fault]})"


if __name__ == "__main__":
    DOCUMENT.write_text(render())

"""The list of rooms: imports run one way, and what must start fast stays light."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.media import ROOT

# A module imports its own room and those before it.
ROOMS = [
    "presets",
    "weights",
    "inference.core",
    "inference.media",
    "inference.storage",
    "inference.quality",
    "inference.rendering",
    "inference.draft",
    "inference.multitalk",
    "inference.cloud",
    "inference.engines",
    "inference.jobs",
    "inference.batch",
    "inference.diagnostics",
    "ui.strings",
    "ui.access",
    "ui.media",
    "ui.session",
    "ui.views",
    "ui.api",
    "ui.web",
    "ui.cli",
]
# Rooms within a room, in the same order; what lies beside them in the room uses all of them.
INNER_ROOMS = [
    "inference.core.confinement",
    "inference.media.picture_files",
    "inference.media.sandbox",
    "inference.draft.voice",
    "inference.draft.face",
    "inference.multitalk.models",
    "inference.multitalk.conditioning",
    "inference.multitalk.sampling",
    "inference.multitalk.runtime",
    "inference.diagnostics.verify",
    "ui.cli.batch",
]
# What starts the product, and may use every room.
ENTRY_POINTS = {"app", "weights.__main__", "inference.verify"}
# Rooms that know nothing of each other, although one comes first.
STRANGERS = [
    ("inference.draft", "inference.multitalk"),
    ("inference.storage", "inference.media"),
    ("inference.jobs", "inference.cloud"),
    ("inference.jobs", "inference.media"),
    ("inference.multitalk.sampling", "inference.multitalk.models"),
    ("ui.cli", "ui.web"),
]
MOST_ROOMS, MOST_FILES = 12, 16
SOURCES = sorted(
    path.relative_to(ROOT)
    for room in ("presets", "weights", "inference", "ui")
    for path in (ROOT / room).rglob("*.py")
    if path.parts[-3:-1] != ("weights", "files")
) + [Path("app.py")]


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


KNOWN = {module_name(source) for source in SOURCES}


def room_of(module: str, rooms: list[str]) -> int | None:
    """Return the number of the room that holds `module`; None for what lies in none."""
    for number, room in enumerate(rooms):
        if f"{module}.".startswith(f"{room}."):
            return number
    return None


@cache
def imports(path: Path) -> set[str]:
    """Return every project module that the file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in KNOWN else node.module for name in names}
    return found & KNOWN


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_run_one_way(path: Path) -> None:
    module = module_name(path)
    if module in ENTRY_POINTS or module in ("inference", "ui"):
        return
    own = room_of(module, ROOMS)
    assert own is not None, "a module in no room: add the room to ROOMS"
    backwards = {name for name in imports(path) if (room_of(name, ROOMS) or 0) > own}
    inner = room_of(module, INNER_ROOMS)
    if inner is not None:
        backwards |= {name for name in imports(path) if (room_of(name, INNER_ROOMS) or 0) > inner}
    assert not backwards


@pytest.mark.parametrize(("one", "other"), [*STRANGERS, *(pair[::-1] for pair in STRANGERS)])
def test_strangers_stay_apart(one: str, other: str) -> None:
    found = {
        name
        for path in SOURCES
        if f"{module_name(path)}.".startswith(f"{one}.")
        for name in imports(path)
    }
    assert not [name for name in found if f"{name}.".startswith(f"{other}.")]


@pytest.mark.parametrize("folder", sorted({path.parent for path in SOURCES}), ids=str)
def test_a_room_can_be_taken_in_at_a_glance(folder: Path) -> None:
    inside = [path.relative_to(folder) for path in SOURCES if path.is_relative_to(folder)]
    assert len({path.parts[0] for path in inside if len(path.parts) > 1}) <= MOST_ROOMS
    files = [path for path in inside if len(path.parts) == 1 and path.name != "__init__.py"]
    assert len(files) <= MOST_FILES or folder.name == "views"


@pytest.mark.parametrize("room", ["inference", "ui", *ROOMS, *INNER_ROOMS])
def test_a_room_says_what_it_is_for(room: str) -> None:
    text = ast.get_docstring(ast.parse((ROOT / room.replace(".", "/") / "__init__.py").read_text()))
    assert text and text.count(". ") + text.count(".\n") >= 1


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("presets.quality", {"numpy", "pydantic", "gradio", "inference"}),
        ("presets.models", {"numpy", "pydantic", "gradio", "inference"}),
        # a process for each upload
        ("inference.media.sandbox.child", {"pydantic", "numpy", "PIL", "av", "cv2"}),
        ("inference.media.picture", {"pydantic", "av", "torch"}),
        ("inference.media.recording", {"pydantic", "cv2", "torch"}),
        ("inference.core.plan", {"numpy", "PIL", "av", "cv2", "scipy", "gradio"}),
        ("inference.engines.select", {"av", "cv2", "scipy", "torch", "gradio", "modal"}),
        ("inference.engines.multitalk", {"numpy", "av", "cv2", "torch", "diffusers", "gradio"}),
        ("inference.jobs.worker", {"av", "cv2", "scipy", "torch", "gradio", "modal", "boto3"}),
        (
            "inference.diagnostics.environment",
            {"numpy", "av", "cv2", "torch", "psutil", "gradio", "modal"},
        ),
        ("ui.web.app", {"torch", "cv2", "scipy", "av", "modal", "diffusers", "transformers"}),
        (
            "ui.cli.commands",
            {"torch", "cv2", "scipy", "av", "modal", "gradio", "fastapi", "transformers"},
        ),
        ("app", {"torch", "cv2", "scipy", "av", "gradio", "transformers"}),
        # where weights are prepared on Modal these are not installed
        ("weights.prepare", {"diffusers", "transformers", "einops", "ftfy", "pyloudnorm"}),
    ],
)
def test_what_must_start_fast_stays_light(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not heavy & set(done.stdout.split())


# Diffusers and transformers ask for devices when they are imported; our own modules, which come
# here once more, do not: whoever asks before there is a GPU is told for good that there is none.
IMPORT_TWICE = """
import importlib, sys
names = sys.argv[1:]
for name in names:
    importlib.import_module(name)
import torch
def refuse(*_, **__):
    raise AssertionError("torch is asked for a device")
for asked, questions in [
    (torch.cuda, "is_available device_count is_initialized current_device init _lazy_init"),
    (torch.accelerator, "is_available device_count current_accelerator current_device_index"),
]:
    for question in questions.split():
        assert hasattr(asked, question), question
        setattr(asked, question, refuse)
for name in names:
    del sys.modules[name]
for name in names:
    importlib.import_module(name)
"""


def test_importing_everything_writes_nothing_says_nothing_and_asks_for_no_device(
    tmp_path: Path,
) -> None:
    names = [module_name(path) for path in SOURCES]
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", IMPORT_TWICE, *names],
        cwd=ROOT,
        env={
            "PATH": "",
            "PYTHONPATH": str(ROOT),
            "HOME": str(tmp_path),
            "PORTRAIT_DATA": str(tmp_path / "d"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "d").exists()


def test_nothing_is_declared_to_run_before_there_is_a_gpu() -> None:
    """While a memory snapshot is taken there is none, and torch keeps to what it saw then."""
    declared = [
        ast.unparse(node)
        for node in ast.walk(ast.parse((ROOT / "app.py").read_text()))
        if isinstance(node, ast.keyword) and "snap" in ast.unparse(node)
    ]
    assert declared == []

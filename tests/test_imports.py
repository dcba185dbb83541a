"""Imports run one way, and what must start fast stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Each room, in the order of the design: a module may import its own room and those before it.
LAYERS: list[set[str]] = [
    {"presets", "weights"},
    {
        "inference",
        "inference.check",
        "inference.errors",
        "inference.tuning",
        "inference.request",
        "inference.timing",
        "inference.framing",
        "inference.plan",
        "inference.rates",
        "inference.events",
        "inference.task",
        "inference.settings",
        "inference.output",
        "inference.placement",
        "inference.written",
        "inference.row",
        "inference.table",
        "inference.batch",
        "inference.report",
        "inference.published",
    },
    {"inference.media", "inference.intake", "inference.models"},
    {"inference.quality"},
    {"inference.assembly", "inference.growing", "inference.mixing"},
    {"inference.draft", "inference.multitalk"},
    {"inference.bucket", "inference.storage"},
    {
        "inference.cloud",
        "inference.engines",
        "inference.doctor",
    },
    {"inference.verify"},
    {
        "inference.lock",
        "inference.history",
        "inference.pace",
        "inference.fairness",
        "inference.jobfolder",
        "inference.jobs",
        "inference.worker",
        "inference.queue",
    },
    {"ui"},
    {"app", "weights.__main__"},
]
# Rooms of one layer that know nothing of each other.
STRANGERS = [("inference.draft", "inference.multitalk"), ("inference.media", "inference.models")]
SOURCES = sorted(
    path.relative_to(ROOT)
    for room in ("presets", "weights", "inference", "ui")
    for path in (ROOT / room).rglob("*.py")
    if "files" not in path.parts
) + [Path("app.py")]


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(module: str) -> int:
    """The layer of the longest listed prefix of `module`."""
    while module:
        for number, names in enumerate(LAYERS):
            if module in names:
                return number
        module = module.rpartition(".")[0]
    raise AssertionError("a module in no layer: add it to LAYERS")


def imports(path: Path) -> set[str]:
    """Every project module that the file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    known = {module_name(source) for source in SOURCES}
    return found & known


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_run_one_way(path: Path) -> None:
    module = module_name(path)
    backwards = {name for name in imports(path) if layer(name) > layer(module)}
    assert not backwards


@pytest.mark.parametrize(("one", "other"), [*STRANGERS, *(pair[::-1] for pair in STRANGERS)])
def test_neighbours_stay_apart(one: str, other: str) -> None:
    found = {
        name
        for path in SOURCES
        if f"{module_name(path)}.".startswith(f"{one}.")
        for name in imports(path)
    }
    assert not [name for name in found if f"{name}.".startswith(f"{other}.")]


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("presets.quality", {"numpy", "pydantic", "gradio", "inference"}),
        ("presets.models", {"numpy", "pydantic", "gradio", "inference"}),
        ("inference.plan", {"numpy", "PIL", "av", "cv2", "scipy", "gradio"}),
        ("inference.engines.select", {"av", "cv2", "scipy", "torch", "gradio", "modal"}),
        ("inference.engines.multitalk", {"numpy", "av", "cv2", "torch", "diffusers", "gradio"}),
        ("inference.worker", {"av", "cv2", "scipy", "torch", "gradio", "modal", "boto3"}),
        (
            "inference.cloud.environment",
            {"numpy", "av", "cv2", "torch", "psutil", "gradio", "modal"},
        ),
        ("ui.server", {"torch", "cv2", "scipy", "av", "modal", "diffusers", "transformers"}),
        (
            "ui.commands",
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

"""Batches without their slow parts: reports as told, and files that need no decoding."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.batch.batch import read_items
from inference.core.events import Event, Failed, Finished
from inference.core.inputs import Box, Face, Picture, Recording
from inference.core.options import JobOptions
from inference.core.plan import make_plan
from inference.core.report import Aspect, Curve, Finding, Report, Verdict
from inference.core.request import Request
from inference.core.task import REPORT, Task
from tests.support.scripted_engine import ScriptedEngine
from ui.cli.batch import run

_PICTURE = Picture(512, 512, (Face(Box(170, 75, 280, 195), score=0.9),))
_RECORDING = Recording(samples=20_000, channels=1, peak_dbfs=-3.0, level_dbfs=-20.0)
_WAVE = tuple(0.5 + 0.04 * (index * index % 11) for index in range(40))


def report(verdict: Verdict) -> Report:
    """A report of three findings, the second of which is of that verdict."""
    drift = _WAVE if verdict is Verdict.PASS else (*_WAVE[:30], *(1.0 + 0.05 * i for i in range(9)))
    return Report(
        frames=21,
        duration_s=0.84,
        findings=(
            Finding(Aspect.LIP_SYNC, Verdict.PASS, "The lips follow the voice.",
                    curve=Curve(_WAVE, 0.3, 1.0)),
            Finding(Aspect.COLOUR, verdict, "A little <warmer> than the picture.",
                    curve=Curve(drift, 0.0, 1.0)),
            Finding(Aspect.LENGTH, Verdict.PASS, "21 frames, as planned."),
        ),
    )  # fmt: skip


class Reporting(ScriptedEngine):
    """Reports what a row's seed tells: 1 worth a look, 2 not good, 3 nothing, 4 fails, else good.

    `made` counts its videos; `meanwhile` happens before each.
    """

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.made, self.meanwhile = 0, meanwhile

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        self.meanwhile()
        verdict = {1: Verdict.WARN, 2: Verdict.FAIL}.get(task.plan.seed, Verdict.PASS)
        for event in super().generate(task, cancelled):
            if isinstance(event, Finished):
                if task.plan.seed == 4:
                    yield Failed("no_face", "There is <no> face.")
                    return
                if task.plan.seed != 3:
                    task.prepare_path(REPORT).write_bytes(report(verdict).to_json())
                self.made += 1
            yield event


def prepare(folder: Path, image: Path, recordings: Any, options: JobOptions) -> Task:
    """Stands for `ui.cli.generate.prepare`, as though every file held one face and 0.4 s of a
    voice."""
    request = Request.from_options(options, _PICTURE, (_RECORDING,) * len(recordings))
    return Task(request, make_plan(request, max_seconds=40), folder)


def without_decoding(patch: pytest.MonkeyPatch) -> None:
    """Have batches take any file for what it says it is."""
    patch.setattr(run, "prepare_task", prepare)


def table(folder: Path, rows: list[str], header: str = "name;seed;image;audio;shape") -> Path:
    """A folder with a table of those rows, and the files a.png and a.wav."""
    folder.mkdir()
    for name in ("a.png", "a.wav"):
        (folder / name).write_text(name)
    (folder / "list.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    return folder


def made(folder: Path, out: Path, engine: ScriptedEngine, **choices: Any) -> int:
    """What `run_batch` returns for the rows of a folder, made by `engine`."""
    return run.run_batch(read_items(folder), out, JobOptions(**choices), lambda quality: engine)

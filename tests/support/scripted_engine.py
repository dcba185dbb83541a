"""A scripted engine: says what it is told to say and leaves the files that it speaks of.

`python -m tests.support.scripted_engine FOLDER` is `inference.jobs.worker` with this engine for
every family, slowed down by SCRIPTED_PAUSE_S seconds an event, drafts by SCRIPTED_DRAFT_PAUSE_S
where that is set. A final video whose seed is SCRIPTED_BAD_SEED ends with its first window, and
while the file SCRIPTED_HOLD exists none goes on after its second.
"""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from inference.core.engine import Availability
from inference.core.errors import FaultCode
from inference.core.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Frame,
    Result,
    Stage,
    StageName,
    Step,
    Window,
)
from inference.core.plan import Plan
from inference.core.report import Aspect, Curve, Finding, Report, Verdict
from inference.core.task import PREVIEW, REPORT, RESULT, Task, segment_name
from inference.jobs import worker
from inference.media.video import SegmentWriter
from presets.schema import EngineFamily

_STEPS = 4  # of a scripted window
_HELD_AFTER = 2  # windows
_LOOK_S = 0.05  # how often the file that holds it is looked for


def script(plan: Plan) -> list[Event]:
    """What an engine says that makes all of `plan` without trouble."""
    events: list[Event] = [
        Stage(StageName.LISTENING, "Listening"),
        Stage(StageName.DRAWING, "Drawing"),
    ]
    count = len(plan.windows)
    for index in range(count):
        for step in range(1, _STEPS + 1):
            left = (count - index) * _STEPS - step
            events += [Frame(PREVIEW), Step(step, _STEPS, index, count, eta_s=0.5 * left)]
        events.append(Window(index, segment_name(index), plan.new_frames(index).stop))
    events.append(Stage(StageName.FINISHING, "Finishing"))
    events.append(Finished(result(plan)))
    return events


def result(plan: Plan) -> Result:
    """A result as planned, with a report."""
    size, engine = (plan.width, plan.height, plan.fps), "scripted"
    return Result(RESULT, plan.frames, plan.duration_s, *size, engine, 1.0, REPORT)


def report(plan: Plan) -> Report:
    """What might be found of a result: good, but for its colours."""
    lips = tuple(0.8 + 0.1 * math.sin(at / 3) for at in range(60))
    drift = tuple(0.002 * at**2 for at in range(60))
    length = f"{plan.frames} frames and {plan.duration_s:.2f} s of sound, as planned."
    both = {"picture_s": plan.duration_s, "sound_s": plan.duration_s}
    findings = (
        Finding(
            Aspect.LIP_SYNC, Verdict.PASS, "The lips follow the voice.", {}, Curve(lips, 0.4, 1)
        ),
        Finding(Aspect.LENGTH, Verdict.PASS, length, both),
        Finding(Aspect.COLOUR, Verdict.WARN, "A little warmer at the end.", {}, Curve(drift, 0, 4)),
    )
    return Report(plan.frames, plan.duration_s, findings)


def of_no_use() -> list[Event]:
    """What an engine says whose first window is black."""
    said = "All 81 frames of the first window are black. Another try usually works."
    return [Stage(StageName.LISTENING, "Listening"), Failed(FaultCode.BAD_WINDOW, said)]


@dataclass
class ScriptedEngine:
    """Yields `events` (those of `script` when there are none), `pause_s` apart, and their files.

    After a cancel it keeps the windows it has, as the contract asks; windows that an earlier start
    has finished are told of again, but not made again. While the file `hold` exists it waits after
    its second window.
    """

    events: Sequence[Event] | None = None
    pause_s: float = 0.0
    bad_seed: str = ""
    hold: Path | None = None
    name: str = "scripted"

    def check_availability(self) -> Availability:
        return Availability(True)

    def describe(self) -> str:
        return ""

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        kept = window = 0
        events = script(task.plan) if self.events is None else self.events
        if str(task.plan.seed) == self.bad_seed:
            events = of_no_use()
        for number, event in enumerate(events):
            while self._held(window) and not cancelled():
                time.sleep(_LOOK_S)
            if number and cancelled():
                if kept:
                    write_video(task.prepare_path(RESULT), kept)
                yield Cancelled(kept, RESULT if kept else None)
                return
            if (task.folder / segment_name(window)).exists():
                if isinstance(event, Frame | Step):
                    continue
            else:
                time.sleep(self.pause_s)
            self._leave_files(task, event, kept, number)
            if isinstance(event, Window):
                kept, window = event.frames_done, event.index + 1
            yield event

    def _held(self, window: int) -> bool:
        return self.hold is not None and window >= _HELD_AFTER and self.hold.exists()

    def _leave_files(self, task: Task, event: Event, kept: int, number: int) -> None:
        if isinstance(event, Frame):
            shade = np.full((32, 64, 3), 8 * number % 256, np.uint8)
            part = task.prepare_path(f"{event.path}.part")
            Image.fromarray(shade).save(part, "JPEG")
            part.replace(task.folder / event.path)
        elif isinstance(event, Window):
            if not task.prepare_path(event.path).exists():
                write_video(task.prepare_path(event.path), event.frames_done - kept)
        elif isinstance(event, Finished):
            write_video(task.prepare_path(event.result.path), event.result.frames)
            task.prepare_path(REPORT).write_bytes(report(task.plan).to_json())


def write_video(path: Path, frames: int) -> None:
    """A small playable mp4."""
    with SegmentWriter(path, width=64, height=32) as writer:
        for index in range(frames):
            writer.write(np.full((32, 64, 3), index % 256, np.uint8))


def configured(family: str) -> ScriptedEngine:
    """The engine as the environment has it."""
    final_s = os.environ.get("SCRIPTED_PAUSE_S", "0.1")
    if family == EngineFamily.DRAFT:
        return ScriptedEngine(pause_s=float(os.environ.get("SCRIPTED_DRAFT_PAUSE_S", final_s)))
    hold = os.environ.get("SCRIPTED_HOLD")
    bad_seed = os.environ.get("SCRIPTED_BAD_SEED", "")
    return ScriptedEngine(None, float(final_s), bad_seed, Path(hold) if hold else None)


if __name__ == "__main__":
    sys.exit(worker.main(sys.argv[1:], configured))

"""A scripted engine: says what it is told to say and leaves the files that it speaks of.

`python -m tests.fakes FOLDER` is `inference.worker` with this engine for every family, slowed down
by SCRIPTED_PAUSE_S seconds an event, drafts by SCRIPTED_DRAFT_PAUSE_S where that is set.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from inference import worker
from inference.engines.base import Availability
from inference.events import (
    Cancelled,
    Event,
    Finished,
    Frame,
    Result,
    Stage,
    StageName,
    Step,
    Window,
)
from inference.media.video import SegmentWriter
from inference.plan import Plan
from inference.task import PREVIEW, RESULT, Task, segment_name

_STEPS = 4  # of a scripted window


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
    """A result as planned."""
    return Result(
        RESULT, plan.frames, plan.duration_s, plan.width, plan.height, plan.fps, "scripted", 1.0
    )


@dataclass
class ScriptedEngine:
    """Yields `events` (those of `script` when there are none), `pause_s` apart, and their files.

    After a cancel it keeps the windows it has, as the contract asks; windows that an earlier start
    has finished are told of again, but not made again.
    """

    events: Sequence[Event] | None = None
    pause_s: float = 0.0
    name: str = "scripted"

    def availability(self) -> Availability:
        return Availability(True)

    def details(self) -> str:
        return ""

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        kept = window = 0
        for number, event in enumerate(script(task.plan) if self.events is None else self.events):
            if number and cancelled():
                if kept:
                    write_video(task.path(RESULT), kept)
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

    def _leave_files(self, task: Task, event: Event, kept: int, number: int) -> None:
        if isinstance(event, Frame):
            shade = np.full((32, 64, 3), 8 * number % 256, np.uint8)
            part = task.path(f"{event.path}.part")
            Image.fromarray(shade).save(part, "JPEG")
            part.replace(task.folder / event.path)
        elif isinstance(event, Window):
            if not task.path(event.path).exists():
                write_video(task.path(event.path), event.frames_done - kept)
        elif isinstance(event, Finished):
            write_video(task.path(event.result.path), event.result.frames)


def write_video(path: Path, frames: int) -> None:
    """A small playable mp4."""
    with SegmentWriter(path, width=64, height=32) as writer:
        for index in range(frames):
            writer.write(np.full((32, 64, 3), index % 256, np.uint8))


if __name__ == "__main__":
    final_s = os.environ.get("SCRIPTED_PAUSE_S", "0.1")
    pause_s = {"draft": os.environ.get("SCRIPTED_DRAFT_PAUSE_S", final_s)}
    sys.exit(
        worker.main(
            sys.argv[1:], lambda name: ScriptedEngine(pause_s=float(pause_s.get(name, final_s)))
        )
    )

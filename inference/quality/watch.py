"""Looks at a job's windows as they are finished, and reports on the whole at its end.

Looking never costs anybody their video: what breaks is logged, and there is no report then.
"""

import logging
import os

from inference.media.image import render_crop
from inference.quality.judge import first_window_fault
from inference.quality.measure import Measured, Measurer
from inference.quality.report_of import examine_task
from inference.task import PICTURE, REPORT, RESULT, Task, measured_name, segment_name

logger = logging.getLogger(__name__)


class Watch:
    """Of one task's windows, in their order."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._measurer: Measurer | None = None
        self._measured: list[Measured] = []
        self._broken = False

    def look(self, index: int) -> str | None:
        """What is so wrong with window `index`, whose segment is there, that the rest is not worth
        making; only a first window can be that bad."""
        if self._broken:
            return None
        try:
            self._measured.append(self._measure(index))
            return None if index else first_window_fault(self._measured[0])
        except Exception:
            logger.exception("window %d was not measured", index)
            self._broken = True
            return None

    def report(self) -> str | None:
        """The name of the report on the finished video, which is written now; None without one."""
        if self._broken:
            return None
        try:
            found = examine_task(self._task, self._measured, self._task.folder / RESULT)
        except Exception:
            logger.exception("no report was made")
            return None
        target = self._task.path(REPORT)
        part = target.with_suffix(".part")
        part.write_bytes(found.to_json())
        os.replace(part, target)
        return REPORT

    def _measure(self, index: int) -> Measured:
        """Once for each segment; an earlier start may have done it."""
        kept = self._task.path(measured_name(index))
        if kept.exists():
            return Measured.load(kept)
        if self._measurer is None:
            plan = self._task.plan
            picture = self._task.folder / PICTURE
            pixels = render_crop(picture, plan.picture, plan.crop, plan.width, plan.height)
            self._measurer = Measurer(pixels, [speaker.box for speaker in plan.speakers])
        before = self._measured[-1] if self._measured else None
        measured = self._measurer.measure(self._task.folder / segment_name(index), before)
        measured.save(kept)
        return measured

"""Looks at a job's windows as they are finished, and reports on the whole at its end.

It looks beside the work on the next window. Looking never costs anybody their video: what breaks is
logged, and there is no report then.
"""

import logging
import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from inference.core.task import PICTURE, REPORT, RESULT, Task, measurements_name, segment_name
from inference.media.image import render_crop
from inference.quality.judge import WindowFault, find_first_window_fault
from inference.quality.measure import Measurements, Measurer
from inference.quality.report_builder import build_task_report

logger = logging.getLogger(__name__)


class LiveChecker:
    """Of one task's windows, in their order; a context, at whose end it stops looking."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._measurer: Measurer | None = None
        self._measured: list[Future[Measurements]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="watch")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def check_window(self, index: int) -> None:
        """Begin to look at window `index`, whose segment is there."""
        before = self._measured[-1] if self._measured else None
        self._measured.append(self._thread.submit(self._measure_window, index, before))

    def find_first_fault(self) -> WindowFault | None:
        """What is so wrong with the first window that the rest seems not worth making."""
        try:
            return find_first_window_fault(self._measured[0].result())
        except Exception:
            logger.exception("the first window was not measured")
            return None

    def write_report(self) -> str | None:
        """The name of the report on the finished video, which is written now; None without one."""
        try:
            measured = [looked.result() for looked in self._measured]
            found = build_task_report(self._task, measured, self._task.folder / RESULT)
            target = self._task.prepare_path(REPORT)
            part = target.with_suffix(".part")
            part.write_bytes(found.to_json())
            os.replace(part, target)
        except Exception:
            logger.exception("no report was made")
            return None
        return REPORT

    def _measure_window(self, index: int, before: Future[Measurements] | None) -> Measurements:
        """Once for each segment; an earlier start may have done it."""
        kept = self._task.prepare_path(measurements_name(index))
        if kept.exists():
            return Measurements.load(kept)
        if self._measurer is None:
            plan, picture = self._task.plan, self._task.folder / PICTURE
            pixels = render_crop(picture, plan.picture, plan.crop, plan.width, plan.height)
            self._measurer = Measurer(pixels, [speaker.box for speaker in plan.speakers])
        segment = self._task.folder / segment_name(index)
        measured = self._measurer.measure(segment, before.result() if before else None)
        measured.save(kept)
        return measured

"""Live quality check of a job: its windows as they are finished, a report at the end.

Checking runs in a thread beside the work on the next window. A failure here never costs the video:
it is logged, and there is no report.
"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Self

from inference.core.files import write_whole
from inference.core.task import PICTURE, REPORT, RESULT, Task, measurements_name, segment_name
from inference.media.image import render_crop
from inference.quality.judge import WindowFault, find_first_window_fault
from inference.quality.measure import Measurements, Measurer
from inference.quality.report_builder import build_task_report

logger = logging.getLogger(__name__)


class LiveChecker:
    """Checker of one task's windows, in order; as a context manager it stops on exit."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._measurer: Measurer | None = None
        self._measured: list[Future[Measurements]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live-checker")

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
        """Start checking window `index`, whose segment is finished."""
        previous = self._measured[-1] if self._measured else None
        self._measured.append(self._thread.submit(self._measure_window, index, previous))

    def find_first_fault(self) -> WindowFault | None:
        """Return the fault that makes the first window unusable; None without one."""
        try:
            return find_first_window_fault(self._measured[0].result())
        except Exception:
            logger.exception("the first window was not measured")
            return None

    def write_report(self) -> str | None:
        """Write the report on the finished video and return its name; None if that failed."""
        try:
            measured = [future.result() for future in self._measured]
            report = build_task_report(self._task, measured, self._task.folder / RESULT)
            write_whole(self._task.folder / REPORT, report.to_json())
        except Exception:
            logger.exception("no report was made")
            return None
        return REPORT

    def _measure_window(self, index: int, previous: Future[Measurements] | None) -> Measurements:
        """Return the measurements of a window, stored ones if an earlier start left them."""
        path = self._task.prepare_path(measurements_name(index))
        if path.exists():
            with suppress(ValueError):  # torn, or of an earlier version
                return Measurements.load(path)
        if self._measurer is None:
            plan, picture = self._task.plan, self._task.folder / PICTURE
            pixels = render_crop(picture, plan.picture, plan.crop, plan.width, plan.height)
            boxes = [speaker.box for speaker in plan.speakers]
            rolls_rad = [speaker.roll_rad for speaker in plan.speakers]
            self._measurer = Measurer(pixels, boxes, rolls_rad)
        segment = self._task.folder / segment_name(index)
        measured = self._measurer.measure(segment, previous.result() if previous else None)
        measured.save(path)
        return measured

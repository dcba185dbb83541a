"""What a final video has cost so far, and what the rest of it will; of one that nobody is paid for
nothing is said."""

from dataclasses import replace

from inference.core.plan import Estimate
from ui.session.page_state import JobView


def dollars_spent(job: JobView) -> float | None:
    """At the price of its plan, for the time that it was worked on; waiting costs nothing. None
    when nobody is paid."""
    whole = job.plan.estimate
    return job.progress.elapsed_s * whole.dollars / whole.seconds if whole.dollars else None


def rest(job: JobView) -> Estimate:
    """The start and the windows that are not finished, of what all of it was to take and cost."""
    lengths = [window.frames for window in job.plan.windows]
    whole, left = job.plan.estimate, sum(lengths[job.progress.windows_done :]) / sum(lengths)
    seconds = whole.start_s + (whole.seconds - whole.start_s) * left
    return replace(whole, seconds=seconds, dollars=whole.dollars * seconds / whole.seconds)

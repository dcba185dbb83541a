"""What a final video has cost so far, and what the rest of it will; of one that nobody is paid for
nothing is said."""

from dataclasses import replace

from inference.plan import Estimate
from ui.state import JobShown


def dollars_spent(job: JobShown) -> float | None:
    """At the price of its plan, for the time that it was worked on; waiting costs nothing. None
    when nobody is paid."""
    whole = job.plan.estimate
    return job.progress.elapsed_s * whole.dollars / whole.seconds if whole.dollars else None


def rest(job: JobShown) -> Estimate:
    """What is not finished, of what all of it was to take and cost."""
    done = job.progress.film.frames_done if job.progress.film else 0
    whole, left = job.plan.estimate, 1 - done / job.plan.frames
    return replace(whole, seconds=whole.seconds * left, dollars=whole.dollars * left)

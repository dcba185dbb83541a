"""What a final video has cost so far, and what the rest of it will."""

from dataclasses import replace

from inference.plan import Estimate
from presets.quality import GPU_DOLLARS_PER_HOUR
from ui.state import JobShown


def dollars_spent(job: JobShown) -> float:
    """At the list price, for the time on the GPU; waiting costs nothing."""
    return job.progress.elapsed_s / 3600 * GPU_DOLLARS_PER_HOUR


def rest(job: JobShown) -> Estimate:
    """What is not finished, of what all of it was to take and cost."""
    done = job.progress.film.frames_done if job.progress.film else 0
    whole, left = job.plan.estimate, 1 - done / job.plan.frames
    return replace(whole, seconds=whole.seconds * left, dollars=whole.dollars * left)

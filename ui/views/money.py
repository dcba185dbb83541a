"""What a final video has cost so far, and what the rest of it will."""

from inference.events import Finished, StageName
from presets.quality import GPU_DOLLARS_PER_HOUR
from ui.state import JobShown


def dollars_spent(job: JobShown) -> float:
    """At the list price, for the time on the GPU; waiting costs nothing."""
    final = job.progress.final
    if isinstance(final, Finished):
        worked_s = final.result.seconds
    else:
        waits = (s.seconds for s in job.progress.stages if s.name is StageName.QUEUED)
        worked_s = job.progress.elapsed_s - sum(waited or 0.0 for waited in waits)
    return worked_s / 3600 * GPU_DOLLARS_PER_HOUR


def dollars_left(job: JobShown) -> float:
    """What is not finished, of what all of it was to cost."""
    done = job.progress.film.frames_done if job.progress.film else 0
    return job.plan.estimate.dollars * (1 - done / job.plan.frames)

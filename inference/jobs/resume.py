"""Resume and restart of jobs that were killed, failed or were cancelled.

    resume      from the last finished window. The job keeps its folder; engines skip each window
                whose segment is there (`inference.rendering.windows`), and MultiTalk loads the
                state behind the last one (`inference.multitalk.checkpoint`).
    restart     from the first window. Outputs and history are deleted, the inputs stay.

The owner requests either one (`JobStore.resume`, `JobStore.restart`). Effect of a kill:

    killed process              effect on its jobs
    ---------------------------------------------------------------------------------------------
    the server                  none: workers are processes of their own, and the next server reads
                                the queue from the folders
    a worker                    the job is INTERRUPTED until its owner resumes or restarts it
    a worker that follows       `JobStore.resume_remote` queues the job when a server starts; the
    a job made on Modal         new worker reads `remote.json` and follows the same call
                                (`inference.cloud.remote_job`)
    a container on Modal        Modal repeats the call on another machine, where it resumes
                                (`inference.cloud.task_runner`)

After the end of a call on Modal, `resume` starts a new call in the same remote folder. `restart`
keeps the old handle as `remote-before.json`, so that the next worker ends that call and deletes its
folder before it starts another.
"""

from pathlib import Path

from inference.core.files import delete_path
from inference.core.task import DERIVED, OUTPUTS, PREVIOUS_REMOTE, REMOTE
from inference.jobs.history import EVENTS
from inference.jobs.state import CANCEL, SUBMITTED, State, read_state

_RESUMABLE = (State.FAILED, State.CANCELLED, State.INTERRUPTED)


def can_resume(folder: Path) -> bool:
    """Tell whether the job was submitted and ended without a video: also whether it can restart."""
    return (folder / SUBMITTED).exists() and read_state(folder) in _RESUMABLE


def must_follow(folder: Path, on_modal: bool) -> bool:
    """Tell whether the job is made on Modal and lost the worker that followed it.

    With `on_modal`, in a container of the app, every submitted job is made on Modal.
    """
    made_remotely = folder / (SUBMITTED if on_modal else REMOTE)
    return made_remotely.exists() and read_state(folder) is State.INTERRUPTED


def prepare_resume(folder: Path) -> None:
    """Undo the last cancel, and delete what was made of the part that it kept."""
    for name in (CANCEL, *DERIVED):
        delete_path(folder / name)


def prepare_restart(folder: Path) -> None:
    """Delete outputs and history, and keep the handle of a remote job as the previous one."""
    for name in (CANCEL, *DERIVED, *OUTPUTS, EVENTS):
        delete_path(folder / name)
    if (folder / REMOTE).exists():
        (folder / REMOTE).rename(folder / PREVIOUS_REMOTE)

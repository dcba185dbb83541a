"""Names of the deployed app and its parts; pure data, shared by both ends."""

from pathlib import PurePosixPath

APP = "talking-portrait"
GPU_CLASS, GENERATE = "MultiTalk", "generate"
DRAFT = "draft"
STATUS_DICT = "talking-portrait-board"  # the Dict of `inference.cloud.status`

WEIGHTS_VOLUME = "talking-portrait-weights"
JOBS_VOLUME = "talking-portrait-jobs"
CACHE_VOLUME = "talking-portrait-cache"
WEIGHTS, JOBS, CACHE = "/vol/weights", "/vol/jobs", "/vol/cache"  # mounted in containers
PAGE_DATA = f"{JOBS}/page"  # the page's data folder
PAGE_KEY = "secret"  # the file with the secret of `ui.access.identity`
_WORK_ROOT = PurePosixPath("work")  # on the jobs Volume: a folder for each remote job

# commands of `weights` and the operator's actions that run them on Modal
ACTIONS = {"download": "download-models", "prepare": "prepare-models", "verify": "verify"}
WEIGHTS_COMMANDS = {name: f"modal run app.py --action {action}" for name, action in ACTIONS.items()}

NO_PASSWORD_WARNING = (  # wrong only if a Secret of the operator sets one
    "No PORTRAIT_PASSWORD is set: whoever has the page's address can spend your money. "
    "Set it, here or in a Secret, and deploy again."
)


def work_folder(job: str) -> PurePosixPath:
    """Return the job's folder, relative to the jobs Volume."""
    return _WORK_ROOT / job

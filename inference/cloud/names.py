"""What the deployed app and its parts are called; pure data, shared by both ends."""

from pathlib import PurePosixPath

from presets.schema import EngineFamily

APP = "talking-portrait"
GPU_CLASS, GENERATE = "MultiTalk", "generate"
DRAFT = "draft"
STATUS_DICT = "talking-portrait-board"  # the Dict that says how far each job is

WEIGHTS_VOLUME = "talking-portrait-weights"
JOBS_VOLUME = "talking-portrait-jobs"
CACHE_VOLUME = "talking-portrait-cache"
WEIGHTS, JOBS, CACHE = "/vol/weights", "/vol/jobs", "/vol/cache"  # where containers see them
PAGE_DATA = f"{JOBS}/page"  # the page's own folder of data
PAGE_KEY = "secret"  # the file in it that says whose is what; see `ui.access.identity`
_WORK_ROOT = PurePosixPath(
    "work"
)  # on the Volume of jobs: a folder for each task that is made there

FUNCTIONS = {EngineFamily.DRAFT: DRAFT, EngineFamily.MULTITALK: GPU_CLASS}  # who makes which task
# what an operator types for a command of `weights`
ACTIONS = {"download": "download-models", "prepare": "prepare-models", "verify": "verify"}
WEIGHTS_COMMANDS = {name: f"modal run app.py --action {action}" for name, action in ACTIONS.items()}

NO_PASSWORD_WARNING = (  # unless a Secret of the operator's own has a password
    "No PORTRAIT_PASSWORD is set: whoever has the page's address can spend your money. "
    "Set it, here or in a Secret, and deploy again."
)


def work_folder(job: str) -> PurePosixPath:
    """The folder of that job on the Volume of jobs."""
    return _WORK_ROOT / job

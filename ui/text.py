"""Every sentence the page says. Nothing here knows HTML.

A message = what was found; what to do. Numbers come with their unit; "about" until measured.
"""

import math

from inference.events import StageName
from inference.plan import Plan
from inference.request import MAX_PICTURE_MIB, MAX_RECORDING_MIB, Recording
from inference.timing import FPS

TITLE = "Talking Portrait"
FOOTER = (
    "Use only faces and voices you have permission for. Every video says that it is AI-generated."
)

START = "Give a picture a voice"
START_LEAD = "Add a portrait and a recording. A free draft is made on this machine."
NEEDS_VOICE_LEAD = "The picture is ready. Add the recording that it should speak."
NEEDS_PICTURE_LEAD = "The recording is ready. Add the portrait that should speak it."
READY = "Ready to make the draft"
READY_LEAD = "The frame shows exactly the part of the picture that will be used."
MAKING = "Making a draft"
DONE = "Your draft is ready"
DONE_TAB = "Ready"
STOPPED = "Stopped"
NOTHING_KEPT = "Nothing was finished yet. Your picture and recording are still here."
FAILED = "The draft could not be made"
FAILED_TAB = "Not made"
FAILED_LEAD = "Your picture and recording are still here."

PICTURE = "Picture"
PICTURE_HINT = "one person"
PICTURE_DROP = "or drop it here: JPEG, PNG, WebP or HEIC"
PICTURE_CHOOSE = "Choose a picture"
PICTURE_CHANGE = "Change picture"
PICTURE_TOO_BIG = (
    f"This picture is {{size}} MB; {MAX_PICTURE_MIB} MB is the most. Choose a smaller one."
)
PICTURE_SENDING = "Sending the picture"
PICTURE_READING = "Looking for the face"
PICTURE_ALT = "The part of the picture that will be used"

VOICE = "Voice"
VOICE_DROP = "or drop it here: WAV, MP3, M4A, OGG or a video"
VOICE_CHOOSE = "Choose a recording"
VOICE_CHANGE = "Change recording"
VOICE_TOO_BIG = (
    f"This recording is {{size}} MB; {MAX_RECORDING_MIB} MB is the most. Choose a smaller one."
)
VOICE_SENDING = "Sending the recording"
VOICE_READING = "Listening to the recording"

FRAME_TITLE = "Your video appears in this frame"
FRAME_LEAD = "First the exact crop, then the draft while it is made, then the finished video."
FRAME_VIDEO = "The finished draft"
FRAME_PREVIEW = "The newest frame"

STAGES = "Stages"
PROGRESS = "Progress"
STOP = "Stop, keep what is finished"
STOPPING = "Stopping"
DOWNLOAD = "Download video"
DOWNLOAD_NAME = "talking-portrait.mp4"
AGAIN = "Make another"
RETRY = "Try again"

LOST = "This page was restarted and no longer has your files. Load it and choose them again."
BROKE = "Something broke on our side. Try again."

_STAGES = {
    StageName.QUEUED: ("Waiting in the queue", "Waited in the queue"),
    StageName.STARTING: ("Starting", "Started"),
    StageName.LOADING: ("Loading the model", "Loaded the model"),
    StageName.LISTENING: ("Listening to the voice", "Listened to the voice"),
    StageName.LOOKING: ("Looking at the face", "Looked at the face"),
    StageName.DRAWING: ("Drawing the frames", "Drew the frames"),
    StageName.WINDOW: ("Drawing the frames", "Drew the frames"),
    StageName.FINISHING: ("Adding the sound", "Added the sound"),
}
# What the page says of a plan's warnings where the plan's own words name what is not offered here.
_WARNINGS = {
    "face_cut": "A face is cut by the edge of the frame. "
    "A picture with more room around it looks better.",
    "small_face": "The face is small in the frame. A closer picture gives clearer lips.",
    "portrait_suits": "The picture is narrower than the frame, so its sides are continued softly.",
}


def voice_hint(longest_s: float) -> str:
    """How long a recording may be."""
    return f"up to {longest_s:g} seconds"


def faces_found(count: int) -> str:
    """How many faces the picture shows."""
    return "1 face found" if count == 1 else f"{count} faces found"


def recording_heard(recording: Recording) -> str:
    """Length and level of a recording."""
    level = "level is low: it will be raised" if recording.low else "level is good"
    return f"{recording.duration_s:.2f} s, {level}"


def frame_size(width: int, height: int) -> str:
    """The finished frame in pixels."""
    return f"{width} × {height}, exactly as used"


def plan_line(plan: Plan) -> tuple[str, str]:
    """The plan in one line, as what goes in and what comes out."""
    count = len(plan.windows)
    windows = "1 window" if count == 1 else f"{count} windows"
    return (
        f"{plan.recording_s:.2f} s of speech",
        f"{plan.frames} frames, {plan.duration_s:.2f} s ({windows})",
    )


def warnings(plan: Plan) -> list[str]:
    """The plan's warnings as the page says them."""
    return [_WARNINGS.get(warning.code, warning.message) for warning in plan.warnings]


def make_button(seconds: float) -> str:
    """The button that starts the work, with what it costs."""
    return f"Make the draft · {about(seconds)} · free"


def about(seconds: float) -> str:
    """A time that is not known exactly, in words."""
    return f"about {duration(max(1.0, seconds))}"


def duration(seconds: float) -> str:
    """Whole seconds, or minutes and seconds from one minute on."""
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def time_left(seconds: float | None) -> str:
    """How long it still takes; None when nothing tells."""
    if seconds is None:
        return "Working"
    return "Almost done" if seconds < 1 else f"About {duration(seconds)} left"


def stage(name: StageName, done: bool) -> str:
    """What is being done, or was."""
    return _STAGES[name][done]


def making_lead(seconds: float) -> str:
    """Under the headline while the draft is made."""
    return f"It takes {about(seconds)} on this machine."


def so_far(seconds: float) -> str:
    """How long the work has gone on."""
    return f"{duration(seconds)} so far"


def done_lead(seconds: float) -> str:
    """Under the headline of a finished draft."""
    return f"Made here in {seconds:.1f} s, free. It shows the timing and the framing."


def stopped_lead(frames: int) -> str:
    """Under the headline of a stopped job: what is kept."""
    return f"{frames / FPS:.2f} s are finished and kept." if frames else NOTHING_KEPT


def too_long(duration_s: float, longest_s: float) -> str:
    """A recording over the limit."""
    return (
        f"This recording is {duration_s:.0f} s long; {longest_s:g} s is the most. "
        "Choose a shorter one."
    )


def job_number(job: str) -> str:
    """What a person gives to whoever looks after the page."""
    return f"Job {job[:4]}-{job[4:8]}. Give this number to whoever looks after this page."


def tab_title(state: str | None) -> str:
    """The browser tab's title."""
    return f"{state} · {TITLE}" if state else TITLE


def serving(host: str, port: int) -> str:
    """What the terminal says once the page can be opened."""
    return f"{TITLE} is at http://{host}:{port} (Ctrl-C ends it)."


def taken(host: str, port: int) -> str:
    """Why the server can't start."""
    return f"Port {port} of {host} can't be used; another program may have it. Try another --port."

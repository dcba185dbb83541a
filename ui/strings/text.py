"""Fixed sentences of the page.

Sentences with numbers are in `ui.strings.wording`, those of the browser's scripts in
`ui.strings.browser_text`. Knows no HTML. A message = what was found; what to do.
"""

from inference.core.errors import InputCode, InputError
from inference.core.events import StageName
from inference.core.inputs import MAX_PICTURE_MIB, MAX_RECORDING_MIB, Shape
from inference.core.options import MAX_SEED, Permission
from inference.core.timing import FPS, MAX_WINDOW_FRAMES
from ui.strings.browser_text import for_browser as for_browser

TITLE = "Talking Portrait"
DESCRIPTION = "Make a video of a face that speaks, from one picture and one voice recording."
NO_SCRIPT = "This page needs JavaScript. Allow it for this page and load it again."
FOOTER = (
    "Use only faces and voices you have permission for. Every video says that it is AI-generated."
)
PAGES, MAKE, HISTORY = "Pages", "Make", "History"
GPU_READY, GPU_WORKING, GPU_NONE = "GPU ready", "GPU working for you", "GPU not connected"
NO_GPU = "MultiTalk needs a Modal account; the draft works without."

# The password.
SIGN_IN, PASSWORD = "Sign in", "Password"
SIGN_IN_LEAD = "This page is for those who have its password."
PASSWORD_WRONG = "This is not the password. Try again."
PASSWORD_WRONG_WAIT = "This is not the password. Try again in {seconds} s."
PASSWORD_TRIES = "There were too many wrong passwords. Try again in {seconds} s."
PASSWORD_FORGOTTEN = (
    "This page had a password and was deployed without one. "
    "Set PORTRAIT_PASSWORD and deploy it again; none opens it to everyone."
)
PASSWORD_TOO_LONG = "This is too long for a password. Try again."
PASSWORD_LOST = "The password did not arrive. Give it again."
SIGNED_OUT = "You are not signed in. Load the page again."

# Headlines, each with the line under it.
START = "Give a picture a voice"
START_LEAD = "Add a portrait and a recording. A free draft appears in seconds."
NEEDS_VOICE_LEAD = "The picture is ready. Add the recording that it should speak."
NEEDS_PICTURE_LEAD = "The recording is ready. Add the portrait that should speak it."
PROBLEM_LEAD = "One thing has to be mended first. Everything you gave is kept."
NO_FACE = "No face in this picture"
NO_FACE_LEAD = "Choose another picture, one with a face that looks at the camera."
NO_FACE_VOICE_LEAD = "The recording is kept. Choose another picture."
NO_FACE_GPU_LEAD = "The recording is kept. Choose another picture, or go on with this one."
UNDRAFTED = "Ready without a draft"
UNDRAFTED_LEAD = "No face was found. MultiTalk can still try, with the middle of the picture."
CHOOSING_LEAD = "Press the face of the one or two who speak."
DRAFTING = "Making a draft"
DRAFTING_LEAD = "You can change anything; a new draft starts by itself."
DRAFT = "Your draft is ready"
DRAFT_LEAD = "It shows the timing and the framing. MultiTalk makes the same shot look real."
DRAFT_ALONE_LEAD = (
    "It shows the timing and the framing, mostly by the lips. Save it, or change something."
)
DRAFT_UNTIL = "The draft is in History until {day}, then deleted by itself."
CLEARED = "The draft is deleted"
CLEARED_LEAD = "Your picture and recording are still here. Change something, or make it again."
WAITING = "Waiting for a GPU"
WAITING_LEAD = "You can close this page. It starts by itself, and the video will be in History."
MAKING = "Making your video"
MAKING_LEAD = "You can close this page. The work goes on, and the video will be in History."
STOPPING = "Stopping"
RESULT, RESULT_LEAD = "Your video is ready", "{made} It is kept here until {day}, then deleted."
READY_TAB = "Ready"
STOPPED = "Stopped"
NOTHING_KEPT = "Nothing was finished yet. Your picture and recording are still here."
FAILED_DRAFT, FAILED_FINAL = "The draft could not be made", "The video could not be made"
FAILED_DRAFT_LEAD = "Your picture and recording are still here."
FAILED_FINAL_LEAD = "Nothing is lost: your picture, recording and draft are kept."
INTERRUPTED = "Interrupted"

# The picture's card.
PICTURE, PICTURE_HINT = "Picture", "one person or two"
PICTURE_CHOOSE, PICTURE_ANOTHER = "Choose a picture", "Choose another picture"
PICTURE_DROP = "or drop it here: JPEG, PNG, WebP or HEIC"
PICTURE_ALT = "Your picture as it will be used"
CAMERA, PASTE, ADJUST, CHANGE = "Camera", "Paste", "Adjust", "Change"
TURN, TURN_LABEL, TURN_BACK = "Turn", "Turn the picture by 90 degrees", "Turn it back"
NEEDS_FACE = "A draft needs a face"
NEEDS_FACE_HOW = (
    "It should look roughly at the camera, be at least 60 pixels wide and show the mouth."
)
NO_DRAFT = "No draft for this picture"
NO_DRAFT_GPU = (
    "MultiTalk can still try: it also works on some drawings and animals. "
    "It would use the middle of the picture."
)
SHOW_MIDDLE = "Show the middle crop"
SIDES = ("Left", "Right", "Both")
PICTURE_TOO_BIG = (
    f"This picture is {{size}} MB; {MAX_PICTURE_MIB} MB is the most. Choose a smaller one."
)

# The voice's card.
VOICE, VOICES, VOICES_HINT = "Voice", "Voices", "one recording each"
VOICE_CHOOSE, VOICE_ANOTHER = "Choose a recording", "Choose another recording"
VOICE_DROP = "or drop it here: WAV, MP3, M4A, OGG or a video"
VOICE_NONE = "no voice yet"
VOICE_TOO_BIG = (
    f"This recording is {{size}} MB; {MAX_RECORDING_MIB} MB is the most. Choose a smaller one."
)
RECORD, TRIM, SWAP, REMOVE = "Record", "Trim", "Swap voices", "Remove"
CLOSE_MESSAGE = "Close this message"
TYPE, TYPE_LABEL, TYPE_SPEAK, CANCEL = "Type it", "What is said", "Speak this", "Cancel"
TYPE_HINT = "The voice speaks English."
TYPE_HINT_TWO = "The voices speak English. Begin a line with 1: or 2: for left or right."
TYPED_TEXT = "Typed text"
TYPED_FOREIGN = "This does not look like English, and the voice reads it with English sounds."
TYPED_EMPTY = "There is nothing to speak yet. Type a sentence."
TYPED_NO_WORDS = "There are no words in this text. Type a sentence in English."
TYPED_FOR_TWO = (
    "These lines are for two people, and only one speaks here. "
    "Give a picture of two people, or leave out 1: and 2:."
)
SPLIT, EDIT_SPLIT, JOIN_VOICES = "Split between the two", "Who says what", "One voice again"
SPLIT_HINT = "Press a part to change who says it: left, right or both."
CUT_LINE, CUT = "Line to cut at", "Cut here"
CUT_HINT = "To cut, play it and pause where the other one begins, or move the line there."
PLAY_FROM_LINE = "Play from the line"
SPLIT_DONE = "One recording, split between the two"
SPLIT_ONE_SIDED = "Everything is said by one of the two. Give a part to the other one first."
CUT_PLACE = "This is too near to the end of the recording. Move the line to another place."
PLAY_VOICES = "Play both, as in the video"
PLAY_PART = "Play the part to use"
SPEAKING, IN_TURN, TOGETHER = "How they speak", "In turn", "Together"
SILENT = "No voice is heard in this recording. Choose another recording."
TRIM_PART, TRIM_START, TRIM_END = "The part to use", "Start", "End"
PAUSE = "Pause"

# The framing.
FRAMING_SLIDERS = (("x", "Left and right"), ("y", "Up and down"), ("zoom", "Zoom"))
BOXES = "Who speaks: adjust the boxes"
BOX_SLIDERS = (("x", "left and right"), ("y", "up and down"), ("size", "size"))
DONE, RESET = "Done", "Reset"
BOX_OUTSIDE = "The box of a face has to lie on the picture. Move it back."

# Scene and quality.
SCENE_AND_QUALITY = "Scene and quality"
SHAPE, QUALITY, SCENE, SEED = "Shape", "Quality", "Scene", "Seed"
ADVANCED, ADVANCED_HINT = "Advanced", "nothing here has to be set"
SHAPES = {
    Shape.LANDSCAPE: "Landscape",
    Shape.PORTRAIT: "Portrait",
    Shape.SQUARE: "Square",
    Shape.PICTURE: "Picture’s own",
    Shape.WIDE: "16:9",
    Shape.TALL: "9:16",
}
UPRIGHT = "An upright picture: Portrait shows more of it."
SCENE_HINT = "Or in your own words: what is seen and how it moves."
NEGATIVE_PROMPT = "What should not be seen"
SEED_HINT = "The same number makes the same video again."
SEED_NEW = "New number"
BAD_SEED = f"The seed is a whole number from 0 to {MAX_SEED}."
TUNING_HINTS = {
    "steps": "More take longer and cost more.",
    "text_guidance": "Higher exaggerates what the scene says.",
    "audio_guidance": "Higher moves the lips more.",
}
WINDOW_HINT = (
    f"A window is one pass of the model, up to {MAX_WINDOW_FRAMES / FPS:.2f} s. "
    "A longer recording is made in several, one after the other."
)
SETTINGS_USED = "Settings used"

# The frame and the line under it.
FRAME_TITLE = "Your video appears in this frame"
FRAME_LEAD = "First the exact crop, then the draft, then the finished video."
VIDEO_DRAFT, VIDEO_FINAL = "Draft video", "Finished video"
WINDOW_FAULT = "Worth a look: it goes on. Watch what is finished, and stop it if it is of no use."
VIDEO_UNFINISHED, VIDEO_CROP = "The finished part of the video", PICTURE_ALT
CHIP_DRAFT, CHIP_KEPT = "Draft", "Draft, still here"
CHIP_UPDATING, CHIP_DRAWING, CHIP_FINAL = "Updating draft", "Draft, being drawn", "MultiTalk"
PROGRESS = "Progress"

# The stages.
STAGES, LIVE = "Stages", "Live frame"
LIVE_ALT, LIVE_PENDING = "Rough preview of the frame being made", "The first frame appears here."
NOT_MADE = "not made"

# Actions.
STOP_WAITING, NEXT, STARTING = "Stop waiting", "Next in line", "Starting"
ALMOST_DONE = "Almost done"
FREE, FREE_WAITING = "free, made here", "nothing is paid while you wait"
STOP, DOWNLOAD = "Stop, keep what is finished", "Download video"
MAKE_FINAL, DRAW_AGAIN = "Make it with MultiTalk", "Make a draft again"
MAY_USE, ASK_NOT = "I may use this face and this voice", "Not now"
ASK_PERMISSION = "Confirm this to make the video. You are asked only once on this browser."
PERMISSION_STATED, TAKE_BACK = f"You confirmed on this browser: “{MAY_USE}.”", "Take it back"
TAKEN_BACK = "Taken back. You are asked again before the next final video."
PERMISSION = "Permission"
PERMISSIONS = {Permission.STATED: "Stated", Permission.NOT_STATED: "Not stated"}
STOP_HINT = "Stop any time; what is finished is kept."
PAY_HINT = f"You pay only when you press this. {STOP_HINT}"
CHOOSE_PART = "Choose the part to use"
NEW_VERSION, RETRY, RESUME = "Make another version", "Try again", "Go on"
START_OVER = "Start over"
STILL_MADE = "What is being made goes on, and will be in History."
RESTART = "Start again"
OTHER_FILES, ALSO = "Other files of this video", "Also as"
SHARE, SHARE_NOW, SHARE_WAIT = "Share", "Share now", "Getting the video"
GIF, GIF_WAIT, STILL, STILL_WAIT = "GIF", "Making the GIF", "Still picture", "Making it"
SUBTITLES = "Subtitles"
FILE_NOT_MADE = "This file could not be made of the video. Try again, or download the video."
COPY_LINK, LINK_COPIED, MAKE_LINK = "Copy share link", "Link copied", "Make a share link"
LINK_PENDING = "The share link is being made"
LINK_UNTIL = "The link works until {day} for anyone who has it."
LINK_MISSING, LINK_EXPIRED = "Your video is still here.", "The share link has expired."
AI_NOTE = "The file says that it is AI-generated."
USE_PORTRAIT = "Use portrait"
BROKE = "Something broke on our side. Try again."
UPLOAD_GONE = "This file did not arrive whole. Choose it again."
DISK_NEARLY_FULL = "The server's disk is nearly full. Free some space there and try again."
PAGE_OLD = "This page is older than its server. Load it again."
TOO_MANY_UPLOADS = "Too many files arrive here at the moment. Try again in a minute."
NO_COOKIE = (
    "This page needs a cookie to keep your work yours. Allow cookies for it and load it again."
)
NOT_THERE = "This one is no longer there."
JOB_DAMAGED = "This video can't be read: its files are damaged. Delete it and make it again."
SESSION_DAMAGED = (
    "What was open here can't be read: its file is damaged. Start anew; your videos are in History."
)

# Examples, the comparison, the history.
EXAMPLES, EXAMPLES_HINT = "Or start with an example", "one click, nothing to pay"
EXAMPLE_WAIT = "Getting it ready"
BOTH, PLAY_BOTH = "Draft and final", "Play both"
DRAFT_NOTE, FINAL_NOTE = "free, mostly lips", "{made}, whole face and body"
HISTORY_EMPTY = "Nothing here yet. Your drafts and videos will appear here."
HISTORY_LIST, HISTORY_SELECTED = "Your videos", "Selected video"
NAME, CHOOSE_SEVERAL = "Name", "Tick several to delete them at once."
CHOOSE_ALL, CHOOSE_NONE, KEEP_CHOSEN = "Tick all", "Tick none", "Keep them"
OPEN, USE, DELETE = "Open", "Use these settings", "Delete"
CONFIRM_DELETE, CANCEL_DELETE, KEEP_ONE = "Delete for good", "Keep", "Keep it"
INPUTS_STAY = "Your picture and recording stay on the page."
CREATED_EXPIRES, FREE_WORD = "{moment}, deleted on {day}", "free"
LENGTH, MADE_WITH, WORK_TIME = "Length", "Made with", "Took"
STATES = {
    "queued": "Waiting",
    "finished": "Finished",
    "cancelled": "Stopped",
    "failed": "Failed",
    "interrupted": "Interrupted",
}

DRAFT_STAGES = {
    StageName.QUEUED: ("Waiting in the queue", "Waited in the queue"),
    StageName.STARTING: (STARTING, "Started"),
    StageName.LOADING: ("Loading the model", "Loaded the model"),
    StageName.LISTENING: ("Listening to the voice", "Listened to the voice"),
    StageName.LOOKING: ("Looking at the face", "Looked at the face"),
    StageName.DRAWING: ("Drawing the frames", "Drew the frames"),
    StageName.WINDOW: ("Drawing the frames", "Drew the frames"),
    StageName.FINISHING: ("Adding the sound", "Added the sound"),
}
# The page's words for a plan's warnings; without them the plan's own are shown.
WARNINGS = {
    "face_cut": "A face is cut by the edge of the frame. Adjust the framing to show all of it.",
    "small_face": "The face is small in the frame. A closer picture gives clearer lips.",
    "mouth_hidden": "A mouth seems to be hidden, and lips would be drawn on what covers it; "
    "choose a picture that shows it.",
    "portrait_suits": "The picture is narrower than the frame, so its sides are continued softly. "
    "Portrait suits it better.",
}


FINAL_STAGES = {  # while it goes on, and else
    StageName.QUEUED: ("Waiting in the queue", "Waited in the queue"),
    StageName.STARTING: ("Starting the GPU", "GPU started"),
    StageName.LOADING: ("Loading MultiTalk", "MultiTalk loaded"),
    StageName.LISTENING: ("Listening to the voice", "Listened to the voice"),
    StageName.LOOKING: ("Looking at the picture", "Looked at the picture"),
    StageName.FINISHING: ("Checks and sound", "Checks and sound"),
}


def refusal(error: InputError) -> str:
    """Reason why the inputs can't be used, in the page's words."""
    if error.code is InputCode.TOO_LONG:
        return f"{error.message.split(' Choose')[0]} Choose the part to use."
    return error.message


def tab_title(state: str | None) -> str:
    """Title of the browser tab."""
    return f"{state} · {TITLE}" if state else TITLE

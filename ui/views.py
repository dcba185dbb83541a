"""What every part of the page shows in each state. Pure: from state to HTML and labels."""

from dataclasses import dataclass, replace

from inference.events import Cancelled, Failed, Finished
from inference.framing import PictureSize
from inference.plan import Plan
from inference.request import MAX_PICTURE_MIB, MAX_RECORDING_MIB, Picture, Recording
from inference.task import PREVIEW
from ui import media, parts, text
from ui.progress import Progress, window_shares


@dataclass(frozen=True)
class GivenPicture:
    """A picture that was taken in. `job` is the folder with the clean picture and the crop."""

    job: str
    picture: Picture
    frame: PictureSize
    face: tuple[int, int, int, int]


@dataclass(frozen=True)
class GivenVoice:
    """A recording that was taken in. `job` is the folder with it; `bars` draw it."""

    job: str
    recording: Recording
    name: str
    bars: tuple[float, ...]


PICTURE_ACCEPTED = parts.Accepted(
    "image/*,.heic,.heif", MAX_PICTURE_MIB, text.PICTURE_TOO_BIG, text.PICTURE_SENDING
)
VOICE_ACCEPTED = parts.Accepted(
    "audio/*,video/*", MAX_RECORDING_MIB, text.VOICE_TOO_BIG, text.VOICE_SENDING
)


@dataclass(frozen=True)
class CardView:
    """One card: title, what stands above and below its button, and what went wrong."""

    head: str
    above: str
    below: str
    message: str = ""


@dataclass(frozen=True)
class StageView:
    """Headline, frame and everything under it. A button without a label is not there; `beside`
    is what else stands in their row: the time left, or the link that saves the video.

    `inputs`: the cards are shown, otherwise `stages`. `polling`: the job goes on.
    """

    head: str
    frame: str
    under: str
    go: str = ""
    stop: str = ""
    beside: str = ""
    again: str = ""
    stages: str = ""
    inputs: bool = True
    polling: bool = False


def picture_card(given: GivenPicture | None, message: str = "", busy: str = "") -> CardView:
    """The picture's card; `busy` says what is being done with a new file."""
    if given is None:
        hint = text.PICTURE_HINT
        above, below = parts.drop_zone("face", busy or text.PICTURE_DROP)
    else:
        hint = text.frame_size(given.frame.width, given.frame.height)
        shown = parts.face_thumbnail(given.job, given.face, given.frame)
        above, below = parts.given(shown, busy or text.faces_found(len(given.picture.faces)))
    head = parts.card_head(text.PICTURE, hint, PICTURE_ACCEPTED)
    return CardView(head, above, below, parts.alert(message))


def voice_card(
    given: GivenVoice | None, longest_s: float, message: str = "", busy: str = ""
) -> CardView:
    """The recording's card, likewise."""
    if given is None:
        hint = text.voice_hint(longest_s)
        above, below = parts.drop_zone("voice", busy or text.VOICE_DROP)
    else:
        hint, note = given.name, text.recording_heard(given.recording)
        above, below = parts.given(parts.waveform(given.bars), busy or note)
    head = parts.card_head(text.VOICE, hint, VOICE_ACCEPTED)
    return CardView(head, above, below, parts.alert(message))


def waiting(picture: GivenPicture | None, voice: GivenVoice | None, problem: str = "") -> StageView:
    """Before both inputs are there."""
    lead = text.START_LEAD
    if picture is not None and voice is None:
        lead = text.NEEDS_VOICE_LEAD
    elif voice is not None and picture is None:
        lead = text.NEEDS_PICTURE_LEAD
    frame = _crop(picture.job) if picture else parts.empty_frame()
    return StageView(parts.headline("start", text.START, lead), frame, parts.alert(problem))


def planned(job: str, plan: Plan, problem: str = "") -> StageView:
    """Both inputs are there: what will be made. `job` is the folder with the crop."""
    return StageView(
        head=parts.headline("ready", text.READY, text.READY_LEAD),
        frame=_crop(job),
        under=_plan(plan) + parts.alert(problem),
        go=text.make_button(plan.estimate.seconds),
    )


def running(job: str, plan: Plan, progress: Progress, stopping: bool) -> StageView:
    """The work goes on."""
    bar = parts.progress_bar(window_shares(plan, progress.share), progress.share)
    left = text.STOPPING if stopping else text.time_left(progress.left_s)
    frame = _crop(job)
    if progress.preview is not None:
        url = f"{media.url(job, PREVIEW)}?{progress.preview}"
        frame = parts.picture_frame(url, text.FRAME_PREVIEW)
    return StageView(
        head=parts.headline("making", text.MAKING, text.making_lead(plan.estimate.seconds), left),
        frame=frame,
        under=bar,
        beside=parts.time_left(left),
        stop="" if stopping else text.STOP,
        stages=parts.stage_list(progress.stages, text.so_far(progress.elapsed_s)),
        inputs=False,
        polling=True,
    )


def ended(job: str, plan: Plan, progress: Progress) -> StageView:
    """The job is over, in whichever way."""
    final = progress.final
    if isinstance(final, Finished):
        lead = text.done_lead(final.result.seconds)
        head = parts.headline("ended", text.DONE, lead, text.DONE_TAB)
        return _with_video(job, plan, head, final.result.path, text.AGAIN)
    if isinstance(final, Cancelled):
        head = parts.headline("ended", text.STOPPED, text.stopped_lead(final.frames), text.STOPPED)
        if final.path:
            return replace(_with_video(job, plan, head, final.path, text.AGAIN), under="")
        return StageView(head, _crop(job), _plan(plan), go=text.RETRY, again=text.AGAIN)
    assert isinstance(final, Failed)
    head = parts.headline("ended", text.FAILED, text.FAILED_LEAD, text.FAILED_TAB)
    problem = parts.alert(final.message, text.job_number(job))
    return StageView(head, _crop(job), _plan(plan) + problem, go=text.RETRY, again=text.AGAIN)


def _with_video(job: str, plan: Plan, head: str, name: str, again: str) -> StageView:
    film = media.url(job, name)
    return StageView(
        head=head,
        frame=parts.video_frame(media.url(job, media.CROP), film),
        under=_plan(plan),
        beside=parts.download(film),
        again=again,
    )


def _crop(job: str) -> str:
    return parts.picture_frame(media.url(job, media.CROP), text.PICTURE_ALT)


def _plan(plan: Plan) -> str:
    return parts.plan_line(*text.plan_line(plan)) + parts.notes(text.warnings(plan))

"""Plan of a request: crop, speakers, length, windows, estimate.

Pure arithmetic on what was measured of the files; nothing here opens one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.core.cost_model import DEFAULT_COST_MODEL, CostModel, Throughput
from inference.core.errors import InputCode, InputError
from inference.core.framing import (
    Crop,
    PictureSize,
    choose_speakers,
    compute_shown_share,
    fit_crop,
    map_box_to_frame,
    select_faces_to_keep,
)
from inference.core.inputs import FRAME_SIZES, SAMPLE_RATE_HZ, Face, FrameSize, Shape
from inference.core.options import Tuning, find_preset
from inference.core.request import Request
from inference.core.timing import (
    FPS,
    MAX_WINDOW_FRAMES,
    PlannedWindow,
    count_frames,
    count_used_samples,
    split_even_windows,
    split_windows,
)
from presets.schema import Preset, Sampling

MIN_SHOWN_SHARE = 0.4  # of a face, to draw it: with less its mouth can't be placed
SMALL_FACE_PX = 60  # narrower in the picture or the frame, lips are too coarse to read
# Encoding a window's start and decoding the window take as long as so many passes over it: 4.6 s
# against 3.3 s, see `presets.quality`.
OVERHEAD_PASSES = 1.4


@dataclass(frozen=True)
class Speaker:
    """Face that speaks recording `audio`, from 0; `box` (left, top, right, bottom) in the frame.

    `roll_rad` is that of `inference.core.inputs.Face`.
    """

    box: tuple[int, int, int, int]
    audio: int
    roll_rad: float | None = None


@dataclass(frozen=True)
class Estimate:
    """Time and price; `dollars` to a hundredth of a cent, 0 for own machines; `basis`: past runs
    or table. `start_s` of the seconds pass before the first window."""

    seconds: float
    dollars: float
    basis: str
    start_s: float = 0.0


@dataclass(frozen=True)
class Notice:
    """Warning before the work starts."""

    code: str
    message: str


@dataclass(frozen=True)
class Plan:
    """All that an engine carries out; its JSON is `dataclasses.asdict` of it."""

    shape: Shape
    width: int
    height: int
    fps: int
    picture: PictureSize
    crop: Crop
    speakers: tuple[Speaker, ...]
    recording_s: float
    frames: int
    duration_s: float
    padding_s: float
    windows: tuple[PlannedWindow, ...]
    quality: str
    seed: int
    estimate: Estimate
    warnings: tuple[Notice, ...]

    def new_frames(self, index: int) -> range:
        """Return the frames that window `index` adds: no overlap, none past the video's end."""
        new = _new_frames(self.windows, index)
        return range(new.start, min(new.stop, self.frames))


def make_plan(
    request: Request, max_seconds: float, cost_model: CostModel = DEFAULT_COST_MODEL
) -> Plan:
    """Return the plan of `request`, with an estimate by `cost_model`.

    Raises InputError: recordings over `max_seconds` or too short after trimming, more recordings
    than faces, bad crop, steps or guidance that the quality does not allow.
    """
    preset, frame, picture = find_preset(request.quality), request.frame, request.picture
    if preset.sampling:  # a draft does without
        request.tuning.require_within(preset.bounds, preset.title)
    samples = count_used_samples(request.soundtrack, max_seconds)
    frames = count_frames(samples)
    speaking = choose_speakers(picture.faces, len(request.recordings), request.speakers)
    kept = select_faces_to_keep(picture.faces, speaking)
    crop = fit_crop(picture, kept, request.shape, request.crop)
    speakers = tuple(
        Speaker(_locate_speaker(face, crop, request), audio, face.roll_rad)
        for audio, face in enumerate(speaking)
    )
    return Plan(
        shape=request.shape,
        width=frame.width,
        height=frame.height,
        fps=FPS,
        picture=PictureSize(picture.width, picture.height),
        crop=crop,
        speakers=speakers,
        recording_s=round(samples / SAMPLE_RATE_HZ, 2),
        frames=frames,
        duration_s=round(frames / FPS, 2),
        padding_s=round(frames / FPS - samples / SAMPLE_RATE_HZ, 2),
        windows=_plan_windows(preset, frames),
        quality=request.quality,
        seed=request.seed,
        estimate=estimate(
            request.quality, request.tuning, frames, len(speakers), frame, cost_model
        ),
        warnings=(
            *_check_faces(request),
            *_check_picture(request, speaking),
            *_check_frame(request, crop, kept, speakers),
        ),
    )


def estimate(
    quality: str,
    tuning: Tuning,
    frames: int,
    speakers: int,
    frame: FrameSize,
    cost_model: CostModel,
) -> Estimate:
    """Return time and price of `frames` in a quality, by past runs or by its planning figures."""
    preset, measured = find_preset(quality), cost_model.find_throughput(quality)
    throughput = measured or Throughput(preset.start_s, preset.step_s)
    windows = _plan_windows(preset, frames)
    sampling = preset.sampling and tuning.apply(preset.sampling)
    work = sum(
        compute_window_work(sampling, windows, index, speakers, frame)
        for index in range(len(windows))
    )
    seconds = round(throughput.start_s + throughput.step_s * work, 1)
    dollars = round(seconds / 3600 * cost_model.dollars_per_hour, 4) if sampling else 0.0
    basis = "past runs" if measured else "table"
    return Estimate(seconds, dollars, basis, round(throughput.start_s, 1))


def compute_window_work(
    sampling: Sampling | None,
    windows: Sequence[PlannedWindow],
    index: int,
    speakers: int,
    frame: FrameSize,
) -> float:
    """Return the work of window `index` in passes over a full window, the unit of `step_s`.

    A draft (`sampling` None) draws each new frame once for each speaker, whatever surrounds the
    faces; MultiTalk makes whole windows, of as many tokens as the frame has.
    """
    if sampling is None:
        return max(1, speakers) * len(_new_frames(windows, index)) / MAX_WINDOW_FRAMES
    passes = sampling.computed_steps * sampling.passes + OVERHEAD_PASSES
    area = frame.pixels / FRAME_SIZES[Shape.LANDSCAPE].pixels
    return passes * area * windows[index].frames / MAX_WINDOW_FRAMES


def _plan_windows(preset: Preset, frames: int) -> tuple[PlannedWindow, ...]:
    split = split_windows if preset.sampling else split_even_windows
    return split(frames, preset.overlap)


def _new_frames(windows: Sequence[PlannedWindow], index: int) -> range:
    before = windows[index - 1] if index else PlannedWindow(0, 0)
    return range(before.start + before.frames, windows[index].start + windows[index].frames)


def _locate_speaker(face: Face, crop: Crop, request: Request) -> tuple[int, int, int, int]:
    left, top, right, bottom = map_box_to_frame(face.box, crop, request.frame)
    shown = compute_shown_share(face.box, crop, request.picture)
    if right <= left or bottom <= top or shown < MIN_SHOWN_SHARE:
        message = "Too much of the face that speaks lies outside the crop. Move the crop onto it."
        raise InputError(InputCode.BAD_OPTION, message)
    return left, top, right, bottom


def _check_faces(request: Request) -> tuple[Notice, ...]:
    faces, recordings = len(request.picture.faces), len(request.recordings)
    if request.speakers or faces == recordings:
        return ()
    if not faces:
        return (Notice("no_face", "No face was found. The middle of the picture is used."),)
    who = "the largest one speaks" if recordings == 1 else "the two largest speak"
    return (Notice("more_faces", f"{faces} faces found; {who}."),)


def _check_picture(request: Request, speaking: tuple[Face, ...]) -> tuple[Notice, ...]:
    out, turned = [], request.picture.turned
    if turned and request.turn is None:
        message = f"The picture was turned by {turned} degrees, so that its face stands upright"
        out.append(Notice("turned", f"{message}; with turn 0 it stays as it is."))
    if any(face.mouth_hidden for face in speaking):
        message = "A mouth seems to be hidden, and lips would be drawn on what covers it"
        out.append(Notice("mouth_hidden", f"{message}; choose a picture that shows it."))
    return tuple(out)


def _check_frame(
    request: Request, crop: Crop, kept: tuple[Face, ...], speakers: tuple[Speaker, ...]
) -> tuple[Notice, ...]:
    out = []
    faces = [face.box for face in kept]
    if any(
        box.left < crop.left
        or box.top < crop.top
        or box.right > crop.left + crop.width
        or box.bottom > crop.top + crop.height
        for box in faces
    ):
        out.append(Notice("face_cut", "A face is cut by the crop. Move the crop or zoom out."))
    enlarged = max(1.0, request.frame.width / crop.width)  # enlarging adds no detail
    if any((s.box[2] - s.box[0]) / enlarged < SMALL_FACE_PX for s in speakers):
        message = "The face is small in the frame. Zoom in or use a closer picture."
        out.append(Notice("small_face", message))
    sides_continued = crop.width > request.picture.width and request.crop is None
    if sides_continued and request.frame.width >= request.frame.height:
        out.append(Notice("portrait_suits", "Portrait suits this picture better."))
    return tuple(out)

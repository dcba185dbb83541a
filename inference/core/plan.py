"""From a request to what will be run: crop, speakers, length, windows, estimate.

Pure arithmetic on what was measured of the files; nothing here opens one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.core.cost_model import DEFAULT_COST_MODEL, CostModel, Throughput
from inference.core.errors import InputCode, InputError
from inference.core.framing import Crop, PictureSize, fit_crop, map_box_to_frame
from inference.core.request import SAMPLE_RATE_HZ, Face, Request, Shape
from inference.core.timing import (
    FPS,
    MAX_WINDOW_FRAMES,
    PlannedWindow,
    count_frames,
    count_used_samples,
    split_even_windows,
    split_windows,
)
from presets.quality import PRESETS
from presets.schema import Preset

SMALL_FACE_PX = 60  # narrower in the picture or the frame, lips are too coarse to read
# Encoding what a window starts from and decoding it take as long as so many passes over it: 4.6 s
# against 3.3 s, see `presets.quality`.
OVERHEAD_PASSES = 1.4
NOTABLE_FACE_RATIO = (
    0.5  # a silent face this tall beside the smallest speaker's is kept in the frame
)


@dataclass(frozen=True)
class Speaker:
    """Who speaks: `box` (left, top, right, bottom) in the finished frame; `audio` counts from 0."""

    box: tuple[int, int, int, int]
    audio: int


@dataclass(frozen=True)
class Estimate:
    """`dollars` to a hundredth of a cent, 0 where nobody is paid; `basis`: past runs or table."""

    seconds: float
    dollars: float
    basis: str


@dataclass(frozen=True)
class Notice:
    """Something the person should know before the work starts."""

    code: str
    message: str


@dataclass(frozen=True)
class Plan:
    """What will be run, exactly; its JSON is `dataclasses.asdict` of it."""

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
        """The frames that window `index` adds: those of its own that neither overlap nor lie past
        the video's end."""
        new = _new_frames(self.windows, index)
        return range(new.start, min(new.stop, self.frames))


def make_plan(request: Request, max_seconds: float, rates: CostModel = DEFAULT_COST_MODEL) -> Plan:
    """What will be run for `request`; recordings longer than `max_seconds` are refused. Its
    estimate is reckoned with `rates`.

    Raises InputError: too long, too short after trimming, more recordings than faces, bad crop,
    steps or guidance that the quality does not allow.
    """
    preset, shape, picture = find_preset(request.quality), request.shape, request.picture
    if preset.sampling:  # a draft does without
        request.tuning.require_within(preset.bounds, preset.title)
    samples = count_used_samples(request, max_seconds)
    frames = count_frames(samples)
    speaking, warnings = _choose_speakers(request)
    kept = _select_faces_to_keep(picture.faces, speaking)
    crop = fit_crop(picture, kept, shape, request.crop)
    boxes = [_locate_speaker(face, crop, shape) for face in speaking]
    speakers = tuple(Speaker(box, audio) for audio, box in enumerate(boxes))
    warnings += _check_frame(request, crop, kept, speakers)
    cut = split_windows if preset.sampling else split_even_windows
    planned = cut(frames, preset.overlap)
    return Plan(
        shape=shape,
        width=shape.width,
        height=shape.height,
        fps=FPS,
        picture=PictureSize(picture.width, picture.height),
        crop=crop,
        speakers=speakers,
        recording_s=round(samples / SAMPLE_RATE_HZ, 2),
        frames=frames,
        duration_s=round(frames / FPS, 2),
        padding_s=round(frames / FPS - samples / SAMPLE_RATE_HZ, 2),
        windows=planned,
        quality=request.quality,
        seed=request.seed,
        estimate=_estimate(request, planned, len(speakers), rates),
        warnings=warnings,
    )


def find_preset(quality: str) -> Preset:
    """The preset of that name. Raises InputError naming those there are."""
    if quality not in PRESETS:
        message = f"There is no quality {quality!r}. Use one of {', '.join(PRESETS)}."
        raise InputError(InputCode.BAD_OPTION, message)
    return PRESETS[quality]


def _locate_speaker(face: Face, crop: Crop, shape: Shape) -> tuple[int, int, int, int]:
    left, top, right, bottom = map_box_to_frame(face.box, crop, shape)
    if right <= left or bottom <= top:
        message = "The face that speaks lies outside the crop. Move the crop onto it."
        raise InputError(InputCode.BAD_OPTION, message)
    return left, top, right, bottom


def _choose_speakers(request: Request) -> tuple[tuple[Face, ...], tuple[Notice, ...]]:
    """The faces that speak: those chosen, else the largest, left to right, one a recording."""
    faces, recordings = request.picture.faces, request.recordings
    if request.speakers:
        return tuple(Face(box, score=1.0) for box in request.speakers), ()
    if not faces:
        return (), (Notice("no_face", "No face was found. The middle of the picture is used."),)
    if len(recordings) > len(faces):
        raise InputError(
            InputCode.TOO_FEW_FACES,
            f"{len(recordings)} recordings were given, but only {len(faces)} face was found. "
            "Give one recording, or a picture in which both faces can be seen.",
        )
    largest = sorted(faces, key=lambda face: face.box.width * face.box.height, reverse=True)
    speaking = sorted(largest[: len(recordings)], key=lambda face: face.box.left + face.box.right)
    if len(faces) == len(recordings):
        return tuple(speaking), ()
    who = "the largest one speaks" if len(recordings) == 1 else "the two largest speak"
    message = f"{len(faces)} faces found; {who}."
    return tuple(speaking), (Notice("more_faces", message),)


def _select_faces_to_keep(faces: tuple[Face, ...], speaking: tuple[Face, ...]) -> tuple[Face, ...]:
    """The speakers and everyone about as near to the camera: nobody's head is cut in half."""
    if not speaking:
        return ()
    least = NOTABLE_FACE_RATIO * min(face.box.height for face in speaking)
    boxes = [face.box for face in speaking]
    near = (face for face in faces if face.box.height >= least and face.box not in boxes)
    return *speaking, *near


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
    enlarged = max(1.0, request.shape.width / crop.width)  # enlarging adds no detail
    if any((s.box[2] - s.box[0]) / enlarged < SMALL_FACE_PX for s in speakers):
        message = "The face is small in the frame. Zoom in or use a closer picture."
        out.append(Notice("small_face", message))
    sides_continued = crop.width > request.picture.width and request.crop is None
    if sides_continued and request.shape is not Shape.PORTRAIT:
        out.append(Notice("portrait_suits", "Portrait suits this picture better."))
    return tuple(out)


def compute_window_work(
    request: Request, planned: Sequence[PlannedWindow], index: int, speakers: int
) -> float:
    """What there is to do in window `index`, in passes over a full window: the unit of `step_s`.

    A draft draws each new frame once for each speaker, MultiTalk makes whole windows.
    """
    preset = find_preset(request.quality)
    if preset.sampling is None:
        return max(1, speakers) * len(_new_frames(planned, index)) / MAX_WINDOW_FRAMES
    sampling = request.tuning.apply(preset.sampling)
    passes = sampling.computed_steps * sampling.passes + OVERHEAD_PASSES
    return passes * planned[index].frames / MAX_WINDOW_FRAMES


def _new_frames(planned: Sequence[PlannedWindow], index: int) -> range:
    before = planned[index - 1] if index else PlannedWindow(0, 0)
    return range(before.start + before.frames, planned[index].start + planned[index].frames)


def _estimate(
    request: Request, planned: Sequence[PlannedWindow], speakers: int, rates: CostModel
) -> Estimate:
    """As fast as past runs of that quality went, else by the preset's planning figures."""
    preset, measured = find_preset(request.quality), rates.throughputs.get(request.quality)
    pace = measured or Throughput(preset.start_s, preset.step_s)
    work = sum(
        compute_window_work(request, planned, index, speakers) for index in range(len(planned))
    )
    seconds = round(pace.start_s + pace.step_s * work, 1)
    dollars = round(seconds / 3600 * rates.dollars_per_hour, 4) if preset.sampling else 0.0
    return Estimate(seconds, dollars, "past runs" if measured else "table")

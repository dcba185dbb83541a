"""The task in a folder that came from elsewhere: with a plan, or as somebody's plain uploads.

A plan's crop and speakers are what a person saw and chose, so they count; its arithmetic is done
again here. Without a plan everything is: decoding, finding faces, cropping, counting frames.
"""

import wave
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from inference.core.errors import Fault, FaultCode, InputCode, InputError
from inference.core.options import find_preset
from inference.core.plan import Plan, make_plan
from inference.core.request import Request
from inference.core.settings import Settings
from inference.core.task import PLAN, Task, load_task, voice_name
from inference.core.timing import split_even_windows
from inference.media.ingest import ingest_files

GIVEN_PICTURE, GIVEN_VOICES = "given-picture", "given-voice-*"  # uploads, as they were given
_REQUEST = TypeAdapter(Request)


def load_or_plan_task(folder: Path, options: Mapping[str, Any], settings: Settings) -> Task:
    """The task to carry out in `folder`.

    Without a plan in it, `options` are the fields of a Request but what is measured, and the files
    are GIVEN_PICTURE and one or two of GIVEN_VOICES, of any format that is taken. Raises
    PortraitError when it can't be carried out, with a sentence that says why.
    """
    if not folder.is_dir():
        message = "The inputs of this video are not on Modal any more. Start it again."
        raise Fault(FaultCode.INTERNAL, message, str(folder))
    if not (folder / PLAN).exists():
        return _plan_uploads(folder, options, settings)
    task = load_task(folder)
    _require_planned_recordings(task)
    return replace(task, plan=_recompute_plan(task, settings))


def _plan_uploads(folder: Path, options: Mapping[str, Any], settings: Settings) -> Task:
    """The task of plain uploads, saved with its plan for a run that goes on with it."""
    voices = sorted(folder.glob(GIVEN_VOICES))
    picture, recordings = ingest_files(folder, folder / GIVEN_PICTURE, voices)
    try:
        request = _REQUEST.validate_python(
            {"quality": "balanced", **options, "picture": picture, "recordings": recordings}
        )
    except ValidationError as error:
        wrong = ", ".join(str(part) for part in error.errors()[0]["loc"][:1]) or "they"
        message = f"The options can't be used: {wrong} is not what it should be."
        raise InputError(InputCode.BAD_OPTION, message, str(error)) from error
    task = Task(request, make_plan(request, _find_longest_s(request, settings)), folder)
    task.save()
    return task


def _recompute_plan(task: Task, settings: Settings) -> Plan:
    """The task's plan with its arithmetic done again; the crop and who speaks stay."""
    given = task.plan
    plan = make_plan(task.request, _find_longest_s(task.request, settings))
    overlap = find_preset(given.quality).overlap
    # jobs planned before final videos had full windows go on with their even ones
    known = plan.windows, split_even_windows(plan.frames, overlap)
    if plan.frames != given.frames or given.windows not in known:
        message = "The page and the app on Modal are of different versions. Deploy the app again."
        raise Fault(FaultCode.INTERNAL, message, f"{given.frames} and {plan.frames} frames")
    return replace(plan, crop=given.crop, speakers=given.speakers, windows=given.windows)


def _require_planned_recordings(task: Task) -> None:
    for index, recording in enumerate(task.request.recordings):
        with wave.open(str(task.folder / voice_name(index)), "rb") as voice:
            samples = voice.getnframes()
        if samples != recording.samples:
            message = "A recording is not the one that was planned with. Start this video again."
            raise InputError(InputCode.BAD_OPTION, message, f"{samples} samples")


def _find_longest_s(request: Request, settings: Settings) -> float:
    return settings.max_seconds_for(find_preset(request.quality).engine)

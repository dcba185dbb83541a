"""Loading of the task in a folder that was sent here, with a plan or as uploads without one.

The crop and speakers of a plan were chosen by a person and are kept; its arithmetic is repeated
here. Without a plan everything is done here: decoding, finding faces, cropping, counting frames.
"""

import wave
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from inference.core.errors import Fault, FaultCode, InputCode, InputError
from inference.core.inputs import require_turn
from inference.core.options import find_preset
from inference.core.plan import Plan, make_plan
from inference.core.request import Request
from inference.core.settings import Settings
from inference.core.task import PLAN, Task, load_task, voice_name
from inference.core.timing import split_even_windows
from inference.media.ingest import ingest_files

UPLOADED_PICTURE = "given-picture"  # the uploads, unchanged
UPLOADED_VOICES = "given-voice-*"
_REQUEST = TypeAdapter(Request)


def load_or_plan_task(folder: Path, options: Mapping[str, Any], settings: Settings) -> Task:
    """Return the task in `folder`, after planning it if it has no plan.

    Without a plan, `options` are the fields of a Request except the measured ones, and the files
    are UPLOADED_PICTURE and one or two UPLOADED_VOICES, in any accepted format. Raises
    PortraitError when the task can't be used.
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
    """Plan the uploads, and save the task for a run that resumes it."""
    voices = sorted(folder.glob(UPLOADED_VOICES))
    turn = options.get("turn")
    require_turn(turn)
    picture, recordings = ingest_files(folder, folder / UPLOADED_PICTURE, voices, turn)
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
    """Return the task's plan with its arithmetic repeated; crop and speakers are kept.

    Raises Fault when the results differ.
    """
    sent = task.plan
    plan = make_plan(task.request, _find_longest_s(task.request, settings))
    overlap = find_preset(sent.quality).overlap
    # jobs planned before final videos had full windows keep their even ones
    known = plan.windows, split_even_windows(plan.frames, overlap)
    if plan.frames != sent.frames or sent.windows not in known:
        message = "The page and the app on Modal are of different versions. Deploy the app again."
        raise Fault(FaultCode.INTERNAL, message, f"{sent.frames} and {plan.frames} frames")
    return replace(plan, crop=sent.crop, speakers=sent.speakers, windows=sent.windows)


def _require_planned_recordings(task: Task) -> None:
    for index, recording in enumerate(task.request.recordings):
        with wave.open(str(task.folder / voice_name(index)), "rb") as voice:
            samples = voice.getnframes()
        if samples != recording.samples:
            message = "A recording is not the one that was planned with. Start this video again."
            raise InputError(InputCode.BAD_OPTION, message, f"{samples} samples")


def _find_longest_s(request: Request, settings: Settings) -> float:
    return settings.max_seconds_for(find_preset(request.quality).engine)

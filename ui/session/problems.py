"""Errors as problems: a sentence, and the area of the page that shows it."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from inference.core.errors import Fault, FaultCode, PortraitError, from_os_error
from inference.core.write_access import WriteUnavailable
from ui.session.page_state import Area, Problem
from ui.session.reducer import SCENE_FIELDS
from ui.strings import text

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


def catch_problem(
    step: Callable[[], _T], area: Area, folder: Path | None = None
) -> tuple[_T | None, Problem | None]:
    """Return the result of `step`, or its error as a problem shown in `area`.

    `folder` is the one that `step` writes to. Raises WriteUnavailable.
    """
    try:
        return step(), None
    except WriteUnavailable:
        raise
    except Exception as error:
        portrait_error = _to_portrait_error(error, folder)
        return None, Problem(area, portrait_error.code, portrait_error.message)


def _to_portrait_error(error: Exception, folder: Path | None) -> PortraitError:
    """Return the error to show; log an unexpected one."""
    if isinstance(error, PortraitError):
        return error
    if isinstance(error, OSError):
        return from_os_error(error, folder)
    logger.error("the page broke", exc_info=error)
    return Fault(FaultCode.INTERNAL, text.BROKE)


def is_about_voices(problem: Problem, values: Mapping[str, object]) -> bool:
    """Return whether an action ends a problem of a recording or of a text wherever it is shown.

    Its recording is gone or elsewhere, or its editor is closed.
    """
    do = values.get("do")
    closes = do == "edit-cancel" or (do == "edit" and not values.get("what"))
    return problem.area.startswith("voice") and (closes or do == "swap")


def find_area(values: Mapping[str, object]) -> Area:
    """Return the area of the page that shows problems of this action."""
    match values.get("do"):
        case "picture" | "turn":
            return "picture"
        case "voice" | "remove":
            return "voice-1" if str(values.get("slot")) == "1" else "voice-0"
        case "trim" | "trim-reset" | "type" | "speak" | "hand-over" | "cut" | "split" | "one-voice":
            return "voice-0"
        case "edit" if values.get("what") in ("trim", "typing", "split"):
            return "voice-0"
        case "set" if str(values.get("field")) in SCENE_FIELDS:
            return "scene"
        case "select" | "open" | "use" | "rename" | "delete" | "delete-sure" | "choose-all":
            return "history"
    return "stage"

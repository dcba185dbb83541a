"""Where the one filled button of a state stands."""

from typing import Literal

from ui.session.page_state import Phase, Shown

Where = Literal["", "editor", "picture", "voice", "stage"]


def primary(shown: Shown) -> Where:
    """The part of the page whose way on is filled; the cards only as long as nothing is made."""
    if _editing(shown):
        return "editor"
    if shown.job is not None or shown.phase is Phase.UNDRAFTED:
        return "stage"
    if shown.phase is Phase.CHOOSING:
        return ""
    place = shown.problem.place if shown.problem else ""
    if place == "picture" or place == "stage":
        return place
    if place.startswith("voice"):
        return "voice"
    if shown.desk.picture is None:
        return "picture"
    return "" if any(shown.desk.voices) else "voice"


def _editing(shown: Shown) -> bool:
    """Whether an editor is on show; its way on is filled then."""
    if shown.desk.editing == "framing":
        return shown.framed is not None
    if shown.desk.editing == "trim":
        return any(shown.desk.voices)
    return shown.desk.editing != ""

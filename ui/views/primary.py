"""Where the one filled button of a state stands."""

from typing import Literal

from ui.session.page_state import PageState, Phase

Where = Literal["", "editor", "picture", "voice", "stage"]


def primary(shown: PageState) -> Where:
    """The part of the page whose way on is filled; the cards only as long as nothing is made."""
    if _editing(shown):
        return "editor"
    if shown.job is not None or shown.phase in (Phase.UNDRAFTED, Phase.CLEARED):
        return "stage"
    if shown.phase is Phase.CHOOSING:
        return ""
    place = shown.problem.area if shown.problem else ""
    if place == "picture" or place == "stage":
        return place
    if place.startswith("voice"):
        return "voice"
    if shown.session.picture is None:
        return "picture"
    return "" if any(shown.session.voices) else "voice"


def _editing(shown: PageState) -> bool:
    """Whether an editor is on show; its way on is filled then."""
    if shown.session.editing == "framing":
        return shown.framed is not None
    if shown.session.editing == "trim":
        return any(shown.session.voices)
    return shown.session.editing != ""

"""Typing what is said, where there is no recording of it."""

from html import escape

from ui.session.commands import MAX_TYPED_CHARS
from ui.session.dialogue import warn_of_language
from ui.session.page_state import PageState
from ui.session.requests import find_speakers
from ui.session.session import Session
from ui.strings import text
from ui.views.elements import attributes, button, message, small


def typing(shown: PageState) -> str:
    """The field and its button."""
    return (
        f'<div class="tp-editor tp-fields"{_group()}>{_field(shown.session)}'
        f'<div data-tell="language">{language_warning(shown.session.typed)}</div>'
        f'<div class="tp-act">{button(text.TYPE_SPEAK, look="tp-go", data_speak="voice-0")}'
        f"{button(text.CANCEL, data_do='edit-cancel')}</div></div>"
    )


def language_warning(typed: str) -> str:
    """What the voice can't read well of the text; empty for English."""
    said = warn_of_language(typed)
    return message(said, look=True) if said else ""


def _group() -> str:
    return attributes(role="group", aria_label=text.TYPE, data_typing=True)


def _field(desk: Session) -> str:
    hint = text.TYPE_HINT_TWO if len(find_speakers(desk)) > 1 else text.TYPE_HINT
    told = attributes(data_typed=True, rows=5, maxlength=MAX_TYPED_CHARS)
    return (
        f"<label>{escape(text.TYPE_LABEL)}{small(hint)}"
        f"<textarea{told}>{escape(desk.typed)}</textarea></label>"
    )

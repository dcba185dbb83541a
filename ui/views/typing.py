"""Typing what is said, where there is no recording of it."""

from html import escape

from ui.session.commands import MAX_TYPED_CHARS
from ui.session.page_state import PageState
from ui.session.requests import find_speakers
from ui.session.session import Session
from ui.strings import text
from ui.views.elements import attributes, button, small


def typing(shown: PageState) -> str:
    """The field and its button; one line instead where nothing can speak."""
    if not shown.can_speak:
        close = button(text.CANCEL, data_do="edit-cancel")
        return (
            f'<div class="tp-editor" data-typing><p>{escape(text.TYPE_MISSING)}</p>'
            f'<div class="tp-act">{close}</div></div>'
        )
    return (
        f'<div class="tp-editor tp-fields"{_group()}>{_field(shown.session)}'
        f'<div class="tp-act">{button(text.TYPE_SPEAK, look="tp-go", data_speak="voice-0")}'
        f"{button(text.CANCEL, data_do='edit-cancel')}</div></div>"
    )


def _group() -> str:
    return attributes(role="group", aria_label=text.TYPE, data_typing=True)


def _field(desk: Session) -> str:
    hint = text.TYPE_HINT_TWO if len(find_speakers(desk)) > 1 else text.TYPE_HINT
    told = attributes(data_typed=True, rows=5, maxlength=MAX_TYPED_CHARS)
    return (
        f"<label>{escape(text.TYPE_LABEL)}{small(hint)}"
        f"<textarea{told}>{escape(desk.typed)}</textarea></label>"
    )

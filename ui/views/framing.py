"""Adjusting what the frame shows and who speaks: the editor in the frame and its sliders."""

import json
from html import escape

from ui.media import serving
from ui.session.page_state import FramedPicture
from ui.session.requests import find_speakers
from ui.session.session import Session
from ui.strings import text, wording
from ui.views.elements import attributes, button


def framing_editor(desk: Session, framed: FramedPicture) -> str:
    """The source picture behind the shape; it can be dragged, zoomed and moved by keys."""
    assert desk.picture is not None
    who = find_speakers(desk)
    boxes = [
        {
            "number": index + 1,
            "label": wording.face_name(index, len(who)),
            "box": [round(edge) for edge in (box.left, box.top, box.right, box.bottom)],
        }
        for index, box in enumerate(who)
    ]
    told = attributes(
        picture=serving.build_session_url(desk.picture.preview),
        width=desk.picture.picture.width,
        height=desk.picture.picture.height,
        shape_width=framed.width,
        shape_height=framed.height,
        left=framed.crop.left,
        top=framed.crop.top,
        crop=framed.crop.width,
        speakers=json.dumps(boxes),
    )
    return f"<tp-framing{told}></tp-framing>"


def framing_panel(desk: Session) -> str:
    """The sliders under the frame; the browser gives them their limits and follows them."""
    sliders = "".join(_slider(label, data_framing=axis) for axis, label in text.FRAMING_SLIDERS)
    boxes = "".join(
        _box_sliders(index, len(find_speakers(desk))) for index in range(len(find_speakers(desk)))
    )
    told = attributes(data_fold="boxes", open=desk.boxes)
    summary = f"<summary>{escape(text.BOXES)}</summary>"
    fold = f'<details class="tp-boxes"{told}>{summary}{boxes}</details>' if boxes else ""
    return (
        f'<div class="tp-panel"><div class="tp-sliders">{sliders}</div>{fold}'
        f'<div class="tp-act">{button(text.DONE, look="tp-go", data_do="edit", data_what="")}'
        f"{button(text.CANCEL, data_do='edit-cancel')}"
        f"{button(text.RESET, data_do='crop-reset')}</div></div>"
    )


def _box_sliders(index: int, count: int) -> str:
    name = wording.face_name(index, count)
    return (
        '<div class="tp-sliders">'
        + "".join(
            _slider(f"{name}, {label}", data_box=index, data_axis=axis)
            for axis, label in text.BOX_SLIDERS
        )
        + "</div>"
    )


def _slider(label: str, **values: object) -> str:
    return f'<label>{escape(label)}<input type="range"{attributes(**values)}></label>'

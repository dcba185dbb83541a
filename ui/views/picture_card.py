"""The picture's card: where one is given, or the exact crop with everyone who was found."""

from html import escape

from inference.core.errors import InputCode
from inference.core.framing import map_box_to_frame, measure_frame
from inference.core.inputs import Box, FrameSize, Picture, Shape
from ui.media import serving
from ui.session.page_state import FramedPicture, PageState, Problem
from ui.session.requests import MAX_SPEAKERS, find_speakers, has_hidden_mouth
from ui.session.session import Session
from ui.strings import text, wording
from ui.views.elements import attributes, button, icon, message, quiet, ratio, small, switch

_THUMB_WIDTH, _THUMB_HEIGHT = 344, 240  # the most of it that is shown; marks are sized for it
_MARK_SCALE = 896 / _THUMB_WIDTH
_TAG_HIGH = 28  # what a button on a face needs above it for its words
NOTED_HERE = {"turned", "mouth_hidden", "portrait_suits"}  # warnings of a plan
_COLOURS = ("tp-face-1", "tp-face-2")


def picture_card(shown: PageState, filled: bool) -> str:
    """The card; `filled`: its way on is the page's one filled button."""
    given, problem = shown.session.picture, _problem(shown)
    hint = text.PICTURE_HINT
    if given and shown.framed:
        hint = wording.frame_size(shown.framed.width, shown.framed.height)
    if given and problem:
        hint = given.name
    body = _drop_zone(filled and not problem) if given is None else _given(shown, problem)
    said = _said(problem, filled) if problem else _noted(shown.session)
    return (
        f'<section class="tp-card"{attributes(data_drop="picture", data_empty=given is None)}>'
        f"<header><h2>{escape(text.PICTURE)}</h2>{small(hint)}</header>{body}"
        f'<div class="tp-said">{said}</div>'
        f'<div class="tp-said" data-problems="picture"></div></section>'
    )


def _problem(shown: PageState) -> Problem | None:
    return shown.problem if shown.problem and shown.problem.area == "picture" else None


def _drop_zone(filled: bool) -> str:
    go = button(text.PICTURE_CHOOSE, look="tp-go" if filled else "", data_choose="picture")
    return (
        f'<div class="tp-body"><div class="tp-drop tp-large">{icon("face")}{go}'
        f"{small(text.PICTURE_DROP, data_status='picture')}</div>"
        f'<div class="tp-either">{button(text.CAMERA, mark="camera", data_camera=True)}'
        f"{button(text.PASTE, data_paste=True)}</div></div>"
    )


def _given(shown: PageState, problem: Problem | None) -> str:
    assert shown.session.picture is not None
    framed, picture = shown.framed, shown.session.picture.picture
    width, height = (framed.width, framed.height) if framed else (picture.width, picture.height)
    count = len(picture.faces)
    note = wording.faces_found(count)
    if count > MAX_SPEAKERS:
        note = wording.choose_speakers(count, len(find_speakers(shown.session)))
    adjust = ""
    if shown.framed and (problem is None or problem.code != InputCode.NO_FACE):
        adjust = quiet(text.ADJUST, data_do="edit", data_what="framing")
    turn = quiet(text.TURN, data_do="turn", data_by=90, aria_label=text.TURN_LABEL)
    change = quiet(text.CHANGE, data_choose="picture")
    return (
        f'<div class="tp-body"><div class="tp-thumb"{attributes(style=ratio(width, height))}>'
        f"{_thumbnail(shown)}</div></div>{_shapes(shown, picture)}"
        f'<div class="tp-foot">{small(note, data_status="picture")}'
        f"{turn}{adjust}{change}</div>"
    )


def _shapes(shown: PageState, picture: Picture) -> str:
    """The shapes that the video can have, and Portrait in one tap where it suits the picture."""
    options = {}
    for shape, title in text.SHAPES.items():
        frame = measure_frame(shape, picture)
        options[shape.value] = (title, wording.size(frame.width, frame.height))
    choices, crop, way = shown.session.choices, shown.framed and shown.framed.crop, ""
    frame = measure_frame(choices.shape, picture)
    continued = choices.crop is None and crop is not None and crop.width > picture.width
    upright = choices.shape is Shape.LANDSCAPE and picture.height > picture.width
    if upright or (continued and frame.width >= frame.height):
        words = text.WARNINGS["portrait_suits"] if continued else text.UPRIGHT
        use = button(
            text.USE_PORTRAIT, data_do="set", data_field="shape", data_value=Shape.PORTRAIT
        )
        way = f'<div class="tp-suits">{small(words)}{use}</div>'
    chosen = switch("shape", text.SHAPE, options, choices.shape)
    return f'<div class="tp-body tp-shapes">{chosen}{way}</div>'


def _thumbnail(shown: PageState) -> str:
    """The exact crop, with marks; without one the picture itself."""
    desk, framed = shown.session, shown.framed
    assert desk.picture is not None
    if framed is None:
        return f'<img src="{serving.build_session_url(desk.picture.preview)}" alt="">'
    marks = _marks(desk, framed) if find_speakers(desk) else ""
    faces = _face_buttons(desk, framed)
    return (
        f'<div class="tp-exact">'
        f'<img src="{serving.build_session_url(framed.picture)}" alt="{escape(text.PICTURE_ALT)}" '
        f'width="{framed.width}" height="{framed.height}">{marks}{faces}</div>'
    )


def _marks(desk: Session, framed: FramedPicture) -> str:
    """Corners around each speaker that is no button, with its name above, or below where there is
    no room."""
    buttons = _choosable(desk)
    shrink = max(framed.width / _THUMB_WIDTH, framed.height / _THUMB_HEIGHT) / _MARK_SCALE
    marks = "".join(
        _mark(index, box, len(framed.faces), framed, shrink)
        for index, (box, who) in enumerate(zip(framed.faces, find_speakers(desk), strict=True))
        if who not in buttons
    )
    return (
        f'<svg class="tp-marks" viewBox="0 0 {framed.width} {framed.height}" '
        f'aria-hidden="true">{marks}</svg>'
    )


def _mark(
    index: int, box: tuple[int, int, int, int], count: int, framed: FramedPicture, unit: float
) -> str:
    left, top, right, bottom = box
    arm = min(26 * unit, (right - left) / 3, (bottom - top) / 3)
    corners = (
        f"M{left} {top + arm:.0f}V{top}H{left + arm:.0f}"
        f"M{right - arm:.0f} {top}H{right}V{top + arm:.0f}"
        f"M{right} {bottom - arm:.0f}V{bottom}H{right - arm:.0f}"
        f"M{left + arm:.0f} {bottom}H{left}V{bottom - arm:.0f}"
    )
    name = wording.face_name(index, count)
    wide, high, gap = (24 + 19 * len(name)) * unit, 52 * unit, 10 * unit
    y = top - gap - high
    if y < -gap:
        y = min(bottom + gap, framed.height - high)
    x = min(max(left, 0), framed.width - wide)
    return (
        f'<g class="{_COLOURS[index]}"><path class="tp-shade" d="{corners}" '
        f'stroke-width="{9 * unit:.1f}"/><path d="{corners}" stroke-width="{5 * unit:.1f}"/>'
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{high:.0f}" '
        f'rx="{6 * unit:.0f}"/><text x="{x + wide / 2:.0f}" y="{y + 38 * unit:.0f}" '
        f'font-size="{36 * unit:.0f}">{escape(name)}</text></g>'
    )


def _choosable(desk: Session) -> tuple[Box, ...]:
    """The faces that were found, when they are more than can speak."""
    faces = desk.picture.picture.faces if desk.picture else ()
    return tuple(face.box for face in faces) if len(faces) > MAX_SPEAKERS else ()


def _face_buttons(desk: Session, framed: FramedPicture) -> str:
    """A button around each face: whether it speaks, and as whom."""
    return "".join(
        _face_button(index, box, desk, framed) for index, box in enumerate(_choosable(desk))
    )


def _face_button(index: int, box: Box, desk: Session, framed: FramedPicture) -> str:
    chosen, tag, kind = find_speakers(desk), str(index + 1), ""
    if box in chosen:
        who = chosen.index(box)
        kind = f" {_COLOURS[who]}"
        tag = wording.face_name(who, 2) if len(chosen) > 1 else wording.face_number(index)
    frame = FrameSize(framed.width, framed.height)
    left, top, right, bottom = map_box_to_frame(box, framed.crop, frame)
    place = (
        f"left:{100 * left / framed.width:.2f}%;top:{100 * top / framed.height:.2f}%;"
        f"width:{100 * (right - left) / framed.width:.2f}%;"
        f"height:{100 * (bottom - top) / framed.height:.2f}%"
    )
    told = attributes(
        data_do="speaks",
        data_face=index,
        aria_pressed="true" if box in chosen else "false",
        style=place,
        aria_label=wording.face_speaks(index),
    )
    shrink = max(framed.width / _THUMB_WIDTH, framed.height / _THUMB_HEIGHT)
    below = " tp-below" if top < _TAG_HIGH * shrink else ""
    return (
        f'<button type="button" class="tp-facebox{kind}{below}"{told}><span>{tag}</span></button>'
    )


def _noted(desk: Session) -> str:
    """What is worth a look of the picture itself, of a plan's warnings those in `NOTED_HERE`."""
    turned = desk.picture.picture.turned if desk.picture else 0
    out = ""
    if turned:
        back = button(text.TURN_BACK, data_do="turn", data_by=360 - turned)
        out += message(wording.picture_turned(turned), below=back, look=True)
    if has_hidden_mouth(desk):
        out += message(text.WARNINGS["mouth_hidden"], look=True)
    return out


def _said(problem: Problem, filled: bool) -> str:
    look = "tp-go" if filled else ""
    way = button(text.PICTURE_ANOTHER, look=look, data_choose="picture")
    if problem.code == InputCode.NO_FACE:
        return message(text.NEEDS_FACE, text.NEEDS_FACE_HOW, way)
    return message(problem.message, below=way, close=problem.can_close)

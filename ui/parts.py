"""Pieces of the page as HTML. Every text is escaped here, every sentence comes from `ui.text`.

Gradio keeps elements of the same kind at the same place when a piece changes, so a picture is
not blank between two previews and the progress bar moves instead of jumping.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from inference.framing import PictureSize
from ui import media, text
from ui.progress import StageShown

_MARK = (
    '<svg viewBox="0 0 40 20" fill="none" stroke="currentColor" stroke-width="2" '
    'aria-hidden="true"><path d="M1 6V1h5M34 1h5v5M39 14v5h-5M6 19H1v-5"/>'
    '<path stroke-width="2.6" stroke-linecap="round" '
    'd="M11 9v2M15.5 7v6M20 4.5v11M24.5 7v6M29 9v2"/></svg>'
)
_SILHOUETTE = (
    '<svg class="tp-silhouette" viewBox="0 0 896 448" aria-hidden="true">'
    '<ellipse cx="640" cy="178" rx="74" ry="92"/>'
    '<path d="M604 258v44c0 22-96 26-128 60-18 20-26 48-28 86'
    'M676 258v44c0 22 96 26 128 60 18 20 26 48 28 86"/>'
    '<path class="tp-mouth" d="M608 222v6M624 214v22M640 206v38M656 214v22M672 222v6"/></svg>'
)
_ICONS = {
    "face": '<rect x="3" y="5" width="18" height="14" rx="2"/><circle cx="12" cy="11" r="2.5"/>'
    '<path d="M7 19c0-3 2.2-4.5 5-4.5s5 1.5 5 4.5"/>',
    "voice": '<path d="M4 10v4M8 7v10M12 4v16M16 7v10M20 10v4"/>',
    "bad": '<circle cx="12" cy="12" r="9"/><path d="m9 9 6 6M15 9l-6 6"/>',
    "look": '<path d="M12 4 2.8 19.5h18.4zM12 10v4M12 16.9v.1"/>',
    "done": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "down": '<path d="M12 4v11M7.5 10.5 12 15l4.5-4.5M5 20h14"/>',
}


def _icon(name: str) -> str:
    return f'<svg class="tp-i" viewBox="0 0 24 24" aria-hidden="true">{_ICONS[name]}</svg>'


def top() -> str:
    """The bar with the product's name."""
    return f'<header class="tp-top"><div class="tp-mark">{_MARK}{escape(text.TITLE)}</div></header>'


def foot() -> str:
    """The one line under everything."""
    return f'<footer class="tp-foot">{escape(text.FOOTER)}</footer>'


def headline(state: str, title: str, lead: str, tab: str | None = None) -> str:
    """The one headline of a state (`start` as long as inputs are missing); `tab` stands in the
    browser's tab."""
    return (
        f'<div class="tp-head" aria-live="polite" data-state="{state}" '
        f'data-tab="{escape(text.tab_title(tab))}">'
        f'<h1 tabindex="-1">{escape(title)}</h1><p>{escape(lead)}</p></div>'
    )


@dataclass(frozen=True)
class Accepted:
    """What a card takes: the likely types first, the largest file, what is said of a larger one
    and while a file is sent."""

    types: str
    limit_mib: int
    too_big: str
    sending: str


def card_head(title: str, hint: str, accepted: Accepted | None = None) -> str:
    """A card's title with a word at its right; the browser needs to know what is `accepted`."""
    words = f"<h2>{escape(title)}</h2><span>{escape(hint)}</span>"
    if accepted is None:
        return f"<header>{words}</header>"
    return (
        f'<header data-accept="{escape(accepted.types)}" data-limit-mib="{accepted.limit_mib}" '
        f'data-sending="{escape(accepted.sending)}">{words}</header>'
        f"<template>{alert(accepted.too_big)}</template>"
    )


def drop_zone(icon: str, hint: str) -> tuple[str, str]:
    """What stands above and below the button of a card that waits for a file."""
    above = f'<div class="tp-drop">{_icon(icon)}</div>'
    return above, f'<p class="tp-hint" aria-live="polite">{escape(hint)}</p>'


def given(shown: str, note: str) -> tuple[str, str]:
    """What stands above and beside the button of a card that has its file."""
    above = f'<div class="tp-given">{shown}</div>'
    return above, f'<p class="tp-note" aria-live="polite">{escape(note)}</p>'


def face_thumbnail(job: str, face: tuple[int, int, int, int], frame: PictureSize) -> str:
    """The crop, small, with the face (left, top, right, bottom in the frame) marked."""
    left, top, right, bottom = face
    box = (
        f"left:{100 * left / frame.width:.2f}%;top:{100 * top / frame.height:.2f}%;"
        f"width:{100 * (right - left) / frame.width:.2f}%;"
        f"height:{100 * (bottom - top) / frame.height:.2f}%"
    )
    return (
        f'<div class="tp-thumb"><img src="{media.url(job, media.CROP)}" alt="">'
        f'<i class="tp-face" style="{box}"></i></div>'
    )


def waveform(bars: Sequence[float]) -> str:
    """The recording as a row of bars, each 0 to 1 high."""
    strokes = "".join(
        f"M{4 * index + 2} {24 - max(1.0, 21 * bar):.1f}V{24 + max(1.0, 21 * bar):.1f}"
        for index, bar in enumerate(bars)
    )
    return (
        f'<svg class="tp-wave" viewBox="0 0 {4 * len(bars)} 48" preserveAspectRatio="none" '
        f'aria-hidden="true"><path d="{strokes}"/></svg>'
    )


def alert(message: str, note: str = "") -> str:
    """What went wrong and what to do, spoken at once; empty for no message."""
    if not message:
        return ""
    more = f"<p>{escape(note)}</p>" if note else ""
    return f'<div class="tp-msg" role="alert">{_icon("bad")}<p>{escape(message)}</p>{more}</div>'


def notes(messages: Iterable[str]) -> str:
    """What is worth a look before the work starts."""
    lines = "".join(
        f'<li class="tp-msg tp-look">{_icon("look")}<p>{escape(message)}</p></li>'
        for message in messages
    )
    return f'<ul class="tp-notes">{lines}</ul>' if lines else ""


def empty_frame() -> str:
    """The frame before there is a picture."""
    return (
        f'<div class="tp-frame tp-empty">{_SILHOUETTE}'
        f"<b>{escape(text.FRAME_TITLE)}</b><span>{escape(text.FRAME_LEAD)}</span></div>"
    )


def picture_frame(url: str, alt: str) -> str:
    """The frame with the crop or a preview."""
    return f'<div class="tp-frame"><img src="{escape(url)}" alt="{escape(alt)}"></div>'


def video_frame(poster: str, video: str) -> str:
    """The frame with a film; the picture stays under it until the film can be seen."""
    return (
        f'<div class="tp-frame"><img src="{escape(poster)}" alt="">'
        f'<video src="{escape(video)}" controls playsinline preload="auto" '
        f'aria-label="{escape(text.FRAME_VIDEO)}"></video></div>'
    )


def plan_line(goes_in: str, comes_out: str) -> str:
    """The plan in one line."""
    return (
        f'<p class="tp-plan"><span>{escape(goes_in)}</span> '
        f'<span class="tp-arrow">→</span> <span>{escape(comes_out)}</span></p>'
    )


def progress_bar(windows: Sequence[tuple[int, float]], share: float) -> str:
    """The bar under the frame, cut where the windows are: their frames and how much is done."""
    cells = "".join(
        f'<span style="flex:{frames}"><i style="width:{100 * done:.1f}%"></i></span>'
        for frames, done in windows
    )
    return (
        f'<div class="tp-wins" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{round(100 * share)}" aria-label="{escape(text.PROGRESS)}">'
        f"{cells}</div>"
    )


def time_left(left: str) -> str:
    """How long it still takes, large."""
    return f'<p class="tp-left">{escape(left)}</p>'


def stage_list(stages: Sequence[StageShown], elapsed: str) -> str:
    """The stages so far, the last of them going on."""
    lines = "".join(_stage(shown) for shown in stages)
    now = next((text.stage(shown.name, False) for shown in stages if shown.seconds is None), "")
    return (
        f'<section class="tp-card">{card_head(text.STAGES, elapsed)}'
        f'<ol class="tp-stages">{lines}</ol>'
        f'<p class="tp-spoken" role="status">{escape(now)}</p></section>'
    )


def _stage(shown: StageShown) -> str:
    done = shown.seconds is not None
    mark = _icon("done") if done else '<i class="tp-ring"></i>'
    lasted = "" if shown.seconds is None else f"{max(shown.seconds, 0.1):.1f} s"
    return (
        f"<li{'' if done else ' class=tp-now'}>{mark}"
        f"<span>{escape(text.stage(shown.name, done))}</span><small>{lasted}</small></li>"
    )


def download(url: str) -> str:
    """The link that saves the video, looking like the one filled button."""
    return (
        f'<a class="tp-download" href="{escape(url)}" download="{escape(text.DOWNLOAD_NAME)}">'
        f"{_icon('down')}{escape(text.DOWNLOAD)}</a>"
    )

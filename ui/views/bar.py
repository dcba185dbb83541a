"""The bar at the top and the line under everything."""

from html import escape

from ui.session.page_state import PageState, Phase
from ui.strings import text
from ui.views.elements import quiet

_MARK = (
    '<svg viewBox="0 0 40 20" fill="none" stroke="currentColor" stroke-width="2" '
    'aria-hidden="true"><path d="M1 6V1h5M34 1h5v5M39 14v5h-5M6 19H1v-5"/>'
    '<path stroke-width="2.6" stroke-linecap="round" '
    'd="M11 9v2M15.5 7v6M20 4.5v11M24.5 7v6M29 9v2"/></svg>'
)


def mark() -> str:
    """The product's mark and name."""
    return f'<div class="tp-mark">{_MARK}{escape(text.TITLE)}</div>'


def top(shown: PageState) -> str:
    """The product's name, the two pages, and whether a GPU is there."""
    count = f" <small>{shown.history_count}</small>" if shown.history_count else ""
    here = shown.gpu.ready and shown.phase is not Phase.WAITING
    kind = "" if here else " tp-off"
    return (
        f'<header class="tp-top">{mark()}'
        f'<nav class="tp-tabs" aria-label="{escape(text.PAGES)}">'
        f'<a href="#make" data-view>{escape(text.MAKE)}</a>'
        f'<a href="#history" data-view>{escape(text.HISTORY)}{count}</a></nav>'
        f'<span class="tp-gpu{kind} tp-small tp-soft">{escape(_gpu(shown))}</span></header>'
    )


def _gpu(shown: PageState) -> str:
    if not shown.gpu.ready:
        return text.GPU_NONE
    if shown.phase is Phase.WAITING:
        return text.WAITING
    is_working = shown.phase is Phase.MAKING or shown.makes_another
    return text.GPU_WORKING if is_working else text.GPU_READY


def foot(has_permission: bool = False, was_taken_back: bool = False) -> str:
    """The line under everything, and what was said on this browser before its final videos."""
    said = ""
    if has_permission:
        back = quiet(text.TAKE_BACK, data_do="take-back")
        said = f"<p>{escape(text.PERMISSION_STATED)} {back}</p>"
    elif was_taken_back:  # takes the focus of the button that is gone, see focus.js
        said = f'<p role="status" tabindex="-1">{escape(text.TAKEN_BACK)}</p>'
    return f'<footer class="tp-end">{escape(text.FOOTER)}{said}</footer>'

"""The page in Gradio: a few regions of HTML and one event that fills them all.

The browser's code sends what a person does over the bus (`bus.js`); the answer is every region,
rendered anew of what lies in the folders. Nothing of a person is kept in Gradio.
"""

import secrets
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from inference.core.settings import Settings
from inference.jobs.store import Jobs
from ui import views
from ui.access.identity import Owners
from ui.media.uploads import Uploads
from ui.session.controller import Handlers
from ui.session.page_state import Problem
from ui.strings import text
from ui.views import Regions
from ui.web.gradio import gr

_PLAIN: dict[str, Any] = {"padding": False, "apply_default_css": False}
_BUS = "window.portraitBus = trigger; window.dispatchEvent(new Event('portrait-bus'));"
_AT_ONCE = 30  # actions; each takes a thread of Gradio's forty
_QUIET: dict[str, Any] = {
    "show_progress": "hidden",
    "api_visibility": "private",
    "concurrency_limit": _AT_ONCE,
}

Updates = tuple[str, ...]


class Page:
    """The page for one folder of data; `blocks` is what Gradio serves."""

    def __init__(self, settings: Settings, jobs: Jobs, uploads: Uploads, owners: Owners) -> None:
        self._handlers, self._owners = Handlers(settings, jobs, uploads), owners
        self.blocks = gr.Blocks(title=text.TITLE, analytics_enabled=False)
        with self.blocks:
            parts = [*self._lay_out(), self._bus()]
            parts[-1].click(self._act, outputs=parts, **_QUIET)

    def pulse(self, owner: str) -> str:
        """Changes whenever the page of `owner` does; cheap."""
        return self._handlers.look.pulse(owner)

    def sweep(self, now: datetime) -> None:
        """Delete what people left behind longer ago than it is kept."""
        self._handlers.sweep(now)

    def _lay_out(self) -> list[gr.HTML]:
        """The regions, in the order of `Regions`."""
        start = views.render(self._handlers.look.at(""))
        parts = {}

        def region(name: str) -> None:
            value = getattr(start, name)
            parts[name] = gr.HTML(value, elem_id=f"tp-{name}", js_on_load=None, **_PLAIN)

        region("top")
        region("head")
        with gr.Row(elem_id="tp-grid"):
            with gr.Column(elem_id="tp-left", min_width=0):
                region("side")
            with gr.Column(elem_id="tp-right", min_width=0):
                region("stage")
        region("below")
        region("history")
        region("foot")
        return [parts[field.name] for field in fields(Regions)]

    def _bus(self) -> gr.HTML:
        return gr.HTML(_answer("0"), elem_id="tp-bus", js_on_load=_BUS, **_PLAIN)

    def _act(self, event: gr.EventData, request: gr.Request) -> Updates:
        """The whole page after what a browser sent was done."""
        owner = self._owners.owner_of(request.cookies)
        sent = event._data if isinstance(event._data, Mapping) else {}
        if owner is None:
            shown = self._handlers.look.at("", Problem("stage", "no_cookie", text.NO_COOKIE))
        else:
            shown = self._handlers.act(owner, sent)
        regions = views.render(shown)
        filled = (getattr(regions, field.name) for field in fields(Regions))
        # not counted: the one before may have come from another server
        return *filled, _answer(secrets.token_hex(8), shown.moving, shown.refused)


def _answer(name: str, moving: bool = False, refused: bool = False) -> str:
    """Tells the browser which answer it has, and what to send again."""
    told = " data-moving" * moving + " data-refused" * refused
    return f'<i data-answer="{name}"{told} hidden></i>'

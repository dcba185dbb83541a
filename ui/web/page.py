"""The page in Gradio: regions of HTML, and two events that fill them all.

The browser's code sends actions over the bus (`bus.js`); the answer is every region, rendered anew
from the data folder. Gradio holds no visitor's data. Actions that decode files come as an event of
their own, whose answer may take a while.
"""

import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import fields, replace
from datetime import datetime
from functools import partial
from typing import Any

from inference.core.errors import Fault, FaultCode, InputCode, InputError, PortraitError
from inference.core.settings import Settings
from inference.jobs.store import JobStore
from ui import views
from ui.access.identity import Owners
from ui.media.decoding import DecodingQueue
from ui.media.uploads import UploadStore
from ui.session.commands import DECODING_ACTIONS
from ui.session.controller import Controller
from ui.session.page_state import JobView, PageState, Phase, Problem
from ui.session.problems import find_area
from ui.session.session import Session
from ui.strings import text
from ui.views import Regions
from ui.views.history import history
from ui.web.gradio import gr

logger = logging.getLogger(__name__)

_BARE_HTML: dict[str, Any] = {"padding": False, "apply_default_css": False}
_EMPTY = "<i data-empty hidden></i>"  # no region ever is the same
_BUS = "window.portraitBus = trigger; window.dispatchEvent(new Event('portrait-bus'));"
_MAX_CONCURRENT = 30  # actions; each takes one of Gradio's 40 threads
_TELL_S = 3.0  # between two words on how many files are decoded first
_EVENT_OPTIONS: dict[str, Any] = {
    "show_progress": "hidden",
    "api_visibility": "private",
    "trigger_mode": "multiple",  # else Gradio drops one that comes while an answer is ending
}

Updates = tuple[Any, ...]


class Page:
    """The page for one data folder; `blocks` is the part that Gradio serves."""

    def __init__(
        self,
        settings: Settings,
        jobs: JobStore,
        uploads: UploadStore,
        owners: Owners,
        decoding: DecodingQueue,
    ) -> None:
        self._controller, self._owners = Controller(settings, jobs, uploads, decoding), owners
        self._decoding = decoding
        self.blocks = gr.Blocks(title=text.TITLE, analytics_enabled=False)
        with self.blocks:
            parts = [*self._build_regions(), self._build_bus()]
            bus, turn = parts[-1], gr.HTML("", elem_id="tp-turn", js_on_load=None, **_BARE_HTML)
            bus.click(
                self._handle_event,
                outputs=parts,
                concurrency_limit=_MAX_CONCURRENT,
                **_EVENT_OPTIONS,
            )
            bus.upload(
                self._handle_files,
                outputs=[*parts, turn],
                concurrency_limit=None,
                **_EVENT_OPTIONS,
            )

    def etag(self, owner: str) -> str:
        """Return a short text that changes whenever the owner's page does."""
        return self._controller.page_builder.etag(owner)

    def render(self, owner: str | None) -> tuple[Regions, str]:
        """Return the owner's page, and its version; '' if that may have changed since."""
        version = self.etag(owner) if owner else ""
        page = self._act(owner, {"do": "refresh"})
        return _render(page), "" if page.is_moving else version

    def sweep(self, now: datetime | None) -> None:
        """Delete leftovers and, unless `now` is unknown, expired sessions and uploads."""
        self._controller.sweep(now)

    def _build_regions(self) -> list[gr.HTML]:
        """Return the regions, in the order of `Regions`; what is in them comes before Gradio."""
        parts = {}

        def region(name: str) -> None:
            parts[name] = gr.HTML(_EMPTY, elem_id=f"tp-{name}", js_on_load=None, **_BARE_HTML)

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

    def _build_bus(self) -> gr.HTML:
        return gr.HTML(_build_answer("0"), elem_id="tp-bus", js_on_load=_BUS, **_BARE_HTML)

    def _handle_event(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Run a browser's action that decodes no file; return all regions."""
        owner, sent = self._owners.identify(request.cookies), _read_action(event)
        if sent.get("do") in DECODING_ACTIONS:  # it would keep a thread of the page waiting
            return self._refuse(owner, sent, InputError(InputCode.BAD_OPTION, text.PAGE_OLD))
        return self._run_action(owner, sent)

    async def _handle_files(
        self, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[Updates]:
        """Run a browser's action that decodes files; yield how many come first, then all regions.

        Another action is refused.
        """
        owner, sent = self._owners.identify(request.cookies), _read_action(event)
        sent = sent if sent.get("do") in DECODING_ACTIONS else {}
        try:
            turn = self._decoding.start(owner or "", partial(self._run_action, owner, sent))
        except Fault as fault:
            yield *self._refuse(owner, sent, fault), ""
            return
        while not await turn.has_ended(_TELL_S):
            yield *[gr.skip()] * (len(fields(Regions)) + 1), _build_turn(turn.count_before())
        yield *turn.task.result(), ""

    def _refuse(
        self, owner: str | None, sent: Mapping[str, object], error: PortraitError
    ) -> Updates:
        problem = Problem(find_area(sent), error.code, error.message)
        return _draw(self._controller.page_builder.build(owner or "", problem))

    def _run_action(self, owner: str | None, sent: Mapping[str, object]) -> Updates:
        return _draw(self._act(owner, sent))

    def _act(self, owner: str | None, sent: Mapping[str, object]) -> PageState:
        """Run the action of a browser, and return its page."""
        if owner is None:
            problem = Problem("stage", "no_cookie", text.NO_COOKIE)
            return self._controller.page_builder.build("", problem)
        return self._controller.handle_event(owner, sent)


def _draw(page: PageState) -> Updates:
    """Return all regions, and the name of this answer."""
    regions = _render(page)
    values = (getattr(regions, field.name) for field in fields(Regions))
    # random, not counted: the answer before may be another server's
    return *values, _build_answer(secrets.token_hex(8), page.is_moving, page.was_refused)


def _read_action(event: gr.EventData) -> Mapping[str, object]:
    return event._data if isinstance(event._data, Mapping) else {}


def _build_turn(files: int) -> str:
    """Return the element that tells the browser how many files are decoded before its own."""
    return f'<i data-files-first="{files}" data-name="{secrets.token_hex(4)}" hidden></i>'


def _render(page: PageState) -> Regions:
    """Render the page; of damaged values that can't be shown, without their jobs or the session."""
    try:
        return views.render(page)
    except Exception:
        logger.exception("a page could not be drawn")
    bare = _leave_out_session(page)
    damaged = [job.id for job in page.history or () if not _can_show(bare, job)]
    sound = page.history and tuple(job for job in page.history if job.id not in damaged)
    page = replace(page, history=sound, damaged=(*page.damaged, *damaged))
    try:
        return views.render(page)
    except Exception:
        return views.render(_leave_out_session(page))


def _leave_out_session(page: PageState) -> PageState:
    problem = Problem("stage", FaultCode.UNREADABLE, text.SESSION_DAMAGED)
    bare = replace(page, phase=Phase.START, session=Session(), framed=None, plan=None, finals={})
    return replace(bare, job=None, previous_draft=None, problem=problem)


def _can_show(bare: PageState, job: JobView) -> bool:
    try:
        return bool(history(replace(bare, history=(job,))))
    except Exception:
        return False


def _build_answer(name: str, moving: bool = False, refused: bool = False) -> str:
    """Return the element that tells the browser which answer it has, and what to send again."""
    flags = " data-moving" * moving + " data-refused" * refused
    return f'<i data-answer="{name}"{flags} hidden></i>'

"""The page in Gradio: which parts there are, and which event fills which.

Media never pass through Gradio: pictures and films are shown from `/media`, and an upload is
moved into a job's folder as soon as it is there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal

import gradio as gr

from inference.settings import Settings
from ui import parts, text, views
from ui.handlers import Handlers, Job
from ui.views import CardView, GivenPicture, GivenVoice, StageView

POLL_S = 0.5  # seconds between two looks at a running job
_SANDBOXES = 2  # uploads decoded at a time; each may take 1.5 GiB
_LOST_UPLOADS_S = (3600, 24 * 3600)  # how often uploads that nobody took in go, and their age
_PLAIN: dict[str, Any] = {"padding": False, "apply_default_css": False, "js_on_load": None}
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

Updates = tuple[Any, ...]
Variant = Literal["primary", "secondary"]


@dataclass(frozen=True)
class Card:
    """The parts of one input's card; `fill` gives their values, in this order."""

    head: gr.HTML
    body: gr.HTML
    message: gr.HTML

    @staticmethod
    def fill(view: CardView) -> Updates:
        return view.head, gr.HTML(above=view.above, below=view.below), view.message


@dataclass(frozen=True)
class Stage:
    """Headline, frame and what belongs to them; `fill` gives their values, in this order."""

    head: gr.HTML
    frame: gr.HTML
    under: gr.HTML
    beside: gr.HTML
    go: gr.Button
    stop: gr.Button
    again: gr.Button
    inputs: gr.Column
    stages: gr.HTML
    timer: gr.Timer

    @staticmethod
    def fill(view: StageView) -> Updates:
        return (
            view.head,
            view.frame,
            view.under,
            gr.HTML(view.beside, visible=bool(view.beside)),
            *(gr.Button(label, visible=bool(label)) for label in (view.go, view.stop, view.again)),
            gr.Column(visible=view.inputs),
            gr.HTML(view.stages, visible=bool(view.stages)),
            gr.Timer(active=view.polling),
        )


class Page:
    """The page for one folder of data; `blocks` is what Gradio serves."""

    def __init__(self, settings: Settings) -> None:
        self._handlers = Handlers(settings)
        self.blocks = gr.Blocks(
            title=text.TITLE, analytics_enabled=False, delete_cache=_LOST_UPLOADS_S
        )
        with self.blocks:
            self._picture = gr.State(None, delete_callback=self._handlers.forget)
            self._voice = gr.State(None, delete_callback=self._handlers.forget)
            self._job = gr.State(None)
            self._lay_out()
            self._bind()

    def _lay_out(self) -> None:
        start = views.waiting(None, None)
        gr.HTML(parts.top(), **_PLAIN)
        head = gr.HTML(start.head, **_PLAIN)
        with gr.Row(elem_id="tp-grid"):
            with gr.Column(elem_id="tp-side", min_width=0):
                with gr.Column(elem_id="tp-inputs", min_width=0) as inputs:
                    self._picture_card, self._picture_button = _card(
                        views.picture_card(None), text.PICTURE_CHOOSE, "primary"
                    )
                    self._voice_card, self._voice_button = _card(
                        views.voice_card(None, self._handlers.longest_s),
                        text.VOICE_CHOOSE,
                        "secondary",
                    )
                stages = gr.HTML(visible=False, **_PLAIN)
            with gr.Column(elem_id="tp-stage", min_width=0):
                frame = gr.HTML(start.frame, elem_id="tp-frame", **_PLAIN)
                under = gr.HTML(start.under, **_PLAIN)
                with gr.Row(elem_id="tp-act"):
                    beside = gr.HTML(visible=False, **_PLAIN)
                    go = gr.Button(variant="primary", size="lg", visible=False, elem_id="tp-go")
                    stop = gr.Button(visible=False, elem_id="tp-stop")
                    again = gr.Button(visible=False, elem_id="tp-again")
        gr.HTML(parts.foot(), **_PLAIN)
        timer = gr.Timer(POLL_S, active=False)
        self._stage = Stage(head, frame, under, beside, go, stop, again, inputs, stages, timer)

    def _bind(self) -> None:
        given, buttons = [self._picture, self._voice], [self._picture_button, self._voice_button]
        arranged = [self._job, *_parts(self._stage), *buttons]
        for button, state, card, take in (
            (self._picture_button, self._picture, self._picture_card, self._give_picture),
            (self._voice_button, self._voice, self._voice_card, self._give_voice),
        ):
            button.upload(
                take,
                [button, state],
                [state, *_parts(card)],
                trigger_mode="always_last",
                concurrency_limit=_SANDBOXES,
                concurrency_id="sandbox",
                **_QUIET,
            ).then(self._arrange, given, arranged, **_QUIET)
        followed = [self._job, *_parts(self._stage)]
        self._stage.go.click(self._make, given, followed, **_QUIET)
        self._stage.stop.click(self._stop, self._job, followed, **_QUIET)
        self._stage.timer.tick(self._follow, self._job, followed, concurrency_limit=None, **_QUIET)
        cards = [*_parts(self._picture_card), *_parts(self._voice_card)]
        self._stage.again.click(self._again, given, [*given, *cards, *arranged], **_QUIET)

    def _give_picture(self, upload: str, before: GivenPicture | None) -> Iterator[Updates]:
        for given, view in self._handlers.give_picture(upload, before):
            yield given, *Card.fill(view)

    def _give_voice(self, upload: str, before: GivenVoice | None) -> Iterator[Updates]:
        for given, view in self._handlers.give_voice(upload, before):
            yield given, *Card.fill(view)

    def _arrange(self, picture: GivenPicture | None, voice: GivenVoice | None) -> Updates:
        view = self._handlers.arrange(picture, voice)
        return None, *Stage.fill(view), *_choose_buttons(picture, voice)

    def _make(self, picture: GivenPicture | None, voice: GivenVoice | None) -> Updates:
        if picture is None or voice is None:
            return self._lost()
        job, view = self._handlers.make(picture, voice)
        return job, *Stage.fill(view)

    def _follow(self, job: Job | None) -> Updates:
        return (job, *Stage.fill(self._handlers.follow(job))) if job else self._lost()

    def _stop(self, job: Job | None) -> Updates:
        return (job, *Stage.fill(self._handlers.stop(job))) if job else self._lost()

    def _lost(self) -> Updates:
        """The server was started anew and no longer knows what this page had: back to the start."""
        return None, *Stage.fill(views.waiting(None, None, text.LOST))

    def _again(self, picture: GivenPicture | None, voice: GivenVoice | None) -> Updates:
        self._handlers.forget(picture)
        self._handlers.forget(voice)
        voice_view = views.voice_card(None, self._handlers.longest_s)
        cards = *Card.fill(views.picture_card(None)), *Card.fill(voice_view)
        return None, None, *cards, *self._arrange(None, None)


def _card(view: CardView, label: str, variant: Variant) -> tuple[Card, gr.UploadButton]:
    with gr.Column(elem_classes="tp-card", min_width=0):
        head = gr.HTML(view.head, **_PLAIN)
        body = gr.HTML(
            html_template="${above}@children${below}", above=view.above, below=view.below, **_PLAIN
        )
        with body:
            button = gr.UploadButton(label, variant=variant)
        message = gr.HTML(**_PLAIN)
    return Card(head, body, message), button


def _choose_buttons(picture: GivenPicture | None, voice: GivenVoice | None) -> Updates:
    """The cards' buttons: of all on the page one is filled, the next thing to do."""
    first = gr.UploadButton(
        text.PICTURE_CHANGE if picture else text.PICTURE_CHOOSE,
        variant="secondary" if picture else "primary",
    )
    second = gr.UploadButton(
        text.VOICE_CHANGE if voice else text.VOICE_CHOOSE,
        variant="primary" if picture and not voice else "secondary",
    )
    return first, second


def _parts(whole: Card | Stage) -> list[Any]:
    return [getattr(whole, field.name) for field in fields(whole)]

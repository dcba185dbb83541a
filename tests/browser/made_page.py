"""A page made by hand, to try the browser's scripts alone: the server that shows it, and what a
test does with it."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from playwright.sync_api import Browser, ConsoleMessage, Error, Page

from inference.core.write_access import MOVING_MESSAGE
from tests.support.media import ROOT
from ui.web.document import build_words

STATIC = ROOT / "ui" / "static"
_SCREEN: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
TOP = """<nav><a href="#make" data-view>Make</a><a href="#history" data-view>History</a></nav>
<style>html:not([data-view=history]) #tp-history, [data-view=history] #tp-head { display: none }
body { min-height: 3000px }</style>"""
HISTORY = '<div class="tp-head"><h1 tabindex="-1">History</h1></div>'
HISTORY += '<button data-do="open" data-job="abc">Open</button>'
# Brings a region into line with new HTML as Gradio does: child by child, by their order.
_MORPH = """
function morph(now, next) {
  if (now.nodeType === 3 && next.nodeType === 3) {
    if (now.textContent !== next.textContent) now.textContent = next.textContent;
    return;
  }
  if (now.nodeType !== 1 || next.nodeType !== 1 || now.tagName !== next.tagName) {
    now.replaceWith(next.cloneNode(true));
    return;
  }
  for (const { name } of [...now.attributes]) {
    if (!next.hasAttribute(name)) now.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (now.getAttribute(name) === value) continue;
    now.setAttribute(name, value);
    if (name === "value") now.value = value;
  }
  children(now, next);
}
function children(now, next) {
  const [old, fresh] = [[...now.childNodes], [...next.childNodes]];
  for (let i = 0; i < Math.max(old.length, fresh.length); i++) {
    if (!old[i]) now.append(fresh[i].cloneNode(true));
    else if (!fresh[i]) old[i].remove();
    else morph(old[i], fresh[i]);
  }
}
function region(id, html) {
  const next = document.createElement("div");
  next.innerHTML = html;
  children(document.getElementById(id), next);
}
let answers = 1;
window.sent = [];
window.answering = true;
window.portraitBus = (name, action) => {
  window.sent.push(action);
  if (!window.answering) return;
  answers += 1;
  const refused = window.moving && action.do !== "refresh" ? "data-refused" : "";
  if (!refused) window.changes?.(action);
  const told = `${window.moving ? "data-moving" : ""} ${refused}`;
  region("tp-bus", `<i data-answer="${answers}" ${told} hidden></i>`);
};
"""


def head(state: str, tab: str = "Talking Portrait", title: str = "Headline") -> str:
    return (
        f'<div class="tp-head" data-state="{state}" data-tab="{tab}">'
        f'<h1 tabindex="-1">{title}</h1></div>'
    )


def regions(**more: str) -> dict[str, str]:
    """The page's regions; `stage="..."` is #tp-stage."""
    given = {"tp-top": TOP, "tp-head": head("start"), "tp-history": HISTORY}
    return given | {f"tp-{name}": html for name, html in more.items()}


def inputs(given: tuple[int, ...] = ()) -> str:
    """#tp-side: the cards of a picture and two voices; those that are `given` have no recorder."""
    cards = '<section data-drop="picture" data-empty><h2>Picture</h2>'
    cards += '<button data-choose="picture">Choose a picture</button>'
    cards += "<button data-camera>Camera</button><button data-paste>Paste</button>"
    cards += '<span data-status="picture">or drop it here</span><div data-problems="picture">'
    cards += "</div></section>"
    for slot, empty in ((0, ""), (1, "data-empty")):
        cards += f'<section data-drop="voice-{slot}" {empty}><h2>Voice {slot}</h2>'
        cards += f'<button data-choose="voice-{slot}">Choose a recording</button>'
        record = f'<button data-record="voice-{slot}" data-longest="2">Record {slot}</button>'
        cards += "" if slot in given else record
        cards += f'<span data-status="voice-{slot}">none</span><div data-problems="voice-{slot}">'
        cards += "</div></section>"
    return cards


def input_regions() -> dict[str, str]:
    """The page that only takes files; a message about the picture has two places."""
    field = '<textarea aria-label="Scene"></textarea><div data-problems="picture"></div>'
    return {"tp-head": head("start", title="Give"), "tp-side": inputs(), "tp-foot": field}


@dataclass
class Bench:
    """A server for the scripts alone: it shows the regions it is given, keeps what is uploaded and
    answers as it is told to."""

    films: Path
    address: str = ""
    regions: dict[str, str] = field(default_factory=dict)
    version: str = "1"
    pulses: list[float] = field(default_factory=list)  # when the page asked, in seconds
    pulse_status: int = 200
    uploads: list[tuple[str, bytes]] = field(default_factory=list)  # the kind, the file
    refusal: str = ""
    moving: int = 0  # how many more uploads are to be sent again
    server: uvicorn.Server | None = None
    cut: bool = False  # whether connections break while a file is sent
    missing: int = 0  # how many more times films are not to be had

    def html(self) -> str:
        """The page."""
        regions = "".join(f'<div id="{name}">{html}</div>' for name, html in self.regions.items())
        styles = "".join(
            f'<link rel="stylesheet" href="/style/{path.name}">'
            for path in sorted(STATIC.glob("*.css"), key=lambda path: path.name != "tokens.css")
        )
        return (
            f'<!doctype html><html lang="en"><head><title>-</title>{styles}'
            '<meta name="viewport" content="width=device-width">'
            '<link rel="icon" href="/style/icon.svg">'
            '<script type="application/json" id="tp-text">'
            f"{json.dumps(build_words())}</script>"
            '<script type="module" src="/style/page.js"></script></head>'
            '<body class="gradio-container">'
            f'<main class="main">{regions}</main>'
            '<div id="tp-bus"><i data-answer="1" hidden></i></div><div id="tp-turn"></div>'
            f"<script>{_MORPH}</script></body></html>"
        )

    async def cut_off(self, request: Request) -> None:
        """Break all connections once some of the request is here."""
        assert self.server
        await anext(request.stream())
        for connection in list(self.server.server_state.connections):
            assert connection.transport
            connection.transport.abort()

    def application(self) -> FastAPI:
        """Everything the scripts ask for."""
        app = FastAPI()
        app.mount("/style", StaticFiles(directory=STATIC))

        @app.get("/")
        def page() -> HTMLResponse:
            return HTMLResponse(self.html())

        @app.get("/pulse")
        def pulse() -> JSONResponse:
            self.pulses.append(time.monotonic())
            return JSONResponse({"version": self.version}, self.pulse_status)

        @app.post("/upload")
        async def upload(request: Request, kind: str) -> JSONResponse:
            assert request.headers["X-Portrait"] == "1"
            if self.cut:
                await self.cut_off(request)
            body = await request.body()
            if self.moving:
                self.moving -= 1
                return JSONResponse({"message": MOVING_MESSAGE, "again": True}, 503)
            if self.refusal:
                return JSONResponse({"message": self.refusal}, 400)
            self.uploads.append((kind, body))
            return JSONResponse({"upload": f"{len(self.uploads):032x}"})

        @app.get("/media/{job}/{name}")
        def media(job: str, name: str) -> Response:
            if self.missing:
                self.missing -= 1
                return JSONResponse({}, 503)
            path = self.films / name
            return FileResponse(path) if path.exists() else JSONResponse({}, 404)

        return app


@contextmanager
def opened(
    tab: Page,
    bench: Bench,
    *,
    expected: tuple[str, ...] = (),
    permissions: tuple[str, ...] = (),
) -> Iterator[Page]:
    """The bench's page in a tab, ready. Fails at the end if the browser complained of anything but
    what was `expected`.

    What is stored and permitted belongs to the bench's address, and so to one test.
    """
    complaints: list[str] = []

    def listen(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning") and not any(part in said.text for part in expected):
            complaints.append(said.text)

    def fail(error: Error) -> None:
        complaints.append(str(error))

    tab.context.grant_permissions(list(permissions), origin=bench.address)
    tab.on("console", listen)
    tab.on("pageerror", fail)
    try:
        tab.mouse.move(0, 0)
        tab.goto(bench.address)
        tab.locator("html.tp-ready").wait_for(state="attached")
        yield tab
        assert complaints == []
    finally:
        tab.remove_listener("console", listen)
        tab.remove_listener("pageerror", fail)
        tab.goto("about:blank")


@contextmanager
def new_tab(browser: Browser, **options: Any) -> Iterator[Page]:
    """A tab of a browser of its own, for a page that needs `options`, or is given a clock."""
    context = browser.new_context(**_SCREEN | options)
    try:
        yield context.new_page()
    finally:
        context.close()


def sent(page: Page, *, refreshes: bool = False) -> list[dict[str, Any]]:
    """The actions that the page sent, without what every one carries."""
    actions: list[dict[str, Any]] = page.evaluate("window.sent")
    return [
        {name: value for name, value in action.items() if name != "view"}
        for action in actions
        if refreshes or action["do"] != "refresh"
    ]


def last(page: Page) -> dict[str, Any]:
    """The newest action that the page sent."""
    action: dict[str, Any] = page.evaluate("window.sent.at(-1)")
    return action


def put(page: Page, region: str, html: str) -> None:
    """Change a region of the page as an answer of the server does."""
    page.evaluate("([id, html]) => region(id, html)", [region, html])


def wait_for(page: Page, condition: str) -> None:
    """Wait until a condition, in JavaScript, holds."""
    page.wait_for_function(condition, timeout=30_000)


def problem(page: Page, place: str) -> str:
    """What is said to be wrong at a place."""
    message = page.locator(f'[data-problems="{place}"] [role=alert] p')
    message.wait_for()
    return message.inner_text()


def expect_sent(page: Page, *actions: Mapping[str, object]) -> None:
    """Wait until these were sent, and nothing else."""
    wait_for(page, f"window.sent.filter((a) => a.do !== 'refresh').length >= {len(actions)}")
    assert sent(page) == list(actions)

"""The page's HTML document: what a browser gets first, with this visitor's page in it already.

Gradio has a document of its own, which shows nothing until all its scripts have run. This one names
the same scripts and draws the page at once; `static/shell.js` hands it over to Gradio.
"""

import json
from html import escape
from typing import Any

from ui.media.page_files import (
    MANIFEST,
    SCRIPT,
    STYLES,
    build_style_url,
    read_page_colours,
)
from ui.session.commands import DECODING_ACTIONS
from ui.strings import text
from ui.views import Regions
from ui.views.shell import shell
from ui.web.gradio_files import find_first_files, find_scripts

_FONTS = ("bricolage-grotesque-latin", "hanken-grotesk-latin")
# Which of the two views is asked for, before anything is drawn; what is pressed or chosen before
# `static/shell.js` is there is kept for it; what Gradio's own document tells its scripts.
_START = """
document.documentElement.dataset.view = location.hash === "#history" ? "history" : "make";
{
  const early = [];
  const keep = ({ type, target }) => early.push([type, target]);
  for (const type of ["click", "change"]) addEventListener(type, keep, { capture: true });
  window.tpEarly = () => {
    for (const type of ["click", "change"]) removeEventListener(type, keep, { capture: true });
    return early;
  };
}
window.__gradio_mode__ = "app";
window.gradio_config = GRADIO_CONFIG;
window.gradio_config.root = location.origin;
window.gradio_api_info = { named_endpoints: {}, unnamed_endpoints: {} };
"""
# Gradio sets the same class later, and follows changes.
_DARK = 'if (matchMedia("(prefers-color-scheme: dark)").matches) document.body.className = "dark";'
_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<meta name="description" content="{description}">
<meta property="og:type" content="website">
<meta property="og:title" content="{title}">
<meta property="og:description" content="{description}">
<meta name="theme-color" media="(prefers-color-scheme: light)" content="{light}">
<meta name="theme-color" media="(prefers-color-scheme: dark)" content="{dark}">
{links}
<script type="application/json" id="tp-text">{sentences}</script>
<script>{start}</script>
<script type="module" src="{script}"></script>
<script type="module" crossorigin src="{gradio}"></script>
</head>
<body>
<script>{set_dark}</script>
<noscript><p class="tp-msg">{no_script}</p></noscript>
"""
_END = """
<gradio-app embed="false" eager="true"></gradio-app>
</body>
</html>
"""


def build_words() -> dict[str, str]:
    """Return the sentences that the browser's scripts use, and the actions that decode files."""
    return text.for_browser() | {"decoding": " ".join(DECODING_ACTIONS)}


class Document:
    """The document of a page whose parts in Gradio are told by `config`."""

    def __init__(self, config: dict[str, Any]) -> None:
        light, dark = read_page_colours()
        known = config | {"current_page": "", "username": None, "deep_link_state": "none"}
        script, style = find_first_files()
        self._head = _DOCUMENT.format(
            title=escape(text.TITLE),
            description=escape(text.DESCRIPTION),
            light=light,
            dark=dark,
            links="\n".join(_build_links(script, style, f"/theme.css?v={config['theme_hash']}")),
            sentences=_write_json(build_words()),
            start=_START.replace("GRADIO_CONFIG", _write_json(known)),
            script=build_style_url(SCRIPT),
            gradio=script,
            set_dark=_DARK,
            no_script=escape(text.NO_SCRIPT),
        )

    def render(self, regions: Regions, version: str) -> str:
        """Return the document with a visitor's page; `version` as in `ui.views.shell`."""
        return self._head + shell(regions, version) + _END


def _build_links(gradio_script: str, gradio_style: str, theme: str) -> list[str]:
    return [
        f'<link rel="stylesheet" crossorigin href="{gradio_style}">',
        f'<link rel="stylesheet" href="{build_style_url(STYLES)}">',
        f'<link rel="preload" as="style" href="{theme}">',
        *(
            '<link rel="preload" as="font" type="font/woff2" crossorigin '
            f'href="{build_style_url(f"fonts/{font}.woff2")}">'
            for font in _FONTS
        ),
        f'<link rel="icon" type="image/svg+xml" href="{build_style_url("icon.svg")}">',
        '<link rel="icon" type="image/png" sizes="192x192" '
        f'href="{build_style_url("icon-192.png")}">',
        f'<link rel="apple-touch-icon" href="{build_style_url("icon-180.png")}">',
        f'<link rel="manifest" href="{build_style_url(MANIFEST)}">',
        *(
            f'<link rel="modulepreload" crossorigin href="{script}">'
            for script in find_scripts(gradio_script)
        ),
    ]


def _write_json(values: object) -> str:
    """Return JSON that can lie in a script element: no tag can end it."""
    return json.dumps(values).replace("<", "\\u003c")

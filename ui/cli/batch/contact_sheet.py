"""Contact sheet of a batch: one HTML page that needs no server, with a card for each item.

Videos and posters lie beside it; styles, fonts and script are embedded. Pure, except that those are
read from the source folders.
"""

import base64
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote

from inference.core.report import Report, Verdict
from ui.cli.batch import words
from ui.cli.batch.words import FILTERS, STATUS_TITLES, VERDICT_STATUSES, ItemStatus
from ui.strings import text
from ui.views.bar import foot, mark
from ui.views.elements import attributes, icon, link_button
from ui.views.report import findings

_HERE = Path(__file__).parent
_STATIC = _HERE.parents[1] / "static"
_STYLES = ("page", "cards", "lists", "report")  # of the page, after its tokens
_STATUS_ICONS = {
    ItemStatus.GOOD: ("", "done"),
    ItemStatus.LOOK: ("tp-look", "look"),
    ItemStatus.BAD: ("tp-bad", "bad"),
    ItemStatus.UNCHECKED: ("tp-run", "done"),
    ItemStatus.THERE: ("tp-run", "done"),
    ItemStatus.FAILED: ("tp-bad", "bad"),
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{styles}</style>
</head>
<body>
<header class="tp-top">{mark}<span class="tp-small tp-soft">{kind}</span></header>
<main>
<div class="tp-head"><h1>{headline}</h1><p>{lead}</p></div>
{filters}
<div class="tp-sheet">
{cards}
</div>
</main>
{foot}
<script>{script}</script>
</body>
</html>
"""


@dataclass(frozen=True)
class Clip:
    """Record of a generated video.

    `fingerprint` is the hash of its inputs, `seconds` the time it took, `settings` its settings in
    words, `url` the link if it is published.
    """

    fingerprint: str
    width: int
    height: int
    frames: int
    duration_s: float
    seconds: float
    settings: str
    notes: tuple[str, ...] = ()
    url: str | None = None


@dataclass(frozen=True)
class Card:
    """State of an item.

    `refusal`: the reason why there is no video. `video` and `poster` are relative to the sheet. A
    `video` without a `clip` existed before the batch.
    """

    name: str
    clip: Clip | None = None
    report: Report | None = None
    refusal: str = ""
    video: str | None = None
    poster: str | None = None

    @property
    def status(self) -> ItemStatus:
        """State of the item."""
        if self.refusal:
            return ItemStatus.FAILED
        if self.video is None:
            return ItemStatus.WAITING
        if self.clip is None:
            return ItemStatus.THERE
        return VERDICT_STATUSES[self.report.verdict] if self.report else ItemStatus.UNCHECKED


def render_sheet(cards: Iterable[str], kinds: Counter[ItemStatus]) -> str:
    """Return the page with `cards`, each rendered by `render_card`."""
    lead = words.summary(kinds)
    if kinds[ItemStatus.WAITING]:
        lead = f"{lead} {words.NEXT_LOAD}"
    return _PAGE.format(
        title=escape(text.tab_title(words.headline(kinds))),
        styles=_build_styles(),
        mark=mark(),
        kind=escape(words.TITLE),
        headline=escape(words.headline(kinds)),
        lead=escape(lead),
        filters=_render_filters(kinds),
        cards="\n".join(cards),
        foot=foot(),
        script=_load_script(),
    )


def render_card(shown: Card) -> str:
    """Return the card of one item as HTML."""
    kind, url = shown.status, shown.clip.url if shown.clip else None
    lines = "".join(
        f'<p class="tp-small tp-soft">{escape(line)}</p>' for line in _list_notes(shown)
    )
    link = link_button(words.PUBLISHED, url, rel="noreferrer") if url else ""
    return (
        f'<article class="tp-card" data-kind="{kind}">{_render_video(shown)}<div class="tp-cap">'
        f'<div class="tp-row"><h2>{escape(shown.name)}</h2>{_render_tag(kind)}</div>'
        f"{lines}{link}</div>"
        f"{_render_findings(shown.report) if shown.report else ''}</article>"
    )


def _list_notes(shown: Card) -> tuple[str, ...]:
    """Return the lines under a video."""
    clip = shown.clip
    if clip:
        return words.made_in(clip.duration_s, clip.seconds), clip.settings, *clip.notes
    return (words.WAS_THERE,) if shown.video else ()


def _render_video(shown: Card) -> str:
    """Return the video, or the reason why there is none."""
    if shown.video is None:
        kind, why = ("tp-bad", shown.refusal) if shown.refusal else ("", words.WAITING)
        return f'<div class="tp-film tp-none {kind}"><p>{escape(why)}</p></div>'
    size = {"width": shown.clip.width, "height": shown.clip.height} if shown.clip else {}
    told = attributes(
        src=quote(shown.video),
        poster=quote(shown.poster) if shown.poster else None,
        aria_label=shown.name,
        controls=True,
        playsinline=True,
        preload="none",
        **size,
    )
    return f'<div class="tp-film"><video{told}></video></div>'


def _render_tag(kind: ItemStatus) -> str:
    """Return an item's state in a word, with an icon."""
    look, drawn = _STATUS_ICONS.get(kind, ("tp-run", ""))
    image = icon(drawn) if drawn else ""
    return f'<span class="tp-tag {look}">{image}{escape(STATUS_TITLES[kind])}</span>'


def _render_findings(report: Report) -> str:
    """Return the findings worth a look, and the good ones folded away."""
    good = [found for found in report.findings if found.verdict is Verdict.PASS]
    rest = findings(found for found in report.findings if found.verdict is not Verdict.PASS)
    if not good:
        return rest
    count = words.good_checks(len(good))
    return (
        f'{rest}<details class="tp-fold"><summary><b>{escape(count)}</b>{icon("fold")}</summary>'
        f"{findings(good)}</details>"
    )


def _render_filters(kinds: Counter[ItemStatus]) -> str:
    """Return a button for each choice of cards, with their number."""
    buttons = "".join(
        f'<button type="button" aria-pressed="{"true" if number == 0 else "false"}"'
        f"{attributes(data_kinds=' '.join(shown))}>{escape(name)} "
        f"<small>{sum(kinds[kind] for kind in shown)}</small></button>"
        for number, (name, shown) in enumerate(FILTERS.items())
    )
    label = escape(words.FILTERS_LABEL)
    return f'<div class="tp-filters" role="group" aria-label="{label}">{buttons}</div>'


@cache
def _build_styles() -> str:
    """Return the page's own styles with embedded fonts, and those of the sheet."""
    tokens = re.sub(r"url\((fonts/[\w.-]+)\)", _embed_font, _read_text(_STATIC / "tokens.css"))
    dark = re.compile(r"^\.dark (\{.*?^\})", re.MULTILINE | re.DOTALL)
    tokens = dark.sub(r"@media (prefers-color-scheme: dark) { :root \1 }", tokens)
    sheets = [_read_text(_STATIC / f"{name}.css") for name in _STYLES]
    return "\n".join([tokens, *sheets, _read_text(_HERE / "contact_sheet.css")])


def _embed_font(found: re.Match[str]) -> str:
    data = base64.b64encode((_STATIC / found[1]).read_bytes()).decode()
    return f"url(data:font/woff2;base64,{data})"


@cache
def _load_script() -> str:
    return _read_text(_HERE / "contact_sheet.js")


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8")

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

from inference.core.options import Permission
from inference.core.report import Report, Verdict
from ui.cli.batch import words
from ui.cli.batch.words import FILTERS, STATUS_TITLES, VERDICT_STATUSES, ItemStatus
from ui.strings import history_wording, text
from ui.views.bar import foot, mark
from ui.views.elements import attributes, icon, link_button
from ui.views.report import findings

_HERE = Path(__file__).parent
_STATIC = _HERE.parents[1] / "static"
_STYLES = ("page", "cards", "lists", "report")  # of the page; after the tokens
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
    words, `url` the link if it is published. `permission`: None for a draft that states none.
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
    permission: Permission | None = None


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


def render_sheet(cards: Iterable[str], counts: Counter[ItemStatus]) -> str:
    """Return the page with `cards`, each rendered by `render_card`."""
    lead = words.summary(counts)
    if counts[ItemStatus.WAITING]:
        lead = f"{lead} {words.NEXT_LOAD}"
    return _PAGE.format(
        title=escape(text.tab_title(words.headline(counts))),
        styles=_build_styles(),
        mark=mark(),
        kind=escape(words.TITLE),
        headline=escape(words.headline(counts)),
        lead=escape(lead),
        filters=_render_filters(counts),
        cards="\n".join(cards),
        foot=foot(),
        script=_load_script(),
    )


def render_card(card: Card) -> str:
    """Return the card of one item as HTML."""
    url = card.clip.url if card.clip else None
    lines = "".join(f'<p class="tp-small tp-soft">{escape(line)}</p>' for line in _list_notes(card))
    link = link_button(words.PUBLISHED, url, rel="noreferrer") if url else ""
    return (
        f'<article class="tp-card" data-kind="{card.status}">{_render_video(card)}'
        f'<div class="tp-cap"><div class="tp-row">'
        f"<h2>{escape(card.name)}</h2>{_render_tag(card.status)}</div>"
        f"{lines}{link}</div>"
        f"{_render_findings(card.report) if card.report else ''}</article>"
    )


def _list_notes(card: Card) -> tuple[str, ...]:
    """Return the lines under a video."""
    clip = card.clip
    if clip:
        said = (history_wording.permission(clip.permission),) if clip.permission else ()
        return words.made_in(clip.duration_s, clip.seconds), clip.settings, *said, *clip.notes
    return (words.WAS_THERE,) if card.video else ()


def _render_video(card: Card) -> str:
    """Return the video, or the reason why there is none."""
    if card.video is None:
        css_class, why = ("tp-bad", card.refusal) if card.refusal else ("", words.WAITING)
        return f'<div class="tp-film tp-none {css_class}"><p>{escape(why)}</p></div>'
    size = {"width": card.clip.width, "height": card.clip.height} if card.clip else {}
    attrs = attributes(
        src=quote(card.video),
        poster=quote(card.poster) if card.poster else None,
        aria_label=card.name,
        controls=True,
        playsinline=True,
        preload="none",
        **size,
    )
    return f'<div class="tp-film"><video{attrs}></video></div>'


def _render_tag(status: ItemStatus) -> str:
    """Return an item's state in a word, with an icon."""
    css_class, name = _STATUS_ICONS.get(status, ("tp-run", ""))
    image = icon(name) if name else ""
    return f'<span class="tp-tag {css_class}">{image}{escape(STATUS_TITLES[status])}</span>'


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


def _render_filters(counts: Counter[ItemStatus]) -> str:
    """Return a button for each choice of cards, with their number."""
    buttons = "".join(
        f'<button type="button" aria-pressed="{"true" if number == 0 else "false"}"'
        f"{attributes(data_kinds=' '.join(statuses))}>{escape(name)} "
        f"<small>{sum(counts[status] for status in statuses)}</small></button>"
        for number, (name, statuses) in enumerate(FILTERS.items())
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

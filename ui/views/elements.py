"""Small pieces of the page: icons, buttons, messages. Every text that comes in is escaped here."""

from collections.abc import Mapping
from datetime import datetime
from html import escape

from ui.strings import text

_ICONS = {
    "face": '<rect x="3" y="5" width="18" height="14" rx="2"/><circle cx="12" cy="11" r="2.5"/>'
    '<path d="M7 19c0-3 2.2-4.5 5-4.5s5 1.5 5 4.5"/>',
    "camera": '<rect x="3" y="6" width="13" height="12" rx="2"/><path d="m16 11 5-3v8l-5-3"/>',
    "record": '<rect x="9" y="3" width="6" height="11" rx="3"/>'
    '<path d="M5 11a7 7 0 0 0 14 0M12 18v3"/>',
    "bad": '<circle cx="12" cy="12" r="9"/><path d="m8.5 8.5 7 7m0-7-7 7"/>',
    "look": '<path d="M12 4 2.8 19.5h18.4L12 4zm0 6v4.5m0 2.6v.1"/>',
    "done": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "download": '<path d="M12 4v12m0 0 5-5m-5 5-5-5M4 20h16"/>',
    "again": '<path d="M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5"/>',
    "swap": '<path d="M7 4v14m0 0-3-3m3 3 3-3m7 5V6m0 0-3 3m3-3 3 3"/>',
    "delete": '<path d="M5 7h14M10 7V4h4v3m-7 0 1 13h8l1-13"/>',
    "link": '<path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3'
    'A4 4 0 0 0 11 18.7l1-1"/>',
    "share": '<path d="M12 15V4m0 0L8 8m4-4 4 4M6 12v8h12v-8"/>',
    "close": '<path d="m6 6 12 12m0-12L6 18"/>',
    "fold": '<path d="m6 9 6 6 6-6"/>',
}
_PLAY = (
    '<path class="tp-play" d="M6 4v16l14-8z"/>'
    '<path class="tp-pause" d="M6 4h4v16H6zm8 0h4v16h-4z"/>'
)


def icon(name: str) -> str:
    """One of the line icons; it says nothing that words beside it don't."""
    return f'<svg class="tp-i" viewBox="0 0 24 24" aria-hidden="true">{_ICONS[name]}</svg>'


def close_button() -> str:
    """The button that takes a message away."""
    told = attributes(data_do="dismiss", aria_label=text.CLOSE_MESSAGE)
    return f'<button type="button" class="tp-close"{told}>{icon("close")}</button>'


def ring() -> str:
    """The mark of what is under way, or still to come."""
    return '<i class="tp-ring"></i>'


def attributes(**values: object) -> str:
    """HTML attributes: `data_do="x"` is data-do="x", `for_` is for; None and False are left out."""
    out = []
    for name, value in values.items():
        if value is None or value is False:
            continue
        written = name.rstrip("_").replace("_", "-")
        out.append(f" {written}" if value is True else f' {written}="{escape(str(value))}"')
    return "".join(out)


def ratio(width: int, height: int) -> str:
    """The style of a frame of that shape, or of what holds one."""
    return f"--ratio:{width}/{height}"


def button(label: str, *, look: str = "", mark: str = "", **values: object) -> str:
    """A button with words; `look` is its class beside tp-btn, `mark` the name of an icon."""
    return _button(label, look, mark, values)


def quiet(label: str, *, mark: str = "", **values: object) -> str:
    """A button that is only its words."""
    return _button(label, "tp-quiet", mark, values)


def _button(label: str, look: str, mark: str, values: Mapping[str, object]) -> str:
    classes = f"tp-btn {look}".strip()
    drawn = icon(mark) if mark else ""
    rest = attributes(**values)
    return f'<button type="button" class="{classes}"{rest}>{drawn}<b>{escape(label)}</b></button>'


def link_button(label: str, url: str, *, look: str = "", mark: str = "", **values: object) -> str:
    """A link that looks like a button."""
    classes = f"tp-btn {look}".strip()
    drawn = icon(mark) if mark else ""
    rest = attributes(href=url, **values)
    return f'<a class="{classes}"{rest}>{drawn}<b>{escape(label)}</b></a>'


def play_button(label: str, pause: str, sounds: str) -> str:
    """The round button that plays and pauses `sounds`; `ui.views.sounding` writes them."""
    rest = attributes(
        data_play=sounds,
        data_label_play=label,
        data_label_pause=pause,
        aria_label=label,
        aria_pressed="false",
    )
    return (
        f'<button type="button" class="tp-round"{rest}>'
        f'<svg viewBox="0 0 24 24" aria-hidden="true">{_PLAY}</svg></button>'
    )


def switch(name: str, legend: str, options: Mapping[str, tuple[str, str]], chosen: str) -> str:
    """Radios that look like a switch; each option's value with its label and a smaller note."""
    radios = "".join(
        f'<label><input type="radio"'
        f"{attributes(name=name, value=value, data_set=name, checked=value == chosen)}>"
        f"<span><b>{escape(label)}</b>{small(note) if note else ''}</span></label>"
        for value, (label, note) in options.items()
    )
    return (
        f'<fieldset class="tp-seg"><legend>{escape(legend)}</legend><div>{radios}</div></fieldset>'
    )


def small(words: str, **values: object) -> str:
    """Second text, small and soft."""
    return f'<span class="tp-small tp-soft"{attributes(**values)}>{escape(words)}</span>'


def message(
    title: str, words: str = "", below: str = "", look: bool = False, close: bool = False
) -> str:
    """What went wrong and what to do, spoken at once; with `look` only worth a look.

    `below` is HTML: the buttons that lead out. `close`: it has a button that takes it away.
    """
    kind, mark, role = ("tp-msg tp-look", "look", "") if look else ("tp-msg", "bad", "alert")
    more = f"<p>{escape(words)}</p>" if words else ""
    row = f'<div class="tp-row">{below}</div>' if below else ""
    tag = "b" if words else "p"
    return (
        f'<div class="{kind}"{attributes(role=role or None)}>{icon(mark)}'
        f"<{tag}>{escape(title)}</{tag}>{more}{row}{close_button() if close else ''}</div>"
    )


def moment(at: datetime) -> str:
    """A day and a time of day, in the visitor's own zone and words."""
    return _time(at, "when", f"{at.day} {at:%B}, {at:%H:%M} UTC")


def day(at: datetime) -> str:
    """A day, likewise."""
    return _time(at, "day", f"{at.day} {at:%B}")


def _time(at: datetime, show: str, words: str) -> str:
    told = attributes(datetime=at.isoformat(timespec="seconds"), data_time=show)
    return f"<time{told}>{words}</time>"


def sentence(words: str, **inserted: str) -> str:
    """`words` escaped, with HTML in the place of each {name}."""
    out = escape(words)
    for name, html in inserted.items():
        out = out.replace(f"{{{name}}}", html)
    return out

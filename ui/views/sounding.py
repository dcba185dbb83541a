"""What a play button plays, told to the browser: parts of recordings, laid as they will sound."""

import json
from collections.abc import Iterable

from inference.core.timing import Span
from ui.media import serving
from ui.session.session import StoredVoice
from ui.strings import text
from ui.views.elements import attributes, play_button

Placed = Iterable[tuple[StoredVoice, Span]]


def sounds(placed: Placed) -> str:
    """The parts as the browser reads them; times are samples at 48 kHz."""
    return json.dumps(
        [
            {
                "url": serving.build_session_url(voice.file),
                "channels": voice.recording.channels,
                "from": span.source_start,
                "at": span.start,
                "samples": span.samples,
            }
            for voice, span in placed
            if span.samples
        ]
    )


def whole(voice: StoredVoice) -> Span:
    """All of a recording, from the start."""
    return Span(0, 0, voice.recording.samples)


def hear(label: str, placed: Placed) -> str:
    """The round button that plays them."""
    return play_button(label, text.PAUSE, sounds(placed))


def heard(what: str, length_s: float, drawn: str, kind: str = "") -> str:
    """`drawn`, a waveform of `length_s`, on which the browser shows the place that is heard.

    `what` is a recording's address, or `sounds` that it is drawn of.
    """
    told = attributes(
        class_=f"tp-heard {kind}".strip(), data_heard=what, data_length=f"{length_s:.3f}"
    )
    return f"<div{told}>{drawn}</div>"

"""Steps and guidance chosen in place of those of a quality."""

from dataclasses import dataclass, replace

from inference.core.errors import InputCode, InputError
from presets.schema import Bounds, Range, Sampling

LABELS = {
    "steps": "Steps",
    "text_guidance": "How closely it follows the words",
    "audio_guidance": "How closely it follows the voice",
}


@dataclass(frozen=True)
class Tuning:
    """Chosen values, named as in `Sampling`; None: the quality's own."""

    steps: int | None = None
    text_guidance: float | None = None
    audio_guidance: float | None = None

    def apply(self, sampling: Sampling) -> Sampling:
        """Return `sampling` with the chosen values."""
        own = {name: value for name, value in vars(self).items() if value is not None}
        return replace(sampling, **own)

    def require_within(self, bounds: Bounds, quality: str = "") -> None:
        """Raise InputError for the first value out of `bounds`; `quality` is their title."""
        for name, value in vars(self).items():
            allowed: Range = getattr(bounds, name)
            if value is not None and value not in allowed:
                where = f" for {quality}" if quality else ""
                found = f"{LABELS[name]}: {value:g} is out of range{where}."
                message = f"{found} Use {format_range(allowed)}."
                raise InputError(InputCode.BAD_OPTION, message)


def format_range(allowed: Range) -> str:
    """Format a range as "2 to 12"; as "1" where there is no choice."""
    if allowed.minimum == allowed.maximum:
        return f"{allowed.minimum:g}"
    return f"{allowed.minimum:g} to {allowed.maximum:g}"

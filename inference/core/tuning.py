"""Steps and guidance of a person's own, in place of those of a quality."""

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
    """Named as in `Sampling`; None: as the quality has it."""

    steps: int | None = None
    text_guidance: float | None = None
    audio_guidance: float | None = None

    def apply(self, sampling: Sampling) -> Sampling:
        """`sampling` with the person's own values."""
        own = {name: value for name, value in vars(self).items() if value is not None}
        return replace(sampling, **own)

    def require_within(self, bounds: Bounds, quality: str = "") -> None:
        """Raises InputError, about the first value that is out of `bounds`; these are of the
        quality of that title, or of any."""
        for name, value in vars(self).items():
            allowed: Range = getattr(bounds, name)
            if value is not None and value not in allowed:
                where = f" for {quality}" if quality else ""
                found = f"{LABELS[name]}: {value:g} is out of range{where}."
                message = f"{found} Use {format_range(allowed)}."
                raise InputError(InputCode.BAD_OPTION, message)


def format_range(allowed: Range) -> str:
    """A range in words, as "2 to 12"; "1" where there is no choice."""
    if allowed.minimum == allowed.maximum:
        return f"{allowed.minimum:g}"
    return f"{allowed.minimum:g} to {allowed.maximum:g}"

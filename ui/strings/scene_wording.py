"""Sentences with numbers and names about the scene and its settings."""

from collections.abc import Iterable

from inference.core.options import format_range
from presets.schema import Preset, Range
from ui.strings import text


def use_number(name: str, allowed: Range, whole: bool) -> str:
    """Refusal of a value that is not a number, or not a whole one."""
    return f"{name}: use a {'whole ' * whole}number, {format_range(allowed)}."


def tuning_hint(name: str, quality: Preset, own: float) -> str:
    """Hint beside a number: its effect, range and default."""
    allowed = format_range(getattr(quality.bounds, name))
    return f"{text.TUNING_HINTS[name]} {allowed}; empty: {own:g}, as {quality.title} has it."


def guidance_built_in(quality: Preset, others: Iterable[Preset]) -> str:
    """Note on a quality that offers fewer settings than others."""
    able = " and ".join(other.title for other in others)
    return (
        f"{quality.title} follows the words by itself. With {able} you can also say what should "
        "not be seen, and how closely the words are followed."
    )

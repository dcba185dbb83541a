"""What the page says with numbers and names in it about the scene and how it is made."""

from collections.abc import Iterable

from inference.core.tuning import format_range
from presets.schema import Preset, Range
from ui.strings import text


def use_number(name: str, allowed: Range, whole: bool) -> str:
    """Why a value can't be used that is no number, or not a whole one."""
    return f"{name}: use a {'whole ' * whole}number, {format_range(allowed)}."


def tuning_hint(name: str, quality: Preset, own: float) -> str:
    """What a number does, what it may be, and what it is when nothing is chosen."""
    allowed = format_range(getattr(quality.bounds, name))
    return f"{text.TUNING_HINTS[name]} {allowed}; empty: {own:g}, as {quality.title} has it."


def guidance_built_in(quality: Preset, others: Iterable[Preset]) -> str:
    """Why less can be chosen in that quality than in others."""
    able = " and ".join(other.title for other in others)
    return (
        f"{quality.title} follows the words by itself. With {able} you can also say what should "
        "not be seen, and how closely the words are followed."
    )

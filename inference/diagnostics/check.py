"""One finding about a machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """What was found, and whether it will do; `needed` is false for what the product can do
    without."""

    name: str
    ok: bool
    found: str
    needed: bool = True

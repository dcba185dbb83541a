"""Result of one check of a machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """Finding of a check; `needed` is false if the product works without it."""

    name: str
    ok: bool
    found: str
    needed: bool = True

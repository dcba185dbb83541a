"""Guidance: the difference that prompt and voice make, exaggerated.

A step runs the model once with everything and once more for each of the two that is exaggerated:
without the prompt, and without the voice (and the prompt, if that has a run of its own).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class Branch(NamedTuple):
    """What one pass of a step is given; else the negative prompt, or silence."""

    prompt: bool
    voice: bool


FULL = Branch(prompt=True, voice=True)
NO_PROMPT = Branch(prompt=False, voice=True)
NO_VOICE = Branch(prompt=True, voice=False)
NEITHER = Branch(prompt=False, voice=False)


@dataclass(frozen=True)
class Projection:
    """Adaptive projected guidance (Sadat et al., 2024) with the values MultiTalk uses.

    Keeps strong guidance from over-saturating: only what is orthogonal to the full prediction
    counts, its length is limited, and a negative `momentum` damps what stays from step to step.
    """

    momentum: float = -0.75
    max_norm: float = 55.0  # L2 norm over the whole latents


class Guidance:
    """Combines a step's predictions. Has a memory when it projects: a new one for each window."""

    def __init__(self, text: float, audio: float, projection: Projection | None = None) -> None:
        """Scales of 1 are off, and their passes are not run."""
        self._projection = projection
        self._terms: list[tuple[float, Branch, Branch]] = []
        if text != 1:
            self._terms.append((text, FULL, NO_PROMPT))
        if audio != 1:
            pair = (FULL, NO_VOICE) if text == 1 else (NO_PROMPT, NEITHER)
            self._terms.append((audio, *pair))
        self._running: dict[Branch, Tensor] = {}

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The passes that a step needs, the full one first."""
        return FULL, *(without for _, _, without in self._terms)

    def combine(self, predictions: Mapping[Branch, Tensor]) -> Tensor:
        """The guided velocity: full + sum over terms of (scale - 1) (with - without)."""
        guided = full = predictions[FULL]
        for scale, with_it, without in self._terms:
            difference = predictions[with_it] - predictions[without]
            if self._projection is not None:
                difference = self._project(self._projection, without, difference, full)
            guided = guided + (scale - 1) * difference
        return guided

    def _project(
        self, projection: Projection, term: Branch, difference: Tensor, full: Tensor
    ) -> Tensor:
        if term in self._running:
            difference = difference + projection.momentum * self._running[term]
        self._running[term] = difference  # as long as it is, not as long as it may count
        difference = difference * (projection.max_norm / difference.norm()).clamp(max=1)
        unit = full.double() / full.double().norm()
        across: Tensor = difference.double() - (difference.double() * unit).sum() * unit
        return across.to(difference.dtype)

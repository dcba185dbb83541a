"""Classifier-free guidance: amplification of the difference that prompt and voice make.

A step runs the model once with everything, and once more for each amplified condition: without the
prompt, and without the voice (and without the prompt too, if that has its own run).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class Branch(NamedTuple):
    """One pass of a step: with the prompt or the negative one, with the voice or silence."""

    prompt: bool
    voice: bool


FULL = Branch(prompt=True, voice=True)
NO_PROMPT = Branch(prompt=False, voice=True)
NO_VOICE = Branch(prompt=True, voice=False)
NEITHER = Branch(prompt=False, voice=False)


@dataclass(frozen=True)
class Projection:
    """Adaptive projected guidance (Sadat et al., 2024) with MultiTalk's values.

    Prevents oversaturation by strong guidance: only the component orthogonal to the full prediction
    counts, its norm is limited, and a negative `momentum` damps changes that persist over steps.
    """

    momentum: float = -0.75
    max_norm: float = 55.0  # L2 norm over all latents


class Guidance:
    """Combination of a step's predictions; with projection it has state, so one per window."""

    def __init__(self, text: float, audio: float, projection: Projection | None = None) -> None:
        """Leave out the passes of scales that are 1."""
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
        """Passes that a step needs, the full one first."""
        return FULL, *(without for _, _, without in self._terms)

    def combine(self, predictions: Mapping[Branch, Tensor]) -> Tensor:
        """Return the guided velocity: full + sum over terms of (scale - 1) (with - without)."""
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
        self._running[term] = difference  # before its norm is limited
        difference = difference * (projection.max_norm / difference.norm()).clamp(max=1)
        unit = full.double() / full.double().norm()
        orthogonal: Tensor = difference.double() - (difference.double() * unit).sum() * unit
        return orthogonal.to(difference.dtype)

"""TeaCache: steps with almost unchanged input reuse the residual of the blocks of an earlier step.

The change is estimated from the time embedding alone, so the steps to compute are known in advance
and equal for all branches. Each branch reuses its own residual.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class ChangeEstimator:
    """Polynomial, highest power first, from relative change of the embedding to that of the input.

    The first `warm_up` steps are always computed, and the last one with `compute_last`.
    """

    coefficients: tuple[float, ...]
    warm_up: int
    compute_last: bool


# MultiTalk's own fits for its 480p and 720p sizes, each to one of two embeddings.
_480 = (2.57151496e5, -3.54229917e4, 1.40286849e3, -13.5890334, 0.132517977)
_720 = (8107.0546, 2133.93892, -372.934672, 16.6203073, -0.0417769401)
_480_BRIEF = (-302.33167, 223.948934, -52.546397, 5.8734844, -0.201973289)
_720_BRIEF = (-114.36346466, 65.26524496, -18.82220707, 4.91518089, -0.23412683)
ESTIMATORS = {
    ("multitalk-480", True): ChangeEstimator(_480, warm_up=5, compute_last=False),
    ("multitalk-720", True): ChangeEstimator(_720, warm_up=5, compute_last=False),
    ("multitalk-480", False): ChangeEstimator(_480_BRIEF, warm_up=1, compute_last=True),
    ("multitalk-720", False): ChangeEstimator(_720_BRIEF, warm_up=1, compute_last=True),
}
DEFAULT_ESTIMATOR = ESTIMATORS["multitalk-480", True]


def select_computed_steps(
    embeddings: Tensor, threshold: float, estimator: ChangeEstimator = DEFAULT_ESTIMATOR
) -> list[bool]:
    """Return for each time embedding (steps, 6, c) whether the blocks of its step are computed.

    A step is computed once the estimated changes since the last one add up to `threshold`.
    """
    before, now = embeddings[:-1], embeddings[1:]
    changes = (now - before).abs().mean((1, 2)) / before.abs().mean((1, 2))
    changed, computed = 0.0, [True]
    for step, change in enumerate(changes.tolist(), start=1):
        last = estimator.compute_last and step == len(changes)
        changed += float(np.polyval(estimator.coefficients, change))
        computed.append(step < estimator.warm_up or last or changed >= threshold)
        if computed[-1]:
            changed = 0.0
    return computed


class StepCache:
    """Residual of the blocks in each branch's last computed step."""

    def __init__(self, computed: Sequence[bool]) -> None:
        self._computed = computed
        self._residuals: list[Tensor] = []  # in the order of the branches

    def run(
        self,
        step: int,
        streams: Sequence[Tensor],
        blocks: Callable[[Sequence[Tensor]], Sequence[Tensor]],
    ) -> Sequence[Tensor]:
        """Return the branches' residual streams after `blocks`, or plus their cached residuals."""
        if not self._computed[step]:
            return [x + residual for x, residual in zip(streams, self._residuals, strict=True)]
        self._residuals = []  # frees memory for the blocks
        out = blocks(streams)
        if not all(self._computed[step + 1 : step + 2]):  # needed by the next step
            self._residuals = [after - x for x, after in zip(streams, out, strict=True)]
        return out

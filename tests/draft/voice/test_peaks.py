"""Peaks are those that SciPy finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import signal

from inference.draft.voice.peaks import find_peaks

levels = st.integers(-8, 8).map(lambda level: level / 2)  # so that many are equal


@given(
    curve=arrays(np.float64, st.integers(1, 60), elements=levels),
    least=st.sampled_from([0.5, 2.0]),
    span=st.integers(12, 30),
    longest=st.integers(1, 5),
)
def test_they_are_those_of_scipy(
    curve: NDArray[np.float64], least: float, span: int, longest: int
) -> None:
    middles, found = signal.find_peaks(
        curve, plateau_size=(None, longest), prominence=least, wlen=span
    )
    bases = (found["prominences"], found["left_bases"], found["right_bases"])
    _, _, starts, ends = signal.peak_widths(curve, middles, 0.4, bases)
    ours = [(p.prominence, p.start, p.end) for p in find_peaks(curve, least, span, longest, 0.4)]
    theirs = zip(bases[0], starts, ends, strict=True)
    assert [pytest.approx(peak) for peak in theirs] == ours

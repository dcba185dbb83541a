"""A face's own directions."""

import numpy as np

from tests.support.portraits import astronaut


def test_axes_of_a_face_that_looks_at_us() -> None:
    axes = astronaut().axes
    assert axes.right[0] > 0.98 and axes.down[1] > 0.95 and axes.away[2] > 0.9
    assert np.abs(axes.right @ axes.down) < 1e-4
    assert 150 < axes.height_px <= axes.size_px < 230

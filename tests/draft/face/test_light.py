"""What is measured of a picture's light."""

import numpy as np

from inference.draft.face.light import measure_light
from tests.support.portraits import astronaut, drawing


def test_a_drawing_is_told_from_a_photograph() -> None:
    assert drawing().light.is_drawing
    assert not astronaut().light.is_drawing


def test_colours_follow_the_light() -> None:
    portrait = astronaut()
    bright = portrait.light
    dim = measure_light((portrait.frame // 3).astype(np.uint8), portrait.points, portrait.axes)
    for name in ("skin", "tooth", "cavity", "tongue"):
        assert getattr(dim, name).mean() < 0.6 * getattr(bright, name).mean(), name
    assert bright.cavity.mean() < 0.3 * bright.skin.mean() < bright.tooth.mean()

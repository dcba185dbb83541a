"""Displacement fields of the two layers agree where they must."""

import numpy as np

from inference.draft.face.fields import MouthFields, build_face_cover
from inference.draft.face.lips import Lips
from inference.draft.face.warp import build_pixel_grid
from tests.support.portraits import Portrait, astronaut, drawing


def layers(portrait: Portrait) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Upper and lower fields over the whole frame, and `across`, `down` of every pixel."""
    lips = Lips(portrait.frame, portrait.points, portrait.axes, portrait.light)
    across, down = lips.to_mouth_coordinates(*build_pixel_grid(0, 0, 896, 448))
    cover = build_face_cover(portrait.points, lips, portrait.axes, across, down, (0, 0))
    fields = MouthFields(lips, portrait.points, portrait.axes, across, down, cover.free)
    upper, lower = fields.build_upper_layer(), fields.build_lower_layer()
    return upper * cover.motion[..., None], lower * cover.motion[..., None], across, down


def test_layers_agree_beyond_the_corners_so_that_no_seam_shows() -> None:
    for portrait in (astronaut(), drawing()):
        upper, lower, across, down = layers(portrait)
        beyond = (np.abs(across) > 1.05) & (np.abs(down) < 4)
        assert np.abs(upper - lower)[:, beyond].max() < 0.7


def test_far_places_do_not_move() -> None:
    upper, lower, across, down = layers(drawing())
    aside, height = np.abs(across) > 4, drawing().axes.height_px
    assert np.abs(upper[:, aside | (down < -0.25 * height)]).max() < 1e-3
    assert np.abs(lower[:, aside | (down > 0.6 * height)]).max() < 1e-3


def test_the_jaw_opens_downwards_and_no_place_folds() -> None:
    _, lower, across, down = layers(astronaut())
    opening = lower[0]
    assert opening[..., 1].max() > 0.08 * astronaut().axes.height_px
    assert np.gradient(opening[..., 1], axis=0)[down > 0].min() > -0.85

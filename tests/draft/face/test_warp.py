"""Displacement fields and their inverse."""

import numpy as np
import pytest

from inference.draft.face.warp import Warp, build_border_fade, build_pixel_grid, remap, smoothstep


def test_smoothstep_is_flat_outside_and_half_way_in_the_middle() -> None:
    values = np.asarray([-1, 0, 0.5, 1, 2], np.float32)
    assert smoothstep(values, 0, 1).tolist() == [0, 0, 0.5, 1, 1]


@pytest.mark.parametrize("step_px", [1, 3])
def test_the_source_map_undoes_the_fields(step_px: int) -> None:
    x, y = build_pixel_grid(0, 0, 90, 60)
    bump = 4 * np.exp(-(((x - 45) / 20) ** 2) - ((y - 30) / 15) ** 2)
    fields = np.stack([np.stack([bump, 0 * bump], -1), np.stack([0 * bump, bump], -1)])
    source = Warp(fields.astype(np.float32), step_px).compute_source_map([1.0, -0.5])
    forward = fields[0] - 0.5 * fields[1]
    arrived = source + remap(forward.astype(np.float32), source)
    assert np.abs(arrived - np.stack([x, y], -1)).max() < 0.15


def test_no_weight_moves_nothing() -> None:
    fields = np.ones((2, 20, 30, 2), np.float32)
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    assert np.array_equal(
        remap(image, Warp(fields, 2).compute_source_map([0, 0]), smooth=True), image
    )


def test_border_fade_leaves_the_frame_s_own_edge() -> None:
    fade = build_border_fade(30, 20, 5, (True, False, False, False))
    assert fade[10, 0] == 1 and fade[0, 15] == 0 and fade[10, 29] == 0 and fade[10, 15] == 1

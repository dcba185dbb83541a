"""A strided look at the voice is the original's windows regrouped."""

import pytest
import torch

from inference.models.audio_adapter import AudioProjection, around
from tests.plain import dit


@pytest.mark.parametrize("window", [3, 5, 7])
@pytest.mark.parametrize(("start", "frames"), [(0, 5), (0, 21), (8, 13), (30, 17), (60, 9)])
def test_tokens_are_those_of_explicit_windows(window: int, start: int, frames: int) -> None:
    torch.manual_seed(0)
    project = AudioProjection(window, 4, 2 * 6, hidden=16, tokens=3, out=8).double()
    features = torch.randn(2, 40, 2, 6, dtype=torch.float64)
    windows = torch.stack([dit.audio_windows(f, start, frames, window) for f in features])
    weights = {f"audio_proj.{name}": p for name, p in project.state_dict().items()}
    plain = dit.audio_tokens(weights, {"context_tokens": 3}, windows)
    torch.testing.assert_close(project(features, start, frames), plain)


def test_the_edges_repeat() -> None:
    rows = torch.arange(4.0).view(1, 4, 1)
    assert around(rows, 0, 2, 2).flatten().tolist() == [0, 0, 0, 1, 2, 3]
    assert around(rows, 3, 3, 1).flatten().tolist() == [2, 3, 3, 3, 3]


def test_frames_off_the_grid_are_an_error() -> None:
    project = AudioProjection(5, 4, 2, 4, 2, 4)
    with pytest.raises(ValueError, match="8 frames are not 4k"):
        project(torch.zeros(1, 9, 1, 2), 0, 8)

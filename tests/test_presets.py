"""The presets hold what their bounds promise."""

import pytest

from presets.quality import PRESETS
from presets.schema import EngineFamily, Preset


def test_there_is_a_draft_and_three_qualities_for_the_gpu() -> None:
    assert list(PRESETS) == ["draft", "fast", "balanced", "best"]
    assert PRESETS["draft"].engine is EngineFamily.DRAFT
    assert {PRESETS[name].engine for name in ("fast", "balanced", "best")} == {
        EngineFamily.MULTITALK
    }


@pytest.mark.parametrize("overlap", [1, 24, 45])
def test_an_overlap_off_the_grid_is_refused(overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        Preset("x", "X", EngineFamily.DRAFT, 0, 1, overlap, 1.0, 1.0)

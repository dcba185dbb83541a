"""Settings come from the environment, with defaults that work."""

from pathlib import Path

import pytest

from inference.errors import InputError
from inference.settings import ROOT, load_settings
from presets.schema import EngineFamily


def test_the_defaults() -> None:
    settings = load_settings({})
    assert settings.data == ROOT / "data"
    assert settings.longest_s(EngineFamily.DRAFT) == 120
    assert settings.longest_s(EngineFamily.MULTITALK) == 40


def test_what_is_set_counts(tmp_path: Path) -> None:
    settings = load_settings({"PORTRAIT_DATA": str(tmp_path), "PORTRAIT_MAX_SECONDS": "12.5"})
    assert settings.data == tmp_path and settings.max_seconds == 12.5


@pytest.mark.parametrize("value", ["soon", "-3", "0", "601", "nan"])
def test_a_wrong_value_is_named(value: str) -> None:
    with pytest.raises(InputError, match="PORTRAIT_MAX_DRAFT_SECONDS"):
        load_settings({"PORTRAIT_MAX_DRAFT_SECONDS": value})

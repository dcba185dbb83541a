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
    limits = (settings.running, settings.queue, settings.queue_per_person, settings.keep_days)
    assert limits == (1, 50, 5, 7)


def test_what_is_set_counts(tmp_path: Path) -> None:
    settings = load_settings({"PORTRAIT_DATA": str(tmp_path), "PORTRAIT_MAX_SECONDS": "12.5"})
    assert settings.data == tmp_path and settings.max_seconds == 12.5
    numbers = {"RUNNING": "2", "QUEUE": "9", "QUEUE_PER_PERSON": "3", "KEEP_DAYS": "30"}
    settings = load_settings({f"PORTRAIT_{name}": value for name, value in numbers.items()})
    limits = (settings.running, settings.queue, settings.queue_per_person, settings.keep_days)
    assert limits == (2, 9, 3, 30)


@pytest.mark.parametrize("value", ["soon", "-3", "0", "601", "nan"])
def test_a_wrong_value_is_named(value: str) -> None:
    with pytest.raises(InputError, match="PORTRAIT_MAX_DRAFT_SECONDS"):
        load_settings({"PORTRAIT_MAX_DRAFT_SECONDS": value})


@pytest.mark.parametrize("name", ["RUNNING", "QUEUE", "QUEUE_PER_PERSON", "KEEP_DAYS"])
@pytest.mark.parametrize("value", ["many", "-3", "0", "1001", "1.5", "²"])
def test_a_wrong_number_is_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"PORTRAIT_{name} is '.*'.*whole number"):
        load_settings({f"PORTRAIT_{name}": value})

"""Damaged files of every kind: each is read or refused in a sentence, and leaves nothing."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from inference.media.ingest import RECORDING_OPERATION
from tests.hostile import fuzz
from tests.hostile.fuzz import give, make_inputs, try_inputs
from tests.support.sounds import chirps, write_wav

NUMBER, SEED = 200, 1


@pytest.mark.holds("decoding", "torn file", "read as far as it goes, or refused in one sentence")
def test_nothing_crashes_hangs_or_stays(tmp_path: Path) -> None:
    outcomes = list(try_inputs(range(NUMBER), SEED, tmp_path))
    assert [(each.name, each.fault) for each in outcomes if each.fault] == []
    said = Counter(each.said for each in outcomes)
    assert said["read"] > NUMBER / 5  # the damage does not end at the first bytes
    assert {"not_a_picture", "not_a_recording"} <= said.keys() and not any(tmp_path.iterdir())


def test_an_input_has_a_name_and_can_be_made_again() -> None:
    (one,) = make_inputs([117], SEED)
    random.seed(99)
    assert [*make_inputs(range(115, 118), SEED)][-1] == one
    (other,) = make_inputs([117], SEED + 1)
    assert other[1] != one[1]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("test_sandbox:_segfault", "signal 11"),
        ("test_sandbox:_have_a_bug", "ZeroDivisionError"),
        ("test_sandbox:_meet_a_full_disk", "disk_full"),
        ("test_sandbox:_finish", "no clean file"),
    ],
)
def test_what_it_looks_for_it_finds(
    name: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = replace(RECORDING_OPERATION, entry=f"tests.media.{name}")
    monkeypatch.setattr(fuzz, "RECORDING_OPERATION", planted)
    with pytest.raises(AssertionError, match=fault):
        give(write_wav(tmp_path / "a.wav", chirps(480, 48_000)))

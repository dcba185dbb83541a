"""Phrases lie where somebody speaks, and a recording is parted at the pauses between them."""

from pathlib import Path

import numpy as np
import pytest

from inference.media.level import FLOOR_DBFS
from inference.media.phrases import (
    BOTH,
    Phrase,
    alternate_speakers,
    are_complementary,
    compute_overlap_share,
    cut_into_parts,
    find_cuts,
    find_phrases,
    split_recording,
)
from tests.support.sounds import Samples, read_wav, write_wav

RATE_HZ = 48_000
THREE = (Phrase(0.5, 1.0), Phrase(1.3, 2.0), Phrase(3.0, 3.5))
PARTS = cut_into_parts(find_cuts(THREE), 4.0)


def spoken(noise: float, *times: tuple[float, float], length_s: float = 4.0) -> Samples:
    """Int16 (n, 1): a loud noise at those times, in a room of that much noise."""
    random = np.random.default_rng(2)
    sound = random.normal(0, noise, round(length_s * RATE_HZ))
    for start, end in times:
        first, last = round(start * RATE_HZ), round(end * RATE_HZ)
        sound[first:last] = random.normal(0, 0.1, last - first)
    return np.asarray(np.rint(sound * 32767), np.int16)[:, None]


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.01], ids=["digital", "quiet", "loud"])
def test_phrases_are_found_in_any_room(tmp_path: Path, noise: float) -> None:
    sound = spoken(noise, (0.5, 1.0), (1.1, 1.5), (2.0, 2.6), (3.0, 3.02))
    found = find_phrases(write_wav(tmp_path / "a.wav", sound))
    # the closure of 0.1 s is no pause, the click no phrase
    ends = [end for phrase in found for end in (phrase.start_s, phrase.end_s)]
    assert ends == pytest.approx([0.44, 1.56, 1.94, 2.66], abs=0.021)


@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_little_is_said_in_a_long_time(tmp_path: Path, noise: float) -> None:
    sound = spoken(noise, (20.0, 20.5), (40.0, 40.5), length_s=60)
    found = find_phrases(write_wav(tmp_path / "a.wav", sound))
    ends = [end for phrase in found for end in (phrase.start_s, phrase.end_s)]
    assert ends == pytest.approx([19.94, 20.56, 39.94, 40.56], abs=0.021)
    if noise:  # the same when all else was cut out, as of a recording that was parted
        sound[: round(19.8 * RATE_HZ)] = sound[round(20.7 * RATE_HZ) :] = 0
        (one,) = find_phrases(write_wav(tmp_path / "b.wav", sound))
        assert (one.start_s, one.end_s) == pytest.approx((19.94, 20.56), abs=0.021)


def test_silence_has_no_phrase_and_talk_without_a_pause_is_one(tmp_path: Path) -> None:
    assert find_phrases(write_wav(tmp_path / "silent.wav", spoken(0.0))) == ()
    (all_of_it,) = find_phrases(write_wav(tmp_path / "loud.wav", spoken(0.1)))
    assert (all_of_it.start_s, all_of_it.end_s) == (0.0, 4.0)


def test_turns_change_at_long_pauses() -> None:
    assert alternate_speakers(THREE) == (0, 0, 1)
    assert alternate_speakers(()) == ()


def test_pauses_belong_half_to_each_side() -> None:
    assert [part.start_s for part in PARTS] == pytest.approx([0, 1.15, 2.5])
    assert PARTS[-1].end_s == 4.0
    assert find_cuts(()) == find_cuts(THREE[:1]) == ()


@pytest.mark.parametrize(
    ("second", "share", "complementary"),
    [
        ((Phrase(1.0, 1.3), Phrase(2.0, 3.0)), 0, True),
        ((Phrase(0.9, 1.3), Phrase(2.0, 3.1)), 0.2 / 1.5, True),  # they interrupt each other
        ((Phrase(0.0, 3.5),), 1, False),
        ((Phrase(0.0, 0.6), Phrase(1.0, 1.4)), 0.2, True),
        ((Phrase(0.0, 0.7), Phrase(1.0, 1.4)), 0.3 / 1.1, False),
        ((), 0, False),  # one is silent all the time
    ],
)
def test_voices_that_fill_each_other_s_pauses_are_complementary(
    second: tuple[Phrase, ...], share: float, complementary: bool
) -> None:
    for pair in ((THREE, second), (second, THREE)):
        assert compute_overlap_share(*pair) == pytest.approx(share)
        assert are_complementary(*pair) is complementary


def test_what_both_say_is_half_as_loud_in_each(tmp_path: Path) -> None:
    sound = spoken(0.01, (0.5, 1.0), (1.3, 2.0), (3.0, 3.5))
    source = write_wav(tmp_path / "a.wav", sound)
    targets = [tmp_path / "left.wav", tmp_path / "right.wav"]
    split_recording(source, PARTS, (0, BOTH, 1), targets)
    left, right = (read_wav(path).astype(int) for path in targets)
    assert np.abs(left + right - sound).max() <= 1
    middle = slice(round(1.2 * RATE_HZ), round(2.4 * RATE_HZ))
    assert np.abs(left[middle] - right[middle]).max() <= 1 and left[middle].any()
    assert not right[:RATE_HZ].any() and not left[round(2.6 * RATE_HZ) :].any()


def test_two_recordings_add_up_to_the_one_and_never_speak_at_once(tmp_path: Path) -> None:
    sound = np.repeat(spoken(0.01, (0.5, 1.0), (1.3, 2.0), (3.0, 3.5)), 2, axis=1)
    source = write_wav(tmp_path / "a.wav", sound)
    targets = [tmp_path / "left.wav", tmp_path / "right.wav"]
    measured = split_recording(source, PARTS, (0, 1, 0), targets)
    left, right = map(read_wav, targets)
    assert left.shape == right.shape == sound.shape
    assert np.abs(left.astype(int) + right - sound).max() <= 1
    assert ((left != 0) & (right != 0)).any(1).sum() < 2 * 0.01 * RATE_HZ  # the fades
    assert not right[: round(1.1 * RATE_HZ)].any()
    assert [found.samples for found in measured] == [len(sound)] * 2
    assert all(found.channels == 2 and -10 < found.peak_dbfs < 0 for found in measured)


def test_one_who_says_nothing_is_silent(tmp_path: Path) -> None:
    source = write_wav(tmp_path / "a.wav", spoken(0.0, (0.5, 1.0)))
    _, right = split_recording(source, THREE[:1], (0,), [tmp_path / "l.wav", tmp_path / "r.wav"])
    assert right.peak_dbfs == FLOOR_DBFS

"""Damaged files of every accepted kind, given to what reads them.

`python -m tests.hostile.fuzz NUMBER [SEED]` tries that many; what goes wrong stays in
`tests/artifacts/fuzz`. A number and a seed always name the same input.
"""

import logging
import os
import sys
import tempfile
import wave
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

from PIL import Image

from inference.batch.batch import read_items
from inference.core.errors import Fault, InputCode, InputError
from inference.core.inputs import LONGEST_SIDE_PX, SAMPLE_RATE_HZ
from inference.media.ingest import PICTURE_OPERATION, RECORDING_OPERATION
from inference.media.sandbox.runner import DIRECT, Budget, Call, TookTooLong
from tests.hostile.mutations import mutate
from tests.hostile.seeds import write_seeds
from tests.support.media import ROOT
from tests.ui.api.test_form import read
from ui.api.errors import Refusal

KEPT = ROOT / "tests" / "artifacts" / "fuzz"
CPU_S, WALL_S = 10, 120  # of one small file; the machine may be busy
STOPPED = "stopped"
_OURS = (".csv", ".form")  # read here, by no foreign decoder
_PICTURES = (".jpg", ".png", ".webp", ".gif", ".heic")


@dataclass(frozen=True)
class Outcome:
    """Input and what became of it: `fault` is "" when it was read or refused as it should be."""

    name: str
    data: bytes
    said: str
    fault: str = ""


@cache
def _make_seeds() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return write_seeds(Path(folder))


def make_inputs(numbers: Iterable[int], seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of damaged files."""
    seeds = _make_seeds()
    wholes = list(seeds.values())
    names = list(seeds)
    for number in numbers:
        name = names[number % len(names)]
        yield f"{seed}-{number}-{name}", mutate(Random(f"{seed} {number}"), seeds[name], wholes)


def try_inputs(numbers: Iterable[int], seed: int, folder: Path) -> Iterator[Outcome]:
    """Yield what became of each input; `folder` is empty before and after each."""
    for name, data in make_inputs(numbers, seed):
        path = folder / name
        path.write_bytes(data)
        try:
            said = give(path)
            yield Outcome(name, data, said, "it hangs" if said == STOPPED else "")
        except AssertionError as error:
            yield Outcome(name, data, "", str(error))
        for left in folder.iterdir():
            left.unlink()


def give(path: Path, cpu_s: int = CPU_S) -> str:
    """Have the file read; return "read", the code of the refusal, or that its time was over.

    Raises AssertionError for anything that should not be.
    """
    target = path.with_name("target")
    said = _read_here(path) if path.suffix in _OURS else _decode(path, target, cpu_s)
    if said == "read":
        target.unlink(missing_ok=path.suffix in _OURS)
    left = [each.name for each in path.parent.iterdir() if each != path]
    assert not left, f"it leaves {left}"
    return said


def _decode(path: Path, target: Path, cpu_s: int) -> str:
    """Have a picture or a recording read in the sandbox."""
    is_picture = path.suffix in _PICTURES
    operation = PICTURE_OPERATION if is_picture else RECORDING_OPERATION
    limited = replace(operation, budget=Budget(cpu_s, WALL_S))
    try:
        DIRECT.run(Call(limited, path, target))
    except TookTooLong:
        return STOPPED
    except InputError as error:
        assert not error.details.startswith(("signal", "answer")), error.details
        return _check_sentence(error.code, error.message)
    except Fault as error:
        raise AssertionError(f"{error.code}: {error.details}") from error
    (_check_picture if is_picture else _check_recording)(target)
    return "read"


def _read_here(path: Path) -> str:
    """Read a table or a form."""
    try:
        if path.suffix == ".csv":
            for item in read_items(path):
                assert item.name and "\n" not in item.refusal, item
        else:
            read(path.read_bytes(), size=1000)
    except (InputError, Refusal) as error:
        return _check_sentence(error.code, error.message)
    except Exception as error:
        raise AssertionError(repr(error)) from error
    return "read"


def _check_sentence(code: str, message: str) -> str:
    assert code in (*InputCode, "not_a_form", "bad_form"), f"{code}: {message}"
    assert message.endswith(".") and "\n" not in message and len(message) < 400, message
    return code


def _check_picture(target: Path) -> None:
    with Image.open(target) as clean:
        clean.load()
        assert (clean.format, clean.mode) == ("PNG", "RGB")
        assert max(clean.size) <= LONGEST_SIDE_PX, clean.size


def _check_recording(target: Path) -> None:
    try:
        with wave.open(str(target)) as clean:
            form = clean.getframerate(), clean.getsampwidth()
            samples = len(clean.readframes(clean.getnframes())) // 2
            assert form == (SAMPLE_RATE_HZ, 2) and clean.getnchannels() in (1, 2), form
            assert samples == clean.getnframes() * clean.getnchannels(), samples
    except (EOFError, wave.Error) as error:
        raise AssertionError(f"no clean file: {error!r}") from error


def main(number: int, seed: int) -> int:
    """Try that many inputs on all processors, print what became of them; 1 if anything is wrong."""
    logging.disable()  # of each broken form
    _make_seeds()
    workers = os.cpu_count() or 1
    shares = [range(worker, number, workers) for worker in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        said = sum(pool.map(_try_and_keep, shares, [seed] * workers), Counter[str]())
    for what, count in said.most_common():
        print(f"{count:6} {what}")
    return int("wrong" in said)


def _try_and_keep(numbers: range, seed: int) -> Counter[str]:
    """Try inputs, keep those that show a fault, and count what became of all."""
    said = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for outcome in try_inputs(numbers, seed, Path(folder)):
            said["wrong" if outcome.fault else outcome.said] += 1
            if outcome.fault:
                KEPT.mkdir(parents=True, exist_ok=True)
                (KEPT / outcome.name).write_bytes(outcome.data)
                print(f"{KEPT / outcome.name}: {outcome.fault}")
    return said


if __name__ == "__main__":
    count, *seeds = map(int, sys.argv[1:])
    sys.exit(main(count, seeds[0] if seeds else 1))

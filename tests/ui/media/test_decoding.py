"""Files are decoded in turn: one at a time for each person, slow ones after those who wait."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from inference.core.errors import Fault, InputError
from inference.media.ingest import PICTURE_OPERATION, read_picture
from inference.media.sandbox.runner import Budget, Call
from tests.support.media import ASTRONAUT, VOICE_A
from ui.media import decoding
from ui.media.decoding import DecodingQueue

PATIENCE_S = 60


@dataclass(frozen=True)
class _Answer:
    name: str


def _answer(source: Path, target: Path) -> _Answer:
    return _Answer(target.name)


def _wait_for_end(source: Path, target: Path) -> _Answer:
    """Take as long as the file "go" beside `target` is missing."""
    target.touch()
    while not target.with_name("go").exists():
        time.sleep(0.01)
    return _Answer(target.name)


def call(name: str, target: Path, wall_s: float = PATIENCE_S) -> Call:
    entry = f"tests.ui.media.test_decoding:{name}"
    operation = replace(PICTURE_OPERATION, entry=entry, budget=Budget(20, wall_s))
    return Call(operation, VOICE_A, target)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def queue() -> Iterator[DecodingQueue]:
    queue = DecodingQueue()
    yield queue
    queue.close()


@pytest.fixture
def in_thread() -> Iterator[Callable[[Callable[[], object]], list[object]]]:
    """Run a function in a thread; the list gets what it returns or raises."""
    threads = []

    def start(work: Callable[[], object]) -> list[object]:
        results: list[object] = []

        def run() -> None:
            try:
                results.append(work())
            except Exception as error:
                results.append(error)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return results

    yield start
    for thread in threads:
        thread.join(PATIENCE_S)


InThread = Callable[[Callable[[], object]], list[object]]


def test_a_slow_file_gives_way_to_those_who_wait(
    queue: DecodingQueue, in_thread: InThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_SLOW_S", 1)
    slow = [tmp_path / f"slow-{number}" for number in range(2)]
    results = [in_thread(partial(queue.run, call("_wait_for_end", path))) for path in slow]
    wait_until(lambda: all(path.exists() for path in slow))
    assert queue.run(call("_answer", tmp_path / "quick")) == [{"name": "quick"}]
    assert not any(results)  # both go on beside the others
    (tmp_path / "go").touch()
    wait_until(lambda: all(results))
    assert results == [[[{"name": path.name}]] for path in slow]


def test_a_slow_file_goes_on_while_nobody_waits(
    queue: DecodingQueue, in_thread: InThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_SLOW_S", 0)
    result = in_thread(lambda: queue.run(call("_wait_for_end", tmp_path / "a", wall_s=2)))
    wait_until(lambda: bool(result))
    assert isinstance(result[0], InputError) and "takes too long" in result[0].message
    assert not list(tmp_path.iterdir())


def test_slow_files_that_are_too_many_are_refused(
    queue: DecodingQueue, in_thread: InThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_SLOW_S", 1)
    monkeypatch.setattr(decoding, "_MAX_SLOW", 0)
    slow = [tmp_path / f"{number}" for number in range(2)]
    results = [in_thread(partial(queue.run, call("_wait_for_end", path))) for path in slow]
    wait_until(lambda: all(path.exists() for path in slow))
    assert queue.run(call("_answer", tmp_path / "quick")) == [{"name": "quick"}]
    wait_until(lambda: any(results))
    for refused in filter(None, results):
        assert isinstance(refused[0], Fault) and "Try again in a minute" in refused[0].message
    (tmp_path / "go").touch()


def test_one_person_has_few_files_on_their_way(queue: DecodingQueue, tmp_path: Path) -> None:
    async def act() -> None:
        work = partial(queue.run, call("_wait_for_end", tmp_path / "a"))
        turns = [queue.start("me", work) for _ in range(5)]
        with pytest.raises(Fault, match="Try again in a minute"):
            queue.start("me", work)
        turns.append(queue.start("you", work))
        assert [turn.count_before() for turn in turns] == list(range(6))
        (tmp_path / "go").touch()
        for turn in turns:
            assert await turn.has_ended(PATIENCE_S)
        assert queue.start("me", work)

    asyncio.run(act())


def test_closing_refuses_those_who_wait(
    queue: DecodingQueue, in_thread: InThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_SLOW_S", PATIENCE_S)
    paths = [tmp_path / f"{number}" for number in range(4)]
    results = [in_thread(partial(queue.run, call("_wait_for_end", path))) for path in paths]
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)  # at once
    queue.close()
    wait_until(lambda: all(results))
    for (error,) in results:
        assert isinstance(error, Fault) and "being stopped" in error.message
    with pytest.raises(Fault, match="being stopped"):
        queue.run(call("_answer", tmp_path / "late"))
    assert not list(tmp_path.iterdir())


def test_each_person_has_one_turn_at_a_time_and_is_told_how_many_come_first(
    queue: DecodingQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_SLOW_S", PATIENCE_S)

    def decode(name: str) -> list[dict[str, str]]:
        return queue.run(call("_wait_for_end", tmp_path / name))

    async def act() -> None:
        names = [f"{number}-{owner}" for number, owner in enumerate("aabcd")]
        turns = [queue.start(name[-1], partial(decode, name)) for name in names[:3]]
        while len(list(tmp_path.iterdir())) < 2:
            assert not await turns[0].has_ended(0.01)
        assert {path.name for path in tmp_path.iterdir()} == {"0-a", "2-b"}  # not 1-a
        turns += [queue.start(name[-1], partial(decode, name)) for name in names[3:]]
        while sum(turn.count_before() for turn in turns) < 1:  # of the two that wait, one is next
            assert not await turns[0].has_ended(0.01)
        (tmp_path / "go").touch()
        for turn in turns:
            assert await turn.has_ended(PATIENCE_S)
        assert [turn.task.result()[0]["name"][0] for turn in turns] == list("01234")

    asyncio.run(act())


def test_a_worker_is_announced_after_a_picture_and_by_nothing_else(tmp_path: Path) -> None:
    told: list[str] = []
    queue = DecodingQueue(lambda: told.append("a job may follow"))
    queue.run(call("_answer", tmp_path / "any"))
    with pytest.raises(InputError):
        read_picture(VOICE_A, tmp_path / "refused", sandbox=queue)
    assert not told
    read_picture(ASTRONAUT, tmp_path / "read", sandbox=queue)
    queue.close()
    assert len(told) == 1

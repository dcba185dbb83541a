"""A machine changes the shared folder only in its turn, and hands over what it has begun."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from inference.cloud import lease, writer
from inference.cloud.lease import Lease
from inference.cloud.writer import LeasedWriter
from inference.core import processes
from inference.core.write_access import WriteUnavailable
from tests.support.local_cloud import MemoryDict, Still

_PATIENCE_S = 30


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of theirs is a hundredth of ours."""
    for name in ("_LOOK_S", "_RENEW_S", "DRAIN_S"):
        monkeypatch.setattr(writer, name, getattr(writer, name) / 100)
    for name in ("LEASE_S", "TRUST_S"):
        monkeypatch.setattr(lease, name, getattr(lease, name) / 100)


class Machine(LeasedWriter):
    """A page's container; `log` is what happened to it, in order."""

    def __init__(self, store: MemoryDict, name: str) -> None:
        self.log: list[str] = []
        self.volume = Volume(self.log)
        super().__init__(Lease(store, name), self.volume)
        self.subscribe(lambda: self.log.append("begin"), lambda: self.log.append("end"))
        self.start()


class Volume(Still):
    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self._log = log
        self.open_files = False

    def reload(self) -> None:
        if self.open_files:
            raise RuntimeError("vo-1: there are open files preventing the operation")
        self._log.append("reload")

    def commit(self) -> None:
        self._log.append("commit")


@pytest.fixture
def store() -> MemoryDict:
    return MemoryDict()


@pytest.fixture
def machine(store: MemoryDict) -> Iterator[Callable[[str], Machine]]:
    """Starts machines."""
    with ExitStack() as stack:

        def start(name: str) -> Machine:
            made = Machine(store, name)
            stack.callback(made.close)
            return made

        yield start


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.002)


def test_a_newcomer_begins_when_the_one_before_has_committed(
    machine: Callable[[str], Machine],
) -> None:
    first = machine("first")
    assert first.granted and first.log == ["reload", "begin"]
    second = machine("second")
    assert not second.granted and second.log == []
    with pytest.raises(WriteUnavailable), second.hold():
        pass
    until(lambda: second.granted)
    assert first.log == ["reload", "begin", "end", "commit"]
    assert second.log == ["reload", "begin"]
    assert not first.granted
    with pytest.raises(WriteUnavailable):
        first.require()


def test_what_was_begun_is_let_finish_and_nothing_new_begins(
    machine: Callable[[str], Machine],
) -> None:
    first = machine("first")
    with first.hold():
        second = machine("second")
        until(lambda: not first.granted)
        with pytest.raises(WriteUnavailable), first.hold():
            pass
        first.require()  # what was begun may still be written
        assert "commit" not in first.log and not second.granted
    until(lambda: second.granted)


def test_what_takes_too_long_is_waited_for_no_longer_and_writes_nothing_more(
    machine: Callable[[str], Machine],
) -> None:
    first = machine("first")
    with first.hold():
        second = machine("second")
        until(lambda: second.granted)
        with pytest.raises(WriteUnavailable):
            first.require()


def test_processes_beside_it_end_before_the_next_ones_turn(
    machine: Callable[[str], Machine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "waits.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    first = machine("first")
    worker = processes.start("waits", tmp_path)
    assert worker.poll() is None
    second = machine("second")
    until(lambda: second.granted)
    assert worker.poll() == -signal.SIGKILL and first.log[-2:] == ["end", "commit"]


def test_without_an_answer_of_the_store_it_stops_in_time(
    machine: Callable[[str], Machine], store: MemoryDict, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = machine("first")

    def away(*asked: object, **named: object) -> bool:
        raise ConnectionError("Modal is away")

    monkeypatch.setattr(store, "put", away)
    until(lambda: first.log == ["reload", "begin", "end"])  # and commits nothing
    with pytest.raises(WriteUnavailable):
        first.require()


def test_it_stops_in_time_also_while_the_store_does_not_answer(
    machine: Callable[[str], Machine], store: MemoryDict, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, go = machine("first"), threading.Event()
    monkeypatch.setattr(store, "put", lambda *asked, **named: go.wait(_PATIENCE_S))
    try:
        until(lambda: first.log == ["reload", "begin", "end"])
    finally:
        go.set()


def test_what_can_not_be_begun_is_tried_again(store: MemoryDict) -> None:
    """And until then nobody is told that it may be changed."""
    troubles, log = [OSError("no room"), OSError("no room")], list[str]()
    one = LeasedWriter(Lease(store, "one"), Volume(log))

    def begin() -> None:
        if troubles:
            raise troubles.pop()
        log.append("begin")

    one.start()
    one.subscribe(begin, lambda: None)
    assert not one.granted
    until(lambda: one.granted)
    assert log[-1] == "begin" and not troubles
    one.close()


def test_open_files_only_delay_the_turn(machine: Callable[[str], Machine]) -> None:
    first = machine("first")
    first.close()
    assert first.log[-1] == "commit"
    second = machine("second")
    assert second.granted
    second.volume.open_files = True
    second.close()
    third = machine("third")
    assert third.granted


class Counting:
    """A lock that knows how often it was asked for."""

    def __init__(self) -> None:
        self.asked, self._lock = 0, threading.Lock()

    def __enter__(self) -> None:
        self.asked += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_commits_at_the_same_time_are_one(machine: Callable[[str], Machine]) -> None:
    first, going, go = machine("first"), threading.Event(), threading.Event()
    commit, lock = first.volume.commit, Counting()
    first._commit_lock = lock  # type: ignore[assignment]

    def slow() -> None:
        going.set()
        go.wait(_PATIENCE_S)
        commit()

    first.volume.commit = slow  # type: ignore[method-assign]
    threads = [threading.Thread(target=first.commit) for _ in range(6)]
    threads[0].start()
    going.wait(_PATIENCE_S)
    for thread in threads[1:]:
        thread.start()
    until(lambda: lock.asked == len(threads))
    go.set()
    for thread in threads:
        thread.join()
    assert first.log.count("commit") == 2  # one that was at work, and one for all that came then

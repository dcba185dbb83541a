"""A deployed app within this process: a folder for its Volume, a dict for its board, a thread for a
container. Modal's own client and runtime are tested elsewhere; here it is what errands make of it.
"""

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from inference.cloud import names
from inference.cloud.client import UNREACHABLE, ModalClient, Unreachable, list_input_files
from inference.cloud.status import StatusStore
from inference.cloud.task_runner import TaskRunner
from inference.core.engine import Engine
from inference.core.errors import Fault, FaultCode
from inference.core.settings import Settings
from inference.core.task import Task
from presets.schema import EngineFamily

_T = TypeVar("_T")


class MemoryDict(dict[str, Any]):
    """A Dict within this process."""

    _one_at_a_time = threading.Lock()

    def put(self, key: str, value: Any, *, skip_if_exists: bool = False) -> bool:
        with self._one_at_a_time:
            if skip_if_exists and key in self:
                return False
            self[key] = value
            return True


class Still:
    """A Volume where everyone sees everything at once; counts what is asked of it."""

    def __init__(self) -> None:
        self.reloads = self.commits = 0

    def reload(self) -> None:
        self.reloads += 1

    def commit(self) -> None:
        self.commits += 1


@dataclass
class Call:
    """`starts` is set when a machine may take it; `broke` is what came of it otherwise."""

    thread: threading.Thread
    starts: threading.Event
    stopped: bool = False
    broke: bool = False


class _Flaky:
    """The board's store as it is from here: looking things up may fail."""

    def __init__(self, cloud: "LocalCloud") -> None:
        self._cloud = cloud

    def get(self, key: str, default: Any = None) -> Any:
        return self._cloud.answer(lambda: self._cloud.store.get(key, default))

    def pop(self, key: str, default: Any) -> Any:
        return self._cloud.store.pop(key, default)

    def put(self, key: str, value: Any, *, skip_if_exists: bool = False) -> bool:
        return self._cloud.store.put(key, value, skip_if_exists=skip_if_exists)


@dataclass
class LocalCloud(ModalClient):
    """`engine` makes the videos. With `busy` no machine is free yet. `offline` questions in a row
    are not answered from now on. `did` is what could not be undone, in order."""

    root: Path
    engine: Engine
    busy: bool = False
    offline: int = 0
    crashes: bool = False
    store: MemoryDict = field(default_factory=MemoryDict)
    calls: dict[str, Call] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)

    _within = False

    def answer(self, answer: Callable[[], _T]) -> _T:
        if self.offline:
            self.offline -= 1
            raise Unreachable(FaultCode.ENGINE_UNAVAILABLE, UNREACHABLE)
        return answer()

    @property
    def status(self) -> StatusStore:
        return StatusStore(_Flaky(self))

    def folder(self, job: str) -> Path:
        return self.root / names.work_folder(job)

    def send(self, task: Task, job: str) -> None:
        self.folder(job).mkdir(parents=True, exist_ok=True)
        for name in list_input_files(task):
            shutil.copy(task.folder / name, self.folder(job) / name)

    def fetch(self, job: str, name: str, target: Path) -> None:
        self.answer(lambda: shutil.copy(self.folder(job) / name, target))

    def commit(self) -> None:
        self.did.append("keep")

    def spawn(self, family: EngineFamily, job: str, attempt: str) -> str:
        self.did.append("spawn")
        name, starts = f"fc-{len(self.calls)}", threading.Event()
        thread = threading.Thread(target=self._run, args=(name, job, attempt, starts), daemon=True)
        self.calls[name] = Call(thread, starts)
        if not self.busy:
            starts.set()
        thread.start()
        return name

    def _run(self, name: str, job: str, attempt: str, starts: threading.Event) -> None:
        starts.wait()
        call = self.calls[name]
        if call.stopped:
            return
        if self.crashes:
            call.broke = True
            return
        board = StatusStore(self.store)
        station = TaskRunner(Settings(), self.root, Still(), board, leave=lambda call: None)
        station.run(job, lambda _: self.engine, None, attempt, name)

    def find_end_fault(self, call: str) -> Fault | None:
        def answer() -> Fault | None:
            made = self.calls[call]
            over = made.broke or not made.thread.is_alive()
            return Fault(FaultCode.INTERNAL, "The work on Modal ended early.") if over else None

        return self.answer(answer)

    def cancel_call(self, call: str) -> None:
        self.calls[call].stopped = True
        self.calls[call].starts.set()

    def delete_data(self, job: str) -> None:
        self.did.append("remove")
        shutil.rmtree(self.folder(job), ignore_errors=True)
        self.status.clear(job)

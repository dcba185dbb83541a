"""What several test files need."""

import gc
import os
import signal
import sys

# what is started in the background ignores Ctrl-C, and so would all that the tests start
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# before torch is loaded: workers that share the cores wait for each other's threads otherwise
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.core.inputs import Box, Face, Picture, Recording
from inference.core.plan import make_plan
from inference.core.request import Request
from inference.core.settings import Settings
from inference.core.task import Task
from inference.jobs import queue
from inference.jobs.queue import Dispatcher
from tests.support.hub import Hub
from tests.support.people import ME, Person
from tests.support.weights_runner import Machine

FOUR_SECONDS = Recording(samples=4 * 48_000, channels=1, peak_dbfs=-3.0, level_dbfs=-20.0)
ONE_PERSON = Picture(512, 512, (Face(Box(170, 75, 280, 195), score=0.9),))

# left out by --quick: what needs torch, a browser, Modal's client or a real S3 server ...
HEAVY = """
    bench browser diagnostics modal multitalk test_imports.py weights
    storage/test_fetching.py storage/test_jobs_published.py storage/test_publishing.py
    cloud/test_client.py cloud/test_load_task.py cloud/test_task_runner.py engines/test_engines.py
""".split()
# ... and what makes whole videos, or starts many processes
SLOW = """
    hostile/test_bombs.py hostile/test_fuzz.py hostile/test_routes.py
    core/test_confinement.py jobs/test_confined.py media/test_confinement.py
    media/test_mother.py
    draft/test_performer.py draft/test_pipeline.py jobs/test_queue.py jobs/test_store_machine.py
    jobs/test_throughput.py jobs/test_turns.py jobs/test_worker.py media/test_sandbox.py
    quality/test_drafts.py quality/test_live_checker.py ui/api/test_docs.py ui/api/test_intake.py
    ui/cli/batch/test_run.py ui/cli/test_commands.py ui/session/test_controller.py
    ui/session/test_controller_history.py ui/session/test_controller_voice.py
    ui/session/test_job_starter.py ui/web/test_app.py
    ui/web/test_auth_page.py
""".split()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out the heavy and slow tests")


def pytest_xdist_auto_num_workers() -> int:
    """Return one more than there are cores: many tests wait for browsers, servers and machines."""
    return (os.cpu_count() or 1) + 1


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore what --quick leaves out."""
    name = collection_path.relative_to(Path(__file__).parent.parent).as_posix()
    left_out = name.removeprefix("tests/") in HEAVY + SLOW
    return True if config.getoption("--quick") and left_out else None


def pytest_sessionstart() -> None:
    """The tests start hundreds of processes: what one has compiled the others need not."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    gc.disable()
    os.fsync = lambda fd: None  # nothing here has to outlive a loss of power


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run first what waits much, then torch's tests mixed with light ones.

    Two files at a time that both keep all cores busy take longer than one after the other.
    """
    waiting = ("browser", "modal", "storage")

    def rank(item: pytest.Item) -> tuple[int, str]:
        room = item.path.parent.name
        return (waiting.index(room), "") if room in waiting else (len(waiting), item.path.name)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Modules stay until the end: to look for garbage among their many objects takes long."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _data(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The data folder where a test names none: no test writes into that of the project."""
    os.environ["PORTRAIT_DATA"] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A task of 101 frames in two windows, without its media."""
    request = Request(ONE_PERSON, (FOUR_SECONDS,))
    folder = tmp_path / "task"
    folder.mkdir()
    return Task(request, make_plan(request, max_seconds=40), folder)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a server with a folder of data of its own."""
    return Settings(data=tmp_path / "data", max_draft_seconds=20)


@pytest.fixture
def me(settings: Settings) -> Iterator[Person]:
    """Someone at the page of a server that starts jobs."""
    person = Person(settings)
    dispatcher = Dispatcher(person.jobs)
    dispatcher.start()
    yield person
    for folder in person.jobs.list_owned(ME):
        person.jobs.delete(folder)
    dispatcher.close()


@pytest.fixture
def alone(settings: Settings) -> Person:
    """Someone whose jobs wait, because nothing starts them."""
    return Person(settings)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are carried out by the scripted engine, which is quick."""
    monkeypatch.setattr(queue, "WORKER", "tests.support.scripted_engine")
    monkeypatch.setenv("SCRIPTED_PAUSE_S", "0.01")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub of model files, which stands for Hugging Face's."""
    with Hub(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def bare(tmp_path: Path, hub: Hub) -> Machine:
    """A machine without weights."""
    return Machine(tmp_path, hub)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine that has everything."""
    folder = tmp_path_factory.mktemp("finished")
    with Hub(folder / "hub") as hub:
        machine = Machine(folder, hub)
        machine.download()
        return machine


@pytest.fixture
def machine(tmp_path: Path, hub: Hub, finished: Machine) -> Machine:
    """A machine that has everything, to be changed."""
    return finished.copied(tmp_path, hub)

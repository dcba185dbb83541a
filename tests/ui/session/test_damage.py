"""Whatever a file of a job or a session holds, only its owner sees that, and everybody goes on."""

import re
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import product
from pathlib import Path

import pytest

from inference.core.events import Finished
from inference.core.settings import Settings
from inference.jobs import history
from inference.jobs.clock import ExpiryClock
from inference.jobs.store import JobStore
from inference.storage.publication import Publication, write_publication
from tests.support.people import ME, YOU, Person
from tests.support.played_jobs import PLANS, Workers, new_task
from tests.support.scripted_engine import result
from ui import views
from ui.session.page_state import PageState
from ui.strings import text

JOB_DAMAGED = escape(text.JOB_DAMAGED)
Damage = Callable[[Path, bytes], None]


def write(change: Callable[[bytes], bytes]) -> Damage:
    def damage(path: Path, content: bytes) -> None:
        path.write_bytes(change(content))

    return damage


def in_the_middle(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + b"\xff" + content[middle + 1 :]


def a_folder(path: Path, content: bytes) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Damage] = {
    "no character": write(lambda content: b"\xff"),
    "a torn byte": write(in_the_middle),
    "NUL": write(lambda content: b"\0" + content[1:]),
    "cut": write(lambda content: content[: len(content) // 2]),
    "empty": write(lambda content: b""),
    "a folder": a_folder,
    "another type": write(lambda content: b"[[]]\n"),
    "a number": write(lambda content: b"7\n"),
    "huge": write(lambda content: b"9" * 5000),
    "huge numbers": write(lambda content: re.sub(rb"\d+", b"9" * 30, content)),
    "no time": write(lambda content: re.sub(rb"\d+", b"9" * 9, content)),
    "infinite": write(lambda content: re.sub(rb": ?[\d.]+", b": Infinity", content)),
    "below zero": write(lambda content: re.sub(rb"\b[1-9]", b"-2", content)),
    "zero": write(lambda content: re.sub(rb"\b[1-9]\d*", b"0", content)),
    "deep": write(lambda content: b"[" * 100_000),
    "another version": write(lambda content: re.sub(rb'"draft"', b'"from-tomorrow"', content)),
}
OF_A_WORD = ("no character", "NUL", "cut", "empty", "a folder", "huge")  # of what is no JSON
JOB_FILES = """
    owner submitted waiting lock cancel events.jsonl plan.json request.json published.json
    report.json remote.json remote-before.json name.txt desk/desk.json idempotency-key
""".split()


QUEUE_FILES = ("owner", "submitted", "waiting", "lock", "plan.json")
WAITING, FINISHED = "0", "1"  # first digits of the ids of jobs that wait, and of finished ones


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data: two people with a session, its draft that waits and a finished one."""
    data = tmp_path_factory.mktemp("whole")
    for owner in (ME, YOU):
        person = Person(Settings(data), owner)
        person.do("example", name="astronaut")
        (waiting,) = person.jobs.list_owned(owner)
        finished = new_task(person.jobs, owner).folder
        shutil.copytree(waiting, finished, dirs_exist_ok=True)
        for name in JOB_FILES:
            (waiting / name).touch()
            (finished / name).touch()
        (waiting / "cancel").unlink()
        (finished / "waiting").unlink()
        history.HistoryWriter(finished).append(Finished(result(PLANS["draft"])))
        write_publication(finished, Publication("bucket", ("a/video.mp4",)))
    for media in data.glob("jobs/*/**/*.*"):
        if media.suffix in (".png", ".jpg", ".wav"):  # nobody looks at them
            media.unlink()
    (data / "turns").mkdir()
    (data / "turns" / f"draft-{ME}").write_text("1")
    return data


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is deleted in the cloud."""
    monkeypatch.setattr("inference.core.processes.start", lambda *given: None)


def find_jobs(data: Path, owner: str) -> list[Path]:
    """The draft that waits, and the finished one."""
    mine = [path.parent for path in (data / "jobs").glob("*/owner") if path.read_text() == owner]
    return sorted(mine, key=lambda folder: not (folder / "waiting").exists())


def look(data: Path, owner: str) -> tuple[PageState, str]:
    """The page with its history, of a server that has just started, and its text."""
    person = Person(Settings(data), owner)
    assert person.pulse()
    page = person.do("refresh", view="history")
    regions = views.render(page)
    return page, regions.stage + regions.history + regions.side + regions.head


def check_the_others_go_on(data: Path) -> None:
    settings = Settings(data, running=999)
    page, _ = look(data, YOU)
    assert page.history is not None and len(page.history) == page.history_count == 2
    assert page.problem is None and not page.damaged
    jobs, workers = JobStore(settings), Workers()
    jobs.resume_remote()
    jobs.start_due(workers.launch)
    assert YOU in {jobs.read_owner(worker.folder) for worker in workers.played}
    assert jobs.start_due(workers.launch) == []
    for worker in workers.played:
        worker.end()
    now = datetime.now(UTC)
    jobs.sweep(now)
    Person(settings, YOU).sweep(now)
    assert len(jobs.list_owned(YOU)) == 2
    jobs.sweep(now + timedelta(days=8))
    assert {path.name for path in (data / "jobs").iterdir() if not path.suffix} == set()


@pytest.mark.parametrize("first", [WAITING, FINISHED])
@pytest.mark.holds("publishing", "torn file", "a torn record hides no job")
def test_damage_to_a_job_is_its_owner_s_alone(whole: Path, tmp_path: Path, first: str) -> None:
    data = Path(shutil.copytree(whole, tmp_path / "data"))
    original = find_jobs(data, ME)[first == FINISHED]
    made = {}
    names = QUEUE_FILES if first == WAITING else JOB_FILES
    for name, kind in product(names, DAMAGES):
        if (original / name).exists() and ("json" in name or kind in OF_A_WORD):
            job = first + secrets.token_hex(16)[1:]
            folder = Path(shutil.copytree(original, original.with_name(job)))
            DAMAGES[kind](folder / name, (folder / name).read_bytes())
            made[job] = f"{name}: {kind}"
    page, shown = look(data, ME)
    assert page.history is not None
    seen = {job.id for job in page.history} | set(page.damaged)
    unseen = {made[job].partition(":")[0] for job in made.keys() - seen}
    assert unseen == {"owner"}
    assert page.damaged and shown.count(JOB_DAMAGED) == len(page.damaged)
    damaged = {made[job].partition(":")[0] for job in page.damaged}
    assert damaged == {"plan.json", "request.json"} & {*names}
    person = Person(Settings(data), ME)
    for job in seen & made.keys():
        if made[job].partition(": ")[2] in ("huge", "a folder", "a torn byte"):
            person.jobs.delete(data / "jobs" / job)
            assert not (data / "jobs" / job).exists(), made[job]
    gone = next(job for job in page.damaged if person.jobs.find_folder(job))
    person.do("delete-sure", job=gone)
    assert person.jobs.find_folder(gone) is None
    check_the_others_go_on(data)


@pytest.mark.parametrize("kind", ["a torn byte", "a folder", "zero", "empty"])
@pytest.mark.parametrize("name", ["plan.json", "request.json", "owner"])
def test_a_page_whose_draft_is_damaged_says_so(
    whole: Path, tmp_path: Path, name: str, kind: str
) -> None:
    data = Path(shutil.copytree(whole, tmp_path / "data"))
    draft, _ = find_jobs(data, ME)
    content = (draft / name).read_bytes()
    DAMAGES[kind](draft / name, content)
    page, shown = look(data, ME)
    assert page.session.picture is not None  # what was given is not lost
    if name != "owner":
        assert JOB_DAMAGED in shown or draft.name in {job.id for job in page.history or ()}


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.holds("page", "torn file", "its owner begins anew and is told; nobody else notices")
def test_a_damaged_session_is_its_owner_s_alone(whole: Path, tmp_path: Path, kind: str) -> None:
    data = Path(shutil.copytree(whole, tmp_path / "data"))
    session = data / "desks" / ME / "desk.json"
    before = session.read_bytes()
    DAMAGES[kind](session, before)
    page, shown = look(data, ME)
    if page.session.picture is None:
        assert escape(text.SESSION_DAMAGED) in shown
        person = Person(Settings(data), ME)
        assert person.do("again").problem is None
        assert person.do("refresh").problem is None
    else:
        assert kind in ("below zero", "zero", "another version", "no time")  # of a name, say
    check_the_others_go_on(data)


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.holds("deleting", "torn file", "damage stops no deletion")
def test_damage_beside_jobs_and_sessions_stops_nobody(
    whole: Path, tmp_path: Path, kind: str
) -> None:
    data = Path(shutil.copytree(whole, tmp_path / "data"))
    (data / "keys").mkdir()
    (data / "uploads" / ME).mkdir(parents=True)
    for name in (
        "queue.lock",
        "pace.json",
        "pace.lock",
        "clock.json",
        f"turns/draft-{ME}",
        f"turns/draft-{YOU}",
        "keys/0",
        f"uploads/{ME}/{'0' * 32}",
        f"uploads/{ME}/1.part",
        f"desks/{ME}/.1.part",
    ):
        (data / name).write_text('{"draft": 1}')
        DAMAGES[kind](data / name, b'{"draft": 1}')
    check_the_others_go_on(data)
    assert ExpiryClock(data).read() is None
    assert ExpiryClock(data).read() is None

"""While another machine's turn is not over, everything is shown and nothing is changed."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from inference.core.settings import Settings
from inference.core.write_access import MOVING_MESSAGE, SoleWriter, WriteUnavailable
from inference.jobs import process
from inference.jobs.store import JobStore, State
from tests.support.api_client import Server, bearer
from tests.support.media import ASTRONAUT
from tests.support.people import ME, Person, drafted, files, uploaded
from tests.support.played_jobs import new_task
from ui.access.identity import Owners
from ui.media import uploads
from ui.media.uploads import HEADER, UploadStore
from ui.session.commands import AddPicture, UseExample
from ui.session.ingest import Ingester, SessionChange
from ui.session.page_state import Phase
from ui.session.session import Session
from ui.session.store import SessionStore


class Turns(SoleWriter):
    """Access that comes and goes; `kept` counts what was made to last."""

    def __init__(self) -> None:
        super().__init__()
        self.granted, self.kept = True, 0

    def require(self) -> None:
        if not self.granted:
            raise WriteUnavailable

    @contextmanager
    def hold(self) -> Iterator[None]:
        self.require()
        yield

    def commit(self) -> None:
        self.kept += 1


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def person(settings: Settings, turns: Turns, scripted: None) -> Person:
    return Person(settings, access=turns)


@pytest.mark.holds("page", "two servers", "both show the page; one of them changes it")
def test_an_action_is_refused_and_the_page_is_shown_all_the_same(
    me: Person, person: Person, turns: Turns, scripted: None
) -> None:
    drafted(me)
    turns.granted = False
    before, pulse = files(person.data), person.pulse()
    shown = person.do("set", field="shape", value="square")
    assert shown.was_refused and shown.is_moving and shown.phase is Phase.DRAFT
    assert not person.do("refresh").was_refused
    assert shown.problem is None and files(person.data) == before
    turns.granted = True
    assert person.pulse() != pulse  # the page is drawn anew
    again = person.do("set", field="shape", value="square")
    assert not again.was_refused and not again.is_moving and again.phase is Phase.DRAFTING


def test_what_began_before_writes_nothing_more(
    settings: Settings, turns: Turns, tmp_path: Path
) -> None:
    desks, jobs = SessionStore(settings.data, turns), JobStore(settings, access=turns)
    uploads = UploadStore(settings.data, turns)
    inputs = Ingester(desks, uploads)
    sent = uploaded(settings.data, ASTRONAUT)
    os.utime(sent, (0, 0))
    task = new_task(jobs, ME, "draft")
    desks.save(ME, Session())
    turns.granted = False
    before = files(settings.data)
    for change in (
        lambda: desks.save(ME, Session(middle=True)),
        lambda: desks.store_file(ME, tmp_path / "x.png", "picture"),
        lambda: jobs.submit(task),
        lambda: jobs.delete(task.folder),
        lambda: jobs.create(ME),
        lambda: desks.delete_expired(datetime.now(UTC) + timedelta(days=1)),
        uploads.delete_expired,
        lambda: taken_in(inputs.ingest_picture(ME, AddPicture("picture", sent.name, "a.png"))),
        lambda: taken_in(inputs.ingest_example(ME, UseExample("example", "astronaut"))),
    ):
        with pytest.raises(WriteUnavailable):
            change()
    assert files(settings.data) == before and desks.load(ME) == Session()


def taken_in(change: AbstractContextManager[SessionChange]) -> None:
    with change:
        raise AssertionError("it was read")


def test_a_job_at_work_elsewhere_is_not_called_interrupted(
    me: Person, settings: Settings, turns: Turns, person: Person
) -> None:
    """Locks don't show on other machines."""
    job = drafted(me).job
    assert job
    folder = me.data / "jobs" / job.id
    events = folder / "events.jsonl"
    with process.hold_lock(folder):  # once its worker has ended
        events.write_text("".join(events.read_text().splitlines(keepends=True)[:-1]))
    assert person.jobs.read_state(folder) is State.INTERRUPTED
    turns.granted = False
    shown = person.do("refresh", view="history")
    assert shown.history and shown.history[0].state is State.RUNNING
    turns.granted = True
    JobStore(replace(settings, on_modal=True)).resume_remote()  # the next one goes on with it
    assert person.jobs.read_state(folder) is State.QUEUED


def test_what_somebody_pays_for_is_made_to_last(me: Person, person: Person, turns: Turns) -> None:
    drafted(me)
    person.do("set", field="quality", value="fast")
    assert turns.kept == 0
    person.do("make")
    assert turns.kept == 1


@pytest.mark.holds("upload", "two servers", "the browser sends it again to the next one")
def test_an_upload_is_asked_for_again(tmp_path: Path, turns: Turns) -> None:
    owners = Owners(tmp_path)
    received = UploadStore(tmp_path, turns)
    app = FastAPI()
    app.include_router(uploads.create_router(received, owners))
    me = TestClient(app, cookies={"portrait": "a" * 64}, headers={HEADER: "1"})
    turns.granted = False
    answer = me.post("/upload?kind=picture", content=b"x")
    assert answer.status_code == 503 and answer.json() == {"message": MOVING_MESSAGE, "again": True}

    def chunks() -> Iterator[bytes]:
        yield b"x"
        turns.granted = False
        yield b"y"

    turns.granted = True
    assert me.post("/upload?kind=picture", content=chunks()).json()["again"]
    assert not [*(tmp_path / "uploads").glob("*/*")]
    turns.granted = True
    assert me.post("/upload?kind=picture", content=b"x").status_code == 200


def test_programs_are_asked_to_come_again(tmp_path: Path, turns: Turns) -> None:
    server = Server(tmp_path, access=turns)
    job, client = server.job(), server.client(bearer())
    turns.granted = False
    for answer in (
        client.post("/api/jobs", files={"image": b"x", "audio": b"x"}),
        client.post(f"/api/jobs/{job.name}/cancel"),
        client.delete(f"/api/jobs/{job.name}"),
    ):
        assert answer.status_code == 503 and answer.headers["Retry-After"]
        assert answer.json()["error"] == {"code": "moving", "message": MOVING_MESSAGE}
    assert client.get(f"/api/jobs/{job.name}").json()["state"] == "queued"
    assert server.left() == [job]
    turns.granted = True
    assert client.delete(f"/api/jobs/{job.name}").status_code == 204 and turns.kept == 1

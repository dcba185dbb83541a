"""A machine's turn that ends in the middle of a change: the next machine goes on with it, and
nothing is lost, made twice or paid twice."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.types import Message

from inference.core.errors import FaultCode, InputCode, InputError
from inference.core.events import Failed
from inference.core.inputs import Picture, Shape
from inference.core.settings import Settings
from inference.jobs import history
from inference.jobs.store import State
from inference.media.ingest import read_picture
from tests.jobs.test_turns import Turns
from tests.support.api_client import Server, bearer, error
from tests.support.media import ASTRONAUT
from tests.support.people import ME, Person, files, uploaded
from ui.api import intake
from ui.session import ingest
from ui.session.page_state import PageState, Phase


class Ending(Turns):
    """A turn that ends when it is asked for the `left`th time; 0: it does not."""

    left = 0

    def require(self) -> None:
        if self.left == 1:
            self.granted = False
        self.left = max(0, self.left - 1)
        super().require()


@pytest.fixture
def turns() -> Ending:
    return Ending()


@pytest.mark.parametrize("is_bad", [False, True])
@pytest.mark.holds("decoding", "two servers", "the next one reads the file again")
def test_a_file_that_is_being_read_is_not_lost(
    settings: Settings, turns: Ending, monkeypatch: pytest.MonkeyPatch, is_bad: bool
) -> None:
    def read(source: Path, target: Path, *more: Any) -> Picture:
        turns.granted = False
        if is_bad:  # it is for the next machine to say so
            raise InputError(InputCode.NOT_A_PICTURE, "This is no picture.")
        return read_picture(source, target, *more)

    given = {"upload": uploaded(settings.data, ASTRONAUT).name, "name": "a.png"}
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "read_picture", read)
        shown = Person(settings, access=turns).do("picture", **given)
    assert shown.was_refused and shown.problem is None
    turns.granted = True
    again = Person(settings, access=turns).do("picture", **given)
    assert again.session.picture and again.problem is None
    assert files(settings.data / "uploads") == set()


@pytest.fixture(scope="module")
def drafting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    person = Person(Settings(data=tmp_path_factory.mktemp("drafting") / "data"))
    person.do("example", name="astronaut")
    person.do("set", field="quality", value="fast")
    return person.data


@pytest.fixture
def data(drafting: Path, tmp_path: Path) -> Path:
    """Of somebody whose draft waits, and who has chosen a quality."""
    return shutil.copytree(drafting, tmp_path / "data")


def handed_over(data: Path, do: str, **values: Any) -> Iterator[tuple[Person, PageState]]:
    """The next machine and what it shows, for each moment at which the turn may end in an action:
    what was refused is sent again."""
    for at in range(1, 100):
        here, turns = data.with_name(f"at-{at}"), Ending()
        shutil.copytree(data, here)
        turns.left = at
        shown = Person(Settings(data=here), access=turns).do(do, **values)
        if turns.left:
            assert at > 3
            return
        turns.granted = True
        then = Person(Settings(data=here), access=turns)
        yield then, then.do(do, **values) if shown.was_refused else then.do("refresh")


def finals(person: Person) -> list[str]:
    shown = person.do("refresh", view="history")
    return [job.id for job in shown.history or () if not job.is_draft]


def test_one_video_is_made(data: Path) -> None:
    for person, shown in handed_over(data, "make"):
        assert shown.session.final and finals(person) == [shown.session.final]
        assert shown.job and shown.job.state is State.QUEUED


def test_another_try_is_made_once(data: Path) -> None:
    of_no_use = Person(Settings(data=data)).do("make").session.final
    assert of_no_use
    folder = data / "jobs" / of_no_use
    (folder / "waiting").unlink()
    history.HistoryWriter(folder).append(Failed(FaultCode.BAD_WINDOW, "It is black."))
    for person, shown in handed_over(data, "restart"):
        assert shown.session.final and finals(person) == [shown.session.final, of_no_use]
        assert shown.job and shown.job.state is State.QUEUED


def test_another_draft_is_made_and_no_input_is_lost(data: Path) -> None:
    for person, shown in handed_over(data, "set", field="shape", value="square"):
        assert shown.session.picture and shown.session.choices.shape is Shape.SQUARE
        assert shown.job and shown.job.state is State.QUEUED and shown.job.plan.height == 640
        assert person.history()[0] == shown.session.draft


def test_what_is_done_is_not_asked_for_again(tmp_path: Path) -> None:
    person = Person(Settings(data=tmp_path / "data"))
    first, second = person.do("example", name="pair").session.voices
    for _, shown in handed_over(person.data, "swap"):
        assert shown.session.voices == (second, first) and shown.phase is Phase.DRAFTING


def test_what_finds_no_room_is_not_on_the_desk(data: Path) -> None:
    person = Person(Settings(data=data, queue_per_person=1))
    before, left = person.do("refresh").session, files(data)
    shown = person.do("make")
    assert shown.problem and shown.problem.code == FaultCode.QUEUE_FULL
    assert shown.session == before and files(data) == left | {f"permissions/{ME}"}  # it was said


def test_a_form_is_not_read_on(tmp_path: Path, turns: Ending) -> None:
    server = Server(tmp_path, access=turns)
    told: list[Message] = []
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    received = iter([head + b"some", b"more"])  # and nothing further: that would be an error

    async def receive() -> Message:
        body = next(received)
        turns.granted = body != b"more"
        return {"type": "http.request", "body": body, "more_body": True}

    async def say(message: Message) -> None:
        told.append(message)

    async def ask() -> None:
        sent = bearer() | {"Content-Type": "multipart/form-data; boundary=x"}
        headers = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/api/jobs"}
        scope |= {"query_string": b"", "headers": headers, "http_version": "1.1"}
        await server.client().app(scope, receive, say)

    anyio.run(ask)
    assert told[0]["status"] == 503 and server.left() == []


def test_a_form_is_not_decoded_any_more(
    tmp_path: Path, turns: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(tmp_path, access=turns)

    def choices(fields: dict[str, str]) -> dict[str, Any]:
        raise AssertionError("it is looked at")

    async def received(*_: object) -> dict[str, str]:
        turns.granted = False
        return {}

    monkeypatch.setattr(intake, "_received", received)
    monkeypatch.setattr(intake, "_parse_options", choices)
    answer = server.client().post("/api/jobs", files={"image": b"x"})
    assert error(answer) == (503, FaultCode.MOVING) and server.left() == []

"""Before a final video, once for each browser: "I may use this face and this voice"."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inference.core.options import Permission
from inference.core.settings import Settings
from inference.core.task import REQUEST, read_request
from inference.jobs.store import State
from tests.support.people import ME, YOU, Person
from tests.support.sessions import LEFT, desk
from ui.session.page_state import PageState
from ui.session.requests import compute_framing
from ui.session.store import SessionStore

STATED, NOT_STATED = Permission.STATED, Permission.NOT_STATED


def given(person: Person) -> PageState:
    """The page of `person` with inputs whose draft waits; no file of them is ever looked into."""
    session, sessions = desk(LEFT), SessionStore(person.data)
    framing = compute_framing(session)
    assert framing and session.picture
    cropped = f"{session.picture.file} {session.choices.shape} {framing.crop}"
    session = replace(session, crop="crop.jpg", cropped=cropped)
    for name in session.files:
        (sessions.make_folder(person.owner) / name).touch()
    sessions.save(person.owner, session)
    return person.do("refresh")


@pytest.fixture
def mine(alone: Person) -> Person:
    given(alone)
    return alone


def press(person: Person, do: str = "make") -> PageState:
    """What is shown after a button was pressed that says nothing of the face and the voice."""
    return person.do(do, permission=False)


def test_nothing_is_made_until_it_is_said(mine: Person, settings: Settings) -> None:
    asked = press(mine)
    assert asked.session.asking == "make" and not asked.has_permission
    assert (asked.session.final, asked.history_count) == (None, 1)
    again = Person(settings).do("refresh")  # loaded anew, from another server
    assert again.session.asking == "make"
    assert mine.do("ask-not").session.asking == ""
    press(mine)
    assert mine.do("set", field="seed", value="7").session.asking == "", "of other inputs"
    press(mine)
    made = mine.do("make", permission="true")
    assert made.has_permission and made.job and made.job.id == made.session.final
    assert made.job.request.permission is STATED
    draft = mine.jobs.find_folder(made.session.draft or "")
    assert draft and read_request(draft).permission is NOT_STATED, "drafts don't ask"


def test_it_is_said_once_until_it_is_taken_back(mine: Person, settings: Settings) -> None:
    mine.do("make")
    assert mine.do("again").has_permission
    given(mine)
    made, before = press(mine), mine.pulse()
    assert made.session.final and made.session.asking == ""
    given(you := Person(settings, YOU))
    assert press(you).session.asking == "make", "another browser"
    taken = mine.do("take-back")
    assert not taken.has_permission and mine.pulse() != before
    assert taken.session.asking == mine.do("refresh").session.asking == "take-back", "it is said"
    assert made.job and mine.do("refresh").job == made.job, "what was made stays so"
    mine.do("version")
    assert press(mine).session.asking == "make"


@pytest.mark.parametrize("do", ["resume", "restart"])
def test_what_goes_on_asks_as_well_and_is_recorded(mine: Person, do: str) -> None:
    job = mine.do("make").job
    assert job and (folder := mine.jobs.find_folder(job.id))
    mine.do("stop")
    written = json.loads((folder / REQUEST).read_text())
    del written["permission"]  # a job of the version before
    (folder / REQUEST).write_text(json.dumps(written))
    assert mine.do("take-back").job.request.permission is NOT_STATED  # type: ignore[union-attr]
    plan = (folder / "plan.json").stat().st_mtime_ns
    asked = press(mine, do)
    assert asked.session.asking == do and asked.job and asked.job.state is State.CANCELLED
    going = mine.do(do)
    assert going.job and going.job.state is State.QUEUED
    assert going.job.request == replace(job.request, permission=STATED)
    assert (folder / "plan.json").stat().st_mtime_ns == plan, "it is as old as before"


def test_a_draft_goes_on_without_a_question(mine: Person) -> None:
    mine.do("stop")
    again = press(mine, "restart")
    assert again.session.asking == "" and not again.has_permission
    assert again.job and again.job.state is State.QUEUED


def test_it_outlives_the_session_for_as_long_as_the_cookie(mine: Person) -> None:
    mine.do("make")
    mine.sweep(datetime.now(UTC) + timedelta(days=300))
    assert mine.do("refresh").has_permission and not (mine.data / "desks" / ME).exists()
    mine.sweep(datetime.now(UTC) + timedelta(days=380))
    assert not mine.do("refresh").has_permission

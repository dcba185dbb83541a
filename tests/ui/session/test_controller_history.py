"""What a person does in the history: open, use, name and delete what is theirs."""

from pathlib import Path

import pytest

from inference.core.settings import Settings
from tests.support.people import ME, YOU, Person, drafted, files
from ui.session.page_state import Phase


def test_history_opens_uses_and_deletes_ones_own(
    me: Person, scripted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = drafted(me)
    assert first.job
    me.do("again")
    assert me.do("refresh").phase is Phase.START
    me.do("example", name="portrait")
    second = me.until(Phase.DRAFT).job
    assert second and me.history() == [second.id, first.job.id]

    opened = me.do("open", job=first.job.id)
    assert opened.phase is Phase.DRAFT and opened.job and opened.job.id == first.job.id
    assert opened.session.picture == first.session.picture
    assert (me.data / "desks" / ME / first.session.voices[0].file).exists()  # type: ignore[union-attr]

    used = me.do("use", job=second.id)
    assert used.phase is Phase.DRAFT and used.job and used.job.id == second.id
    assert used.session.picture and used.session.picture.name == "Drawn portrait"
    changed = me.do("set", field="shape", value="square")
    assert changed.previous_draft and changed.previous_draft.id == second.id
    used = me.until(Phase.DRAFT)
    assert used.job

    delete = me.jobs.delete

    def look_and_delete(folder: Path) -> None:
        assert me.do("refresh").session.picture  # another tab, in the middle of it
        delete(folder)

    monkeypatch.setattr(me.jobs, "delete", look_and_delete)
    asked = me.do("delete", job=used.job.id)
    assert asked.session.deleting and asked.session.selected == used.job.id
    assert not me.do("delete-not").session.deleting
    gone = me.do("delete-sure", job=used.job.id)
    assert gone.phase is Phase.CLEARED and gone.session.picture and gone.session.voices[0]
    assert me.history() == [second.id, first.job.id]
    assert not (me.data / "jobs" / used.job.id).exists()
    assert me.do("refresh").phase is Phase.CLEARED  # none is made by itself
    assert me.do("draft").phase is Phase.DRAFTING
    empty = me.do("again")
    assert empty.is_still_making and not empty.makes_another  # a draft needs no GPU
    assert len(me.history()) == 3
    assert files(me.data / "desks") == {f"{ME}/desk.json"}


def test_several_are_deleted_at_once_and_nothing_else(me: Person, scripted: None) -> None:
    jobs = []
    for example in ("astronaut", "portrait", "pair"):
        me.do("again")
        me.do("example", name=example)
        job = me.until(Phase.DRAFT).job
        assert job
        jobs.append(job.id)
    one, other, newest = jobs
    me.do("choose-all", job=" ".join(jobs))
    assert me.do("choose", job=newest).session.chosen == (one, other)
    asked = me.do("delete-chosen").session
    assert asked.deleting_chosen and not me.do("delete-not").session.deleting_chosen
    me.do("delete-chosen")
    shown = me.do("delete-sure", job=f"{one} {other}", view="history")
    assert shown.problem is None and me.history() == [newest]
    assert shown.session.chosen == () and not shown.session.deleting_chosen
    assert shown.phase is Phase.DRAFT and shown.session.picture
    gone = me.do("delete-sure", job=f"{one} {other}")
    assert gone.problem and gone.problem.message == "This one is no longer there."


def test_a_job_has_another_name_from_then_on(me: Person, scripted: None) -> None:
    job = drafted(me).job
    assert job and job.name == "Astronaut - voice a"
    me.do("rename", job=job.id, value=f"  <b>Ada</b>\u202e\n{'x' * 100} ")
    named = me.do("refresh").job
    assert named and named.name == f"<b>Ada</b> {'x' * 66}..." and len(named.name) == 80
    assert me.do("rename", job=job.id, value=" ").job == named
    (me.data / "jobs" / job.id / "title.txt").unlink()  # as of before there were names
    older = me.do("refresh").job
    assert older and older.name == "Astronaut"


@pytest.mark.parametrize("name", ["select", "open", "use", "rename", "delete", "delete-sure"])
def test_nobody_reaches_the_job_of_another(
    me: Person, settings: Settings, scripted: None, name: str
) -> None:
    job = drafted(me).job
    assert job
    you = Person(settings, YOU)
    shown = you.do(name, job=job.id, **({"value": "Mine"} if name == "rename" else {}))
    assert shown.problem and shown.problem.area == "history"
    assert (
        shown.session.selected is None
        and shown.session.picture is None
        and shown.history_count == 0
    )
    assert me.history() == [job.id]

"""The crop and the draft follow what lies on the desk, and nothing of worth is replaced."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from inference.core.inputs import CropChoice
from inference.core.settings import Settings
from inference.jobs.store import State
from tests.support.media import ASTRONAUT, DRAWN_ONE, VOICE_B
from tests.support.people import ME, Person, drafted, files
from ui.session.page_state import Phase


def test_the_crop_is_the_exact_frame(alone: Person) -> None:
    shown = alone.give("picture", ASTRONAUT)
    assert shown.phase is Phase.START and shown.framed
    desk = alone.data / "desks" / ME
    with Image.open(desk / shown.framed.picture) as crop:
        assert crop.size == (896, 448)
    square = alone.do("set", field="shape", value="square")
    assert square.framed and square.framed.picture != shown.framed.picture
    with Image.open(desk / square.framed.picture) as crop:
        assert crop.size == (640, 640)
    tall = alone.do("set", field="shape", value="9:16")
    assert tall.framed and (tall.framed.width, tall.framed.height) == (480, 832)
    with Image.open(desk / tall.framed.picture) as crop:
        assert crop.size == (480, 832)
    assert len(files(desk)) == 4  # desk.json, picture, its preview, the crop


def test_every_draft_that_was_finished_stays_in_the_history(me: Person, scripted: None) -> None:
    first = drafted(me).job
    shown = me.do("set", field="shape", value="square")
    assert shown.phase is Phase.DRAFTING
    assert first and shown.previous_draft and shown.previous_draft.id == first.id
    me.until(Phase.DRAFT)
    second = me.do("refresh")  # the page may have come between its end and the exchange
    assert second.previous_draft is None and second.job
    me.give("voice", VOICE_B, slot=0)
    third = me.until(Phase.DRAFT).job
    assert third and me.history() == [third.id, second.job.id, first.id]


def test_the_draft_of_the_same_inputs_is_found_again(me: Person, scripted: None) -> None:
    me.do("example", name="pair")
    first = me.until(Phase.DRAFT).job
    me.do("swap")
    at_once = me.do("swap")  # before the other one is finished
    assert first and at_once.job and at_once.job.id == first.id
    me.do("swap")
    second = me.until(Phase.DRAFT).job
    assert second and first.id != second.id
    back = me.do("swap")
    assert back.phase is Phase.DRAFT and back.job and back.job.id == first.id
    assert back.previous_draft is None
    me.do("use", job=second.id)
    used = me.do("swap")
    assert used.job and used.job.id == first.id
    (me.data / "jobs" / second.id / "plan.json").write_text("")
    assert me.do("swap").phase is Phase.DRAFTING


def test_a_draft_of_other_files_is_not_taken_for_an_earlier_version(
    me: Person, scripted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = drafted(me).job
    monkeypatch.setenv("SCRIPTED_PAUSE_S", "0.1")
    assert me.do("set", field="seed", value="7").previous_draft
    me.give("picture", DRAWN_ONE)  # before the second is finished
    monkeypatch.setenv("SCRIPTED_PAUSE_S", "0.01")
    third = me.until(Phase.DRAFT).job
    assert me.give("picture", ASTRONAUT).previous_draft is None  # its crop is on show
    assert first and third and {first.id, third.id} <= set(me.history())

    me.do("example", name="pair")
    pair = me.until(Phase.DRAFT).job
    me.do("remove", slot=1)
    me.until(Phase.DRAFT)
    assert pair and pair.id in me.history()


def test_drafts_and_inputs_that_went_by_themselves_do_not_come_back(
    me: Person, scripted: None
) -> None:
    drafted(me)
    me.jobs.sweep(datetime.now(UTC) + timedelta(days=8))
    shown = me.do("refresh")  # of an older draft that was found again
    assert shown.phase is Phase.CLEARED and shown.session.picture and shown.history_count == 0
    me.do("draft")
    me.until(Phase.DRAFT)
    me.jobs.sweep(datetime.now(UTC) + timedelta(days=8))
    for file in (me.data / "desks" / ME).iterdir():
        os.utime(file, times=(0, 0))
    shown = me.do("refresh")
    assert shown.phase is Phase.START and shown.history_count == 0
    assert files(me.data / "desks") == {f"{ME}/desk.json"}


def test_what_was_not_finished_makes_room_for_the_next_draft(alone: Person) -> None:
    first = alone.do("example", name="astronaut").job
    second = alone.do("set", field="shape", value="portrait").job
    assert first and second and alone.history() == [second.id]
    assert alone.jobs.find_folder(first.id) is None


def test_nothing_is_drafted_while_an_editor_is_open(alone: Person) -> None:
    first = alone.do("example", name="astronaut").job
    alone.do("edit", what="framing")
    moved = alone.do("crop", left=20, top=10, width=400)
    assert first and moved.job and moved.job.id == first.id
    assert moved.framed and moved.framed.crop.left == 20
    closed = alone.do("edit", what="")
    assert closed.job and closed.job.id != first.id
    assert closed.job.plan.crop == moved.framed.crop
    assert closed.session.choices.crop == CropChoice(20, 10, 400)


def test_one_who_waits_long_enough_is_told_and_keeps_the_inputs(settings: Settings) -> None:
    person = Person(replace(settings, queue=0))
    shown = person.do("example", name="astronaut")
    assert shown.problem and (shown.problem.code, shown.problem.area) == ("queue_full", "stage")
    assert shown.session.picture and shown.framed and shown.history_count == 0
    assert files(settings.data / "jobs") == set()


def test_a_final_video_is_made_once_of_the_draft(
    me: Person, scripted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafted(me)
    me.do("set", field="quality", value="fast")
    made = me.do("make")
    assert made.phase in (Phase.WAITING, Phase.MAKING) and made.job
    assert made.job.plan.quality == "fast" and not made.job.is_draft
    assert me.do("make").history_count == 2
    shown = me.until(Phase.RESULT)
    assert shown.job and shown.job.state is State.FINISHED and shown.job.id == made.job.id
    version = me.do("version")
    assert version.phase is Phase.DRAFT and version.job and version.job.id == version.session.draft
    seed = version.session.choices.seed
    assert seed != made.job.plan.seed  # or the same video would be paid for twice
    again = me.do("make").job
    assert again and again.plan.seed == seed
    me.until(Phase.RESULT)
    assert me.do("open", job=made.job.id).phase is Phase.RESULT
    assert me.do("delete-sure", job=made.job.id).phase is Phase.DRAFT  # only the video goes

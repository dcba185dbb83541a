"""What a person does on the page ends on their desk, whatever becomes of browser and server."""

import errno
import time
from pathlib import Path

import pytest
from PIL import Image

from inference.core.settings import Settings
from tests.support.bad_files import write_wav
from tests.support.media import ASTRONAUT, DRAWN_ONE, VOICE_A
from tests.support.people import ME, YOU, Person, drafted, files
from ui.session import ingest
from ui.session.page_state import Phase


def test_an_example_is_drafted_by_itself_and_still_there_for_a_new_server(
    me: Person, settings: Settings
) -> None:
    shown = me.do("example", name="astronaut")
    assert shown.problem is None
    assert shown.phase is Phase.DRAFTING
    assert shown.plan and shown.plan.frames == 197
    assert shown.framed and len(shown.framed.faces) == 1
    assert me.until(Phase.DRAFT).job

    again = Person(settings).do("refresh")
    assert again.phase is Phase.DRAFT
    assert again.session == me.do("refresh").session
    assert again.job and again.job.name == "Astronaut - voice a" and again.history_count == 1
    job = settings.data / "jobs" / again.job.id
    assert {"picture.png", "voice-1.wav", "crop.jpg", "result.mp4"} <= files(job)
    assert Person(settings, YOU).do("refresh").phase is Phase.START
    assert files(settings.data / "uploads") == set()


def test_two_people_in_turn(alone: Person) -> None:
    shown = alone.do("example", name="pair")
    assert shown.plan and [speaker.audio for speaker in shown.plan.speakers] == [0, 1]
    assert shown.plan.recording_s == 13.55
    together = alone.do("set", field="speaking", value="together")
    assert together.phase is Phase.DRAFTING
    assert together.plan and together.plan.recording_s == 7.75
    swapped = alone.do("swap")
    assert swapped.session.voices == together.session.voices[::-1]
    assert swapped.job and together.job and swapped.job.id != together.job.id


def test_a_job_that_can_not_be_read_leaves_the_page_as_it_is(me: Person, scripted: None) -> None:
    job = drafted(me).job
    assert job
    (me.data / "jobs" / job.id / "plan.json").write_text("")
    shown = me.do("refresh", view="history")
    assert shown.job is None and shown.history == ()
    me.do("again")
    assert me.do("example", name="portrait").phase is Phase.DRAFTING


@pytest.mark.parametrize(
    ("kind", "content", "code", "place"),
    [
        ("picture", b"This is no picture.", "not_a_picture", "picture"),
        ("voice", b"This is no recording.", "not_a_recording", "voice-1"),
    ],
)
def test_a_file_that_can_not_be_used_leaves_what_is_there(
    alone: Person, tmp_path: Path, kind: str, content: bytes, code: str, place: str
) -> None:
    before = alone.do("example", name="astronaut")
    (tmp_path / "bad").write_bytes(content)
    values = {"slot": 1} if kind == "voice" else {}
    shown = alone.give(kind, tmp_path / "bad", **values)
    assert shown.problem and (shown.problem.code, shown.problem.area) == (code, place)
    assert shown.session == before.session
    assert alone.do("refresh").problem == shown.problem  # until something else is given there
    assert alone.do("set", field="prompt", value="A wall.").problem == shown.problem
    assert files(alone.data / "uploads") == set()
    assert len(files(alone.data / "desks")) == 5
    assert alone.do("example", name="portrait").problem is None


@pytest.mark.parametrize(
    "action",
    [
        {"do": "dismiss"},
        {"do": "remove", "slot": 0},
        {"do": "swap"},
        {"do": "edit-cancel"},
        {"do": "edit", "what": ""},
        {"do": "again"},
    ],
    ids=lambda action: action["do"],
)
def test_a_recording_s_error_goes_with_its_cause_or_is_closed(
    alone: Person, tmp_path: Path, action: dict[str, object]
) -> None:
    (tmp_path / "bad").write_bytes(b"This is no recording.")
    shown = alone.give("voice", tmp_path / "bad", slot=0)
    assert shown.problem and shown.problem.can_close
    assert alone.do("crop-reset").problem == shown.problem
    rest = {name: value for name, value in action.items() if name != "do"}
    assert alone.do(str(action["do"]), **rest).problem is None
    alone.do("again")


def test_short_silent_and_long_recordings(alone: Person, tmp_path: Path) -> None:
    alone.give("picture", ASTRONAUT)
    for name, seconds, amplitude, code in (
        ("short", 0.2, 0.5, "too_short"),
        ("silent", 2.0, 0.0, "silent"),
    ):
        path = tmp_path / f"{name}.wav"
        write_wav(path, seconds, amplitude)
        shown = alone.give("voice", path, slot=0)
        assert shown.problem and shown.problem.code == code
        assert shown.session.voices == (None, None)
    write_wav(tmp_path / "long.wav", 22.0, 0.5)
    shown = alone.give("voice", tmp_path / "long.wav", slot=0)
    assert shown.problem and shown.problem.code == "too_long"
    assert "--trim" not in shown.problem.message
    assert shown.job is None and shown.session.voices[0]  # it is kept, to be trimmed
    assert shown.session.editing == "trim" and shown.session.choices.trim is None
    alone.do("trim", start="2", end="9.5")
    trimmed = alone.do("edit", what="")
    assert trimmed.problem is None and trimmed.phase is Phase.DRAFTING
    assert trimmed.plan and trimmed.plan.recording_s == 7.5


def test_a_picture_without_a_face_says_so_until_there_is_another(
    alone: Person, tmp_path: Path
) -> None:
    Image.new("RGB", (640, 480), "teal").save(tmp_path / "wall.png")
    alone.give("voice", VOICE_A, slot=0)
    alone.give("picture", tmp_path / "wall.png")
    shown = alone.do("refresh")
    assert shown.phase is Phase.START and shown.history_count == 0
    assert shown.problem and (shown.problem.code, shown.problem.area) == ("no_face", "picture")
    middle = alone.do("middle")
    assert middle.phase is Phase.UNDRAFTED and middle.history_count == 0
    assert alone.give("picture", DRAWN_ONE).phase is Phase.DRAFTING


def test_a_picture_is_turned_and_turned_back_without_loss(alone: Person, tmp_path: Path) -> None:
    with Image.open(ASTRONAUT) as portrait:
        large = portrait.convert("RGB").crop((0, 0, 400, 512)).resize((2100, 2688))
    large.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "side.jpg", quality=95)
    upright = alone.give("picture", tmp_path / "side.jpg").session.picture
    assert upright and (upright.picture.turned, len(upright.picture.faces)) == (90, 1)
    assert (upright.picture.width, upright.picture.height) == (2100, 2688)
    back = alone.do("turn", by="270").session.picture
    assert back and (back.picture.turned, back.name) == (0, "side.jpg")
    assert (back.picture.width, back.picture.height) == (2688, 2100)
    again = alone.do("turn", by=90).session.picture
    assert again and again.picture == upright.picture
    clean = alone.data / "desks" / ME / again.file
    with Image.open(clean) as turned:
        assert turned.size == (1600, 2048)
    assert alone.do("turn", by=45).problem


def test_turning_nothing_is_a_sentence(alone: Person) -> None:
    shown = alone.do("turn", by=90)
    assert shown.problem and shown.problem.area == "picture"


def test_an_upload_that_is_gone_is_a_sentence(alone: Person) -> None:
    shown = alone.do("picture", upload="0" * 32, name="a.png")
    assert shown.problem and shown.problem.area == "picture"
    assert shown.problem.message.endswith(".")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "full"), "The disk is full"),
        (ZeroDivisionError("secret"), "Something broke on our side"),
    ],
)
def test_a_fault_of_ours_is_a_sentence_too(
    alone: Person, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(ingest, "read_picture", fail)
    shown = alone.give("picture", ASTRONAUT)
    assert shown.problem and message in shown.problem.message
    assert "secret" not in shown.problem.message


def test_a_draft_is_stopped_and_started_again(me: Person, scripted: None) -> None:
    me.do("example", name="astronaut")
    me.do("stop")
    shown = me.until(Phase.STOPPED, Phase.DRAFT)
    if shown.phase is Phase.STOPPED:
        me.do("restart")
        assert me.until(Phase.DRAFT).history_count == 1


def test_what_was_stopped_goes_on_from_what_is_finished(
    me: Person, scripted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me.do("example", name="astronaut")
    me.until(Phase.DRAFT)
    hold = tmp_path / "hold"
    hold.touch()
    monkeypatch.setenv("SCRIPTED_HOLD", str(hold))
    made = me.do("make").job
    assert made
    while not ((job := me.do("refresh").job) and job.progress.windows_done == 2):
        time.sleep(0.02)
    assert me.do("again").makes_another
    assert not me.do("open", job=made.id).makes_another
    me.do("stop")
    me.until(Phase.STOPPED)
    hold.unlink()
    job = me.do("resume").job
    assert job and job.id == made.id
    assert job.progress.windows_done == 2 and job.progress.share > 0.4
    assert me.until(Phase.RESULT).history_count == 2
    draft = me.do("refresh").session.draft
    seeds = [me.do("use", job=each).session.choices.seed for each in (made.id, draft)]
    assert job.request.seed not in seeds, "the same video would be paid for again"
    assert me.do("open", job=made.id).session.choices.seed == job.request.seed


def test_the_pulse_beats_when_the_page_changes(me: Person, scripted: None) -> None:
    look = me._handlers.page_builder
    seen = {look.etag(ME)}
    me.do("example", name="astronaut")
    before = look.etag(ME)
    assert before not in seen
    me.until(Phase.DRAFT)
    after = look.etag(ME)
    assert after != before and look.etag(ME) == after
    assert look.etag(YOU) == look.etag("c" * 64)

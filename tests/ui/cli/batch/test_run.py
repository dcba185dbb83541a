"""Many videos in one go: bad rows, interruptions of every kind, and going on afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference.core.engine import Engine
from inference.core.errors import InputError
from inference.core.options import Permission
from inference.core.report import Verdict, parse_report
from inference.jobs import lock
from tests.support import batches
from tests.support.batches import Reporting, made, table
from tests.support.certificates import is_signed
from tests.support.markup import tree
from tests.support.media import ASTRONAUT, ROOT, decoded, spoken
from ui.cli import commands
from ui.cli.batch.folder import open_batch

APP = [sys.executable, str(ROOT / "app.py")]


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real" not in request.fixturenames:
        batches.without_decoding(monkeypatch)


@pytest.fixture
def real() -> None:
    """Nothing is left out."""


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Reporting:
    """Who makes everything, whatever the command line names."""
    engine = Reporting()

    def chosen(*asked: object) -> Engine:
        return engine

    monkeypatch.setattr(commands, "_select_engine", chosen)
    return engine


def videos(out: Path) -> dict[str, int]:
    """Each video there, with when it was made."""
    return {path.stem: path.stat().st_mtime_ns for path in out.glob("*.mp4")}


def leftovers(out: Path) -> list[str]:
    known = {"index.html", "batch.json", "posters", ".batch.lock"}
    rest = [path.name for path in out.iterdir() if path.name not in known]
    return [name for name in rest if not name.endswith((".mp4", ".report.json"))]


def test_twenty_rows_of_which_three_are_bad(
    tmp_path: Path, engine: Reporting, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"clip {number};{1 if number in (3, 8) else 7};a.png;a.wav" for number in range(20)]
    rows[4] = "gone;;missing.png;a.wav"
    rows[9] = "round;;a.png;a.wav;round"
    rows[14] = "faceless;4;a.png;a.wav"
    source, out = table(tmp_path / "in", rows), tmp_path / "new" / "out"
    assert commands.main(["batch", str(source), "-o", str(out)]) == 1
    said = capsys.readouterr().err
    assert "1 of 20: clip 0\n" in said and "20 of 20: clip 19\n" in said
    assert "gone: There is no file missing.png." in said
    assert "round: shape 'round' is not understood." in said
    assert "faceless: There is <no> face." in said
    assert "17 made: 15 good, 2 worth a look; 3 of 20 could not be made.\n" in said
    assert len(videos(out)) == 17 and not leftovers(out)
    assert all(len(decoded(out / f"{name}.mp4")) == 21 for name in ("clip 0", "clip 19"))
    assert is_signed(out / "clip 0.mp4")
    look = parse_report((out / "clip 3.report.json").read_bytes())
    assert look.verdict is Verdict.WARN

    page = tree((out / "index.html").read_text())
    cards = page.all("article")
    assert [card.all("h2")[0].words for card in cards] == [row.split(";")[0] for row in rows]
    kinds = [card.attributes["data-kind"] for card in cards]
    assert (kinds.count("good"), kinds.count("look"), kinds.count("failed")) == (15, 2, 3)
    assert kinds[3] == kinds[8] == "look" and kinds[4] == kinds[9] == kinds[14] == "failed"


def test_again_nothing_is_made_but_what_is_missing_or_changed(
    tmp_path: Path, engine: Reporting, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{name};;{name}.png;a.wav" for name in ("a", "b", "c")]
    source, out = table(tmp_path / "in", rows), tmp_path / "out"
    for name in ("b.png", "c.png"):
        (source / name).write_text(name)
    assert made(source, out, engine) == 0 and engine.made == 3
    before = videos(out)
    assert made(source, out, engine) == 0 and engine.made == 3
    assert "a.mp4 is there already." in capsys.readouterr().err
    (source / "b.png").write_text("another face")
    (out / "c.mp4").unlink()
    assert made(source, out, engine) == 0 and engine.made == 5
    after = videos(out)
    assert after["a"] == before["a"] and after["b"] > before["b"] and "c" in after
    assert made(source, out, engine, seed=43) == 0 and engine.made == 8


def test_what_is_stated_later_is_recorded_and_nothing_is_made_again(tmp_path: Path) -> None:
    rows = ["a;;a.png;a.wav;", "b;;a.png;a.wav;stated"]
    header = "name;seed;image;audio;permission"
    source, out, engine = table(tmp_path / "in", rows, header), tmp_path / "out", Reporting()
    assert made(source, out, engine, quality="fast") == 0
    sheet = [card.words for card in tree((out / "index.html").read_text()).all("article")]
    assert "Permission: not stated" in sheet[0] and "Permission: stated" in sheet[1]
    stated = {"quality": "fast", "permission": Permission.STATED}
    assert made(source, out, engine, **stated) == 0 and engine.made == 2
    records = json.loads((out / "batch.json").read_text())
    assert [records[name]["permission"] for name in ("a", "b")] == ["stated", "stated"]


def test_a_video_that_no_batch_has_made_is_left_as_it_is(tmp_path: Path) -> None:
    source, out = table(tmp_path / "in", ["mine;;a.png;a.wav"]), tmp_path / "out"
    out.mkdir()
    (out / "mine.mp4").write_bytes(b"mine")
    assert made(source, out, Reporting()) == 0
    assert (out / "mine.mp4").read_bytes() == b"mine"
    assert 'data-kind="there"' in (out / "index.html").read_text()


def test_what_can_no_longer_be_made_keeps_its_older_video(tmp_path: Path) -> None:
    source, out = table(tmp_path / "in", ["a;;a.png;a.wav"]), tmp_path / "out"
    engine = Reporting()
    assert made(source, out, engine) == 0
    assert made(source, out, engine, seed=4) == 1 and "a" in videos(out)
    assert made(source, out, engine) == 0 and engine.made == 1


def test_ctrl_c_keeps_what_is_made(
    tmp_path: Path, engine: Reporting, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        if engine.made == 1:
            os.kill(os.getpid(), signal.SIGINT)

    engine.meanwhile = interrupt
    source = table(tmp_path / "in", [f"{name};;a.png;a.wav" for name in "abc"])
    out = tmp_path / "out"
    assert commands.main(["batch", str(source), "-o", str(out)]) == 130
    assert "Stopped. 1 of 3 are made and kept; the same" in capsys.readouterr().err
    assert list(videos(out)) == ["a"] and not leftovers(out)
    assert (out / "index.html").read_text().count('data-kind="waiting"') == 2


def test_json_is_one_object(
    tmp_path: Path, engine: Reporting, capsys: pytest.CaptureFixture[str]
) -> None:
    source = table(tmp_path / "in", ["a;;a.png;a.wav", "b;;b.png;a.wav"])
    out = tmp_path / "out"
    assert commands.main(["batch", str(source), "-o", str(out), "--json"]) == 1
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert said.err == "" and told["counts"] == {"good": 1, "failed": 1}
    assert told["rows"][0]["video"] == str(out / "a.mp4")
    assert [row["permission"] for row in told["rows"]] == ["not-stated", None]
    assert told["rows"][1]["message"].startswith("There is no file b.png.")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "-o", "out"], "There is no folder nowhere."),
        (["empty", "-o", "out"], "empty holds no picture."),
        (["in", "-o", "in"], "The videos can't go into in, among what they are made of."),
        (["in", "-o", "strange"], "batch.json was not written by a batch."),
        (["in", "-o", "busy"], "Another batch is writing into busy."),
        (["in", "-o", "out", "--trim", "soon"], "--trim 'soon' is not understood."),
    ],
)
@pytest.mark.holds("command line", "two servers", "a second batch in the folder is refused")
def test_what_can_not_be_begun_is_the_person_s(
    tmp_path: Path,
    engine: Reporting,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    table(Path("in"), ["a;;a.png;a.wav"])
    Path("empty").mkdir()
    Path("strange").mkdir()
    Path("strange/batch.json").write_text('{"name": "a package"}')
    Path("busy").mkdir()
    with lock.hold(Path("busy/.batch.lock")):
        assert commands.main(["batch", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not list(Path().rglob("*.mp4"))


def test_a_quality_that_nobody_makes_here_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = table(tmp_path / "in", [f"{name};;a.png;a.wav" for name in "abc"])
    options = ["--engine", "draft", "--quality", "best", "-o", str(tmp_path / "out")]
    assert commands.main(["batch", str(source), *options]) == 2
    assert capsys.readouterr().err.count("does not make quality best") == 1


def test_a_record_that_a_kill_prevented_is_made_up_for(tmp_path: Path) -> None:
    source, out = table(tmp_path / "in", ["a;;a.png;a.wav"]), tmp_path / "out"
    engine = Reporting()
    made(source, out, engine)
    (out / ".making" / "work").mkdir(parents=True)
    (out / "batch.json").rename(out / ".making" / "work" / "made.json")
    assert made(source, out, engine) == 0 and engine.made == 1
    assert not leftovers(out) and 'data-kind="good"' in (out / "index.html").read_text()


@pytest.mark.holds("command line", "kill", "a batch goes on where it was")
def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path, real: None) -> None:
    """Real drafts, a real kill, and a second batch that wants the same folder."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name in ("a", "b"):
        (source / f"{name}.png").write_bytes(ASTRONAUT.read_bytes())
        spoken(source / f"{name}.wav", seconds=0.8)
    command = [*APP, "batch", str(source), "-o", str(out)]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    while not ((out / "batch.json").exists() and list(out.glob(".making/*/picture.png"))):
        assert first.poll() is None
        time.sleep(0.01)
    with pytest.raises(InputError, match="Another batch is writing into"), open_batch(out):
        pass
    first.kill()
    first.wait()
    (before,) = videos(out).items()
    assert (out / ".making").exists()
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "a.mp4 is there already." in again.stderr and "2 of 2: b" in again.stderr
    assert before in videos(out).items() and len(videos(out)) == 2 and not leftovers(out)
    assert [len(decoded(out / f"{name}.mp4")) for name in "ab"] == [21, 21]

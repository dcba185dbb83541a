"""A desk is the same for whoever looks again, and its files are those that lie on it."""

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inference.core.inputs import Box, CropChoice, Speaking, Trim
from inference.core.options import Tuning
from tests.support.sessions import LEFT, RIGHT, desk
from ui.session.session import Choices, Session
from ui.session.store import SESSION_FILE, SessionStore

ME, YOU = "a" * 64, "b" * 64


@pytest.fixture
def desks(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path)


def put(desks: SessionStore, tmp_path: Path, kind: str, owner: str = ME) -> str:
    file = tmp_path / f"new{len(list(tmp_path.iterdir()))}.wav"
    file.write_text(kind)
    return desks.store_file(owner, file, kind)


def names(desks: SessionStore, owner: str = ME) -> set[str]:
    return {path.name for path in desks.make_folder(owner).iterdir()}


def test_all_of_it_is_there_again(desks: SessionStore) -> None:
    choices = Choices(
        speaking=Speaking.TOGETHER,
        crop=CropChoice(-3, 4, 500),
        trim=Trim(1.5, 2.25),
        speakers=(Box(1.5, 2, 3, 4), RIGHT.box),
        prompt='"quoted" ünï',
        negative_prompt="Rain",
        tuned={"best": Tuning(60, audio_guidance=3.5)},
    )
    full = replace(
        desk(LEFT, RIGHT, voices=2), choices=choices, draft="d" * 32, editing="trim", middle=True
    )
    desks.save(ME, full)
    assert SessionStore(desks.make_folder(ME).parents[1]).load(ME) == full
    assert desks.load(YOU) == Session()


def test_a_desk_of_the_version_before_is_read(desks: SessionStore) -> None:
    desks.save(ME, desk(LEFT))
    file = desks.make_folder(ME) / "desk.json"
    saved = json.loads(file.read_text())
    for name in ("negative_prompt", "tuned"):
        del saved["choices"][name]
    del saved["tuning"]
    saved |= {"kept": True, "replaced": True}
    file.write_text(json.dumps(saved))
    assert desks.load(ME) == desk(LEFT)


def test_files_that_left_the_desk_are_deleted_and_those_in_jobs_stay(
    desks: SessionStore, tmp_path: Path
) -> None:
    first, second = put(desks, tmp_path, "voice"), put(desks, tmp_path, "voice")
    assert first != second
    given = desk(LEFT).voices[0]
    assert given is not None
    both = replace(Session(), voices=(replace(given, file=first), replace(given, file=second)))
    desks.save(ME, both)
    kept = tmp_path / "job-copy"
    desks.save_copy(ME, both, kept)
    desks.save(ME, replace(both, voices=(None, both.voices[1])))
    assert names(desks) == {second, "desk.json"}
    assert {path.name for path in kept.iterdir()} == {first, second, "desk.json"}

    assert desks.restore(ME, kept) == both
    assert names(desks) == {first, second, "desk.json"}
    assert (desks.make_folder(ME) / first).read_text() == "voice"


def test_only_its_owner_may_open_the_folder(desks: SessionStore) -> None:
    assert desks.make_folder(ME).stat().st_mode & 0o777 == 0o700


def test_it_tells_when_it_changed(desks: SessionStore) -> None:
    assert desks.compute_version(ME) == ""
    desks.save(ME, Session())
    first = desks.compute_version(ME)
    assert first == desks.compute_version(ME)
    time_ns = (desks.make_folder(ME) / SESSION_FILE).stat().st_mtime_ns
    desks.save(ME, Session(middle=True))
    os.utime(
        desks.make_folder(ME) / SESSION_FILE, ns=(time_ns, time_ns)
    )  # a Volume may keep whole seconds
    assert desks.compute_version(ME) != first


def test_a_state_that_can_not_be_read_is_an_empty_desk(desks: SessionStore) -> None:
    (desks.make_folder(ME) / "desk.json").write_text('{"picture": 7}')
    assert desks.load(ME) == Session()


def test_desks_that_nobody_used_go(desks: SessionStore) -> None:
    now = datetime.now(UTC)
    for owner, days in ((ME, 8), (YOU, 6)):
        desks.save(owner, Session())
        then = (now - timedelta(days=days)).timestamp()
        os.utime(desks.make_folder(owner) / "desk.json", (then, then))
    desks.delete_expired(now - timedelta(days=7))
    assert {path.name for path in desks.make_folder(YOU).parent.iterdir()} == {YOU}


def test_changes_at_the_same_time_wait_for_each_other(desks: SessionStore) -> None:
    def add() -> None:
        for _ in range(30):
            with desks.lock(ME):
                before = desks.load(ME)
                seed = before.choices.seed + 1
                desks.save(ME, replace(before, choices=replace(before.choices, seed=seed)))

    desks.save(ME, Session())
    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desks.load(ME).choices.seed == 42 + 90
    assert not desks._locks, "they would grow with every visitor"


def test_a_scratch_folder_goes_with_what_is_in_it(desks: SessionStore) -> None:
    with desks.make_scratch_folder() as folder:
        (folder / "half").write_text("x")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()

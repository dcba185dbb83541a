"""A desk is the same for whoever looks again, and its files are those that lie on it."""

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inference.core.request import Box, CropChoice, Speaking, Trim
from inference.core.tuning import Tuning
from tests.support.sessions import LEFT, RIGHT, desk
from ui.session.session import STATE, Choices, Desk, Desks

ME, YOU = "a" * 64, "b" * 64


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    return Desks(tmp_path)


def put(desks: Desks, tmp_path: Path, kind: str, owner: str = ME) -> str:
    file = tmp_path / f"new{len(list(tmp_path.iterdir()))}.wav"
    file.write_text(kind)
    return desks.adopt(owner, file, kind)


def names(desks: Desks, owner: str = ME) -> set[str]:
    return {path.name for path in desks.folder(owner).iterdir()}


def test_all_of_it_is_there_again(desks: Desks) -> None:
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
        desk(LEFT, RIGHT, voices=2), choices=choices, draft="d" * 32, editing="trim", kept=True
    )
    desks.save(ME, full)
    assert Desks(desks.folder(ME).parents[1]).load(ME) == full
    assert desks.load(YOU) == Desk()


def test_a_desk_of_the_version_before_is_read(desks: Desks) -> None:
    desks.save(ME, desk(LEFT))
    file = desks.folder(ME) / "desk.json"
    saved = json.loads(file.read_text())
    for name in ("negative_prompt", "tuned"):
        del saved["choices"][name]
    del saved["tuning"]
    file.write_text(json.dumps(saved))
    assert desks.load(ME) == desk(LEFT)


def test_files_that_left_the_desk_are_deleted_and_those_in_jobs_stay(
    desks: Desks, tmp_path: Path
) -> None:
    first, second = put(desks, tmp_path, "voice"), put(desks, tmp_path, "voice")
    assert first != second
    given = desk(LEFT).voices[0]
    assert given is not None
    both = replace(Desk(), voices=(replace(given, file=first), replace(given, file=second)))
    desks.save(ME, both)
    kept = tmp_path / "job-copy"
    desks.keep_copy(ME, both, kept)
    desks.save(ME, replace(both, voices=(None, both.voices[1])))
    assert names(desks) == {second, "desk.json"}
    assert {path.name for path in kept.iterdir()} == {first, second, "desk.json"}

    assert desks.lay_out(ME, kept) == both
    assert names(desks) == {first, second, "desk.json"}
    assert (desks.folder(ME) / first).read_text() == "voice"


def test_only_its_owner_may_open_the_folder(desks: Desks) -> None:
    assert desks.folder(ME).stat().st_mode & 0o777 == 0o700


def test_it_tells_when_it_changed(desks: Desks) -> None:
    assert desks.version(ME) == ""
    desks.save(ME, Desk())
    first = desks.version(ME)
    assert first == desks.version(ME)
    time_ns = (desks.folder(ME) / STATE).stat().st_mtime_ns
    desks.save(ME, Desk(kept=True))
    os.utime(desks.folder(ME) / STATE, ns=(time_ns, time_ns))  # a Volume may keep whole seconds
    assert desks.version(ME) != first


def test_a_state_that_can_not_be_read_is_an_empty_desk(desks: Desks) -> None:
    (desks.folder(ME) / "desk.json").write_text('{"picture": 7}')
    assert desks.load(ME) == Desk()


def test_desks_that_nobody_used_go(desks: Desks) -> None:
    now = datetime.now(UTC)
    for owner, days in ((ME, 8), (YOU, 6)):
        desks.save(owner, Desk())
        then = (now - timedelta(days=days)).timestamp()
        os.utime(desks.folder(owner) / "desk.json", (then, then))
    desks.sweep(now - timedelta(days=7))
    assert {path.name for path in desks.folder(YOU).parent.iterdir()} == {YOU}


def test_changes_at_the_same_time_wait_for_each_other(desks: Desks) -> None:
    def add() -> None:
        for _ in range(30):
            with desks.lock(ME):
                before = desks.load(ME)
                seed = before.choices.seed + 1
                desks.save(ME, replace(before, choices=replace(before.choices, seed=seed)))

    desks.save(ME, Desk())
    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desks.load(ME).choices.seed == 42 + 90


def test_a_scratch_folder_goes_with_what_is_in_it(desks: Desks) -> None:
    with desks.scratch() as folder:
        (folder / "half").write_text("x")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()

"""Files are read before the desk is touched, and leave nothing behind."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from inference.core.errors import InputError
from tests.support.media import ASTRONAUT, DRAWN_PAIR, VOICE_A
from tests.support.people import ME, uploaded
from tests.support.sessions import voice
from ui.media.uploads import UploadStore
from ui.session.commands import AddPicture, AddVoice, UseExample
from ui.session.ingest import BAR_COUNT, PREVIEW_PX, Ingester
from ui.session.session import Session
from ui.session.store import SessionStore

Upload = Callable[[Path], str]


@pytest.fixture
def desks(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path)


@pytest.fixture
def inputs(desks: SessionStore, tmp_path: Path) -> Ingester:
    return Ingester(desks, UploadStore(tmp_path))


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    """Leaves a copy of a file where uploads wait; gives its id."""

    return lambda file: uploaded(tmp_path, file).name


def on_desk(desks: SessionStore) -> set[str]:
    return {path.name for path in desks.make_folder(ME).iterdir()}


def test_a_large_picture_gets_a_smaller_preview(
    inputs: Ingester, desks: SessionStore, upload: Upload, tmp_path: Path
) -> None:
    with Image.open(ASTRONAUT) as small:
        small.resize((3000, 3000)).convert("RGB").save(tmp_path / "large.jpg")
    action = AddPicture("picture", upload(tmp_path / "large.jpg"), "../large.jpg")
    with inputs.ingest_picture(ME, action) as lay:
        desk = lay(Session())
    assert desk.picture and desk.picture.name == "../large.jpg"
    assert (desk.picture.picture.width, len(desk.picture.picture.faces)) == (3000, 1)
    with Image.open(desks.make_folder(ME) / desk.picture.preview) as preview:
        assert max(preview.size) == PREVIEW_PX
    assert on_desk(desks) == {desk.picture.file, desk.picture.preview}
    assert not any((tmp_path / "uploads" / ME).iterdir())


def test_a_recording_is_drawn_by_bars_as_high_as_it_is_loud(
    inputs: Ingester, desks: SessionStore, upload: Upload
) -> None:
    with inputs.ingest_voice(ME, AddVoice("voice", 1, upload(VOICE_A), "a.wav")) as lay:
        desk = lay(Session())
    left, right = desk.voices
    assert left is None and right is not None
    assert right.recording.duration_s == pytest.approx(7.75, abs=0.01)
    assert len(right.bars) == BAR_COUNT and max(right.bars) == 1
    assert on_desk(desks) == {right.file}


def test_a_lone_recording_goes_to_the_larger_of_two_faces(inputs: Ingester, upload: Upload) -> None:
    given = voice()
    with inputs.ingest_picture(ME, AddPicture("picture", upload(DRAWN_PAIR), "p.png")) as lay:
        desk = lay(Session(voices=(given, None)))
    assert desk.picture
    first, second = (face.box for face in desk.picture.picture.faces)
    larger = int(second.width * second.height > first.width * first.height)
    assert desk.voices[larger] == given


def test_an_example_lays_all_its_files_at_once(inputs: Ingester, desks: SessionStore) -> None:
    with inputs.ingest_example(ME, UseExample("example", "pair")) as lay:
        desk = lay(Session())
    assert desk.picture and all(desk.voices) and len(on_desk(desks)) == 4
    with pytest.raises(InputError), inputs.ingest_example(ME, UseExample("example", "nobody")):
        pass


def test_what_was_read_but_not_laid_leaves_nothing(
    inputs: Ingester, desks: SessionStore, upload: Upload
) -> None:
    action = AddPicture("picture", upload(ASTRONAUT), "a.png")
    with pytest.raises(ZeroDivisionError), inputs.ingest_picture(ME, action):
        raise ZeroDivisionError
    assert on_desk(desks) == set()
    assert [path.name for path in desks.make_folder(ME).parent.iterdir()] == [ME]

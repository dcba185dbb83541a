"""What the page says: true, in plain words, and harmless whatever a file is called."""

import re
from dataclasses import replace

import pytest

from inference.events import StageName
from inference.framing import PictureSize
from inference.plan import Notice
from inference.task import Task
from tests.conftest import FOUR_SECONDS, ONE_PERSON
from ui import text, views
from ui.progress import Progress
from ui.views import GivenPicture, GivenVoice

PICTURE = GivenPicture("a" * 32, ONE_PERSON, PictureSize(896, 448), (300, 120, 500, 330))


def voice(name: str) -> GivenVoice:
    return GivenVoice("b" * 32, FOUR_SECONDS, name, (0.1, 1.0))


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def running(task: Task) -> Progress:
    return Progress((), 0.5, 12.2, 3.0, None, None)


def test_a_file_name_is_only_ever_text() -> None:
    view = views.voice_card(voice('"><img src=x onerror=alert(1)>.wav'), 40)
    assert "<img" not in view.head
    assert "&lt;img" in view.head


def test_a_face_is_marked_where_it_is_in_the_frame() -> None:
    style = views.picture_card(PICTURE).above
    assert f"left:{100 * 300 / 896:.2f}%" in style
    assert f"height:{100 * (330 - 120) / 448:.2f}%" in style


def test_there_is_one_action_at_each_moment(task: Task) -> None:
    shown = running(task)
    assert not views.waiting(None, None).go
    ready = views.planned("a" * 32, task.plan)
    assert (bool(ready.go), bool(ready.stop), bool(ready.again)) == (True, False, False)
    making = views.running("a" * 32, task.plan, shown, stopping=False)
    assert (bool(making.go), bool(making.stop), bool(making.again)) == (False, True, False)
    assert making.polling and not ready.polling


def test_a_running_job_tells_its_share_and_its_time(task: Task) -> None:
    view = views.running("a" * 32, task.plan, running(task), stopping=False)
    assert 'role="progressbar"' in view.under and 'aria-valuenow="50"' in view.under
    assert view.under.count("<span") == len(task.plan.windows)
    assert words(view.beside) == "About 13 s left"
    assert 'data-tab="About 13 s left · Talking Portrait"' in view.head


def test_warnings_are_said_in_the_page_s_own_words(task: Task) -> None:
    notices = (Notice("face_cut", "Use --crop."), Notice("new", "Something else."))
    view = views.planned("a" * 32, replace(task.plan, warnings=notices))
    assert "--crop" not in view.under
    assert "A face is cut by the edge of the frame." in view.under
    assert "Something else." in view.under


def test_the_plan_stands_in_one_line(task: Task) -> None:
    view = views.planned("a" * 32, task.plan)
    assert words(view.under) == "4.00 s of speech → 101 frames, 4.04 s (2 windows)"
    one = replace(task.plan, windows=task.plan.windows[:1])
    assert text.plan_line(one)[1].endswith("(1 window)")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "Working"),
        (0.2, "Almost done"),
        (12.2, "About 13 s left"),
        (60, "About 1 min left"),
        (99.5, "About 1 min 40 s left"),
    ],
)
def test_time_left_in_words(seconds: float | None, said: str) -> None:
    assert text.time_left(seconds) == said


def test_every_stage_has_words() -> None:
    for name in StageName:
        assert text.stage(name, done=False) and text.stage(name, done=True)

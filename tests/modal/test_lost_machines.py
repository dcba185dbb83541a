"""Two pages alive after a redeploy in the middle of a job, and machines lost at every moment: the
video is there, once, and was paid for once."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from inference.cloud import names
from inference.core.task import RESULT, segment_name
from tests.modal.deployed import APP, GPU, PAGE, deployed
from tests.modal.people import pages, two_pages, until_it_writes
from tests.modal.standin.handle import StandIn
from tests.support.media import ASTRONAUT, decoded, spoken
from tests.support.page_sessions import Session

PATIENCE_S = 300
FRAMES = 85  # of 3.3 s of speech, in two windows
READY = "Your video is ready"
VIDEO = re.compile(r"/media/([0-9a-f]{32})/result\.mp4")


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Modal, with the app deployed."""
    with deployed(tmp_path_factory.mktemp("modal")) as standin:
        yield standin


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.1)


@dataclass
class Losing:
    """Somebody with a job at work; the page's machines are the `old` and the `new` one, once the
    app was deployed anew."""

    standin: StandIn
    me: Session
    deploys: ExitStack
    old: str = ""
    new: str = ""

    def redeploy(self) -> None:
        """Returns when both machines are there."""
        self.old, self.new = self.deploys.enter_context(two_pages(self.standin))

    def asked(self, do: str, **values: object) -> str:
        """The page after an action; "" when there was no answer, or it is to be sent again."""
        try:
            page = self.me.act(do=do, **values)
        except (httpx.HTTPError, AssertionError):
            return ""
        return "" if "data-refused" in page else page

    def given(self, kind: str, file: Path) -> str:
        """The page after a file was given; "" when it is to be sent again."""
        path, headers = f"/upload?kind={kind}", {"X-Portrait": "1"}
        sent = self.me.http.post(path, content=file.read_bytes(), headers=headers)
        if sent.status_code == 503 and sent.json()["again"]:
            return ""
        slot = {"slot": 0} if kind == "voice" else {}
        upload = sent.raise_for_status().json()["upload"]
        return self.asked(kind, upload=upload, name=file.name, **slot)

    def kill(self, *tasks: str) -> None:
        for task in tasks:
            self.standin.kill(task)

    def made(self, name: str) -> bool:
        """Whether somebody made that file of the job, and nobody deleted it."""
        work = self.standin.volume_folder(names.JOBS_VOLUME) / names.work_folder("")
        return any(work.glob(f"*/{name}"))

    def gpu(self) -> str:
        found = self.standin.containers()
        return next((c["task"] for c in found if c["function"] == GPU and c["running"]), "")


def before_the_turn(it: Losing) -> None:
    it.redeploy()
    it.kill(it.old)


def once_the_turn_is_over(it: Losing) -> None:
    it.redeploy()
    until_it_writes(it.standin, it.new)
    it.kill(it.old)


def newcomer_before_its_turn(it: Losing) -> None:
    it.redeploy()
    it.kill(it.new)


def newcomer_in_its_turn(it: Losing) -> None:
    it.redeploy()
    until_it_writes(it.standin, it.new)
    it.kill(it.new)


def newcomer_with_the_first_window(it: Losing) -> None:
    it.redeploy()
    until(lambda: it.made(segment_name(0)))
    it.kill(it.new)


def newcomer_with_a_result_that_it_has_not(it: Losing) -> None:
    it.redeploy()
    until(lambda: it.made(RESULT))
    it.kill(it.new)


def newcomer_with_a_result_that_is_told(it: Losing) -> None:
    it.redeploy()
    until(lambda: READY in it.asked("refresh"))
    it.kill(it.new)


def at_the_press(it: Losing) -> None:
    it.kill(*pages(it.standin))
    until(lambda: it.asked("refresh"))
    it.redeploy()


def both(it: Losing) -> None:
    it.redeploy()
    it.kill(it.old, it.new)


def gpu_too(it: Losing) -> None:
    until(it.gpu)
    it.redeploy()
    it.kill(it.gpu(), it.old)


MOMENTS = [
    before_the_turn,
    once_the_turn_is_over,
    newcomer_before_its_turn,
    newcomer_in_its_turn,
    newcomer_with_the_first_window,
    newcomer_with_a_result_that_it_has_not,
    newcomer_with_a_result_that_is_told,
    at_the_press,
    both,
    gpu_too,
]


@pytest.mark.soak  # the first two are in `test_page`, too
@pytest.mark.parametrize("lose", MOMENTS)
@pytest.mark.holds("making on Modal", "kill", "another machine goes on; it is paid for once")
def test_the_video_is_there_once_and_paid_for_once(
    standin: StandIn, tmp_path: Path, lose: Callable[[Losing], None]
) -> None:
    runs = standin.runs(GPU)
    with standin.session(APP, PAGE) as me, ExitStack() as deploys:
        it = Losing(standin, me, deploys)
        drafted = draft(it, spoken(tmp_path / "voice.wav", seconds=3.3))
        until(lambda: "Making your video" in it.asked("make", permission=True))
        lose(it)
        until(lambda: READY in it.asked("refresh"))
        (video,) = set(VIDEO.findall(it.asked("refresh"))) - {drafted}
        videos = it.asked("refresh", view="history").count('data-do="select"')
        (tmp_path / RESULT).write_bytes(me.http.get(f"/media/{video}/result.mp4").content)
    assert len(decoded(tmp_path / RESULT)) == FRAMES
    assert videos == 2  # with the draft
    assert standin.runs(GPU) - runs == 1 + (lose is gpu_too)
    until(lambda: not it.made("*"))  # nothing of it stays there
    assert standin.failed_starts() == {} and standin.blind() == []


def draft(it: Losing, voice: Path) -> str:
    """Give both, and choose the quickest final quality; returns the draft that is made then."""
    for kind, file in (("picture", ASTRONAUT), ("voice", voice)):
        until(partial(it.given, kind, file))
    it.asked("set", field="quality", value="fast")
    it.asked("set", field="steps", value="2")
    until(lambda: "Your draft is ready" in it.asked("refresh"))
    drafted: str = VIDEO.findall(it.asked("refresh"))[0]
    return drafted

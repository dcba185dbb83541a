"""The contract of the engine seam, held by every engine and by the scripted fake."""

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import av
import pytest

from inference.core.engine import Engine, EngineOptions, convert_errors
from inference.core.errors import Fault, FaultCode, InputCode, InputError
from inference.core.events import (
    FINAL,
    Cancelled,
    Event,
    Failed,
    Finished,
    Frame,
    Stage,
    StageName,
    Step,
    Window,
)
from inference.core.inputs import Trim
from inference.core.plan import make_plan
from inference.core.request import Request
from inference.core.settings import Settings
from inference.core.task import Task
from inference.engines import multitalk
from inference.engines.multitalk import MultiTalkEngine
from inference.engines.select import select_configured_engine, select_engine
from inference.media.ingest import ingest_files
from presets.schema import Lora
from tests.support.media import ASTRONAUT, VOICE_A
from tests.support.scripted_engine import ScriptedEngine, script
from tests.support.tiny_networks import shrunk
from tests.support.tiny_tasks import tiny_engine
from weights.sets import BF16, FP8, ORIGINAL, SetMarker, write_marker

ENGINES = ["draft", "multitalk", "scripted"]
TINY = "multitalk-tiny"


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "scripted":
        return ScriptedEngine()
    return tiny_engine() if request.param == "multitalk" else select_engine(request.param)


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """The astronaut and 4 s of a voice: 101 frames in two windows."""
    folder = tmp_path_factory.mktemp("task")
    picture, recordings = ingest_files(folder, ASTRONAUT, [VOICE_A])
    request = Request(picture, recordings, trim=Trim(0, 4))
    return Task(request, make_plan(request, 40), folder)


@pytest.fixture
def two_windows(taken_in: Task, engine: Engine, tmp_path: Path) -> Task:
    shutil.copytree(taken_in.folder, tmp_path, dirs_exist_ok=True)
    if engine.name != "multitalk":
        return replace(taken_in, folder=tmp_path)
    request = replace(taken_in.request, quality="fast", steps=2)
    return Task(request, shrunk(make_plan(request, 40)), tmp_path)


def frames_of(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def check_order(events: list[Event]) -> None:
    """Stage first, one final event, last; no Step falls back within a window."""
    assert isinstance(events[0], Stage)
    assert [isinstance(event, FINAL) for event in events].index(True) == len(events) - 1
    last = (-1, 0)
    for event in events:
        if isinstance(event, Step):
            assert 0 < event.done <= event.total and 0 <= event.window < event.windows
            assert (event.window, event.done) > last
            last = (event.window, event.done)


def test_it_can_work_here(engine: Engine) -> None:
    assert engine.check_availability().ready


def test_a_whole_run(engine: Engine, two_windows: Task) -> None:
    events = list(engine.generate(two_windows, lambda: False))
    check_order(events)
    windows = [event for event in events if isinstance(event, Window)]
    assert [window.index for window in windows] == [0, 1]
    done = 0
    for window in windows:
        done += frames_of(two_windows.folder / window.path)
        assert window.frames_done == done
    previews = [event for event in events if isinstance(event, Frame)]
    assert previews and (two_windows.folder / previews[-1].path).read_bytes()[:2] == b"\xff\xd8"
    assert isinstance(events[-1], Finished)
    result = events[-1].result
    assert result.frames == two_windows.plan.frames == frames_of(two_windows.folder / result.path)


def test_a_cancel_keeps_what_is_finished(engine: Engine, two_windows: Task) -> None:
    first = two_windows.plan.new_frames(0).stop
    events: list[Event] = []
    run = engine.generate(two_windows, lambda: any(isinstance(event, Window) for event in events))
    for event in run:
        events.append(event)
    check_order(events)
    assert events[-1] == Cancelled(first, "result.mp4")
    assert frames_of(two_windows.folder / "result.mp4") == first
    assert not (two_windows.folder / "windows/001.mp4").exists()


def test_a_cancel_before_anything_is_finished(engine: Engine, two_windows: Task) -> None:
    events = list(engine.generate(two_windows, lambda: True))
    check_order(events)
    assert events[-1] == Cancelled(0, None)
    assert not (two_windows.folder / "result.mp4").exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError(InputCode.NO_FACE, "No face."), "no_face"),
        (Fault(FaultCode.DISK_FULL, "Full."), "disk_full"),
        (OSError(28, "No space left on device"), "disk_full"),
        (ZeroDivisionError("oops"), "internal"),
    ],
)
@pytest.mark.holds("making, draft", "full disk", "the job fails in one sentence")
def test_an_error_is_a_last_event_and_never_an_exception(error: Exception, code: str) -> None:
    def breaking() -> Iterator[Event]:
        yield Stage(StageName.LOADING, "Loading")
        raise error

    events = list(convert_errors(breaking()))
    assert isinstance(events[-1], Failed) and events[-1].code == code
    assert events[-1].message and "Traceback" not in events[-1].message


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("draft", EngineOptions(model="multitalk-tiny"), "no models .* Leave out --model"),
        ("draft", EngineOptions(device="cuda"), "on the CPU. Leave out --device"),
        ("modal", EngineOptions(device="cuda"), "those of the deploy. Leave them out"),
        ("multitalk", EngineOptions(model="huge"), "no model 'huge'. Use one of multitalk-14b, "),
        ("multitalk", EngineOptions(TINY, device="tpu"), "no device 'tpu'. Use cpu, cuda"),
        ("multitalk", EngineOptions(TINY, device="cuda:"), "no device 'cuda:'"),
        ("multitalk", EngineOptions(TINY, device="cpu\n"), "no device"),
    ],
)
def test_an_option_that_an_engine_does_not_have_is_refused(
    name: str, options: EngineOptions, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        select_engine(name, options)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Makes this machine one with a GPU, packages and weights, or without."""

    def make(gpu: bool = True, packages: bool = True, weights: str | bool = BF16) -> None:
        monkeypatch.setattr(multitalk, "has_gpu", lambda: gpu)
        found = importlib.util.find_spec("json") if packages else None
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
        monkeypatch.setenv("PORTRAIT_WEIGHTS", str(tmp_path))
        if weights:
            folder = tmp_path / "multitalk-14b" / str(weights)  # as far as is looked at
            folder.mkdir(parents=True)
            write_marker(folder, SetMarker("made up", {}, {}))

    return make


@pytest.mark.parametrize("weights", [ORIGINAL, BF16, FP8])
@pytest.mark.parametrize("device", [None, "cuda", "cuda:1"])
def test_the_trained_model_works_where_everything_is_there(
    machine: Callable[..., None], device: str | None, weights: str
) -> None:
    machine(weights=weights)
    assert MultiTalkEngine(EngineOptions(device=device)).check_availability().ready


@pytest.mark.parametrize("device", [None, "cpu"])
def test_the_tiny_model_works_without_gpu_and_weights(
    machine: Callable[..., None], device: str | None
) -> None:
    machine(gpu=False, weights=False)
    assert MultiTalkEngine(EngineOptions(TINY, device)).check_availability().ready


@pytest.mark.parametrize(
    ("options", "missing", "says"),
    [
        (EngineOptions(), "gpu", "needs an NVIDIA GPU, and this machine has none"),
        (EngineOptions(device="cuda"), "gpu", "needs an NVIDIA GPU, and this machine has none"),
        (EngineOptions(device="cpu"), "", "needs an NVIDIA GPU, and cpu was asked for"),
        (EngineOptions(), "packages", "not installed. Run make gpu."),
        (EngineOptions(), "weights", "multitalk-14b holds no complete set"),
        (EngineOptions(TINY), "packages", "not installed. Run make gpu."),
        (EngineOptions(TINY, "cuda:1"), "gpu", "cuda:1 was asked for, .* no NVIDIA GPU"),
    ],
)
def test_what_multitalk_lacks_is_said(
    machine: Callable[..., None], options: EngineOptions, missing: str, says: str
) -> None:
    machine(**{missing: False} if missing else {})
    with pytest.raises(Fault, match=says) as caught:
        select_engine("multitalk", options)
    assert caught.value.code == FaultCode.ENGINE_UNAVAILABLE and caught.value.message[-1] == "."


def test_what_is_not_asked_for_is_as_in_the_settings(machine: Callable[..., None]) -> None:
    machine(gpu=False, weights=False)
    tiny = Settings(model=TINY, device="cpu")
    assert select_configured_engine("multitalk", tiny).check_availability().ready
    with pytest.raises(Fault, match="cuda was asked for"):
        select_configured_engine("multitalk", tiny, EngineOptions(device="cuda"))
    with pytest.raises(Fault, match="this machine has none"):
        select_configured_engine("multitalk", tiny, EngineOptions(model="multitalk-14b"))


def test_the_draft_has_no_use_for_the_settings_of_multitalk() -> None:
    assert select_configured_engine("draft", Settings(model=TINY, device="cpu")).name == "draft"


@dataclass
class Productions:
    """Stands in for `inference.multitalk.runner`: says what it was made with."""

    made_with: list[tuple[object, ...]] = field(default_factory=list)
    fails: bool = False

    def __call__(self, *with_: object) -> "Productions":
        if self.fails:
            raise RuntimeError("the weights are torn")
        self.made_with.append(with_)
        return self

    def run(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        return iter(script(task.plan))


@pytest.fixture
def productions(monkeypatch: pytest.MonkeyPatch) -> Productions:
    module, made = ModuleType("inference.multitalk.runner"), Productions()
    monkeypatch.setattr(module, "Runner", made, raising=False)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return made


def test_multitalk_is_loaded_once_and_not_before_there_is_something_to_make(
    productions: Productions, task: Task
) -> None:
    engine = MultiTalkEngine(EngineOptions(TINY, "cpu"))
    events = engine.generate(task, lambda: False)
    assert productions.made_with == []
    first = next(events)
    assert isinstance(first, Stage) and first.name is StageName.LOADING
    assert productions.made_with == []  # it is said before it is done
    assert list(events) == script(task.plan)
    assert list(engine.generate(task, lambda: False)) == [first, *script(task.plan)]
    assert productions.made_with == [(TINY, "cpu", None, (), False)]


def test_the_trained_model_is_given_its_weights_and_an_operators_loras(
    productions: Productions, task: Task, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PORTRAIT_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("PORTRAIT_LORAS", "/mnt/mine=0.5")
    monkeypatch.setenv("PORTRAIT_STRICT", "1")
    for options in (EngineOptions(), EngineOptions(TINY)):
        list(MultiTalkEngine(options).generate(task, lambda: False))
    weights, own = tmp_path / "multitalk-14b", (Lora("/mnt/mine", 0.5),)
    assert productions.made_with == [
        ("multitalk-14b", None, weights, own, True),
        (TINY, None, None, (), True),
    ]


def test_what_goes_wrong_while_loading_is_told_and_may_go_well_the_next_time(
    productions: Productions, task: Task
) -> None:
    engine = MultiTalkEngine(EngineOptions(TINY))
    productions.fails = True
    events = list(engine.generate(task, lambda: False))
    check_order(events)
    assert isinstance(events[-1], Failed) and "the weights are torn" in events[-1].details
    productions.fails = False
    assert isinstance(list(engine.generate(task, lambda: False))[-1], Finished)

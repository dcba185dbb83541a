"""A start that fails or hangs is told, and costs one machine."""

import threading
from collections.abc import Iterator

import pytest

from inference.cloud.loader import EngineLoader
from inference.core.engine import Engine
from inference.core.errors import Fault, FaultCode
from tests.support.scripted_engine import ScriptedEngine


class Loads:
    """What comes of one load after the other: an engine, or something that goes wrong."""

    def __init__(self, *outcomes: Engine | Exception) -> None:
        self.outcomes = [*outcomes]

    def __call__(self) -> Engine:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


MISSING = Fault(FaultCode.ENGINE_UNAVAILABLE, "The weights are not here. Download them.")


def begun(*outcomes: Engine | Exception) -> EngineLoader:
    loader = EngineLoader(Loads(*outcomes))
    loader.start()
    return loader


def test_what_is_loaded_is_kept() -> None:
    engine = ScriptedEngine()
    loader = begun(engine)
    assert loader.get_engine() is engine is loader.get_engine() and not loader.is_broken


def test_weights_that_are_missing_may_have_come() -> None:
    engine = ScriptedEngine()
    loader = begun(MISSING, MISSING, engine)
    with pytest.raises(Fault, match="Download them"):
        loader.get_engine()
    assert not loader.is_broken
    assert loader.get_engine() is engine


@pytest.mark.parametrize("error", [ImportError("no kernels"), RuntimeError("CUDA error")])
def test_what_else_goes_wrong_is_told_and_not_tried_again_there(error: Exception) -> None:
    loader = begun(error)
    for _ in range(2):
        with pytest.raises(Fault, match="can't be loaded on this machine. Go on") as raised:
            loader.get_engine()
        assert str(error) in raised.value.details
    assert loader.is_broken


def test_another_try_that_breaks_is_the_last() -> None:
    loader = begun(MISSING, OSError("Input/output error"))
    with pytest.raises(Fault, match="can't be loaded"):
        loader.get_engine()
    assert loader.is_broken


@pytest.fixture
def opened() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_load_that_hangs_lets_the_start_return(opened: threading.Event) -> None:
    def load() -> Engine:
        assert opened.wait(60)
        return ScriptedEngine()

    loader = EngineLoader(load)
    loader.start(longest_s=0.01)
    with pytest.raises(Fault, match="not loaded after 25 minutes. Go on"):
        loader.get_engine()
    assert loader.is_broken

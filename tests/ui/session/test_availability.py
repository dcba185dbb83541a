"""Whether final videos are offered: asked beside the page, kept for a while."""

import threading

import pytest

from inference.core.errors import Fault, FaultCode
from inference.core.settings import Settings
from presets.schema import EngineFamily
from tests.support.scripted_engine import ScriptedEngine
from ui.session import availability
from ui.session.availability import OfferChecker

REFUSED = Fault(FaultCode.ENGINE_UNAVAILABLE, "There is no GPU.")


class Finder:
    """Finds `name`'s engine, or none, once it may answer."""

    def __init__(self, name: str | None) -> None:
        self.name, self.asked = name, 0
        self.may = threading.Event()
        self.may.set()

    def __call__(self, family: EngineFamily, settings: Settings) -> ScriptedEngine:
        self.asked += 1
        self.may.wait()
        if self.name is None:
            raise REFUSED
        return ScriptedEngine(name=self.name)


def finder(monkeypatch: pytest.MonkeyPatch, name: str | None) -> Finder:
    found = Finder(name)
    monkeypatch.setattr(availability, "select_engine_for", found)
    return found


@pytest.mark.parametrize(
    ("name", "ready", "paid"),
    [("multitalk", True, False), ("modal", True, True), (None, False, True)],
)
def test_the_offer_is_what_the_engine_says(
    monkeypatch: pytest.MonkeyPatch, name: str | None, ready: bool, paid: bool
) -> None:
    finder(monkeypatch, name)
    newest = OfferChecker(Settings()).get_latest()
    assert (newest.final.ready, newest.paid) == (ready, paid)
    assert ready or newest.final.reason.endswith(".")


def test_it_is_asked_for_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found, mine = finder(monkeypatch, "modal"), OfferChecker(Settings())
    assert {mine.get_latest().paid for _ in range(5)} == {True} and found.asked == 1


def test_a_slow_answer_is_not_waited_for_and_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "_FIRST_TIMEOUT_S", 0.01)
    found, mine = finder(monkeypatch, "modal"), OfferChecker(Settings())
    found.may.clear()
    assert not mine.get_latest().final.ready
    found.may.set()
    assert mine._checking is not None
    mine._checking.join()
    assert mine.get_latest().final.ready


def test_an_old_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found, mine = finder(monkeypatch, None), OfferChecker(Settings())
    assert not mine.get_latest().final.ready
    monkeypatch.setattr(availability, "_TTL_S", -1.0)
    found.name = "modal"
    mine.get_latest()
    assert mine._checking is not None
    mine._checking.join()
    assert mine.get_latest().final.ready and found.asked >= 2

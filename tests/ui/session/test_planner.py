"""A state of the page is planned once, whatever needs its plan."""

import sys
from dataclasses import replace
from typing import Any

import pytest

from inference.core.cost_model import CostModel, Throughput
from inference.core.plan import Plan, make_plan
from inference.core.request import Request
from inference.core.settings import Settings
from tests.support.media import DRAWN_PAIR, VOICE_A
from tests.support.people import Person
from tests.support.sessions import LEFT, RIGHT, desk
from ui import views
from ui.session.availability import OfferChecker
from ui.session.planner import Planner
from ui.session.requests import build_request
from ui.session.session import Session


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The quality of each plan that the page makes from now on."""
    qualities: list[str] = []

    def note(request: Request, *rest: Any) -> Plan:
        qualities.append(request.quality)
        return make_plan(request, *rest)

    for name, module in [*sys.modules.items()]:
        if name.startswith("ui.") and hasattr(module, "make_plan"):
            monkeypatch.setattr(module, "make_plan", note)
    return qualities


def test_a_change_and_a_look_plan_once(alone: Person, planned: list[str]) -> None:
    alone.give("picture", DRAWN_PAIR)
    assert planned == []  # without a voice there is nothing to plan
    views.render(alone.give("voice", VOICE_A, slot=0))
    assert planned == ["draft"]
    actions: list[tuple[str, dict[str, object]]] = [
        ("refresh", {}),
        ("set", {"field": "shape", "value": "square"}),
        ("set", {"field": "prompt", "value": "A red wall."}),
        ("edit", {"what": "trim"}),
        ("trim", {"start": 0, "end": 1}),
    ]
    for name, values in actions:
        planned.clear()
        shown = alone.do(name, **values)
        views.render(shown)
        assert shown.problem is None and planned == ["draft"], name


@pytest.fixture
def planner() -> Planner:
    settings = Settings(max_seconds=6)
    return Planner(settings, OfferChecker(settings))


def test_a_plan_is_known_as_long_as_its_inputs_are_the_same(planner: Planner) -> None:
    session = desk(LEFT, RIGHT, voices=2)
    plan = planner.plan(session)
    assert planner.plan(replace(session, draft="d" * 32, editing="trim"), plan) is plan
    seed = replace(session.choices, seed=7)
    for changed in (
        replace(session, choices=seed),
        replace(session, voices=session.voices[::-1]),
        Session(),
    ):
        assert planner.plan(changed, plan) == planner.plan(changed) != plan


def test_prices_are_those_of_the_plans_of_final_videos(
    planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = CostModel(3.0, {"best": Throughput(10.0, 2.0)})
    monkeypatch.setattr("ui.session.planner.load_cost_model", lambda *_: costs)
    session = desk(LEFT, RIGHT, voices=2)
    finals = planner.plan(session).finals
    assert list(finals) == ["fast", "balanced", "best"]
    for quality, estimate in finals.items():
        request = build_request(session, quality)
        assert request and make_plan(request, 120, costs).estimate == estimate

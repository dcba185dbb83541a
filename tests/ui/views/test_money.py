"""What is said of money: the same everywhere, and nothing where nobody is paid."""

from dataclasses import replace

import pytest

from inference.core.cost_model import CostModel
from inference.core.events import StageName
from tests.support.page_states import changed, page, stage, ways
from ui.session.page_state import Phase
from ui.session.progress import StageProgress
from ui.views import render


def test_money_counts_the_time_that_was_worked() -> None:
    waited = (StageProgress(StageName.QUEUED, 600.0), StageProgress(StageName.WINDOW, None))
    shown = changed(page(Phase.MAKING), stages=waited, elapsed_s=57.0)
    assert "about $0.06 of $0.13 spent" in stage(shown).words  # 57 s at $3.95 an hour


def test_every_part_of_the_page_tells_the_same_time_and_price_of_a_result() -> None:
    shown = page(Phase.RESULT)
    assert shown.job
    made = render(replace(shown, history=(shown.job,)))
    assert "Made in 57 s for about $0.06." in made.head
    for region in (made.side, made.below, made.history):
        assert "57 s, about $0.06" in region


@pytest.mark.parametrize("phase", Phase)
def test_where_nobody_is_paid_money_is_not_spoken_of(phase: Phase) -> None:
    final = phase not in (Phase.DRAFTING, Phase.DRAFT, Phase.CLEARED)
    shown = page(phase, final=final, rates=CostModel(0.0))
    made = render(replace(shown, history=(shown.job,) if shown.job else None))
    said = " ".join((made.head, made.stage, made.side, made.below, made.history)).lower()
    for word in ("$", "costs", "you pay", "is paid", "spent"):
        assert word not in said
    assert "going on is free" not in said


def test_of_the_free_a_time_is_said() -> None:
    rates = CostModel(0.0)
    ready = page(Phase.DRAFT, rates=rates)
    assert ways(ready)[0] == ("Make it with MultiTalk about 2 min 2 s", "make")
    assert "Stop any time; what is finished is kept." in stage(ready).words
    assert "Made in 57 s. It is kept" in render(page(Phase.RESULT, rates=rates)).head
    lost = render(page(Phase.INTERRUPTED, final=True, rates=rates))
    assert "after window 1.</p>" in lost.head
    waiting = page(Phase.WAITING, rates=rates)
    assert "Number 2 in line" in stage(waiting).words


def test_what_was_spent_is_reckoned_with_the_price_of_its_plan() -> None:
    cheap = page(Phase.RESULT, rates=CostModel(1.95))
    assert "Made in 57 s for about $0.03." in render(cheap).head
    dear = page(Phase.RESULT, rates=CostModel(39.5))
    assert "Made in 57 s for about $0.63." in render(dear).head

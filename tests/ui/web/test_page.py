"""The page's answer, also where what is stored can't be shown."""

from dataclasses import replace
from html import escape

from inference.jobs.store import State
from tests.support.page_states import job_of, page
from tests.support.sessions import LEFT, desk
from ui.session.page_state import JobView, Phase
from ui.strings import text
from ui.web.page import _render


def make_job(number: int, name: str = "Ada") -> JobView:
    return replace(job_of(desk(LEFT), State.FINISHED, True, name), id=str(number) * 32)


def test_a_job_that_can_t_be_drawn_hides_nothing_else() -> None:
    broken = make_job(2)
    broken = replace(broken, plan=replace(broken.plan, quality="of a later version"))
    shown = replace(page(Phase.DRAFT), history=(make_job(1), broken, make_job(3)), history_count=3)
    regions = _render(shown)
    assert regions.history.count('data-do="delete-sure"') == 1
    assert f'data-do="delete-sure" data-job="{broken.id}"' in regions.history
    assert escape(text.SESSION_DAMAGED) not in regions.stage + regions.head + regions.side
    for job in (make_job(1), make_job(3)):
        assert f'data-do="select" data-job="{job.id}"' in regions.history


def test_a_session_that_can_t_be_drawn_hides_no_job() -> None:
    shown = page(Phase.DRAFT)
    choices = replace(shown.session.choices, quality="of a later version")
    shown = replace(shown, session=replace(shown.session, choices=choices))
    regions = _render(replace(shown, history=(make_job(1),)))
    assert escape(text.SESSION_DAMAGED) in regions.stage + regions.head + regions.side
    assert 'data-do="select"' in regions.history and "delete-sure" not in regions.history

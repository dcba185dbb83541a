"""Under the two columns: the draft beside the final video that was made of it."""

from html import escape

from inference.core.task import RESULT
from ui.media import serving
from ui.session.page_state import JobView, PageState, Phase
from ui.strings import text, wording
from ui.views.elements import attributes, quiet, ratio, small
from ui.views.frame import Film, player
from ui.views.money import dollars_spent


def below(shown: PageState) -> str:
    """The comparison; empty unless both are there."""
    job, draft = shown.job, shown.session.draft
    if shown.phase is not Phase.RESULT or job is None or draft is None:
        return ""
    shape = attributes(style=ratio(job.plan.width, job.plan.height))
    both = quiet(text.PLAY_BOTH, data_play_both=True)
    return (
        f'<section class="tp-wide"><div class="tp-sec"><h2>{escape(text.BOTH)}</h2>{both}</div>'
        f'<div class="tp-pair"{shape}>'
        f"{_figure(job, serving.build_media_url(draft, RESULT), text.CHIP_DRAFT, text.DRAFT_NOTE)}"
        f"{_figure(job, serving.build_media_url(job.id, RESULT), text.CHIP_FINAL, _made(job))}"
        f"</div></section>"
    )


def _figure(job: JobView, film: str, name: str, note: str) -> str:
    poster = serving.build_media_url(job.id, serving.CROP)
    shown = player(Film(name, film, chip=name), poster)
    return (
        f'<figure><div class="tp-frame tp-plain">{shown}</div>'
        f"<figcaption><span>{escape(name)}</span>{small(note)}</figcaption></figure>"
    )


def _made(job: JobView) -> str:
    return text.FINAL_NOTE.format(
        made=wording.time_and_cost(job.progress.elapsed_s, dollars_spent(job))
    )

"""The left column: what is given, or how far a final video is."""

from ui.session.page_state import JobView, PageState, Phase
from ui.views.picture_card import picture_card
from ui.views.primary import primary
from ui.views.report import report_card, report_fold
from ui.views.scene import scene_card
from ui.views.settings_used import settings_used
from ui.views.stages import live_card, stages_card
from ui.views.voice_card import voice_card


def side(shown: PageState) -> str:
    """The column as HTML. Inputs stay where they can still be changed."""
    job = shown.job
    if job is not None and not job.is_draft:
        return f'<div class="tp-side">{_final(shown, job)}</div>'
    way = primary(shown)
    scene = scene_card(shown) if shown.plan or job else ""
    checks = report_fold(job.report) if job and job.report else ""
    return (
        f'<div class="tp-side">{picture_card(shown, way == "picture")}'
        f"{voice_card(shown, way == 'voice')}{scene}{checks}</div>"
    )


def _final(shown: PageState, job: JobView) -> str:
    if shown.phase is Phase.RESULT:
        made = report_card(job.report) if job.report else stages_card(shown, job)
        return made + settings_used(job)
    return live_card(shown, job) + stages_card(shown, job)

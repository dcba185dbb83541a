"""The left column: what is given, or how far a final video is."""

from html import escape

from presets.quality import PRESETS
from ui import text, wording
from ui.state import JobShown, Phase, Shown
from ui.views.elements import icon, small
from ui.views.picture_card import picture_card
from ui.views.primary import primary
from ui.views.scene import scene_card
from ui.views.stages import live_card, stages_card
from ui.views.voice_card import voice_card


def side(shown: Shown) -> str:
    """The column as HTML. Inputs stay where they can still be changed."""
    job = shown.job
    if job is not None and not job.is_draft:
        return f'<div class="tp-side">{_final(shown, job)}</div>'
    way = primary(shown)
    scene = scene_card(shown) if shown.plan or job else ""
    return (
        f'<div class="tp-side">{picture_card(shown, way == "picture")}'
        f"{voice_card(shown, way == 'voice')}{scene}</div>"
    )


def _final(shown: Shown, job: JobShown) -> str:
    if shown.phase is Phase.RESULT:
        return stages_card(shown, job) + _settings_used(job)
    return live_card(shown, job) + stages_card(shown, job)


def _settings_used(job: JobShown) -> str:
    plan, quality = job.plan, PRESETS[job.plan.quality].title
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        for name, value in (
            (text.QUALITY, quality),
            (text.SHAPE, f"{text.SHAPES[plan.shape]}, {wording.shape_size(plan.shape)}"),
            (text.LENGTH, wording.length(plan)),
            (text.SEED, str(plan.seed)),
        )
    )
    line = wording.settings_line(plan.shape, quality)
    return (
        f'<details class="tp-card tp-fold"><summary><b>{escape(text.SETTINGS_USED)}</b>'
        f"{small(line)}{icon('fold')}</summary>"
        f'<div class="tp-body"><dl>{facts}</dl></div></details>'
    )

"""What a finished video was made with, folded away."""

from collections.abc import Iterator
from html import escape

from inference.core.options import LABELS
from presets.quality import PRESETS
from ui.session.page_state import JobView
from ui.strings import text, wording
from ui.views.elements import icon, small


def settings_used(job: JobView) -> str:
    """The card as HTML."""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in _facts(job))
    words = "".join(
        f'<dt>{escape(name)}</dt><dd class="tp-words">{escape(written)}</dd>'
        for name, written in _words(job)
    )
    line = wording.settings_line(job.plan.shape, PRESETS[job.plan.quality].title)
    return (
        f'<details class="tp-card tp-fold"><summary><b>{escape(text.SETTINGS_USED)}</b>'
        f"{small(line)}{icon('fold')}</summary>"
        f'<div class="tp-body"><dl class="tp-used">{facts}{words}</dl></div></details>'
    )


def _facts(job: JobView) -> Iterator[tuple[str, str]]:
    plan, preset = job.plan, PRESETS[job.plan.quality]
    yield text.QUALITY, preset.title
    yield text.SHAPE, f"{text.SHAPES[plan.shape]}, {wording.size(plan.width, plan.height)}"
    yield text.LENGTH, wording.video_length(plan)
    yield text.PERMISSION, text.PERMISSIONS[job.request.permission]
    yield text.SEED, str(plan.seed)
    if preset.sampling:
        sampling = job.request.tuning.apply(preset.sampling)
        for name, label in LABELS.items():
            yield label, f"{getattr(sampling, name):g}"


def _words(job: JobView) -> Iterator[tuple[str, str]]:
    """What the model was told, the usual words too."""
    sampling = PRESETS[job.plan.quality].sampling
    if sampling is None:
        return
    seen, not_seen = job.request.prompts
    yield text.SCENE, seen
    if job.request.tuning.apply(sampling).text_guidance > 1:  # else no pass is given it
        yield text.NEGATIVE_PROMPT, not_seen

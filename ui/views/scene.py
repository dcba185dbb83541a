"""Scene and quality: what few need, folded away."""

from html import escape

from inference.request import Shape
from presets.quality import PRESETS
from presets.schema import EngineFamily
from ui import text, wording
from ui.state import Shown
from ui.views.elements import attributes, icon, small, switch


def scene_card(shown: Shown) -> str:
    """Shape, quality, what is seen, and the number of the random start."""
    choices = shown.desk.choices
    quality = PRESETS[choices.quality].title if shown.gpu.ready else ""
    line = wording.settings_line(choices.shape, quality)
    shapes = {shape.value: (text.SHAPES[shape], wording.shape_size(shape)) for shape in Shape}
    model = _quality(shown) + _scene(choices.prompt) if shown.gpu.ready else ""
    why = "" if shown.gpu.ready else f'<p class="tp-small tp-soft">{escape(shown.gpu.reason)}</p>'
    told = attributes(data_fold="advanced", open=shown.desk.advanced)
    return (
        f'<details class="tp-card tp-fold"{told}><summary><b>{escape(text.SCENE_AND_QUALITY)}</b>'
        f'{small(line)}{icon("fold")}</summary><div class="tp-body tp-fields">'
        f"{switch('shape', text.SHAPE, shapes, choices.shape)}{model}{why}{_seed(choices.seed)}"
        f'<p class="tp-small tp-soft">{escape(text.WINDOW_HINT)}</p></div></details>'
    )


def _quality(shown: Shown) -> str:
    options = {
        name: (preset.title, wording.cost(shown.finals[name]) if name in shown.finals else "")
        for name, preset in PRESETS.items()
        if preset.engine is EngineFamily.MULTITALK
    }
    chosen = switch("quality", text.QUALITY, options, shown.desk.choices.quality)
    return f'<div class="tp-list">{chosen}</div>'


def _scene(prompt: str) -> str:
    return (
        f"<label>{escape(text.SCENE)}{small(text.SCENE_HINT)}"
        f'<textarea data-set="prompt" rows="2" maxlength="2000">{escape(prompt)}</textarea></label>'
    )


def _seed(seed: int) -> str:
    told = attributes(
        type="number", data_set="seed", value=seed, min=0, max=2**32 - 1, inputmode="numeric"
    )
    return f"<label>{escape(text.SEED)}{small(text.SEED_HINT)}<input{told}></label>"

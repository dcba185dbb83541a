"""Scene and quality: what few need, folded away."""

from collections.abc import Iterator
from html import escape

from inference.core.options import LABELS, MAX_PROMPT_CHARS, MAX_SEED
from presets.quality import PRESETS
from presets.scenes import DEFAULT_PROMPTS, NEGATIVE_PROMPT, SCENES
from presets.schema import EngineFamily, Preset, Range
from ui.session.page_state import PageState
from ui.session.requests import select_voices
from ui.session.session import Choices
from ui.strings import scene_wording, text, wording
from ui.views.elements import attributes, button, icon, message, quiet, small, switch

_FINALS = [preset for preset in PRESETS.values() if preset.engine is EngineFamily.MULTITALK]
_GUIDANCE_STEP = 0.1


def scene_card(shown: PageState) -> str:
    """Quality, what is seen, and, folded once more, the numbers."""
    quality = PRESETS[shown.session.choices.quality].title if shown.gpu.ready else ""
    model = _quality(shown) + _scene(shown) if shown.gpu.ready else ""
    why = "" if shown.gpu.ready else f'<p class="tp-small tp-soft">{escape(shown.gpu.reason)}</p>'
    told = attributes(data_fold="advanced", open=shown.session.advanced)
    return (
        f'<details class="tp-card tp-fold"{told}><summary><b>{escape(text.SCENE_AND_QUALITY)}</b>'
        f'{small(quality)}{icon("fold")}</summary><div class="tp-body tp-fields">'
        f"{model}{why}{_advanced(shown)}"
        f'<p class="tp-small tp-soft">{escape(text.WINDOW_HINT)}</p></div></details>'
    )


def _quality(shown: PageState) -> str:
    options = {
        preset.name: (
            preset.title,
            wording.cost(shown.finals[preset.name]) if preset.name in shown.finals else "",
        )
        for preset in _FINALS
    }
    chosen = switch("quality", text.QUALITY, options, shown.session.choices.quality)
    return f'<div class="tp-list">{chosen}</div>'


def _scene(shown: PageState) -> str:
    """Scenes to press, one of which is the text below them; pressed again, it goes."""
    prompt = shown.session.choices.prompt
    usual = DEFAULT_PROMPTS[max(1, len(select_voices(shown.session)))]
    scenes = "".join(
        button(
            scene.title,
            look="tp-pill",
            data_do="set",
            data_field="prompt",
            data_value="" if prompt == scene.prompt else scene.prompt,
            aria_pressed="true" if prompt == scene.prompt else "false",
        )
        for scene in SCENES.values()
    )
    return (
        f'<div role="group" aria-label="{escape(text.SCENE)}"><b>{escape(text.SCENE)}</b>'
        f'<div class="tp-pills">{scenes}</div>'
        f"{_words('prompt', '', text.SCENE_HINT, prompt, usual)}</div>"
    )


def _words(name: str, label: str, hint: str, written: str, usual: str) -> str:
    told = attributes(data_set=name, rows=3, maxlength=MAX_PROMPT_CHARS, placeholder=usual)
    return (
        f"<label>{escape(label)}{small(hint) if hint else ''}"
        f"<textarea{told}>{escape(written)}</textarea></label>"
    )


def _advanced(shown: PageState) -> str:
    """The numbers, with what was wrong with the last one."""
    problem, choices = shown.problem, shown.session.choices
    wrong = (
        message(problem.message, close=problem.can_close)
        if problem and problem.area == "scene"
        else ""
    )
    model = "".join(_tuning(choices, PRESETS[choices.quality])) if shown.gpu.ready else ""
    told = attributes(data_fold="tuning", open=shown.session.tuning or bool(wrong))
    return (
        f'<details class="tp-finer tp-fold"{told}><summary><b>{escape(text.ADVANCED)}</b>'
        f'{small(text.ADVANCED_HINT)}{icon("fold")}</summary><div class="tp-fields">'
        f"{wrong}{_seed(choices.seed)}{model}</div></details>"
    )


def _tuning(choices: Choices, quality: Preset) -> Iterator[str]:
    """A field for all that can be chosen in that quality, empty where nothing was."""
    chosen = choices.get_tuning(quality.name)
    for name, label in LABELS.items():
        allowed: Range = getattr(quality.bounds, name)
        if allowed.minimum == allowed.maximum:
            continue
        own, value = getattr(quality.sampling, name), getattr(chosen, name)
        told = attributes(
            type="number",
            data_set=name,
            value="" if value is None else f"{value:g}",
            placeholder=f"{own:g}",
            min=f"{allowed.minimum:g}",
            max=f"{allowed.maximum:g}",
            step=1 if name == "steps" else _GUIDANCE_STEP,
            inputmode="numeric" if name == "steps" else "decimal",
        )
        hint = scene_wording.tuning_hint(name, quality, own)
        yield f"<label>{escape(label)}{small(hint)}<input{told}></label>"
    if _hears_words(quality):
        yield _words(
            "negative_prompt", text.NEGATIVE_PROMPT, "", choices.negative_prompt, NEGATIVE_PROMPT
        )
    else:
        why = scene_wording.guidance_built_in(quality, filter(_hears_words, _FINALS))
        yield f'<p class="tp-small tp-soft">{escape(why)}</p>'


def _hears_words(quality: Preset) -> bool:
    """Whether a run without the prompt, which is given what should not be seen, can be made."""
    return quality.bounds.text_guidance.maximum > 1


def _seed(seed: int) -> str:
    told = attributes(
        type="number", data_set="seed", value=seed, min=0, max=MAX_SEED, inputmode="numeric"
    )
    new = quiet(
        text.SEED_NEW, mark="again", data_do="set", data_field="seed", data_value=_another(seed)
    )
    return (
        f'<div class="tp-beside"><label>{escape(text.SEED)}{small(text.SEED_HINT)}'
        f"<input{told}></label>{new}</div>"
    )


def _another(seed: int) -> int:
    """The next number of a sequence that goes through all of them (Numerical Recipes' ranqd1), so
    that the page is the same each time it is drawn."""
    return (seed * 1664525 + 1013904223) % (MAX_SEED + 1)

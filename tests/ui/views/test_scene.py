"""The scene's card: scenes to press, numbers within bounds, and what a video was made with."""

from dataclasses import replace

import pytest

from inference.core.options import Tuning
from presets.scenes import DEFAULT_PROMPTS, NEGATIVE_PROMPT, SCENES
from tests.support.markup import Node, tree
from tests.support.page_states import page, shown_of
from tests.support.sessions import LEFT, desk
from ui.session.commands import parse_action
from ui.session.page_state import PageState, Phase, Problem
from ui.session.reducer import apply_action
from ui.session.session import Choices
from ui.views import render
from ui.views.scene import scene_card


def card(shown: PageState) -> Node:
    return tree(scene_card(shown))


def choosing(**chosen: object) -> PageState:
    choices = Choices(**chosen)  # type: ignore[arg-type]
    return shown_of(replace(desk(LEFT), choices=choices), Phase.DRAFT, gpu=True)


def field(root: Node, name: str) -> Node | None:
    return next(iter(root.all(data_set=name)), None)


def test_a_scene_fills_the_text_and_pressed_again_clears_it() -> None:
    shown = choosing(prompt="A robot waves.")
    for scene in SCENES.values():
        (pill,) = [node for node in card(shown).all("button") if node.words == scene.title]
        assert pill.attributes["aria-pressed"] == "false"
        sent = {name.removeprefix("data-"): value for name, value in pill.attributes.items()}
        action = parse_action({name: sent[name] for name in ("do", "field", "value")})
        chosen = replace(shown, session=apply_action(action, shown.session))
        written = field(card(chosen), "prompt")
        assert written and written.words == scene.prompt
        (pressed,) = card(chosen).all("button", aria_pressed="true")
        assert (pressed.words, pressed.attributes["data-value"]) == (scene.title, "")


def test_scenes_suit_one_and_two_people_and_are_short_and_different() -> None:
    assert 4 <= len(SCENES) <= 6
    assert all(name == scene.name for name, scene in SCENES.items())
    assert len({scene.prompt for scene in SCENES.values()}) == len(SCENES)
    for scene in SCENES.values():
        assert 40 < len(scene.prompt) < 300
        assert not {"he", "she", "person", "people"} & set(scene.prompt.lower().split())


def test_what_is_used_when_nothing_is_written_can_be_seen() -> None:
    best = card(choosing(quality="best"))
    prompt, negative = field(best, "prompt"), field(best, "negative_prompt")
    assert prompt and prompt.attributes["placeholder"] == DEFAULT_PROMPTS[1]
    assert negative and negative.attributes["placeholder"] == NEGATIVE_PROMPT
    pair = field(card(page(Phase.DRAFT, 2)), "prompt")
    assert pair and pair.attributes["placeholder"] == DEFAULT_PROMPTS[2]


@pytest.mark.parametrize(
    ("quality", "steps", "words", "voice"),
    [
        ("fast", ("5", "2", "12"), None, ("2", "1", "5")),
        ("balanced", ("8", "4", "16"), None, ("2", "1", "5")),
        ("best", ("40", "10", "100"), ("5", "1", "10"), ("4", "1", "10")),
    ],
)
def test_numbers_are_a_quality_s_own_until_chosen_and_have_its_bounds(
    quality: str, steps: tuple[str, ...], words: tuple[str, ...] | None, voice: tuple[str, ...]
) -> None:
    root = card(choosing(quality=quality, tuned={quality: Tuning(audio_guidance=1.5)}))
    wanted = {"steps": steps, "text_guidance": words, "audio_guidance": voice}
    for name, expected in wanted.items():
        node = field(root, name)
        assert (node is None) == (expected is None)
        if node:
            told = node.attributes
            assert (told["placeholder"], told["min"], told["max"]) == expected
            assert told["value"] == ("1.5" if name == "audio_guidance" else "")
    assert (field(root, "negative_prompt") is None) == (words is None)
    assert ("With Best you can also say" in root.words) == (words is None)


def test_a_new_number_is_another_one_and_the_same_at_each_look() -> None:
    seen, seed = set(), 42
    for _ in range(50):
        (new,) = card(choosing(seed=seed)).all(data_field="seed")
        seed = int(new.attributes["data-value"])
        seen.add(seed)
    assert len(seen) == 50 and 42 not in seen
    assert all(0 <= number < 2**32 for number in seen)


def test_without_a_gpu_only_the_number_is_left() -> None:
    root = card(page(Phase.DRAFT, gpu=False))
    assert {n.attributes["data-set"] for n in root.walk() if "data-set" in n.attributes} == {"seed"}
    assert not root.all(data_field="prompt")


def test_what_was_refused_is_said_among_the_numbers() -> None:
    problem = Problem("scene", "bad_option", "Steps: 40 is out of range.")
    shown = replace(page(Phase.DRAFT), problem=problem)
    (fold,) = card(shown).all(data_fold="tuning")
    assert fold.all(role="alert")[0].words == problem.message
    assert "open" in fold.attributes
    assert problem.message not in render(shown).stage


def test_a_result_tells_all_that_it_was_made_with() -> None:
    shown = page(Phase.RESULT)
    assert shown.job
    request = replace(shown.job.request, quality="best", prompt="<A robot>", steps=33)
    plan = replace(shown.job.plan, quality="best")
    made = replace(shown, job=replace(shown.job, request=request, plan=plan))
    facts = settings(made)
    assert facts["Quality"] == "Best" and facts["Steps"] == "33"
    assert facts["How closely it follows the words"] == "5"
    assert facts["How closely it follows the voice"] == "4"
    assert facts["Seed"] == "42" and facts["Scene"] == "<A robot>"
    assert facts["What should not be seen"] == NEGATIVE_PROMPT


def test_what_had_no_part_in_it_is_not_told() -> None:
    facts = settings(page(Phase.RESULT))  # balanced: no pass is without the prompt
    assert facts["Scene"] == DEFAULT_PROMPTS[1] and "What should not be seen" not in facts


def settings(shown: PageState) -> dict[str, str]:
    """Names and values of the settings used."""
    root = tree(render(shown).side)
    (used,) = [node for node in root.all("details") if node.words.startswith("Settings used")]
    names, values = ([node.words for node in used.all(tag)] for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))

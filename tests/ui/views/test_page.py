"""The whole page in every state: one headline, one filled button, plain words, no stray markup."""

import re
from dataclasses import astuple, replace

import pytest

from inference.core.errors import InputCode
from inference.core.inputs import Trim
from inference.jobs.store import State
from tests.support.markup import Node, tree
from tests.support.page_states import job_of, no_face_page, page, shown_of
from tests.support.sessions import LEFT, RIGHT, THIRD, desk
from ui.session.commands import SetField, parse_action
from ui.session.page_state import JobView, PageState, Phase, Problem
from ui.session.reducer import apply_action
from ui.session.session import Choices, Session
from ui.views import render

HOSTILE = "\"><img src=x onerror=alert(1)>'&</section>"
JARGON = re.compile(r"\b(seed|latent|cfg|denois\w*|sampling|lora)\b", re.IGNORECASE)
ENDED = (Phase.STOPPED, Phase.FAILED, Phase.INTERRUPTED)


def with_history(shown: PageState) -> PageState:
    jobs = [
        replace(job_of(desk(LEFT), state, final), id=str(number) * 32)
        for number, (state, final) in enumerate((s, f) for s in State for f in (True, False))
        if number < 10
    ]
    return replace(shown, history=tuple(jobs))


def states() -> dict[str, PageState]:
    """Every phase for one and two people, with and without a GPU, and what comes on top."""
    pages = {
        f"{phase}-{speakers}-{'gpu' if gpu else 'none'}": page(phase, speakers, gpu)
        for phase in Phase
        for speakers in (1, 2)
        for gpu in (True, False)
    }
    pages |= {f"{phase}-final": page(phase, final=True) for phase in ENDED}
    for gpu in (True, False):
        pages[f"no-face-{gpu}"] = no_face_page(gpu)
        pages[f"one-voice-of-two-{gpu}"] = shown_of(desk(LEFT, RIGHT), Phase.START, gpu)
        pages[f"no-voice-{gpu}"] = shown_of(desk(LEFT, voices=0), Phase.START, gpu)
        pages[f"no-voices-{gpu}"] = shown_of(desk(LEFT, RIGHT, voices=0), Phase.START, gpu)
    draft = page(Phase.DRAFT, 2)
    pages["framing"] = replace(draft, session=replace(draft.session, editing="framing"))
    pages["trimming"] = replace(draft, session=replace(draft.session, editing="trim"))
    pages["updating"] = replace(page(Phase.DRAFTING), previous_draft=page(Phase.DRAFT).job)
    for phase, do in ((Phase.DRAFT, "make"), (Phase.STOPPED, "resume"), (Phase.FAILED, "restart")):
        asked = page(phase, final=do != "make")
        pages[f"asked-{do}"] = replace(asked, session=replace(asked.session, asking=do))
    pages["stated"] = replace(draft, has_permission=True)
    pages["history"] = with_history(draft)
    pages["deleting"] = replace(
        pages["history"], session=replace(draft.session, selected="3" * 32, deleting=True)
    )
    for place in ("picture", "voice-0", "voice-1", "scene", "stage", "history"):
        problem = Problem(place, InputCode.BAD_OPTION, "This can't be used.")
        pages[f"problem-{place}"] = replace(draft, problem=problem)
        pages[f"problem-at-start-{place}"] = replace(page(Phase.START), problem=problem)
    return pages


STATES = states()
every_state = pytest.mark.parametrize("shown", STATES.values(), ids=STATES.keys())


def whole(shown: PageState) -> Node:
    return tree("".join(f"<main>{region}</main>" for region in astuple(render(shown))))


def filled(html: str) -> list[str]:
    return [node.name for node in tree(html).walk() if "tp-go" in node.classes]


@every_state
def test_each_view_has_one_headline_and_at_most_one_filled_button(shown: PageState) -> None:
    made = render(shown)
    assert len(tree(made.head).all("h1")) == 1
    assert len(tree(made.history).all("h1")) == 1
    assert not tree(made.side + made.stage + made.below).all("h1")
    assert len(filled(made.head + made.side + made.stage + made.below)) <= 1
    assert len(filled(made.history)) <= 1


@every_state
def test_everything_that_can_be_used_has_words_and_says_what_it_does(shown: PageState) -> None:
    page = whole(shown)
    for node in page.all("button") + page.all("a") + page.all("summary"):
        assert node.name, node
    for node in page.all("button"):
        doing = [name for name in node.attributes if name.startswith("data-")]
        assert doing and node.attributes["type"] == "button"
        assert "disabled" not in node.attributes
    labelled = {id(inner) for label in page.all("label") if label.words for inner in label.walk()}
    for tag in ("input", "textarea"):
        for node in page.all(tag):
            assert id(node) in labelled, node
    for node in page.all("img"):
        assert "alt" in node.attributes


@every_state
def test_whatever_can_be_pressed_is_an_action_that_the_server_knows(shown: PageState) -> None:
    for node in whole(shown).walk():
        sent = {
            name.removeprefix("data-"): value
            for name, value in node.attributes.items()
            if name.startswith("data-")
        }
        if "do" in sent:
            parse_action(sent)


def test_every_field_can_be_set_to_what_it_offers() -> None:
    opened = replace(page(Phase.DRAFT, 2).session, advanced=True)
    root = tree(render(replace(page(Phase.DRAFT, 2), session=opened)).side)
    fields = [node for node in root.walk() if "data-set" in node.attributes]
    for node in fields:
        value = node.attributes.get("value", "A scene.")
        apply_action(SetField("set", node.attributes["data-set"], value), opened)
    names = {node.attributes["data-set"] for node in fields}
    assert names == {
        *("speaking", "shape", "quality", "prompt", "seed"),
        *("steps", "audio_guidance"),  # all there is to choose in the usual quality
    }


@every_state
def test_no_jargon_outside_scene_and_quality(shown: PageState) -> None:
    made = render(shown)
    for region in astuple(made):
        root = tree(region)
        for fold in root.all("details"):
            fold.children.clear()
        assert not JARGON.search(root.words)


@every_state
def test_ids_are_left_to_the_page_and_radios_belong_together(shown: PageState) -> None:
    page = whole(shown)
    assert not [node for node in page.walk() if "id" in node.attributes]
    for group in page.all("fieldset"):
        chosen = [node for node in group.all("input") if "checked" in node.attributes]
        assert len(chosen) == 1
        assert len({node.attributes["name"] for node in group.all("input")}) == 1


@every_state
def test_the_page_is_the_same_each_time_it_is_asked_for(shown: PageState) -> None:
    assert render(shown) == render(shown)


def test_the_frame_is_always_first_and_there_once() -> None:
    for name, shown in STATES.items():
        (column,) = [node for node in tree(render(shown).stage).children if isinstance(node, Node)]
        children = [node for node in column.children if isinstance(node, Node)]
        assert [node.tag for node in children] == ["div", "div", "div"], name
        assert "tp-frame" in children[0].classes


@pytest.mark.parametrize("phase", [Phase.DRAFT, Phase.DRAFTING, Phase.RESULT, Phase.FAILED])
def test_names_and_choices_of_a_person_are_only_ever_text(phase: Phase) -> None:
    shown = page(phase, 1)
    given, picture = shown.session.voices[0], shown.session.picture
    assert given and picture and shown.job
    on_desk = replace(
        shown.session,
        picture=replace(picture, name=HOSTILE),
        voices=(replace(given, name=HOSTILE), None),
        choices=Choices(prompt=f"</textarea>{HOSTILE}", trim=Trim(0.5, 3.0)),
        advanced=True,
    )
    job: JobView = replace(shown.job, name=HOSTILE)
    problem = Problem("picture", HOSTILE, HOSTILE)
    hostile = replace(shown, session=on_desk, job=job, history=(job,), problem=problem)
    page_ = whole(hostile)
    assert not [node for node in page_.walk() if "onerror" in node.attributes]
    assert HOSTILE in page_.words
    assert not page_.all("script")


def test_what_is_under_way_is_told_to_the_browser() -> None:
    busy = {Phase.DRAFTING, Phase.WAITING, Phase.MAKING}
    for phase in Phase:
        html = render(page(phase)).stage
        assert ("data-busy" in html) == (phase in busy), phase


def test_a_new_state_has_another_name_for_the_browser() -> None:
    names = {
        tree(render(page(phase)).head).all("div")[0].attributes["data-state"] for phase in Phase
    }
    assert len(names) == len(Phase)


def test_a_gpu_is_said_to_be_there_or_not() -> None:
    assert "GPU not connected" in render(page(Phase.START, gpu=False)).top
    assert "GPU ready" in render(page(Phase.START)).top
    assert "GPU working for you" in render(page(Phase.MAKING)).top
    assert "GPU working for you" in render(replace(page(Phase.START), makes_another=True)).top


def test_one_of_many_faces_is_chosen_on_the_picture() -> None:
    chosen = replace(desk(LEFT, THIRD, RIGHT), choices=Choices(speakers=(RIGHT.box,)))
    html = render(shown_of(chosen, Phase.DRAFT, gpu=False)).side
    pressed = [node.attributes["aria-pressed"] for node in tree(html).all(data_do="speaks")]
    assert pressed == ["false", "false", "true"]
    assert "3 faces found, 1 of them speaks." in html


def test_nothing_at_all_is_the_start() -> None:
    html = render(shown_of(Session(), Phase.START, gpu=False))
    assert "Give a picture a voice" in html.head
    assert filled(html.side) == ["Choose a picture"]
    assert len(tree(html.stage).all(data_do="example")) == 3

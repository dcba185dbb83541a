"""The editors of the voice's card, and who speaks when on the voice line."""

import json
from dataclasses import replace

from inference.core.inputs import Speaking, Trim
from inference.media.phrases import Phrase
from tests.support.markup import Node, tree
from tests.support.page_states import shown_of
from tests.support.sessions import LEFT, RIGHT, desk, voice
from ui.session.page_state import Phase
from ui.session.session import Choices, Session, StoredVoice
from ui.views import render
from ui.views.line import WIDTH, voice_line
from ui.views.timeline import plan_without_job

PHRASES = (Phrase(0.5, 1.5), Phrase(2.0, 3.0), Phrase(3.5, 4.0))


def phrased(name: str = "both.wav", phrases: tuple[Phrase, ...] = PHRASES) -> StoredVoice:
    return replace(voice(name, 4.0), phrases=phrases)


def split(owners: tuple[int, ...] = (0, 1, 0)) -> Session:
    """Two people whose voices were one recording of 4 s."""
    parts = [
        replace(
            voice(name), phrases=tuple(p for p, o in zip(PHRASES, owners, strict=True) if o == k)
        )
        for k, name in enumerate(("left.wav", "right.wav"))
    ]
    together = Choices(speaking=Speaking.TOGETHER)
    done = replace(desk(LEFT, RIGHT, voices=2), voices=(parts[0], parts[1]), choices=together)
    return replace(done, whole=phrased(), owners=owners)


def side(on_desk: Session, can_speak: bool = True) -> Node:
    shown = replace(shown_of(on_desk, Phase.START, gpu=False), can_speak=can_speak)
    return tree(render(shown).side)


def ways(root: Node) -> set[str]:
    """The editors that can be opened in the voices' card."""
    return {node.words for node in root.all(data_do="edit")} - {"Adjust"}


def line(on_desk: Session) -> Node:
    plan = plan_without_job(on_desk)
    assert plan
    return tree(voice_line(on_desk, plan, 1.0, False))


def parts(button: Node) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(button.attributes["data-play"])
    return found


def test_text_can_be_typed_where_there_is_a_voice_and_where_there_is_none() -> None:
    assert ways(side(Session())) == {"Type it"}
    assert ways(side(desk(LEFT))) == {"Type it", "Trim"}
    assert ways(side(desk(LEFT, RIGHT))) == {"Type it", "Trim", "Split between the two"}
    assert ways(side(desk(LEFT, RIGHT, voices=2))) == {"Type it", "Trim"}


def test_the_text_is_there_again_and_escaped() -> None:
    root = side(replace(desk(LEFT, RIGHT), editing="typing", typed="1: <b>Hi</b>\n2: Oh"))
    (field,) = root.all("textarea")
    assert field.words == "1: <b>Hi</b> 2: Oh" and not field.all()
    assert "Begin a line with 1: or 2:" in root.words
    filled = [node.words for node in root.walk() if "tp-go" in node.classes]
    assert filled == ["Speak this"]


def test_without_the_package_one_line_says_how_to_get_it() -> None:
    root = side(replace(desk(LEFT), editing="typing"), can_speak=False)
    assert "run make speech" in root.words
    assert not root.all("textarea") and root.all(data_do="edit-cancel")


def test_each_phrase_is_a_button_that_says_when_and_whose() -> None:
    on_desk = replace(desk(LEFT, RIGHT), voices=(phrased(), None))
    root = side(replace(on_desk, editing="split", owners=(0, 1, 0)))
    buttons = root.all(data_do="hand-over")
    assert [node.name for node in buttons] == [
        "0.0 to 1.8 s, left",
        "1.8 to 3.2 s, right",
        "3.2 to 4.0 s, left",
    ]
    assert [node.attributes["aria-pressed"] for node in buttons] == ["false", "true", "false"]
    assert buttons[1].attributes["style"] == "left:43.75%;width:37.50%"
    assert root.all(data_do="split") and root.all(data_do="one-voice")


def test_a_split_recording_can_be_split_anew_heard_and_had_back() -> None:
    root = side(split())
    assert ways(root) == {"Type it", "Trim", "Who says what"}
    assert root.all(data_do="one-voice") and not root.all(data_set="speaking")
    assert not root.all(data_do="remove")
    both = next(node for node in root.all("button") if node.name == "Play both, as in the video")
    assert [part["url"] for part in parts(both)] == [
        "/media/desk/voice-left.wav",
        "/media/desk/voice-right.wav",
    ]


def test_what_is_heard_is_the_part_in_its_place() -> None:
    trimmed = replace(desk(LEFT, RIGHT, voices=2), choices=Choices(trim=Trim(3.0, 6.5)))
    plays = [node for node in side(trimmed).all("button") if "data-play" in node.attributes]
    told = [
        [(part["from"], part["at"], part["samples"]) for part in parts(button)] for button in plays
    ]
    first, second = (144_000, 0, 48_000), (0, 0, 120_000)
    assert told == [[first], [second], [first, (0, 48_000, 120_000)]]
    trimmer = side(replace(trimmed, editing="trim"))
    (group,) = [node for node in trimmer.walk() if "data-trimmer" in node.attributes]
    (whole,) = [node for node in group.walk() if "data-play" in node.attributes]
    assert [(part["at"], part["samples"]) for part in parts(whole)] == [
        (0, 192_000),
        (192_000, 240_000),
    ]


def test_a_part_is_chosen_and_heard_before_there_is_a_picture() -> None:
    alone = replace(Session(), voices=(voice(), None), choices=Choices(trim=Trim(1.0, 2.0)))
    assert "1.00 of 4.00 s used" in side(alone).words


def test_the_first_seconds_are_marked_and_nothing_is_cut_unasked() -> None:
    long = replace(desk(LEFT), voices=(voice(seconds=130), None), editing="trim")
    assert "The first 120 s are marked. Nothing is cut before" in side(long).words
    chosen = replace(long, choices=Choices(trim=Trim(0, 100)))
    assert "are marked" not in side(chosen).words


def test_lanes_show_when_each_of_two_speaks() -> None:
    root = line(split())
    plan = plan_without_job(split())
    assert plan
    scale = WIDTH / plan.duration_s
    found = [float(node.attributes["x"]) / scale for node in root.all("rect")]
    assert [round(at, 2) for at in found] == [0.5, 3.5, 2.0]
    (told,) = root.all(role="img")
    assert told.attributes["aria-label"] == (
        "Left speaks from 0.50 to 4.00 seconds in 2 parts, right speaks from 2.00 to 3.00 seconds"
    )


def test_a_part_shows_only_what_is_said_in_it() -> None:
    part = Choices(speaking=Speaking.TOGETHER, trim=Trim(1.0, 2.5))
    trimmed = replace(split(), choices=part)
    (told,) = line(trimmed).all(role="img")
    assert told.attributes["aria-label"] == (
        "Left speaks from 0.00 to 0.50 seconds, right speaks from 1.00 to 1.50 seconds"
    )

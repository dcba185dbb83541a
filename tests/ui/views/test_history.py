"""The history: every job as a card, one of them open, and nothing deleted by one click."""

from dataclasses import replace

from inference.jobs.store import State
from tests.support.markup import Node, tree
from tests.support.page_states import job_of, page
from tests.support.sessions import LEFT, desk
from ui.session.page_state import JobView, PageState, Phase
from ui.views import render

ON_DESK = desk(LEFT)


def job(number: int, state: State, is_final: bool = True) -> JobView:
    return replace(job_of(ON_DESK, state, is_final, f"Job {number}"), id=f"{number}" * 32)


JOBS = (
    job(1, State.FINISHED),
    job(2, State.RUNNING),
    job(3, State.FINISHED, is_final=False),
    job(4, State.CANCELLED),
    job(5, State.INTERRUPTED),
    job(6, State.QUEUED),
    job(7, State.FAILED),
)


def looking(*jobs: JobView, selected: str | None = None, deleting: bool = False) -> PageState:
    shown = page(Phase.DRAFT)
    on_desk = replace(shown.session, selected=selected, deleting=deleting)
    return replace(shown, session=on_desk, history=jobs, history_count=len(jobs))


def history(shown: PageState) -> Node:
    return tree(render(shown).history)


def test_an_empty_history_says_what_will_be_there() -> None:
    root = history(looking())
    assert "Nothing here yet. Your drafts and videos will appear here." in root.words
    assert not root.all("button")


def test_without_being_looked_at_only_the_headline_is_there() -> None:
    root = history(page(Phase.DRAFT))
    assert root.all("h1") and not root.all("img")
    assert "Only this browser can see these. Each one is deleted by itself after 7 days." in (
        root.words
    )


def test_every_job_has_a_card_with_its_state_in_a_word_and_a_mark() -> None:
    cards = history(looking(*JOBS)).all(data_do="select")
    states = [next(n for n in card.walk() if "tp-tag" in n.classes) for card in cards]
    assert [state.words for state in states] == [
        "Finished",
        "40 s left",
        "Finished",
        "Stopped",
        "Interrupted",
        "Waiting",
        "Failed",
    ]
    assert all(state.all("svg") or state.all("i") for state in states)


def test_cards_tell_when_and_how_much() -> None:
    cards = history(looking(*JOBS)).all(data_do="select")
    assert cards[0].all("time")[0].attributes == {
        "datetime": "2026-11-23T14:32:00+00:00",
        "data-time": "when",
    }
    ends = [card.words.rpartition(", ")[2] for card in cards]
    assert ends == ["4.04 s", "4.04 s", "draft", "3.24 s kept", "3.24 s kept", "4.04 s"] + [
        "3.24 s kept"
    ]


def test_the_selected_job_is_open_else_the_newest() -> None:
    for selected, at in ((None, 0), ("4" * 32, 3), ("9" * 32, 0)):
        root = history(looking(*JOBS, selected=selected))
        pressed = [n.attributes["aria-pressed"] == "true" for n in root.all(data_do="select")]
        assert pressed.index(True) == at and pressed.count(True) == 1
        [name] = root.all("input", data_rename=f"{at + 1}" * 32)
        assert name.attributes["value"] == f"Job {at + 1}"
        entry = next(li for li in root.all("li") if li.all("input"))
        assert entry.all(data_do="select")[0].attributes["aria-pressed"] == "true"


def test_what_is_there_can_be_downloaded_and_what_is_not_can_not() -> None:
    links = {
        number: [node.attributes["href"] for node in history(looking(one)).all("a")]
        for number, one in enumerate(JOBS, start=1)
    }
    ends = ["result.mp4", "result.gif", "still.jpg"]
    for number in (1, 3, 4):
        assert links[number] == [f"/media/{f'{number}' * 32}/{end}?download=1" for end in ends]
    assert not links[2] and not links[5] and not links[6] and not links[7]


def test_downloads_have_a_telling_name() -> None:
    draft = replace(JOBS[2], name="Ada: at the sea", has_subtitles=True)
    names = [node.attributes["download"] for node in history(looking(draft)).all("a")]
    assert names == [f"Ada at the sea - draft.{end}" for end in ("mp4", "gif", "jpg", "srt")]
    [share] = history(looking(draft)).all(data_name="Ada at the sea - draft.mp4")
    assert share.attributes["data-share"].partition("?")[0] == f"/media/{'3' * 32}/result.mp4"


def test_what_goes_wrong_with_a_file_is_said_where_it_was_asked_for() -> None:
    shown = page(Phase.DRAFT)
    assert shown.job
    regions = render(replace(shown, history=(shown.job,)))
    asked = []
    for part in (tree(regions.stage), tree(regions.history)):
        [place] = {node.attributes.get("data-place", "") for node in part.walk()} - {""}
        assert part.all(data_problems=place)
        asked.append(place)
    assert asked[0] != asked[1]


def test_a_long_video_is_no_gif_and_that_is_said() -> None:
    long = replace(JOBS[0], plan=replace(JOBS[0].plan, duration_s=61.0))
    root = history(looking(long))
    assert "A GIF can be up to 60 s long." in root.words
    assert not [node for node in root.all("a") if node.words == "GIF"]


def test_a_video_plays_where_it_is_listed() -> None:
    films = [player.attributes["film"] for player in history(looking(*JOBS)).all("tp-player")]
    assert films == [f"/media/{'1' * 32}/result.mp4"]
    assert not history(looking(JOBS[1])).all("tp-player")


def test_several_are_ticked_and_deleted_after_one_question() -> None:
    shown = looking(*JOBS)
    boxes = history(shown).all(role="checkbox")
    assert [box.name for box in boxes] == [f"Tick Job {number}" for number in range(1, 8)]
    assert not history(shown).all(data_do="delete-chosen")
    ticked = replace(shown.session, chosen=("2" * 32, "6" * 32, "7" * 32, "9" * 32))
    root = history(replace(shown, session=ticked))
    states = [box.attributes["aria-checked"] for box in root.all(role="checkbox")]
    assert states == ["false", "true", "false", "false", "false", "true", "true"]
    assert root.all(data_do="delete-chosen")[0].words == "Delete 3"
    assert not root.all(data_do="delete-sure")
    asked = history(replace(shown, session=replace(ticked, deleting_chosen=True)))
    question = "Delete these 3 videos for good? “Job 2”, “Job 6” are being made and stop."
    assert asked.all(role="alert")[0].words == question
    assert asked.all(data_do="delete-sure")[0].attributes["data-job"].split() == [
        "2" * 32,
        "6" * 32,
        "7" * 32,
    ]
    assert not history(looking(JOBS[0])).all(role="checkbox")
    one = replace(shown.session, chosen=("2" * 32,), deleting_chosen=True)
    asked = history(replace(shown, session=one))
    question = "Delete “Job 2” for good? This deletes the video and its copies of the picture and"
    assert asked.all(role="alert")[0].words == f"{question} the recording. The work on it ends."
    assert asked.all(data_do="delete-not")[0].words == "Keep it"
    for chosen in (("1" * 32,), ("1" * 32, "2" * 32)):
        on_page = replace(one, draft="1" * 32, chosen=chosen)
        said = history(replace(shown, session=on_page)).all(role="alert")[0].words
        assert "Your picture and recording stay on the page." in said


def test_deleting_asks_once() -> None:
    first = [node.attributes.get("data-do") for node in history(looking(JOBS[0])).all("button")]
    assert "delete" in first and "delete-sure" not in first
    asked = history(looking(JOBS[0], selected="1" * 32, deleting=True)).all("button")
    actions = {node.attributes.get("data-do"): node.words for node in asked}
    assert actions["delete-sure"] == "Delete for good" and actions["delete-not"] == "Keep"
    assert "delete" not in actions and "use" not in actions


def test_facts_name_what_it_was_made_with() -> None:
    final, draft = (history(looking(JOBS[number])).all("dl")[0].words for number in (0, 2))
    made, said = "MultiTalk, Balanced Took 57 s, about $0.06", "Permission Not stated"
    assert final == f"Length 101 frames, 4.04 s Made with {made} {said}"
    assert draft == "Length 101 frames, 4.04 s Made with Draft Took 57.0 s, free"

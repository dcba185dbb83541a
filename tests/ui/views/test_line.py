"""The voice line against numbers worked out by hand: 25 frames a second, 81 frames a window."""

import re
from dataclasses import replace

import pytest

from inference.core.inputs import Recording, Speaking, Trim
from tests.support.markup import Node, tree
from tests.support.sessions import LEFT, RIGHT, THIRD, desk
from ui.session.session import Choices, Session, StoredVoice
from ui.views.line import WIDTH, strokes, voice_line
from ui.views.timeline import Lane, part_of, plan_without_job, timeline

BARS = 100


def laid_out(on_desk: Session) -> tuple[list[tuple[float, float]], tuple[float, ...]]:
    """From when to when each voice sounds, and the cuts."""
    plan = plan_without_job(on_desk)
    assert plan
    drawn = timeline(on_desk, plan, BARS)
    spans = [(lane.start_s, lane.start_s + lane.length_s) for lane in drawn.lanes]
    return spans, drawn.cuts


def line(on_desk: Session, share: float = 1.0, running: bool = False) -> Node:
    plan = plan_without_job(on_desk)
    assert plan
    return tree(voice_line(on_desk, plan, share, running))


def counted(seconds: float) -> StoredVoice:
    """A recording whose bars rise from 0 to 1 in hundredths."""
    recording = Recording(round(48_000 * seconds), 1, -3.0, -20.0)
    return StoredVoice("v.wav", "voice-v.wav", recording, tuple(i / 100 for i in range(100)))


def test_one_voice_fills_the_line_and_is_cut_where_the_windows_meet() -> None:
    # 7.32 s = 183 frames, on the grid 185: windows (0, 81), (56, 133), (108, 185)
    on_desk = replace(desk(LEFT), voices=(counted(7.32), None))
    assert laid_out(on_desk) == ([(0.0, 7.32)], (81 / 25, 133 / 25))


def test_two_voices_in_turn_follow_each_other() -> None:
    assert laid_out(desk(LEFT, RIGHT, voices=2))[0] == [(0.0, 4.0), (4.0, 9.0)]


def test_two_voices_together_start_together() -> None:
    together = Choices(speaking=Speaking.TOGETHER)
    spans, _ = laid_out(replace(desk(LEFT, RIGHT, voices=2), choices=together))
    assert spans == [(0.0, 4.0), (0.0, 5.0)]


def test_a_trimmed_part_lies_where_it_will_sound() -> None:
    # 4 s and 5 s in turn, used from 3 s to 6.5 s: one second of the first, 2.5 s of the second
    trimmed = replace(desk(LEFT, RIGHT, voices=2), choices=Choices(trim=Trim(3.0, 6.5)))
    assert laid_out(trimmed)[0] == [(0.0, 1.0), (1.0, 3.5)]


def test_a_voice_that_is_trimmed_away_has_no_bars() -> None:
    trimmed = replace(desk(LEFT, RIGHT, voices=2), choices=Choices(trim=Trim(4.5, 7.0)))
    plan = plan_without_job(trimmed)
    assert plan
    first, second = timeline(trimmed, plan, BARS).lanes
    assert (first.length_s, first.bars) == (0.0, ())
    assert (second.start_s, second.length_s) == (0.0, 2.5)


def test_only_the_right_one_of_two_keeps_the_right_one_s_colour() -> None:
    on_desk = replace(desk(LEFT, RIGHT), voices=(None, counted(2.0)))
    plan = plan_without_job(on_desk)
    assert plan
    assert [lane.voice for lane in timeline(on_desk, plan, BARS).lanes] == [1]


def test_bars_stand_for_the_loudest_of_their_part() -> None:
    voice = counted(1.0)  # 480 samples a bar
    assert part_of(voice, 0, 48_000, 4) == (0.24, 0.49, 0.74, 0.99)
    assert part_of(voice, 24_000, 48_000, 2) == (0.74, 0.99)
    assert part_of(voice, 24_000, 24_000, 0) == ()
    assert part_of(voice, 0, 960, 4) == (0.0, 0.0, 0.01, 0.01)  # more bars than there are


def test_strokes_stand_in_the_middle_of_their_time() -> None:
    # the second half of a line of 200: two bars at 125 and 175, half and full height of 0.4 * 50
    path = strokes(Lane(0, (0.5, 1.0), 2.0, 2.0), 4.0, 200, 50)
    assert path == "M125.0 15.8V34.2M175.0 6.5V43.5"


@pytest.mark.parametrize(("share", "hidden"), [(0.0, "100.0%"), (0.25, "75.0%"), (1.0, "0.0%")])
def test_what_is_made_has_the_voice_s_colour(share: float, hidden: str) -> None:
    made = [node for node in line(desk(LEFT), share).all("svg") if "tp-made" in node.classes]
    assert [node.attributes["style"] for node in made] == [f"clip-path:inset(0 {hidden} 0 0)"]


def test_windows_are_filled_one_after_the_other() -> None:
    # 101 frames: windows (0, 65), (40, 101), so 65 and 36 new frames; a half of 101 is in the first
    cells = line(desk(LEFT), 0.5).all("i")
    widths = [node.attributes["style"] for node in cells]
    assert widths == [f"width:{100 * 50.5 / 65:.1f}%", "width:0.0%"]


def test_the_cuts_are_drawn_and_named_at_their_place() -> None:
    root = line(desk(LEFT))
    cut = 65 / 25  # seconds, of 4.04
    (path,) = {node.attributes["d"] for node in root.all("path") if "tp-cut" in node.classes}
    assert path == f"M{WIDTH * cut / 4.04:.1f} 0V56"
    assert [node.words for node in root.all("span")][-3:] == ["0 s", "2.60", "4.04 s"]


def numbers(root: Node, narrow: bool) -> list[float]:
    """The places of the ruler's numbers but the last, in per cent of the line."""
    return [
        float(found.group(1))
        for node in root.all("span")
        if (found := re.match(r"left:([\d.]+)%", node.attributes.get("style", "")))
        and not (narrow and "tp-roomy" in node.classes)
    ]


@pytest.mark.parametrize(("narrow", "count", "gap", "end"), [(True, 3, 13, 73), (False, 8, 6, 88)])
def test_numbers_of_the_ruler_never_touch(narrow: bool, count: int, gap: int, end: int) -> None:
    root = line(replace(desk(LEFT), voices=(counted(40.0), None)))  # 18 windows
    places = numbers(root, narrow)
    gaps = [after - before for before, after in zip(places, places[1:], strict=False)]
    assert len(root.all("i")) == 18
    assert len(places) == count and min(gaps) >= gap and places[-1] <= end


def test_late_cuts_are_named_where_they_have_room() -> None:
    root = line(replace(desk(LEFT), voices=(counted(7.88), None)))
    *_, ruler = [node for node in root.walk() if "tp-cuts" in node.classes]
    assert ruler.words == "0 s 2.76 4.52 6.28 7.88 s"
    assert numbers(root, narrow=True)[-1] < 73


def test_the_line_is_there_before_somebody_said_who_speaks() -> None:
    plan = plan_without_job(desk(LEFT, THIRD, RIGHT))
    assert plan and plan.duration_s == 4.04
    assert laid_out(desk(LEFT, THIRD, RIGHT)) == laid_out(desk(LEFT))


def test_the_line_says_in_a_sentence_what_it_shows() -> None:
    def said(on_desk: Session) -> str:
        return line(on_desk).all(role="img")[0].attributes["aria-label"]

    assert said(desk(LEFT)) == "The recording, 4.00 seconds, cut into 2 windows at 2.60 seconds"
    short = replace(desk(LEFT), voices=(counted(2.0), None))
    assert said(short) == "The recording, 2.00 seconds, one window"
    assert said(replace(desk(LEFT), voices=(counted(7.32), None))).endswith(
        "cut into 3 windows at 3.24 and 5.32 seconds"
    )
    assert said(desk(LEFT, RIGHT, voices=2)) == (
        "Left speaks from 0.00 to 4.00 seconds, right speaks from 4.00 to 9.00 seconds"
    )


def test_only_running_work_is_told_as_progress() -> None:
    assert not line(desk(LEFT), 0.5).all(role="progressbar")
    (bar,) = line(desk(LEFT), 0.5, running=True).all(role="progressbar")
    assert bar.attributes["aria-valuenow"] == "50"


def test_names_stand_where_nothing_is_said() -> None:
    ends = ["tp-at-end" in node.classes for node in line(desk(LEFT, RIGHT, voices=2)).all("b")]
    assert ends == [True, False]


def test_nothing_is_laid_out_before_there_is_a_recording() -> None:
    assert plan_without_job(desk(LEFT, voices=0)) is None
    assert plan_without_job(Session()) is None

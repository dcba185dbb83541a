"""The contact sheet: a card for each row, whole in itself, whatever the names are."""

import re
from collections import Counter

import pytest

from inference.core.report import Verdict
from tests.support.batches import report
from tests.support.markup import Node, tree
from ui.cli.batch import contact_sheet
from ui.cli.batch.contact_sheet import Card, Clip
from ui.cli.batch.words import ItemStatus

CLIP = Clip(
    "f", 896, 448, 21, 0.84, 2.04, "Draft, seed 42", ("The face is small.",), "https://x/y?a&b"
)


def card(shown: Card) -> Node:
    (article,) = tree(contact_sheet.render_card(shown)).all("article")
    return article


def test_a_made_video_is_shown_with_all_that_is_known() -> None:
    shown = card(Card("one", CLIP, report(Verdict.WARN), video="one.mp4", poster="posters/one.jpg"))
    assert shown.attributes["data-kind"] == "look"
    (video,) = shown.all("video")
    assert (video.attributes["src"], video.attributes["poster"]) == ("one.mp4", "posters/one.jpg")
    assert video.attributes["preload"] == "none" and "controls" in video.attributes
    for words in ("one Worth a look", "0.84 s, made in 2.0 s", "Draft, seed 42", "face is small"):
        assert words in shown.words
    (link,) = shown.all("a")
    assert link.attributes["href"] == "https://x/y?a&b"


def test_what_is_worth_a_look_is_open_and_what_is_good_is_folded() -> None:
    shown = card(Card("one", CLIP, report(Verdict.WARN), video="one.mp4"))
    (folded,) = shown.all("details")
    assert "2 good checks Lip sync Good The lips follow the voice." in folded.words
    assert "Colour Worth a look A little <warmer> than the picture." in shown.words
    assert "warmer" not in folded.words
    assert len([svg for svg in shown.all("svg") if "tp-sp" in svg.classes]) == 2


@pytest.mark.parametrize(
    ("shown", "kind", "says"),
    [
        (Card("a"), ItemStatus.WAITING, "still to be made"),
        (Card("a", refusal="There is <no> face."), ItemStatus.FAILED, "There is <no> face."),
        (Card("a", video="a.mp4"), ItemStatus.THERE, "was there before the batch"),
        (Card("a", CLIP, video="a.mp4"), ItemStatus.UNCHECKED, "Not checked"),
        (Card("a", CLIP, report(Verdict.FAIL), video="a.mp4"), ItemStatus.BAD, "Not good"),
        (Card("a", CLIP, report(Verdict.PASS), video="a.mp4"), ItemStatus.GOOD, "3 good checks"),
    ],
)
def test_every_kind_of_row_has_its_card(shown: Card, kind: ItemStatus, says: str) -> None:
    drawn = card(shown)
    assert shown.status is kind and drawn.attributes["data-kind"] == kind
    assert says in drawn.words


def test_names_are_names_and_nothing_else() -> None:
    name = '<script>alert("1")</script> & 100 % #1?'
    shown = card(Card(name, CLIP, video=f"{name}.mp4", poster=f"posters/{name}.jpg"))
    assert shown.all("h2")[0].words == name and not shown.all("script")
    video = shown.all("video")[0].attributes
    assert video["aria-label"] == name
    assert re.fullmatch(r"[\w%.~-]+\.mp4", video["src"].replace("/", "%2F"))
    assert video["poster"].startswith("posters/%3Cscript%3E")


def test_the_page_counts_and_needs_nothing_else() -> None:
    kinds = Counter({ItemStatus.GOOD: 15, ItemStatus.LOOK: 2, ItemStatus.FAILED: 3})
    html = contact_sheet.render_sheet([contact_sheet.render_card(Card("a"))] * 20, kinds)
    page = tree(html)
    assert page.all("h1")[0].words == "17 of 20 videos"
    assert "17 made: 15 good, 2 worth a look; 3 of 20 could not be made." in page.words
    buttons = [button.words for button in page.all("button")]
    assert buttons == ["All 20", "Good 15", "Worth a look 2", "Failed 3"]
    assert not re.search(r"https?://|@import|url\((?!data:)", html)


def test_light_and_dark_are_those_of_the_page() -> None:
    html = contact_sheet.render_sheet([], Counter())
    light, dark = html.split("@media (prefers-color-scheme: dark) { :root {", 1)
    assert "--page: #f3f6f4" in light and "--page: #0d1311" in dark and ".dark" not in html


def test_five_hundred_rows_are_soon_written() -> None:
    """A card is drawn once, the page renewed after every row: no more than joined together."""
    card = contact_sheet.render_card(Card("a", CLIP, report(Verdict.WARN), video="a.mp4"))
    page = contact_sheet.render_sheet([card] * 500, Counter({ItemStatus.LOOK: 500}))
    assert len(page) < 500 * 8_000

"""The quality report beside the video, and the link to pass it on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inference.core.report import Aspect, Curve, Finding, Report, Verdict
from inference.storage.publication import Publication
from tests.support.markup import Node, tree
from tests.support.page_states import page, stage, ways
from ui.session.page_state import JobView, PageState, Phase
from ui.strings.report_text import summary
from ui.views import render
from ui.views.report import report_card

LINK = "https://bucket.example/video.mp4?sig=a&b=<c>"
GOOD = Finding(
    Aspect.LIP_SYNC, Verdict.PASS, "The lips follow the voice.", {}, Curve((0.9, 0.8), 0.5, 1)
)
LONG = Finding(
    Aspect.LENGTH, Verdict.PASS, "185 frames <and> 7.40 s.", {"picture_s": 7.4, "sound_s": 3.7}
)
WARM = Finding(Aspect.COLOUR, Verdict.WARN, "A little warmer after 5.3 s.")
BLACK = Finding(Aspect.PICTURE, Verdict.FAIL, "All frames are black.")


def report(*findings: Finding) -> Report:
    return Report(185, 7.4, findings)


def with_job(phase: Phase, publishes: bool = False, **known: object) -> PageState:
    shown = page(phase)
    assert shown.job
    job: JobView = replace(shown.job, **known)  # type: ignore[arg-type]
    return replace(shown, job=job, has_bucket=publishes)


def side(shown: PageState) -> Node:
    return tree(render(shown).side)


def test_a_final_video_has_its_report_beside_it_with_a_word_and_a_sentence_for_each_check() -> None:
    seen = side(with_job(Phase.RESULT, report=report(GOOD, LONG, WARM)))
    (heading,) = [node.words for node in seen.all("h2")]
    assert heading == "Good, one thing to look at"
    said = [node.words for node in seen.walk() if "tp-rep" in node.classes]
    assert said == [
        "Lip sync Good The lips follow the voice.",
        "Length Exact 185 frames <and> 7.40 s.",
        "Colour Worth a look A little warmer after 5.3 s.",
    ]


def test_a_draft_has_its_report_folded_away_and_says_what_it_comes_to() -> None:
    seen = side(with_job(Phase.DRAFT, report=report(GOOD, BLACK)))
    folds = [node for node in seen.all("details") if "Checks" in node.words]
    assert len(folds) == 1 and "open" not in folds[0].attributes
    (line,) = folds[0].all("summary")
    assert line.words == "Checks Not good: black or noisy frames"


def test_without_a_report_there_are_the_stages() -> None:
    assert "Stages" in side(with_job(Phase.RESULT)).words
    assert "Checks" not in side(with_job(Phase.DRAFT)).words


def test_length_is_drawn_as_picture_and_sound_side_by_side() -> None:
    bars = tree(report_card(report(LONG))).all("rect")
    widths = [float(bar.attributes["width"]) for bar in bars]
    assert widths == [344.0, 172.0]


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ([GOOD, LONG], "Good in every check"),
        ([GOOD, WARM, replace(WARM, aspect=Aspect.IDENTITY)], "Good, two things to look at"),
        (
            [BLACK, WARM, replace(BLACK, aspect=Aspect.LENGTH)],
            "Not good: black or noisy frames and length",
        ),
    ],
)
def test_a_report_is_summed_up(findings: list[Finding], words: str) -> None:
    assert summary(report(*findings)) == words


def links(shown: PageState) -> list[str]:
    return [words for words, _ in ways(shown) if "link" in words]


def published(**known: object) -> Publication:
    return replace(Publication("bucket", ("k",)), **known)  # type: ignore[arg-type]


@pytest.mark.parametrize("phase", [Phase.RESULT, Phase.DRAFT])
def test_a_published_video_has_a_link_to_copy_until_it_expires(phase: Phase) -> None:
    now = datetime.now(UTC)
    there = published(url=LINK, expires=now + timedelta(days=7))
    shown = with_job(phase, publishes=True, published=there)
    (copy,) = stage(shown).all("button", data_copy=LINK)
    assert copy.words == "Copy share link"
    assert "for anyone who has it" in stage(shown).words
    over = replace(there, expires=now - timedelta(seconds=1))
    assert links(with_job(phase, publishes=True, published=over)) == ["Make a share link"]


def test_where_publishing_failed_it_says_why_and_offers_another_try() -> None:
    failed = published(refusal="The bucket refused the key.")
    shown = with_job(Phase.RESULT, publishes=True, published=failed)
    assert "The bucket refused the key. Your video is still here." in stage(shown).words
    assert ("Make a share link", "publish") in ways(shown)


def test_no_link_is_offered_without_a_bucket_and_none_twice_while_one_is_made() -> None:
    assert not links(with_job(Phase.RESULT))
    coming = with_job(Phase.RESULT, publishes=True, published=published())
    assert not links(coming)
    assert "The share link is being made" in stage(coming).words

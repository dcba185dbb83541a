"""A report's data: its verdict is the worst of all, and JSON keeps it; what a video tells of
itself."""

import pytest

from inference.core.report import Aspect, Curve, Finding, Report, Verdict, parse_report
from inference.quality.judge import ExpectedVideo
from inference.quality.report_builder import _parse_expected


def test_the_verdict_is_the_worst_of_all() -> None:
    def report(*verdicts: Verdict) -> Report:
        return Report(25, 1.0, tuple(Finding(Aspect.COLOUR, each, "") for each in verdicts))

    assert report().verdict is Verdict.PASS
    assert report(Verdict.PASS, Verdict.WARN).verdict is Verdict.WARN
    assert report(Verdict.WARN, Verdict.FAIL, Verdict.PASS).verdict is Verdict.FAIL


def test_json_keeps_all_of_it() -> None:
    curve = Curve((0.5, None, 1.0), 0.25, 1.0)
    finding = Finding(Aspect.LIP_SYNC, Verdict.WARN, "Loosely.", {"offset_s": 0.04}, curve)
    report = Report(25, 1.0, (finding,))
    assert parse_report(report.to_json()) == report


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"frames": 41, "shape": "picture", "width": 576, "height": 704},
            ExpectedVideo(41, 576, 704, 25),
        ),
        ({"frames": 41, "shape": "portrait"}, ExpectedVideo(41, 448, 896, 25)),  # as of before
        ({"frames": 41, "shape": "9:16"}, ExpectedVideo()),
        ({"frames": 41, "width": "576", "height": 704}, ExpectedVideo()),
        ({}, ExpectedVideo()),
    ],
)
def test_a_video_tells_the_size_that_it_was_planned_with(
    settings: dict[str, object], expected: ExpectedVideo
) -> None:
    assert _parse_expected(settings) == expected


@pytest.mark.parametrize("text", [b"", b"{}", b'{"frames": "many"}'])
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        parse_report(text)

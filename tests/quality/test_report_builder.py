"""A report's data: its verdict is the worst of all, and JSON keeps it."""

import pytest

from inference.core.report import Aspect, Curve, Finding, Report, Verdict, from_json


def test_the_verdict_is_the_worst_of_all() -> None:
    def report(*verdicts: Verdict) -> Report:
        return Report(25, 1.0, tuple(Finding(Aspect.COLOUR, each, "") for each in verdicts))

    assert report().verdict is Verdict.PASS
    assert report(Verdict.PASS, Verdict.LOOK).verdict is Verdict.LOOK
    assert report(Verdict.LOOK, Verdict.FAIL, Verdict.PASS).verdict is Verdict.FAIL


def test_json_keeps_all_of_it() -> None:
    curve = Curve((0.5, None, 1.0), 0.25, 1.0)
    finding = Finding(Aspect.LIP_SYNC, Verdict.LOOK, "Loosely.", {"offset_s": 0.04}, curve)
    report = Report(25, 1.0, (finding,))
    assert from_json(report.to_json()) == report


@pytest.mark.parametrize("text", [b"", b"{}", b'{"frames": "many"}'])
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        from_json(text)

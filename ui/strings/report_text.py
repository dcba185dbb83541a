"""What a quality report says beside its findings' own sentences."""

from collections.abc import Sequence

from inference.core.report import Aspect, Finding, Report, Verdict

CHECKS, CHECKS_HINT = "Checks", "measured on the finished video"
TITLES = {
    Aspect.LIP_SYNC: "Lip sync",
    Aspect.SPEAKERS: "Who speaks",
    Aspect.LENGTH: "Length",
    Aspect.PICTURE: "Black or noisy frames",
    Aspect.MOTION: "Frozen frames",
    Aspect.COLOUR: "Colour",
    Aspect.IDENTITY: "Likeness",
}
VERDICTS = {Verdict.PASS: "Good", Verdict.LOOK: "Worth a look", Verdict.FAIL: "Failed"}
_GOOD = {Aspect.LENGTH: "Exact", Aspect.PICTURE: "None", Aspect.MOTION: "None"}
_NUMBERS = ("", "one thing", "two things", "three things", "four things", "five things")


def verdict(finding: Finding) -> str:
    """The verdict on one aspect in a word or three."""
    if finding.verdict is Verdict.PASS:
        return _GOOD.get(finding.aspect, VERDICTS[Verdict.PASS])
    return VERDICTS[finding.verdict]


def summary(report: Report) -> str:
    """What all of it comes to."""
    failed = _of(report, Verdict.FAIL)
    if failed:
        return f"Not good: {_listed(failed)}"
    looks = len(_of(report, Verdict.LOOK))
    if not looks:
        return "Good in every check"
    return f"Good, {_NUMBERS[looks] if looks < len(_NUMBERS) else 'several things'} to look at"


def _of(report: Report, verdict: Verdict) -> list[Finding]:
    return [finding for finding in report.findings if finding.verdict is verdict]


def _listed(findings: Sequence[Finding]) -> str:
    words = [TITLES[finding.aspect].lower() for finding in findings]
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)

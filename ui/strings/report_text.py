"""Words around a quality report's findings."""

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
    Aspect.CREDENTIALS: "Content credentials",
}
VERDICTS = {Verdict.PASS: "Good", Verdict.WARN: "Worth a look", Verdict.FAIL: "Failed"}
_PASS_WORDS = {
    Aspect.LENGTH: "Exact",
    Aspect.PICTURE: "None",
    Aspect.MOTION: "None",
    Aspect.CREDENTIALS: "Signed",
}
NO_CREDENTIALS = (
    "No content credentials: it was never signed, or saving or sending it dropped them."
)
CREDENTIALS_NOT_READ = "They can't be read here. Install the app again."
CREDENTIALS_TOO_MUCH = "Those of this file can't be read."
_COUNT_WORDS = ("", "one thing", "two things", "three things", "four things", "five things")


def verdict(finding: Finding) -> str:
    """One aspect's verdict in a word or three."""
    if finding.verdict is Verdict.PASS:
        return _PASS_WORDS.get(finding.aspect, VERDICTS[Verdict.PASS])
    return VERDICTS[finding.verdict]


def summary(report: Report) -> str:
    """The whole report in a sentence."""
    failed = _select(report, Verdict.FAIL)
    if failed:
        return f"Not good: {_join_titles(failed)}"
    looks = len(_select(report, Verdict.WARN))
    if not looks:
        return "Good in every check"
    return (
        f"Good, {_COUNT_WORDS[looks] if looks < len(_COUNT_WORDS) else 'several things'} to look at"
    )


def _select(report: Report, verdict: Verdict) -> list[Finding]:
    return [finding for finding in report.findings if finding.verdict is verdict]


def _join_titles(findings: Sequence[Finding]) -> str:
    words = [TITLES[finding.aspect].lower() for finding in findings]
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)

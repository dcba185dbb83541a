"""What was measured of a video: a verdict, and a small plot and a sentence for each check."""

from collections.abc import Iterable
from html import escape

from inference.core.report import Aspect, Finding, Report, Verdict
from ui.strings import report_text
from ui.views.elements import icon, small
from ui.views.plot import plot

_MARKS = {
    Verdict.PASS: ("", "done"),
    Verdict.WARN: ("tp-look", "look"),
    Verdict.FAIL: ("tp-bad", "bad"),
}
_BARS = (
    '<svg class="tp-sp" viewBox="0 0 344 26" preserveAspectRatio="none" aria-hidden="true">'
    '<rect y="2" width="{picture:.1f}" height="8" rx="2" fill="var(--pine)"/>'
    '<rect y="15" width="{sound:.1f}" height="8" rx="2" fill="var(--rest)"/></svg>'
)


def report_card(report: Report) -> str:
    """The whole report, open."""
    head = (
        f'<div class="tp-verdict"><h2>{escape(report_text.summary(report))}</h2>'
        f"{small(report_text.CHECKS_HINT)}</div>"
    )
    return f'<section class="tp-card">{head}{findings(report.findings)}</section>'


def report_fold(report: Report) -> str:
    """The report folded away, with what it comes to in its one line."""
    return (
        f'<details class="tp-card tp-fold"><summary><b>{escape(report_text.CHECKS)}</b>'
        f"{small(report_text.summary(report))}{icon('fold')}</summary>"
        f'<div class="tp-reps">{findings(report.findings)}</div></details>'
    )


def tag(finding: Finding) -> str:
    """A verdict as a mark and a word."""
    kind, mark = _MARKS[finding.verdict]
    return f'<span class="tp-tag {kind}">{icon(mark)}{escape(report_text.verdict(finding))}</span>'


def drawn(finding: Finding) -> str:
    """The plot of a finding: the length as two bars, all else as a line over time."""
    if finding.aspect is Aspect.LENGTH:
        picture, sound = (finding.numbers.get(f"{name}_s", 0.0) for name in ("picture", "sound"))
        longest = max(picture, sound)
        if not longest:
            return ""
        return _BARS.format(picture=344 * picture / longest, sound=344 * sound / longest)
    return plot(finding.curve) if finding.curve else ""


def findings(found: Iterable[Finding]) -> str:
    """Each with its title, its verdict, its plot and its sentence."""
    return "".join(
        f'<div class="tp-rep"><div class="tp-h"><b>{escape(report_text.TITLES[one.aspect])}</b>'
        f'{tag(one)}</div>{drawn(one)}<p class="tp-small tp-soft">{escape(one.message)}</p></div>'
        for one in found
    )

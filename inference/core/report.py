"""What was found of a video: a verdict on each aspect, in plain words. Data only.

Measured and judged by `inference.quality`; shown by the page, the command line and contact sheets.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import TypeAdapter


class Verdict(StrEnum):
    """How good it is, from the best to the worst."""

    PASS = "pass"
    WARN = "look"  # worth a look by a person
    FAIL = "fail"


class Aspect(StrEnum):
    """What is looked at, in the order in which it is told."""

    LIP_SYNC = "lip_sync"  # the lips follow the sound
    SPEAKERS = "speakers"  # of two people, each moves with their own recording
    LENGTH = "length"  # size, rate and frames as planned; sound and picture equally long
    PICTURE = "picture"  # no black frame, no noise
    MOTION = "motion"  # nothing stands still
    COLOUR = "colour"  # as in the picture, all the time
    IDENTITY = "identity"  # the same face as in the picture, all the time


@dataclass(frozen=True)
class Curve:
    """Something over the time of the whole video: `values`, at equal distances, at most 120.

    From `low` to `high` they are good. Where nothing could be measured a value is None.
    """

    values: tuple[float | None, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Finding:
    """The verdict on one aspect; `message` is a sentence for the person, `numbers` are what was
    measured, with units in their names."""

    aspect: Aspect
    verdict: Verdict
    message: str
    numbers: dict[str, float] = field(default_factory=dict)
    curve: Curve | None = None


@dataclass(frozen=True)
class Report:
    """All that was found of one video of `frames` frames and `duration_s` seconds of picture."""

    frames: int
    duration_s: float
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all findings."""
        found = {finding.verdict for finding in self.findings}
        return max(found, key=list(Verdict).index, default=Verdict.PASS)

    def to_json(self) -> bytes:
        """The report as JSON, for `parse_report`."""
        return _REPORT.dump_json(self, indent=1)


_REPORT = TypeAdapter(Report)


def parse_report(text: bytes) -> Report:
    """The report that `Report.to_json` wrote. Raises ValueError for anything else."""
    return _REPORT.validate_json(text)

"""Quality report of a video: a verdict on each aspect, in plain words. Data only.

`inference.quality` builds it; the page, the command line and contact sheets show it.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import TypeAdapter

from inference.core.files import parse_json


class Verdict(StrEnum):
    """Verdict, from best to worst. The values are stored in reports."""

    PASS = "pass"
    WARN = "look"  # a person should check it
    FAIL = "fail"


class Aspect(StrEnum):
    """Examined aspect of a video, in order of presentation."""

    LIP_SYNC = "lip_sync"  # the lips follow the sound
    SPEAKERS = "speakers"  # of two people, each moves with their own recording
    LENGTH = "length"  # size, rate and frames as planned; sound and picture equally long
    PICTURE = "picture"  # no black frame, no noise
    MOTION = "motion"  # no frozen frames
    COLOUR = "colour"  # stays as in the picture
    IDENTITY = "identity"  # the face stays that of the picture
    CREDENTIALS = "credentials"  # signed, and not changed since


@dataclass(frozen=True)
class Curve:
    """Course of a quantity over the whole video: at most 120 `values`, evenly spaced in time.

    Values from `low` to `high` are good; None marks a gap in the measurements.
    """

    values: tuple[float | None, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Finding:
    """Verdict on one aspect, with a sentence for the user.

    `numbers` are the measurements behind it, with units in their names.
    """

    aspect: Aspect
    verdict: Verdict
    message: str
    numbers: dict[str, float] = field(default_factory=dict)
    curve: Curve | None = None


@dataclass(frozen=True)
class Report:
    """All findings on a video of `frames` frames and `duration_s` seconds."""

    frames: int
    duration_s: float
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all findings."""
        found = {finding.verdict for finding in self.findings}
        return max(found, key=list(Verdict).index, default=Verdict.PASS)

    def to_json(self) -> bytes:
        """Return the report as JSON, for `parse_report`."""
        return _REPORT.dump_json(self, indent=1)


_REPORT = TypeAdapter(Report)


def parse_report(text: bytes) -> Report:
    """Return the report that `Report.to_json` wrote. Raises ValueError for invalid input."""
    return _REPORT.validate_python(parse_json(text))

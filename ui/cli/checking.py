"""Check of a video for the command line; the video is decoded in the sandbox's process."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from inference.core.errors import Fault, InputCode, InputError
from inference.core.inputs import require_one_or_two
from inference.core.report import Aspect, Finding, Report, Verdict, parse_report
from inference.core.settings import load_settings
from inference.core.task import voice_name
from inference.media.ingest import RECORDING_OPERATION
from inference.media.sandbox.runner import DIRECT, Budget, Call, Operation
from inference.rendering.provenance.credentials import (
    Credentials,
    State,
    describe_credentials,
)
from inference.rendering.provenance.identity import ANCHORS, read_anchors
from ui.cli import terminal
from ui.strings import report_text

_CHECK_VIDEO = Operation(
    "inference.quality.report_builder:build_report_in_sandbox",
    "video",
    InputCode.NOT_A_VIDEO,
    InputCode.VIDEO_TOO_LARGE,
    Budget(cpu_s=90, wall_s=240),
)
_READ_CREDENTIALS = Operation(
    "inference.rendering.provenance.c2pa_file:read_credentials",
    "video",
    InputCode.NOT_A_VIDEO,
    InputCode.VIDEO_TOO_LARGE,
)
_REPORT = "report"  # the sandbox's output path; nothing is written there


def check_video(folder: Path, video: Path, recordings: Sequence[Path]) -> Report:
    """Return the report on `video`, its content credentials, and whether its people say
    `recordings`.

    Clean copies of the recordings are written to `folder`. Raises InputError and Fault as the
    sandbox does.
    """
    if recordings:
        require_one_or_two(len(recordings))
        DIRECT.run(
            *(
                Call(RECORDING_OPERATION, recording, folder / voice_name(index))
                for index, recording in enumerate(recordings)
            )
        )
    beside = tuple(folder / voice_name(index) for index in range(len(recordings)))
    (fields,) = DIRECT.run(Call(_CHECK_VIDEO, video, folder / _REPORT, beside=beside))
    report = parse_report(json.dumps(fields).encode())
    credentials = _check_credentials(folder, video)
    return replace(report, findings=(*report.findings, credentials)) if credentials else report


def _check_credentials(folder: Path, video: Path) -> Finding | None:
    """Return the finding on the video's content credentials; None if it has none."""
    anchors = folder / ANCHORS
    anchors.write_text(read_anchors(load_settings()))
    try:
        (fields,) = DIRECT.run(Call(_READ_CREDENTIALS, video, folder / _REPORT, beside=(anchors,)))
    except Fault:
        return Finding(Aspect.CREDENTIALS, Verdict.WARN, report_text.CREDENTIALS_NOT_READ)
    except InputError:  # took too much
        return Finding(Aspect.CREDENTIALS, Verdict.WARN, report_text.CREDENTIALS_TOO_MUCH)
    return describe_credentials(Credentials(**fields | {"state": State(fields["state"])}))


def print_report(report: Report, as_json: bool) -> None:
    """Print the report: a line for each aspect, or one JSON object."""
    if as_json:
        terminal.print_json({"verdict": report.verdict, **asdict(report)})
        return
    for finding in report.findings:
        title = report_text.TITLES[finding.aspect]
        verdict = report_text.VERDICTS[finding.verdict]
        print(f"{title:<22} {verdict:<13} {finding.message}")
    if all(finding.aspect is not Aspect.CREDENTIALS for finding in report.findings):
        print(report_text.NO_CREDENTIALS)
    print(f"{report_text.summary(report)}.")

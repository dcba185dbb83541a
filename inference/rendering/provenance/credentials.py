"""Content credentials as they were read from a file, and what may be said of them."""

from dataclasses import dataclass
from enum import StrEnum

from inference.core.report import Aspect, Finding, Verdict

_SAID = {
    "trainedAlgorithmicMedia": " It says that generative AI made it.",
    "compositeSynthetic": " It says that parts of it are synthetic.",
}


class State(StrEnum):
    """State of a file's content credentials, as it leaves the sandbox."""

    NONE = "none"
    CHANGED = "changed"  # the file, or the credentials themselves
    INVALID = "invalid"  # unchanged, but the certificate is not one for media, or did not hold
    UNPROVED = "unproved"  # unchanged; signed by whoever the certificate names, or somebody else
    PROVED = "proved"  # unchanged, and signed with a certificate that is trusted here


@dataclass(frozen=True)
class Credentials:
    """Content credentials of a file.

    `signer` is the printable name in the certificate, `source_type` the address of an IPTC term.
    """

    state: State
    signer: str = ""
    source_type: str = ""


def describe_credentials(found: Credentials) -> Finding | None:
    """Return the finding on a file; None if it carries no content credentials."""
    said = _SAID.get(found.source_type.rpartition("/")[2], "")
    signer = found.signer or "somebody"
    match found.state:
        case State.NONE:
            return None
        case State.CHANGED:
            verdict, message = Verdict.FAIL, "This file was changed after it had been signed."
        case State.INVALID:
            message = (
                f"Unchanged since it was signed as {signer}, "
                "but that certificate is not valid, or not any more."
            )
            verdict = Verdict.WARN
        case State.UNPROVED:
            message = (
                f"Unchanged since it was signed as {signer}. That does not prove who it was: "
                f"this app does not know the certificate.{said}"
            )
            verdict = Verdict.PASS
        case State.PROVED:
            message = f"Unchanged since {signer} signed it; its certificate is trusted here.{said}"
            verdict = Verdict.PASS
    return Finding(Aspect.CREDENTIALS, verdict, message)

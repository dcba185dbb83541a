"""Check of what holds code in a broken decoder on this machine."""

from inference.core.confinement.confine import find_support
from inference.diagnostics.check import Check


def check_confinement() -> Check:
    """Check whether decoding is confined; where a part is missing it goes on with the others."""
    support = find_support()
    return Check("confinement", support.is_whole, support.sentence, needed=False)

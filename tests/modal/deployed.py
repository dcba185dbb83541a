"""What tests of the deployed app have in common."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.modal.conftest import needs_root
from tests.modal.standin.handle import StandIn
from tests.support.media import ROOT

APP, PAGE, GPU, DRAFT = "talking-portrait", "web", "MultiTalk.*", "draft"
TINY = {"PORTRAIT_MODEL": "multitalk-tiny"}  # the GPU class's model, which a CPU runs
_SIZES = "inference/core/inputs.py"
# a quarter of the pixels, which a CPU makes sooner
SMALL_FRAMES = {
    f"/root/{_SIZES}": (ROOT / _SIZES).read_text()
    + "\nFRAME_SIZES = {**FRAME_SIZES, Shape.LANDSCAPE: FrameSize(448, 224)}\n"
}


@contextmanager
def deployed(
    folder: Path,
    environment: Mapping[str, str] = TINY,
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    replaced: Mapping[str, str] | None = None,
) -> Iterator[StandIn]:
    """Modal, with the app deployed from a machine with that environment; see `StandIn`."""
    needs_root()
    with StandIn(folder, secrets=secrets, replaced=replaced) as standin:
        done = standin.modal("deploy", "app.py", env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        yield standin

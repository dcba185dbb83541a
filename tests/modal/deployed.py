"""What tests of the deployed app have in common."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.modal.conftest import needs_root
from tests.modal.standin.handle import StandIn
from tests.support.media import ROOT

APP, PAGE, GPU, DRAFT = "talking-portrait", "web", "MultiTalk.*", "draft"
TINY = {"PORTRAIT_MODEL": "multitalk-tiny"}  # the GPU class's model, which a CPU runs
_SIZES, _WINDOWS = "inference/core/inputs.py", "inference/multitalk/window_generator.py"
# an eighth of the pixels, which a CPU makes sooner; a plan of the real size does not fit them
_SMALLER = "FRAME_SIZES = {**FRAME_SIZES, Shape.LANDSCAPE: FrameSize(320, 160)}"
SMALL_FRAMES = {f"/root/{_SIZES}": f"{(ROOT / _SIZES).read_text()}\n{_SMALLER}\n"}
# `app.py`, which plans such frames on this machine
SMALL_APP = f"""
import runpy
from inference.core import inputs
exec({_SMALLER!r}, vars(inputs))
runpy.run_path("app.py", run_name="__main__")
"""
# after its first step each window waits until the test lets it go on, or until it is cancelled
HELD_WINDOWS = {
    f"/root/{_WINDOWS}": (ROOT / _WINDOWS).read_text()
    + """
import os

_report_step = WindowGenerator._report_step

def _report_and_wait(self, denoised, index):
    yield from _report_step(self, denoised, index)
    while denoised.step == 0 and not os.path.exists(f"/__modal/io/window-{index + 1}"):
        self._raise_if_cancelled()
        time.sleep(0.1)

WindowGenerator._report_step = _report_and_wait
"""
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

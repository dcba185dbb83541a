"""What tests with the stand-in for Modal need of this machine."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import artifacts, chromium_options, start_playwright

__all__ = ["artifacts", "needs_root"]

_TOOLS = ("setpriv", "unshare", "nsenter", "mount", "umount", "chroot")
_MAY_MOUNT = 1 << 21  # the kernel's CAP_SYS_ADMIN
_TRIAL = """
set -e
mount -t tmpfs trial {0}
mkdir {0}/upper {0}/work {0}/root {1}/lower {1}/upper {1}/work
mount -t overlay trial -o lowerdir=/,upperdir={0}/upper,workdir={0}/work {0}/root
mount -t overlay trial -o lowerdir={1}/lower,upperdir={1}/upper,workdir={1}/work {0}/root/mnt
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser whose contexts are people of their own."""
    with start_playwright() as chromium:
        yield chromium.launch(**chromium_options())


def needs_root() -> None:
    """Skip the test where no containers can be started; in CI only if the right to do so lacks."""
    if os.geteuid() != 0 or not _may_mount():
        pytest.skip("The stand-in for Modal mounts file systems: run its tests as root.")
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        why = f"The stand-in for Modal needs {', '.join(missing)}: install util-linux."
    else:
        why = _failure()
    if why and os.environ.get("CI"):
        pytest.fail(why)
    if why:
        pytest.skip(why)


def _may_mount() -> bool:
    """Root in a container mostly may not."""
    status = Path("/proc/self/status").read_text()
    rights = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(rights.split()[1], 16) & _MAY_MOUNT)


def _failure() -> str:
    """Why the mounts that a container needs cannot be made here; "" if they can."""
    with tempfile.TemporaryDirectory() as folder:
        box = Path(folder, "box")
        box.mkdir()
        command = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", _TRIAL.format(box, folder)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0 and Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        return ""
    return f"The stand-in for Modal cannot mount what it needs here: {done.stderr.strip()}"

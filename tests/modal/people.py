"""People at the deployed page, and what is done to the machines behind it."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import expect

from inference.cloud import names
from inference.core.task import RESULT, segment_name, state_name
from tests.browser.visits import Visit
from tests.modal.deployed import APP, PAGE, TINY
from tests.modal.standin.handle import StandIn
from tests.support.media import ROOT, decoded
from tests.support.processes import ON_FEW_CORES

PATIENCE_S = 300
_WRITES = re.compile(r"^\[(ta-\d+) web\] .*this machine writes from now on", re.M)
FILM = "[...document.querySelector('tp-player').shadowRoot.querySelectorAll('video')].at(-1)"


def draft(me: Visit, picture: Path, voice: Path, steps: int) -> None:
    """Give both and see the draft, then choose the quickest final quality."""
    me.draft(voice, picture)
    me.page.locator("summary", has_text="Scene and quality").click()
    me.page.get_by_role("radio", name="Fast").click()
    expect(me.page.locator("summary", has_text="Fast")).to_be_visible()
    me.page.locator("summary", has_text="Advanced").click()
    number = me.page.locator("input[data-set=steps]")
    number.fill(str(steps))
    number.press("Tab")


def make(me: Visit) -> None:
    """Have the final video made."""
    me.make()
    me.see("Making your video")


def until_window(me: Visit, number: int, of: int) -> None:
    """Wait until that window, from 1, has done a step."""
    line = me.page.locator(".tp-stages li.tp-now", has_text=f"Window {number} of {of}")
    line.get_by_text("Step").wait_for(timeout=PATIENCE_S * 1000)


def until_ready(me: Visit) -> None:
    """Wait for the video."""
    ready = "Your video is ready"
    expect(me.page.locator("#tp-head h1")).to_have_text(ready, timeout=PATIENCE_S * 1000)


def plays(me: Visit) -> None:
    """The film on show can be played."""
    me.page.wait_for_function(FILM + ".readyState >= 3")
    me.page.locator("tp-player").first.get_by_role("button", name="Play").click()
    me.page.wait_for_function(FILM + ".currentTime > 0.3")


def pages(standin: StandIn) -> list[str]:
    """The tasks of the page's machines that there are."""
    found = standin.containers()
    return [c["task"] for c in found if c["function"] == PAGE and c["pid"]]


@contextmanager
def two_pages(standin: StandIn) -> Iterator[tuple[str, str]]:
    """Deploy the app anew. Gives the tasks of the page's old machine, which lives on as long as a
    stream of it is open, and of the new one, whose page is about to start."""
    with urlopen(standin.request(APP, PAGE, "/gradio_api/heartbeat/one"), timeout=PATIENCE_S):
        found = standin.containers()
        (old,) = (c["task"] for c in found if c["function"] == PAGE and not c["ending"])
        assert standin.modal("deploy", "app.py", env=TINY).returncode == 0
        asking = threading.Thread(target=_ask, args=[standin], daemon=True)
        asking.start()
        end = time.monotonic() + PATIENCE_S
        while old not in (now := pages(standin)) or len(now) < 2:
            assert time.monotonic() < end, now
            time.sleep(0.2)
        yield old, next(task for task in now if task != old)


def _ask(standin: StandIn) -> None:
    with suppress(OSError), urlopen(standin.request(APP, PAGE, "/healthz"), timeout=PATIENCE_S):
        pass


def until_it_writes(standin: StandIn, task: str) -> None:
    """Wait until it is the turn of that machine of the page."""
    end = time.monotonic() + PATIENCE_S
    while task not in _WRITES.findall(standin.output()):
        assert time.monotonic() < end
        time.sleep(0.2)


def machine(standin: StandIn, function: str, *others: str) -> str:
    """The task of a container of `function` that has something to do, none of the `others`."""
    end = time.monotonic() + PATIENCE_S
    while True:
        for container in standin.containers():
            busy = container["function"] == function and container["running"]
            if busy and container["task"] not in others:
                return str(container["task"])
        assert time.monotonic() < end, f"no container of {function}"
        time.sleep(0.2)


def saved(me: Visit, target: Path) -> list[NDArray[np.uint8]]:
    """The frames of the video that the page gives away."""
    with me.page.expect_download() as download:
        me.page.get_by_role("link", name="Download video").first.click()
    download.value.save_as(target)
    return decoded(target)


def copied(standin: StandIn, me: Visit, target: Path) -> Path:
    """What the Volume has of the video that is being made: its inputs, its finished windows."""
    job = urlparse(me.film or "").path.split("/")[2]
    work = standin.volume_folder(names.JOBS_VOLUME) / names.work_folder(job)
    assert (work / state_name(0)).exists() and not (work / segment_name(1)).exists()
    shutil.copytree(work, target)
    return target


def finished(half: Path) -> list[NDArray[np.uint8]]:
    """The frames of that video when this machine makes the rest of it, undisturbed."""
    environment = os.environ | TINY | ON_FEW_CORES | {"PORTRAIT_DEVICE": "cpu"}
    command = [sys.executable, "-m", "inference.jobs.worker", str(half)]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True)
    return decoded(half / RESULT)

"""Gradio is loaded whole, but for the notes that it writes for editors."""

import subprocess
import sys
from pathlib import Path

from tests.support.media import ROOT
from ui.web.gradio import gr


class Region(gr.HTML):
    """A component as Gradio knows them, beside whose source it would write its notes."""


def test_nothing_is_written_beside_a_component() -> None:
    assert Region("some words").value == "some words"
    assert not Path(__file__).with_suffix(".pyi").exists()


def test_it_is_the_one_package_and_says_nothing() -> None:
    code = "from ui.web.gradio import gr; import gradio, gradio.themes; assert gradio is gr, gr"
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

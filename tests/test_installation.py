"""What gets installed: every version is known, and so is what the wheels bring along."""

import re
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.media import ROOT

CONSTRAINTS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def read_requirements(name: str) -> list[Requirement]:
    """Return the requirements of the file and of those that it includes."""
    found = []
    for line in (ROOT / name).read_text().splitlines():
        text = line.split("#")[0].strip()
        if text.startswith("-r "):
            found += read_requirements(text[3:])
        elif text:
            found.append(Requirement(text))
    return found


def list_installed(requirements: list[Requirement]) -> dict[str, Distribution]:
    """Return the installed packages that these need, directly or not, by name."""
    found: dict[str, Distribution] = {}
    waiting = [(each, "") for each in requirements]
    for need, extra in waiting:
        if need.marker and not need.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(need.name)
        found[name] = distribution(name)
        needs = [Requirement(text) for text in found[name].requires or []]
        more = [(each, own) for each in needs for own in ("", *need.extras)]
        waiting += [pair for pair in more if pair not in waiting]
    return found


def test_every_version_is_pinned_also_those_of_what_packages_need() -> None:
    pins: dict[str, Requirement] = {
        canonicalize_name(each.name): each
        for each in CONSTRAINTS
        if not each.marker or each.marker.evaluate()
    }
    needed = [*read_requirements("requirements-test.txt"), Requirement("torch")]
    installed = list_installed(needed)
    assert len(installed) > 90
    versions = {name: each.version.partition("+")[0] for name, each in installed.items()}
    assert versions == {name: str(pins[name].specifier).removeprefix("==") for name in installed}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_the_pins_hold_on_every_system_and_python(system: str, python: str) -> None:
    environment = {"python_version": python, "python_full_version": f"{python}.1"}
    environment |= {"sys_platform": system, "platform_machine": "x86_64"}
    here = [each for each in CONSTRAINTS if not each.marker or each.marker.evaluate(environment)]
    names = [canonicalize_name(each.name) for each in here]
    assert len(names) == len(set(names))  # one version of each
    for need in read_requirements("requirements-test.txt"):
        if not need.marker or need.marker.evaluate(environment):
            pin = here[names.index(canonicalize_name(need.name))]
            assert pin.specifier == need.specifier


def test_pillow_13_can_not_be_installed_yet() -> None:
    """Fails as soon as Gradio allows Pillow 13: then raise both pins, and drop this test."""
    needs = map(Requirement, distribution("gradio").requires or [])
    pillow = next(need for need in needs if need.name == "pillow")
    assert not pillow.specifier.contains("13.0.0")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' wheels bundle other libraries")
def test_the_notice_names_every_library_that_wheels_bundle() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for name, package in list_installed(read_requirements("requirements.txt")).items():
        for file in map(Path, map(str, package.files or [])):
            library = re.match(r"lib(.+?)_?(-r0)?(-[0-9a-f]{8}|\.so)", file.name)
            if library and file.parent.name.endswith(".libs"):
                assert re.search(rf"\b{re.escape(library[1])}\b", notice), (name, file.name)

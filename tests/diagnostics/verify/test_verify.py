"""The self-test passes on MultiTalk's own numbers, and fails on any that are not."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import typer
from safetensors.torch import load_file, save_file
from torch import Tensor

from inference.diagnostics.verify import __main__ as verify
from inference.diagnostics.verify.cases import CASE_FILE, Case, Target, find_cases
from tests.support.media import ROOT

REFERENCE = ROOT / "tests" / "reference"
CASES = dict(find_cases(REFERENCE))
REDUCED = [n for n, case in CASES.items() if case.values.get("tolerance_bfloat16") is not None]
CPU = torch.device("cpu")
LINE = re.compile(r"(\S+) (\w+) rel=(\d\.\d\de[+-]\d\d|inf|nan) max=(\S+) (PASS|FAIL)")
GUIDANCE = "guidance/cfg_two_pass"  # a small case of tensors


@pytest.fixture
def guidance(tmp_path: Path) -> Path:
    """A folder that holds one case, free to be changed."""
    shutil.copytree(REFERENCE / GUIDANCE, tmp_path / GUIDANCE)
    return tmp_path


def status(path: Path, device: verify.Device = verify.Device.CPU) -> int:
    """What the command exits with."""
    with pytest.raises(typer.Exit) as left:
        verify.main(path, device, verify.Precision.FLOAT32)
    return left.value.exit_code


def verdicts(printed: str) -> dict[str, str]:
    """PASS or FAIL by case; every line printed is one case's."""
    lines = [LINE.fullmatch(line) for line in printed.splitlines()]
    assert all(lines), printed
    return {line[1]: line[5] for line in lines if line}


def edit(file: Path, change: Callable[[dict[str, object]], object]) -> None:
    values = json.loads(file.read_text())
    change(values)
    file.write_text(json.dumps(values))


def test_there_is_a_case_of_every_kind() -> None:
    assert {case.kind for case in CASES.values()} == set(verify.KINDS)


@pytest.mark.parametrize("name", CASES)
def test_a_case_passes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.check_case(name, CASES[name], CPU, torch.float32)
    assert verdicts(capsys.readouterr().out) == {name: "PASS"}


@pytest.mark.parametrize("name", REDUCED)
def test_a_case_passes_in_bfloat16(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.check_case(name, CASES[name], CPU, torch.bfloat16)
    line = LINE.fullmatch(capsys.readouterr().out.strip())
    assert line and float(line[3]) > 1e-3  # float32 is a thousand times nearer


def test_only_networks_that_allow_it_are_run_in_bfloat16() -> None:
    assert {CASES[name].kind for name in REDUCED} == {"audio_proj", "clip", "dit", "t5"}
    for name, case in CASES.items():
        dtype = torch.bfloat16 if name in REDUCED else torch.float32
        assert case.select_dtype(torch.bfloat16)[0] is dtype
        assert case.select_dtype(torch.float32)[0] is torch.float32


def test_the_command_prints_a_line_for_each_case() -> None:
    command = [sys.executable, "-m", "inference.verify", "tests/reference/audio_windows"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{name} audio_windows rel=0.00e+00 max=0.00e+00 PASS" for name in ("past_the_end", "start")
    ]


def test_one_wrong_number_fails_its_case_alone(
    guidance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(REFERENCE / "buckets", guidance / "buckets")
    file = guidance / GUIDANCE / "expected.safetensors"
    expected = load_file(file)
    expected["out"][0, 3, 1, 2, 0] += 0.05
    save_file(expected, file)
    assert status(guidance) == 1
    assert verdicts(capsys.readouterr().out) == {"buckets/common": "PASS", GUIDANCE: "FAIL"}


def test_a_wrong_plain_number_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(REFERENCE / "buckets", tmp_path / "buckets")
    file = tmp_path / "buckets" / "common" / "expected.json"
    file.write_text(file.read_text().replace("640", "648", 1))
    assert status(tmp_path) == 1
    assert verdicts(capsys.readouterr().out) == {"buckets/common": "FAIL"}


def test_an_unknown_kind_fails_and_says_so(
    guidance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(guidance / GUIDANCE / CASE_FILE, lambda values: values.update(kind="dreaming"))
    assert status(guidance) == 1
    said = capsys.readouterr()
    assert said.out == f"{GUIDANCE} dreaming rel=nan max=nan FAIL\n"
    assert "dreaming" in said.err


def test_weights_that_do_not_fit_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(REFERENCE / "audio_proj", tmp_path / "audio_proj")
    shapes = tmp_path / "audio_proj" / "two_rows" / "shapes.json"
    edit(shapes, lambda values: values.pop("audio_proj.proj2.bias"))
    assert status(tmp_path) == 1
    said = capsys.readouterr()
    assert verdicts(said.out) == {"audio_proj/two_rows": "FAIL"}
    assert "1 missing: audio_proj.proj2.bias" in said.err


def nan(out: Tensor) -> dict[str, Tensor]:
    spoilt = out.clone()
    spoilt[0, 0, 0, 0, 0] = torch.nan
    return {"out": spoilt}


@pytest.mark.parametrize(
    "spoil",
    [
        nan,
        lambda out: {"out": out.unsqueeze(0)},
        lambda out: {},
        lambda out: {"out": out, "out.more": out},
    ],
    ids=["a NaN", "another shape", "a missing key", "an additional key"],
)
def test_what_is_not_comparable_fails(
    spoil: Callable[[Tensor], dict[str, Tensor]],
    guidance: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    honest = verify.KINDS["guidance"]

    def spoilt(case: Case, place: Target) -> dict[str, Tensor]:
        return spoil(honest(case, place)["out"])

    monkeypatch.setitem(verify.KINDS, "guidance", spoilt)
    assert status(guidance) == 1
    assert capsys.readouterr().out == f"{GUIDANCE} guidance rel=inf max=inf FAIL\n"


@pytest.mark.parametrize(("tolerance", "wanted"), [(0.0098, 1), (0.01, 0)])
def test_a_tolerance_is_the_largest_error_that_passes(
    tolerance: float, wanted: int, guidance: Path
) -> None:
    file = guidance / GUIDANCE / "expected.safetensors"
    save_file({"out": load_file(file)["out"] * 1.01}, file)  # an error of 0.01 / 1.01
    edit(guidance / GUIDANCE / CASE_FILE, lambda values: values.update(tolerance=tolerance))
    assert status(guidance) == wanted


def test_a_folder_without_cases_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(tmp_path) == 2
    said = capsys.readouterr()
    wanted = f"There is no case in {tmp_path}. Name a folder that holds a case.json.\n"
    assert (said.out, said.err) == ("", wanted)


def test_no_gpu_is_one_sentence(
    guidance: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert status(guidance, verify.Device.CUDA) == 2
    said = capsys.readouterr()
    wanted = "This machine has no NVIDIA GPU that torch can use. Leave out --device.\n"
    assert (said.out, said.err) == ("", wanted)

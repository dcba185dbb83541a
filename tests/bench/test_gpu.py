"""What measures a GPU runs on a CPU too, with the small model in small frames."""

import re

import pytest
import torch

from inference.multitalk.models.attention import Kernel
from inference.multitalk.models.registry import MODELS
from inference.multitalk.runtime.kernels import KernelChoice
from tests.bench import gpu, transformer
from tests.support.tiny_networks import CPU, MODEL


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"T": 3, "H": 4, "W": 8, "FRAMES": 9}.items():
        monkeypatch.setattr(transformer, name, size)


def test_every_line_of_the_table_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {Kernel.CUDNN: 41.2, Kernel.TORCH: 55.0}
    choice = KernelChoice(Kernel.CUDNN, times)
    monkeypatch.setattr(gpu, "choose_kernel", lambda *_: choice)
    monkeypatch.setattr(gpu, "counted", lambda _, speakers: (1e9 * speakers, 0.0, 0.0))
    about, chosen, head, *rows, aim = gpu.Bench(MODEL, CPU).rows()
    assert about.startswith(f"torch {torch.__version__}") and choice.sentence in chosen
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    names = [re.sub(r"[\d.]+ GB(/s)?", "N GB", first) for first, *_ in cells]
    assert names == [
        "loading N GB, N GB",
        "encoding 9 frames of 64x32",
        "decoding 9 frames of 64x32",
        *(
            f"a pass, {who}, {k}"
            for who in ("one speaks", "two speak")
            for k in choice.milliseconds
        ),
    ]
    assert all(len(row) == 5 and float(row[1]) >= 0 for row in cells)
    floors = [float(row[2]) for row in cells[3:]]
    assert floors[2:] == pytest.approx([2 * floor for floor in floors[:2]], rel=0.1, abs=0.01)
    assert aim == "| the aim, with the fastest | | | 1.25 | |"
    assert {line.count("|") for line in [*head.splitlines(), *rows, aim]} == {6}


def test_a_pass_has_the_operations_of_its_layers_and_two_speakers_more() -> None:
    params = MODELS[MODEL].transformer
    one, two = (transformer.counted(params, speakers)[0] for speakers in (1, 2))
    layers = sum(2 * c * n * length for length, c, n in gpu._shapes(params))
    assert layers < one < two


def test_a_machine_without_a_gpu_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        gpu.main()
    assert ended.value.code == 2
    assert capsys.readouterr().out.startswith("make bench-gpu needs an NVIDIA GPU")

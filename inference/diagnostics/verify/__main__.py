"""`python -m inference.verify PATH [--device cpu|cuda] [--dtype float32|bfloat16]`.

Runs every case at or below PATH and prints a line for each. Exit status: 0 when all pass, 1 when
one fails, 2 when PATH has no case.
"""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from inference.diagnostics.verify import method, networks, whole
from inference.diagnostics.verify.cases import Case, Target, find_cases
from inference.diagnostics.verify.compare import measure_difference

# Functions have the name of their kind in `case.json`.
KINDS: dict[str, Callable[[Case, Target], Any]] = {
    kind.__name__: kind
    for kind in (
        networks.dit,
        networks.audio_proj,
        networks.audio_windows,
        networks.wav2vec,
        networks.vae,
        networks.clip,
        networks.t5,
        method.loudness,
        method.schedule,
        method.guidance,
        method.teacache,
        method.color_match,
        method.image_prep,
        method.buckets,
        method.lora,
        whole.e2e,
    )
}


class Device(StrEnum):
    CPU = "cpu"
    CUDA = "cuda"


class Precision(StrEnum):
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def check_case(name: str, case: Case, device: torch.device, requested: torch.dtype) -> bool:
    """Run a case, print its line, and return whether it passes; errors go to standard error."""
    try:
        dtype, tolerance = case.select_dtype(requested)
        with torch.inference_mode():
            computed = KINDS[case.kind](case, Target(device, dtype))
        difference = measure_difference(computed, case.load_expected())
    except Exception as error:
        print(f"{name} {case.kind} rel=nan max=nan FAIL")
        print(f"  {type(error).__name__}: {error}", file=sys.stderr)
        return False
    passed = difference.relative <= tolerance
    verdict = "PASS" if passed else "FAIL"
    print(
        f"{name} {case.kind} rel={difference.relative:.2e} max={difference.largest:.2e} {verdict}"
    )
    return passed


def main(
    path: Annotated[Path, typer.Argument(help="A case's folder, or one that holds some.")],
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.CPU,
    dtype: Annotated[Precision, typer.Option(help="In which numbers.")] = Precision.FLOAT32,
) -> None:
    """Check this machine's numbers against MultiTalk's own."""
    if device is Device.CUDA and not torch.cuda.is_available():
        typer.echo(
            "This machine has no NVIDIA GPU that torch can use. Leave out --device.", err=True
        )
        raise typer.Exit(2)
    # tolerances assume true float32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    requested = torch.bfloat16 if dtype is Precision.BFLOAT16 else torch.float32
    results = [check_case(n, case, torch.device(device), requested) for n, case in find_cases(path)]
    if not results:
        typer.echo(f"There is no case in {path}. Name a folder that holds a case.json.", err=True)
        raise typer.Exit(2)
    raise typer.Exit(0 if all(results) else 1)


if __name__ == "__main__":
    typer.run(main)

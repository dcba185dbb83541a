"""What is known of GPUs and of attention is judged and put in words that fit a line."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.diagnostics.gpu import (
    Accuracy,
    AttentionResult,
    GpuInfo,
    GpuReport,
    check_attention,
    check_gpus,
    first_line,
)

GB = 10**9
H100 = GpuInfo("NVIDIA H100 80GB HBM3", (9, 0), 84 * GB, 85 * GB, bfloat16=True)
T4 = GpuInfo("Tesla T4", (7, 5), 15 * GB, 16 * GB, bfloat16=False)
GOOD = GpuReport((H100,), "", "12.8", "570.86.15", "12.8")
NONE = GpuReport((), "", "12.8", None, None)

names = st.text("NVIDIA 0123456789", min_size=1, max_size=30)
versions = st.builds("{}.{}".format, st.integers(9, 15), st.integers(0, 9))
cards = st.builds(
    GpuInfo,
    names,
    st.tuples(st.integers(5, 12), st.integers(0, 9)),
    st.integers(0, 200 * GB),
    st.integers(0, 200 * GB),
    st.booleans(),
)
all_gpus = st.builds(
    GpuReport,
    st.lists(cards, max_size=4).map(tuple),
    st.text("CUDA is not", max_size=40),
    st.none() | versions,
    st.none() | st.just("570.86.15"),
    st.none() | versions,
)
sizes = st.floats(0, 1) | st.sampled_from([float("nan"), float("inf")])
accuracies = st.builds(Accuracy, st.sampled_from(["bfloat16", "float16"]), sizes, st.floats(0, 1))


@given(all_gpus, st.booleans())
def test_whatever_is_found_is_told_in_lines_as_plain_data(gpus: GpuReport, needed: bool) -> None:
    checks = check_gpus(gpus, needed)
    wanted = ["gpu", "cuda", "gpu memory", "bfloat16"] if gpus.gpus else ["gpu", "cuda"]
    assert [check.name for check in checks] == wanted
    assert json.loads(json.dumps([asdict(check) for check in checks]))
    for check in checks:
        assert check.found and "\n" not in check.found and "None" not in check.found
        assert check.needed == (needed and check.name != "bfloat16")
        assert check.ok or check.found.endswith(".")  # with what to do
    verdicts = {check.name: check.ok for check in checks}
    assert verdicts["gpu"] == bool(gpus.gpus)
    assert verdicts.get("bfloat16", True) == all(card.bfloat16 for card in gpus.gpus)


@given(all_gpus)
def test_a_driver_runs_its_own_major_version_of_cuda_and_older_ones(gpus: GpuReport) -> None:
    (cuda,) = (check for check in check_gpus(gpus, True) if check.name == "cuda")
    if gpus.torch_cuda is None:
        assert not cuda.ok and "without CUDA" in cuda.found
    elif gpus.driver_cuda:
        assert cuda.ok == (float(gpus.driver_cuda) // 1 >= float(gpus.torch_cuda) // 1)
        assert gpus.torch_cuda in cuda.found and gpus.driver_cuda in cuda.found


@given(cards)
def test_free_memory_is_never_overstated(card: GpuInfo) -> None:
    gpus = replace(GOOD, gpus=(card,))
    (memory,) = (check for check in check_gpus(gpus, True) if check.name == "gpu memory")
    assert float(memory.found.split()[0]) * GB <= card.free_bytes + 1


def test_a_good_gpu_is_told_in_full() -> None:
    assert all(check.ok for check in check_gpus(GOOD, True))
    assert [check.found for check in check_gpus(GOOD, True)] == [
        "torch sees NVIDIA H100 80GB HBM3, compute capability 9.0",
        "torch is built for CUDA 12.8; driver 570.86.15, which knows CUDA 12.8",
        "84.0 of 85.0 GB free",
        "computed by the GPU itself",
    ]


def test_several_gpus_have_their_numbers() -> None:
    gpu, _, memory, bfloat16 = check_gpus(replace(GOOD, gpus=(H100, T4)), True)
    assert gpu.found.startswith("torch sees 0: NVIDIA H100") and "; 1: Tesla T4" in gpu.found
    assert memory.found == "0: 84.0 of 85.0 GB free; 1: 15.0 of 16.0 GB free"
    assert "Tesla T4" in bfloat16.found and "H100" not in bfloat16.found


def test_without_a_gpu_torchs_own_words_say_why() -> None:
    gpu, cuda = check_gpus(replace(NONE, failure="CUDA initialization: too old"), True)
    assert "No NVIDIA GPU is seen in this container (torch: CUDA init" in gpu.found
    assert not cuda.ok and "no NVIDIA driver is found" in cuda.found


@given(st.lists(accuracies, max_size=3).map(tuple), st.booleans())
def test_attention_is_good_when_every_error_is_allowed(
    found: tuple[Accuracy, ...], needed: bool
) -> None:
    check = check_attention("attention", AttentionResult("flash-attn", "cuda", found), needed)
    assert check.ok == (bool(found) and all(one.error <= one.allowed for one in found))
    assert check.needed is needed and ("build the image anew" in check.found) is not check.ok


def test_errors_are_told_beside_what_is_allowed() -> None:
    tried = AttentionResult("flash-attn", "cuda", (Accuracy("bfloat16", 0.004, 0.016),))
    assert check_attention("attention", tried, True).found == (
        "flash-attn on cuda is off by at most 0.00400 in bfloat16 (0.01600 allowed)"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [("", ""), ("\n  one \ntwo", "one"), ("x" * 300, "x" * 200 + "..."), ("x" * 200, "x" * 200)],
)
def test_a_library_has_one_line_to_speak(text: str, line: str) -> None:
    assert first_line(text) == line

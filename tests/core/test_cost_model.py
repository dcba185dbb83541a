"""What estimates are reckoned with: prices of who is paid, medians of what was measured."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st

from inference.core.cost_model import (
    DEFAULT_COST_MODEL,
    THROUGHPUT_FILE,
    CostModel,
    Throughput,
    describe_maker,
    load_cost_model,
    load_throughputs,
    read_runs,
)
from inference.core.engine import EngineOptions
from inference.core.settings import Settings, load_settings
from inference.engines.remote import ContainerEngine, RemoteEngine
from presets.gpus import GPUS, find_hourly_price
from presets.quality import PRESETS

seconds = st.floats(0.001, 1e5)
paces = st.builds(Throughput, st.floats(0, 1e5), seconds)


def noted(data: Path, runs: dict[str, dict[str, Sequence[Throughput]]]) -> Path:
    """`data` with those runs."""
    data.mkdir(exist_ok=True)
    (data / THROUGHPUT_FILE).write_text(json.dumps(runs, default=asdict))
    return data


@pytest.mark.parametrize(
    ("listed", "dollars"),
    [
        ("H100", 3.95),
        ("L40S,A100-40GB", 1.95),
        ("A10,A100-40GB", 1.10),
        ("H200!", 4.54),
        ("T4", 0.59),
        ("", 3.95),
    ],
)
def test_the_price_is_that_of_the_first_gpu(tmp_path: Path, listed: str, dollars: float) -> None:
    settings = load_settings({"PORTRAIT_GPU": listed, "PORTRAIT_DATA": str(tmp_path)})
    assert load_cost_model(settings, paid=True) == CostModel(dollars)
    assert load_cost_model(settings, paid=False) == CostModel(0.0)


@given(st.lists(st.sampled_from(list(GPUS))))
def test_every_list_of_gpus_has_a_price(names: list[str]) -> None:
    assert find_hourly_price(names) == (GPUS[names[0]].dollars_per_hour if names else 3.95)


def test_what_is_planned_is_an_h100_and_nothing_measured() -> None:
    assert (DEFAULT_COST_MODEL.dollars_per_hour, DEFAULT_COST_MODEL.throughputs) == (3.95, {})


@checks(deadline=None)  # files are written
@given(runs=st.lists(paces, min_size=1, max_size=5))
def test_the_middle_of_the_runs_counts(
    tmp_path_factory: pytest.TempPathFactory, runs: list[Throughput]
) -> None:
    data = noted(tmp_path_factory.mktemp("data"), {"draft": {"draft": runs}})
    assert read_runs(data) == {"draft": {"draft": runs}}
    middle = load_throughputs(data)["draft"]["draft"]
    for name in ("start_s", "step_s"):
        times = sorted(getattr(run, name) for run in runs)
        half = len(times) // 2
        assert times[half] >= getattr(middle, name) >= times[-half - 1]


def test_a_newer_file_is_seen_at_once(tmp_path: Path) -> None:
    assert load_throughputs(tmp_path) == {}
    for start_s in (1.0, 2.0):  # files of the same size
        part = (
            noted(tmp_path / "new", {"draft": {"draft": [Throughput(start_s, 1.0)]}})
            / THROUGHPUT_FILE
        )
        os.replace(part, tmp_path / THROUGHPUT_FILE)
        assert load_throughputs(tmp_path)["draft"]["draft"].start_s == start_s
    (tmp_path / THROUGHPUT_FILE).unlink()
    assert load_throughputs(tmp_path) == {}


def test_it_is_not_read_again_as_long_as_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted(tmp_path, {"draft": {"draft": [Throughput(1, 2)]}})
    first = load_throughputs(tmp_path)
    monkeypatch.setattr(json, "loads", lambda text: 1 / 0)
    assert load_throughputs(tmp_path) is first


@pytest.mark.parametrize(
    "held",
    [
        "",
        "{",
        "[]",
        "null",
        '{"draft": 3}',
        '{"draft": {"draft": 3}}',
        '{"draft": {"draft": [3]}}',
        '{"draft": {"draft": [{"start_s": 1}]}}',
        '{"draft": {"draft": [{"start_s": "1", "step_s": "1"}]}}',
        '{"draft": {"draft": [{"start_s": 1, "step_s": 0}]}}',
        '{"draft": {"draft": [{"start_s": NaN, "step_s": 1}]}}',
        '{"draft": {"draft": [{"start_s": 1, "step_s": 1' + "0" * 400 + "}]}}",
        "[" * 100_000,
        "\udcff\udcfe",
    ],
)
def test_a_damaged_file_is_an_empty_one(tmp_path: Path, held: str) -> None:
    (tmp_path / THROUGHPUT_FILE).write_bytes(held.encode(errors="surrogateescape"))
    assert read_runs(tmp_path) == {} and load_throughputs(tmp_path) == {}


def test_a_file_that_can_not_be_read_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / THROUGHPUT_FILE).mkdir()
    assert load_throughputs(tmp_path) == {}


@pytest.mark.parametrize(
    "changes", [{"start_s": -1}, {"step_s": 0}, {"step_s": float("inf")}, {"start_s": float("nan")}]
)
def test_times_that_can_not_be_are_no_pace(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not seconds"):
        replace(Throughput(1, 1), **changes)


def test_makers_are_kept_apart(tmp_path: Path) -> None:
    tiny = Settings(data=tmp_path, model="multitalk-tiny", device="cpu")
    cheap = Settings(data=tmp_path, gpus=("L40S",))
    own, there = Settings(data=tmp_path), Settings(data=tmp_path, on_modal=True)
    finals = [(own, "multitalk"), (tiny, "multitalk"), (own, "modal"), (cheap, "modal")]
    runs: dict[str, dict[str, Sequence[Throughput]]] = {
        describe_maker(engine, settings): {
            "fast": [Throughput(number, 1)],
            "draft": [Throughput(9, 1)],
        }
        for number, (settings, engine) in enumerate(finals)
    }
    noted(tmp_path, runs | {"draft": {"draft": [Throughput(7, 1)]}})
    assert len(runs) == len(finals)
    for number, (settings, engine) in enumerate(finals):
        found = load_cost_model(settings, paid=engine == "modal")
        assert found.throughputs == {"fast": Throughput(number, 1), "draft": Throughput(7, 1)}
    assert load_cost_model(there, paid=True).throughputs == {
        "fast": Throughput(2, 1),
        "draft": Throughput(9, 1),
    }


def test_the_engines_of_modal_are_known_by_their_name() -> None:
    for engine in (RemoteEngine(EngineOptions()), ContainerEngine(EngineOptions())):
        assert describe_maker(engine.name, Settings(gpus=("H100",))) == "modal H100"


def test_what_is_measured_of_a_quality_that_is_gone_is_left_out(tmp_path: Path) -> None:
    noted(tmp_path, {"draft": {"sketch": [Throughput(1, 1)], "draft": []}})
    assert "sketch" not in PRESETS
    assert load_cost_model(Settings(data=tmp_path), paid=False).throughputs == {}

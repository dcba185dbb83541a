"""Cost and speed model behind a plan's estimate, learned from recent runs.

<data>/pace.json holds the last finished runs, written by `inference.jobs.throughput`: by maker,
then by quality, the oldest first.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from inference.core.settings import Settings
from presets.gpus import DEFAULT_GPUS, find_hourly_price
from presets.quality import PRESETS
from presets.schema import EngineFamily

THROUGHPUT_FILE = "pace.json"
_MODAL = "modal"  # the engine's name
_MAX_S = 1e6  # of a plausible time


@dataclass(frozen=True)
class Throughput:
    """Speed of a run.

    `start_s`: seconds from a job's turn until its first window, with the wait for a machine;
    `step_s`: seconds for a unit of `inference.core.plan.compute_window_work`. Raises ValueError for
    an impossible value.
    """

    start_s: float
    step_s: float

    def __post_init__(self) -> None:
        if not (0 <= self.start_s <= _MAX_S and 0 < self.step_s <= _MAX_S):
            raise ValueError(f"{self.start_s} and {self.step_s} are not seconds that it took")


@dataclass(frozen=True)
class CostModel:
    """Price and speed of work.

    `dollars_per_hour` of a final video: 0 on own machines. `throughputs` are measured ones, by
    quality; an engine that was never measured has the presets' own.
    """

    dollars_per_hour: float = find_hourly_price(DEFAULT_GPUS)
    throughputs: Mapping[str, Throughput] = field(default_factory=dict)

    def find_throughput(self, quality: str) -> Throughput | None:
        """Return the measured throughput of a quality; None if its engine was never measured.

        That of a quality that never ran is as much slower or faster than planned as those of the
        same engine that did: it is the same model on the same machine.
        """
        preset = PRESETS[quality]
        if measured := self.throughputs.get(quality):
            return measured
        runs = {
            PRESETS[name]: throughput
            for name, throughput in self.throughputs.items()
            if PRESETS[name].engine is preset.engine
        }
        if not runs:
            return None
        slower = statistics.median(run.step_s / other.step_s for other, run in runs.items())
        start_s = statistics.median(run.start_s for run in runs.values())
        return Throughput(start_s, preset.step_s * slower)


DEFAULT_COST_MODEL = CostModel()  # the presets' planning figures, on the GPU that they are for
Runs = dict[str, dict[str, list[Throughput]]]  # by maker, by quality


def load_cost_model(settings: Settings, paid: bool) -> CostModel:
    """Return the cost model of a server; `paid`: its final videos are made on Modal."""
    known = load_throughputs(settings.data)
    makers = {}
    for family in EngineFamily:
        remote = paid if family.needs_gpu else settings.on_modal
        makers[family] = describe_maker(_MODAL if remote else family, settings)
    found = {
        name: known.get(makers[preset.engine], {}).get(name) for name, preset in PRESETS.items()
    }
    throughputs = {name: throughput for name, throughput in found.items() if throughput}
    return CostModel(find_hourly_price(settings.gpus) if paid else 0.0, throughputs)


def describe_maker(engine: str, settings: Settings) -> str:
    """Return the key of an engine's runs: its name and all that makes it faster or slower."""
    if engine == _MODAL:
        return " ".join((engine, *settings.gpus))
    if engine == EngineFamily.MULTITALK:
        return " ".join(filter(None, (engine, settings.model, settings.device)))
    return engine


def load_throughputs(data: Path) -> Mapping[str, Mapping[str, Throughput]]:
    """Return the medians of the runs in `data`, by maker and by quality; cached."""
    try:
        stat = (data / THROUGHPUT_FILE).stat()
    except OSError:
        return {}
    return _load_medians(data, (stat.st_mtime_ns, stat.st_size, stat.st_ino))


@lru_cache(maxsize=8)
def _load_medians(data: Path, version: tuple[int, ...]) -> Mapping[str, Mapping[str, Throughput]]:
    return {
        maker: {quality: _compute_median(runs) for quality, runs in qualities.items() if runs}
        for maker, qualities in read_runs(data).items()
    }


def _compute_median(runs: Sequence[Throughput]) -> Throughput:
    return Throughput(
        statistics.median(run.start_s for run in runs),
        statistics.median(run.step_s for run in runs),
    )


def read_runs(data: Path) -> Runs:
    """Return the runs in `data`; none when there is no file or it is damaged."""
    try:
        stored = json.loads((data / THROUGHPUT_FILE).read_bytes())
        return {
            maker: {
                quality: [Throughput(**run) for run in runs] for quality, runs in qualities.items()
            }
            for maker, qualities in stored.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}

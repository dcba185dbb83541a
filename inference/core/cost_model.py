"""What a plan's estimate is reckoned with: how fast runs went of late, and what an hour costs.

<data>/pace.json holds the last runs that finished, as `inference.jobs.throughput` writes them: by
who made them, then by quality, the oldest first.
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
_MAX_S = 1e6  # of a time that can be true


@dataclass(frozen=True)
class Throughput:
    """`start_s` seconds from a job's turn until its first window, waiting for a machine included;
    `step_s` seconds for each unit of `inference.core.plan.window_work`. Raises ValueError when one
    of them can't be."""

    start_s: float
    step_s: float

    def __post_init__(self) -> None:
        if not (0 <= self.start_s <= _MAX_S and 0 < self.step_s <= _MAX_S):
            raise ValueError(f"{self.start_s} and {self.step_s} are not seconds that it took")


@dataclass(frozen=True)
class CostModel:
    """`dollars_per_hour` of a final video's work: 0 where nobody is paid. `paces` are those that
    were measured, by quality; what is not there takes as long as its preset says."""

    dollars_per_hour: float = find_hourly_price(DEFAULT_GPUS)
    throughputs: Mapping[str, Throughput] = field(default_factory=dict)


DEFAULT_COST_MODEL = CostModel()  # the presets' planning figures, on the GPU that they are for
Runs = dict[str, dict[str, list[Throughput]]]  # by who made them, by quality


def load_cost_model(settings: Settings, paid: bool) -> CostModel:
    """The rates of a server with these settings; `paid`: its final videos are made on Modal."""
    drafts, finals = EngineFamily.DRAFT, EngineFamily.MULTITALK
    known = load_throughputs(settings.data)
    makers = {
        drafts: describe_maker(_MODAL if settings.on_modal else drafts, settings),
        finals: describe_maker(_MODAL if paid else finals, settings),
    }
    found = {
        name: known.get(makers[preset.engine], {}).get(name) for name, preset in PRESETS.items()
    }
    paces = {name: pace for name, pace in found.items() if pace}
    return CostModel(find_hourly_price(settings.gpus) if paid else 0.0, paces)


def describe_maker(engine: str, settings: Settings) -> str:
    """Whose pace it is: the engine of that name, with what makes it faster or slower."""
    if engine == _MODAL:
        return " ".join((engine, *settings.gpus))
    if engine == EngineFamily.MULTITALK:
        return " ".join(filter(None, (engine, settings.model, settings.device)))
    return engine


def load_throughputs(data: Path) -> Mapping[str, Mapping[str, Throughput]]:
    """The medians of the runs in `data`, by who made them and by quality. Quick, for pages ask at
    each action."""
    try:
        seen = (data / THROUGHPUT_FILE).stat()
    except OSError:
        return {}
    return _load_medians(data, (seen.st_mtime_ns, seen.st_size, seen.st_ino))


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
    """The runs noted in `data`; none when there are none, or the file is not what it should be."""
    try:
        held = json.loads((data / THROUGHPUT_FILE).read_bytes())
        return {
            maker: {
                quality: [Throughput(**run) for run in runs] for quality, runs in qualities.items()
            }
            for maker, qualities in held.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}

"""MultiTalk small enough for tests: its tiny networks and frames of 64x32."""

import gc
import warnings
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from inference.multitalk.networks import Loaded, load
from inference.plan import Plan, Speaker
from inference.timing import PlannedWindow

WIDTH, HEIGHT = 64, 32
MODEL = "multitalk-tiny"
CPU = torch.device("cpu")


@cache
def loaded() -> Loaded:
    """The tiny model, the same one for all tests of a process."""
    return load(MODEL, None, CPU, None)


def shrunk(plan: Plan, *windows: tuple[int, int]) -> Plan:
    """`plan` for a frame of 64x32, in windows of other (start, frames) where such are given."""
    scale = WIDTH / plan.width
    speakers = tuple(
        Speaker((round(a * scale), round(b * scale), round(c * scale), round(d * scale)), s.audio)
        for s in plan.speakers
        for a, b, c, d in [s.box]
    )
    small = replace(plan, width=WIDTH, height=HEIGHT, speakers=speakers)
    if not windows:
        return small
    planned = tuple(PlannedWindow(start, frames) for start, frames in windows)
    return replace(small, windows=planned, frames=planned[-1].start + planned[-1].frames)


def random(seed: int, *size: int) -> Tensor:
    """Normal numbers, the same for the same seed."""
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def live_tensors(*ending: int) -> int:
    """How many tensors are alive whose last sizes are `ending`."""
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # looking at some modules' attributes warns
        tensors = [thing for thing in gc.get_objects() if isinstance(thing, Tensor)]
    return sum(tuple(tensor.shape[-len(ending) :]) == ending for tensor in tensors)

"""MultiTalk small enough for tests: its tiny networks and frames of 64x32."""

import gc
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from inference.core.plan import Plan, Speaker
from inference.core.timing import PlannedWindow
from inference.multitalk.pipeline import Pipeline, PipelineOptions, Scene, WindowState
from inference.multitalk.runtime.networks import LoadedModel, load_model
from presets.schema import Sampling

WIDTH, HEIGHT, FRAMES = 64, 32, 21
MODEL = "multitalk-tiny"
CPU = torch.device("cpu")


@cache
def loaded() -> LoadedModel:
    """The tiny model, the same one for all tests of a process."""
    return load_model(MODEL, None, CPU, None)


def pipeline() -> Pipeline:
    """What makes windows with the tiny model."""
    networks = loaded().networks
    return Pipeline(networks.transformer, networks.video, networks.image.encode)


def scene(speakers: int = 1, frames: int = FRAMES) -> Scene:
    """Random things to see and hear; two speakers are at the sides, with some room between."""
    picture = random(1, 3, HEIGHT, WIDTH).clamp(-1, 1)
    prompt, negative = random(2, 9, 32), random(3, 5, 32)
    voices = random(4, speakers, frames, 2, 16)
    masks = torch.zeros(3, 8)
    masks[0, :3], masks[1, 5:], masks[2, 3:5] = 1, 1, 1
    return Scene(picture, prompt, negative, voices, masks if speakers > 1 else None)


def motion(frames: int = 5) -> Tensor:
    """The last frames of some window."""
    return random(8, 3, frames, HEIGHT, WIDTH).clamp(-1, 1)


def fresh(seed: int = 7) -> WindowState:
    """What a first window is given."""
    return WindowState(torch.Generator().manual_seed(seed))


def continued(seed: int = 7, frames: int = 5) -> WindowState:
    """What a later window is given that shares `frames` with the one before."""
    return WindowState(torch.Generator().manual_seed(seed), motion(frames))


def shrunk(plan: Plan, *windows: tuple[int, int], width: int = WIDTH) -> Plan:
    """`plan`, of a landscape, at that width; in other windows (start, frames) if such are given."""
    scale = width / plan.width
    speakers = tuple(
        Speaker((round(a * scale), round(b * scale), round(c * scale), round(d * scale)), s.audio)
        for s in plan.speakers
        for a, b, c, d in [s.box]
    )
    small = replace(plan, width=width, height=width // 2, speakers=speakers)
    if not windows:
        return small
    planned = tuple(PlannedWindow(start, frames) for start, frames in windows)
    return replace(small, windows=planned, frames=planned[-1].start + planned[-1].frames)


def random(seed: int, *size: int) -> Tensor:
    """Normal numbers, the same for the same seed."""
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def window(loaded: LoadedModel) -> Tensor:
    """The latents of a whole window, of two speakers in two steps of three passes."""
    networks, sampling = loaded.networks, Sampling(2, shift=2, text_guidance=5, audio_guidance=4)
    pipeline = Pipeline(networks.transformer, networks.video, networks.image.encode)
    steps = pipeline.denoise(scene(2), PipelineOptions(sampling), 0, FRAMES, fresh())
    return list(steps)[-1].latents


def live_tensors(*ending: int) -> list[Tensor]:
    """The tensors that are alive whose last sizes are `ending`."""
    gc.collect()
    # by their types: what stands for a module that is not loaded yet would load it when asked
    tensors = [thing for thing in gc.get_objects() if issubclass(type(thing), Tensor)]
    return [tensor for tensor in tensors if tuple(tensor.shape[-len(ending) :]) == ending]


def assert_same(found: Tensor, wanted: Tensor) -> None:
    """Equal, and of the same numbers."""
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    assert found.float().equal(wanted.float())

"""Kinds of cases that evaluate a part of the method."""

from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from inference.diagnostics.verify import networks
from inference.diagnostics.verify.cases import Case, Target
from inference.multitalk import colour
from inference.multitalk.conditioning import voice
from inference.multitalk.conditioning.picture import (
    Box,
    build_latent_masks,
    scale_to_cover,
    split_into_halves,
)
from inference.multitalk.models.linear import Linear
from inference.multitalk.runtime.lora import apply_lora
from inference.multitalk.sampling.guidance import (
    FULL,
    NEITHER,
    NO_PROMPT,
    NO_VOICE,
    Guidance,
    Projection,
)
from inference.multitalk.sampling.schedule import compute_timesteps
from inference.multitalk.sampling.step_cache import ESTIMATORS, select_computed_steps
from presets.buckets import select_bucket

_BRANCHES = {"cond": FULL, "drop_text": NO_PROMPT, "drop_audio": NO_VOICE, "uncond": NEITHER}


def loudness(case: Case, target: Target) -> dict[str, Tensor]:
    wave = case.load_inputs(torch.device("cpu"))["wave"].numpy()
    return {"out": torch.from_numpy(voice.normalise_loudness(wave))}


def schedule(case: Case, target: Target) -> dict[str, list[float]]:
    options = case.options
    return {
        f"{steps}_{shift:g}": compute_timesteps(steps, shift)
        for steps in options["steps"]
        for shift in options["shifts"]
    }


def guidance(case: Case, target: Target) -> dict[str, Tensor]:
    options, inputs = case.options, case.load_inputs(target.device)
    guide = Guidance(
        options["text_guide_scale"],
        options["audio_guide_scale"],
        build_projection(options, options["method"] == "apg"),
    )
    steps = [
        guide.combine(
            {
                branch: inputs[f"step{step}.{name}"]
                for name, branch in _BRANCHES.items()
                if f"step{step}.{name}" in inputs
            }
        )
        for step in range(options["steps"])
    ]
    return {"out": torch.stack(steps)}


def build_projection(options: dict[str, Any], used: bool) -> Projection | None:
    """Build projected guidance with the case's values if it is `used`."""
    if not used:
        return None
    return Projection(options["apg_momentum"], options["apg_norm_threshold"])


def teacache(case: Case, target: Target) -> dict[str, list[bool]]:
    estimator = ESTIMATORS[case.config["size"], case.options["use_ret_steps"]]
    embeddings = case.load_inputs(target.device)["e0"]
    threshold = case.options["teacache_thresh"]
    return {"computed": select_computed_steps(embeddings, threshold, estimator)}


def color_match(case: Case, target: Target) -> dict[str, Tensor]:
    inputs = case.load_inputs(target.device)
    return {
        "out": colour.match_colours(inputs["video"], inputs["reference"], case.options["strength"])
    }


def image_prep(case: Case, target: Target) -> dict[str, Tensor]:
    image, (height, width) = case.load_image(), case.options["target_size"]
    masks = build_latent_masks(read_person_boxes(case, image), image.size, (width, height))
    return {
        "out.image": scale_to_cover(image, width, height),
        "out.latent_masks": torch.from_numpy(masks).float(),
    }


def read_person_boxes(case: Case, image: Image.Image) -> tuple[Box, ...]:
    """Read the boxes of the case's two people; the files have rows before columns."""
    masks = case.options["masks"]
    if masks == "default":
        return split_into_halves(*image.size)
    return tuple((left, top, right, bottom) for top, left, bottom, right in masks["bbox"])


def buckets(case: Case, target: Target) -> dict[str, list[int]]:
    return {
        f"{size_class}:{height}x{width}": list(select_bucket(size_class, height, width))
        for size_class in case.options["size_classes"]
        for height, width in case.options["source_sizes"]
    }


def lora(case: Case, target: Target) -> dict[str, Tensor]:
    """Return the effective parameters: weights plus the LoRAs' output for unit vectors."""
    network = networks.build_transformer(case, target, case.config, None)
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    for entry in case.options["loras"]:
        tensors = load_file(case.folder / entry["file"])
        apply_lora(network, tensors, entry["scale"], target.device)
    after = {name: _compute_effective_parameter(network, name) for name in before}
    return {f"out.{name}": t for name, t in after.items() if not t.equal(before[name])}


def _compute_effective_parameter(network: nn.Module, name: str) -> Tensor:
    parameter = network.get_parameter(name)
    layer = network.get_submodule(name.rpartition(".")[0])
    if isinstance(layer, Linear) and layer.deltas and name.endswith(".weight"):
        units = torch.eye(layer.in_features, device=parameter.device, dtype=parameter.dtype)
        return parameter + sum(branch.apply(units).T for branch in layer.deltas)
    return parameter

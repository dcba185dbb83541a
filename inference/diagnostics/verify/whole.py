"""Kind of case that generates whole videos, window by window, with stand-ins for two encoders."""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from inference.diagnostics.verify import method, networks
from inference.diagnostics.verify.cases import Case, Target
from inference.multitalk.conditioning.picture import (
    build_latent_masks,
    scale_to_cover,
    to_token_masks,
)
from inference.multitalk.conditioning.voice import extend_mirrored
from inference.multitalk.pipeline import Pipeline, PipelineOptions, Scene, WindowState
from inference.multitalk.sampling.step_cache import ESTIMATORS
from presets.schema import Sampling

_GRID = 16  # cells per side; their means stand in for picture features


def e2e(case: Case, target: Target) -> dict[str, Tensor]:
    options, inputs = case.options, case.load_inputs(target.device)

    def encode_image(frame: Tensor) -> Tensor:
        cells = adaptive_avg_pool2d(frame, _GRID).flatten(1).T
        rows = torch.cat([cells.mean(0, keepdim=True), cells])
        return (rows @ inputs["clip_matrix"]).unsqueeze(0)

    pipeline = Pipeline(
        networks.build_transformer(case, target, case.config["dit"], "dit"),
        networks.build_video_autoencoder(case, target, case.config["vae"], "vae"),
        encode_image,
    )
    scene, pipeline_options = _build_scene(case, inputs, target), _build_options(case)
    state = WindowState(torch.Generator().manual_seed(options["seed"]))
    out = {}
    for index, (start, end) in enumerate(options["windows"]):
        *_, last = pipeline.denoise(scene, pipeline_options, start, end - start, state)
        frames = pipeline.decode(scene, pipeline_options, last.latents)
        out[f"out.window{index}"] = frames
        state.motion = frames[:, -options["motion_frame"] :]
    return out


def _build_scene(case: Case, inputs: dict[str, Tensor], target: Target) -> Scene:
    image, (height, width) = case.load_image(), case.options["target_size"]
    appended = case.options.get("audio_tail", {}).get("appended_frames", [])
    voices = []
    for person in range(case.options["persons"]):
        features = inputs[f"audio_full{person + 1}"].unsqueeze(0)
        tail = appended[person] if person < len(appended) else 0
        voices.append(extend_mirrored(features, tail).squeeze(0))
    longest = max(map(len, voices))  # the last row of a voice repeats past its end
    voices = [torch.cat([v, v[-1:].expand(longest - len(v), -1, -1)]) for v in voices]
    masks = None
    if len(voices) > 1:
        latent_masks = build_latent_masks(
            method.read_person_boxes(case, image), image.size, (width, height)
        )
        masks = to_token_masks(latent_masks).to(target.device)
    picture = scale_to_cover(image, width, height).to(target.device)
    return Scene(picture, inputs["context"], inputs["context_null"], torch.stack(voices), masks)


def _build_options(case: Case) -> PipelineOptions:
    options = case.options
    sampling = Sampling(
        options["steps"],
        options["shift"],
        options["text_guide_scale"],
        options["audio_guide_scale"],
        step_cache=options["teacache_thresh"] if options.get("use_teacache") else None,
        reuse_last=bool(options.get("reuse_last")),
    )
    projection = method.build_projection(options, bool(options.get("use_apg")))
    size, ret_steps = options.get("size", "multitalk-480"), options.get("use_ret_steps", True)
    strength = options["color_correction_strength"]
    return PipelineOptions(sampling, projection, strength, ESTIMATORS[size, ret_steps])

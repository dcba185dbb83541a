"""The kind of case that makes whole videos, window by window, with two stand-ins for encoders."""

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

_GRID = 16  # cells a side, of whose means a stand-in for picture features is made


def e2e(case: Case, place: Target) -> dict[str, Tensor]:
    options, given = case.options, case.load_inputs(place.device)

    def look(frame: Tensor) -> Tensor:
        cells = adaptive_avg_pool2d(frame, _GRID).flatten(1).T
        rows = torch.cat([cells.mean(0, keepdim=True), cells])
        return (rows @ given["clip_matrix"]).unsqueeze(0)

    pipeline = Pipeline(
        networks.build_transformer(case, place, case.config["dit"], "dit"),
        networks.build_video_autoencoder(case, place, case.config["vae"], "vae"),
        look,
    )
    scene, recipe = _build_scene(case, given, place), _build_options(case)
    carried = WindowState(torch.Generator().manual_seed(options["seed"]))
    out = {}
    for index, (start, end) in enumerate(options["windows"]):
        *_, last = pipeline.denoise(scene, recipe, start, end - start, carried)
        frames = pipeline.decode(scene, recipe, last.latents)
        out[f"out.window{index}"] = frames
        carried.motion = frames[:, -options["motion_frame"] :]
    return out


def _build_scene(case: Case, given: dict[str, Tensor], place: Target) -> Scene:
    image, (height, width) = case.load_image(), case.options["target_size"]
    appended = case.options.get("audio_tail", {}).get("appended_frames", [])
    voices = []
    for person in range(case.options["persons"]):
        features = given[f"audio_full{person + 1}"].unsqueeze(0)
        tail = appended[person] if person < len(appended) else 0
        voices.append(extend_mirrored(features, tail).squeeze(0))
    longest = max(map(len, voices))  # past its end a voice's last row counts on
    voices = [torch.cat([v, v[-1:].expand(longest - len(v), -1, -1)]) for v in voices]
    masks = None
    if len(voices) > 1:
        shown = build_latent_masks(
            method.read_person_boxes(case, image), image.size, (width, height)
        )
        masks = to_token_masks(shown).to(place.device)
    picture = scale_to_cover(image, width, height).to(place.device)
    return Scene(picture, given["context"], given["context_null"], torch.stack(voices), masks)


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

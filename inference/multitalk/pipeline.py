"""One window after the other: condition, denoise, decode, match colours, carry on.

A window that continues another is given the last frames of it. They and the state of the random
numbers are all that passes from window to window.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.multitalk.colour import match_colours
from inference.multitalk.conditioning.picture import LATENT_PX, TOKEN_LATENTS
from inference.multitalk.models.encoders import VideoAutoencoder
from inference.multitalk.models.transformer import Conditioning, TimeEmbedding, Transformer
from inference.multitalk.sampling.guidance import Branch, Guidance, Projection
from inference.multitalk.sampling.sampler import DenoisingStep, Motion, sample
from inference.multitalk.sampling.schedule import compute_timesteps
from inference.multitalk.sampling.step_cache import (
    DEFAULT_ESTIMATOR,
    ChangeEstimator,
    StepCache,
    select_computed_steps,
)
from presets.schema import Sampling

_FRAMES_PER_LATENT = 4  # video frames in each latent but the first, which is one
_TOKEN_PX = LATENT_PX * TOKEN_LATENTS  # of the picture that a token is wide and high
_MASK_CHANNELS = _FRAMES_PER_LATENT  # of `known`, before its latents: one for each of these frames


@dataclass(frozen=True)
class Scene:
    """What all windows share: a picture, what is said of it, and the voices.

    `picture` (3, H, W), -1 to 1, is what the first window starts from and all colours are held to;
    `voices` (p, f, layers, c) has a row for each frame of the whole video, past its end the last
    one counts on; `masks` (3, s) tell two speakers apart, None for one.
    """

    picture: Tensor
    prompt: Tensor
    negative: Tensor
    voices: Tensor
    masks: Tensor | None = None


@dataclass(frozen=True)
class PipelineOptions:
    """How windows are sampled. `colour` is how far colours are matched, 0 to 1; the `estimator`
    is the step cache's."""

    sampling: Sampling
    projection: Projection | None = None
    colour_strength: float = 1.0
    estimator: ChangeEstimator = DEFAULT_ESTIMATOR


@dataclass
class WindowState:
    """What passes from window to window: the random numbers, and the frames they share.

    `generator` is of the CPU, so that every machine draws the same; `motion` (3, m, H, W), m being
    4k+1, are the last frames of the window before, None before the first.
    """

    generator: torch.Generator
    motion: Tensor | None = None


class Pipeline:
    """Makes windows of a scene. `look` gives a frame's (3, H, W) features (1, patches + 1, c)."""

    def __init__(
        self, transformer: Transformer, coder: VideoAutoencoder, look: Callable[[Tensor], Tensor]
    ) -> None:
        self.transformer, self.autoencoder, self.encode_image = transformer, coder, look

    @torch.inference_mode()
    def denoise(
        self,
        scene: Scene,
        recipe: PipelineOptions,
        start: int,
        frames: int,
        carried: WindowState,
        before_each: Callable[[], None] = lambda: None,
    ) -> Iterator[DenoisingStep]:
        """The latents of a window after each step, the last of them without noise.

        `start` is the window's first frame in the video. `before_each` is called before each pass
        through a block of the transformer and ends the work by raising. Raises ValueError unless
        `frames` is 4k+1, more than are shown, the picture's sides are multiples of 16, and masks
        show where each of two speakers is, and neither.
        """
        shown = scene.picture.unsqueeze(1) if carried.motion is None else carried.motion
        _require_grid(shown, frames)
        _require_masks(scene)
        known = self.encode_known_frames(shown, frames)
        sampling = recipe.sampling
        levels = compute_timesteps(sampling.steps, sampling.shift)
        noise, motion = _draw_noise(known, carried, len(levels))
        guidance = Guidance(sampling.text_guidance, sampling.audio_guidance, recipe.projection)
        given = self.build_conditionings(
            scene, guidance.branches, known, shown[:, -1], start, frames
        )
        times = [self.transformer.embed_timestep(level) for level in levels[:-1]]
        cache = _build_step_cache(times, recipe)

        def velocities(x: Tensor, step: int) -> dict[Branch, Tensor]:
            model, time = self.transformer, times[step]

            def blocks(streams: Sequence[Tensor]) -> Sequence[Tensor]:
                return model.run_blocks(streams, time, list(given.values()), before_each)

            streams = cache.run(step, [model.embed_patches(x, known)] * len(given), blocks)
            shaped = (model.predict_velocity(stream, time, x.shape) for stream in streams)
            return dict(zip(given, shaped, strict=True))

        yield from sample(velocities, noise, levels, guidance, motion, sampling.reuse_last)

    @torch.inference_mode()
    def decode(self, scene: Scene, recipe: PipelineOptions, latents: Tensor) -> Tensor:
        """The frames (3, f, H, W) of a window's latents, in the picture's colours; those that it
        shares with the window before are the first of them."""
        return match_colours(
            self.autoencoder.to_video(latents), scene.picture, recipe.colour_strength
        )

    def encode_known_frames(self, shown: Tensor, frames: int) -> Tensor:
        """What is known of a window that starts with the frames `shown` (3, m, H, W): 4 channels
        of 1 where a frame is known and the latents of those and of grey ones, (20, t, h, w)."""
        grey = shown.new_zeros(3, frames - shown.shape[1], *shown.shape[2:])
        latents = self.autoencoder.to_latents(torch.cat([shown, grey], 1))
        is_known = (
            torch.arange(frames + _FRAMES_PER_LATENT - 1) < shown.shape[1] + _FRAMES_PER_LATENT - 1
        )
        mask = is_known.view(-1, _FRAMES_PER_LATENT).T[..., None, None].to(latents)
        return torch.cat([mask.expand(-1, -1, *latents.shape[2:]), latents])

    def build_conditionings(
        self,
        scene: Scene,
        branches: Sequence[Branch],
        known: Tensor,
        last_shown: Tensor,
        start: int,
        frames: int,
    ) -> dict[Branch, Conditioning]:
        """What each branch attends to during a window; what several share is there once."""
        model = self.transformer
        image, turn = (
            model.project_image(self.encode_image(last_shown)),
            model.compute_rotation(*known.shape[1:]),
        )
        texts = {True: scene.prompt, False: scene.negative}
        text = {
            wanted: model.project_text(texts[wanted]) for wanted in {b.prompt for b in branches}
        }
        heard, masks = (
            {True: model.project_voices(scene.voices, start, frames)},
            {True: scene.masks},
        )
        if not all(branch.voice for branch in branches):
            heard[False], masks[False] = model.project_silence(frames), None
        return {
            b: Conditioning(text[b.prompt], image, heard[b.voice], turn, masks[b.voice])
            for b in branches
        }


def _require_grid(shown: Tensor, frames: int) -> None:
    _, count, height, width = shown.shape
    if frames % _FRAMES_PER_LATENT != 1 or count % _FRAMES_PER_LATENT != 1 or count >= frames:
        raise ValueError(f"{frames} frames, {count} shown: both are to be 4k+1, the shown fewer")
    if height % _TOKEN_PX or width % _TOKEN_PX:
        raise ValueError(f"{width} x {height} pixels are no multiples of {_TOKEN_PX}")


def _require_masks(scene: Scene) -> None:
    speakers, (_, height, width) = len(scene.voices), scene.picture.shape
    if speakers > 2 or (speakers == 2) != (scene.masks is not None):
        raise ValueError(f"{speakers} voices: masks belong to exactly two, and more can't be made")
    tokens = height * width // _TOKEN_PX**2
    if scene.masks is not None and (
        scene.masks.shape != (3, tokens) or not scene.masks.any(1).all()
    ):
        raise ValueError(f"masks {tuple(scene.masks.shape)}: none of 3 x {tokens} may be empty")


def _draw_noise(known: Tensor, carried: WindowState, levels: int) -> tuple[Tensor, Motion | None]:
    """The noise of a window, and of the frames it shares with the one before, for each level."""
    latents = known[_MASK_CHANNELS:]

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=carried.generator).to(known.device)

    noise = normal(*latents.shape)
    if carried.motion is None:
        return noise, None
    held = latents[:, : 1 + (carried.motion.shape[1] - 1) // _FRAMES_PER_LATENT]
    return noise, Motion(held, torch.stack([normal(*held.shape) for _ in range(levels)]))


def _build_step_cache(times: Sequence[TimeEmbedding], recipe: PipelineOptions) -> StepCache:
    threshold = recipe.sampling.step_cache
    if threshold is None:
        return StepCache([True] * len(times))
    embeddings = torch.cat([time.blocks for time in times])
    return StepCache(select_computed_steps(embeddings, threshold, recipe.estimator))

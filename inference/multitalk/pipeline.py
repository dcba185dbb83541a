"""Sampling of one window after the other: condition, denoise, decode, match colours.

A window that continues another starts with its last frames. They and the state of the random
generator are all that passes from window to window.
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

_FRAMES_PER_LATENT = 4  # video frames in each latent frame but the first, which has one
_TOKEN_PX = LATENT_PX * TOKEN_LATENTS  # width and height of a token in pixels
_MASK_CHANNELS = _FRAMES_PER_LATENT  # of `known`, before its latents: one per video frame


@dataclass(frozen=True)
class Scene:
    """Inputs that all windows share: picture, prompts and voices.

    `picture` (3, H, W), -1 to 1, is the first frame and the colour reference; `voices`
    (p, f, layers, c) has a row for each frame of the whole video, and the last row repeats past the
    end; `masks` (3, s) separate two speakers, None for one.
    """

    picture: Tensor
    prompt: Tensor
    negative: Tensor
    voices: Tensor
    masks: Tensor | None = None


@dataclass(frozen=True)
class PipelineOptions:
    """Options of sampling.

    `colour_strength` of colour matching is 0 to 1; `estimator` belongs to the step cache.
    """

    sampling: Sampling
    projection: Projection | None = None
    colour_strength: float = 1.0
    estimator: ChangeEstimator = DEFAULT_ESTIMATOR


@dataclass
class WindowState:
    """State that passes from window to window: random generator and shared frames.

    `generator` is on the CPU, so that every machine draws the same numbers; `motion` (3, m, H, W),
    m being 4k+1, are the last frames of the window before, None before the first.
    """

    generator: torch.Generator
    motion: Tensor | None = None


class Pipeline:
    """Sampler of a scene's windows.

    `encode_image` maps a frame (3, H, W) to features (1, patches + 1, c).
    """

    def __init__(
        self,
        transformer: Transformer,
        autoencoder: VideoAutoencoder,
        encode_image: Callable[[Tensor], Tensor],
    ) -> None:
        self.transformer, self.autoencoder = transformer, autoencoder
        self.encode_image = encode_image

    @torch.inference_mode()
    def denoise(
        self,
        scene: Scene,
        options: PipelineOptions,
        start: int,
        frames: int,
        state: WindowState,
        before_each: Callable[[], None] = lambda: None,
    ) -> Iterator[DenoisingStep]:
        """Yield the latents of a window after each step, the last of them without noise.

        `start` is the window's first frame in the video. `before_each` is called before each pass
        through a block of the transformer and may raise to end the work. Raises ValueError unless
        `frames` is 4k+1 and exceeds the known frames, the picture's sides are multiples of 16, and
        two speakers have three masks that are not empty.
        """
        known_frames = scene.picture.unsqueeze(1) if state.motion is None else state.motion
        _require_grid(known_frames, frames)
        _require_masks(scene)
        known = self.encode_known_frames(known_frames, frames)
        sampling = options.sampling
        levels = compute_timesteps(sampling.steps, sampling.shift)
        noise, motion = _draw_noise(known, state, len(levels))
        guidance = Guidance(sampling.text_guidance, sampling.audio_guidance, options.projection)
        conditionings = self.build_conditionings(
            scene, guidance.branches, known, known_frames[:, -1], start, frames
        )
        times = [self.transformer.embed_timestep(level) for level in levels[:-1]]
        cache = _build_step_cache(times, options)

        def velocities(x: Tensor, step: int) -> dict[Branch, Tensor]:
            model, time = self.transformer, times[step]

            def blocks(streams: Sequence[Tensor]) -> Sequence[Tensor]:
                return model.run_blocks(streams, time, list(conditionings.values()), before_each)

            streams = cache.run(step, [model.embed_patches(x, known)] * len(conditionings), blocks)
            shaped = (model.predict_velocity(stream, time, x.shape) for stream in streams)
            return dict(zip(conditionings, shaped, strict=True))

        yield from sample(velocities, noise, levels, guidance, motion, sampling.reuse_last)

    @torch.inference_mode()
    def decode(self, scene: Scene, options: PipelineOptions, latents: Tensor) -> Tensor:
        """Decode a window's latents to frames (3, f, H, W) in the picture's colours.

        They include the frames that the window shares with the one before.
        """
        return match_colours(
            self.autoencoder.to_video(latents), scene.picture, options.colour_strength
        )

    def encode_known_frames(self, known_frames: Tensor, frames: int) -> Tensor:
        """Encode the known frames (3, m, H, W) of a window's start, followed by grey ones.

        Returns (20, t, h, w): 4 channels of 1 where a frame is known_frames, then the latents.
        """
        grey = known_frames.new_zeros(3, frames - known_frames.shape[1], *known_frames.shape[2:])
        latents = self.autoencoder.to_latents(torch.cat([known_frames, grey], 1))
        is_known = (
            torch.arange(frames + _FRAMES_PER_LATENT - 1)
            < known_frames.shape[1] + _FRAMES_PER_LATENT - 1
        )
        mask = is_known.view(-1, _FRAMES_PER_LATENT).T[..., None, None].to(latents)
        return torch.cat([mask.expand(-1, -1, *latents.shape[2:]), latents])

    def build_conditionings(
        self,
        scene: Scene,
        branches: Sequence[Branch],
        known: Tensor,
        last_known: Tensor,
        start: int,
        frames: int,
    ) -> dict[Branch, Conditioning]:
        """Build the conditioning of each branch for a window; branches share equal parts."""
        model = self.transformer
        image = model.project_image(self.encode_image(last_known))
        rotation = model.compute_rotation(*known.shape[1:])
        prompts = {True: scene.prompt, False: scene.negative}
        text = {
            positive: model.project_text(prompts[positive])
            for positive in {b.prompt for b in branches}
        }
        voice = {True: model.project_voices(scene.voices, start, frames)}
        masks = {True: scene.masks}
        if not all(branch.voice for branch in branches):
            voice[False], masks[False] = model.project_silence(frames), None
        return {
            b: Conditioning(text[b.prompt], image, voice[b.voice], rotation, masks[b.voice])
            for b in branches
        }


def _require_grid(known_frames: Tensor, frames: int) -> None:
    _, count, height, width = known_frames.shape
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


def _draw_noise(known: Tensor, state: WindowState, levels: int) -> tuple[Tensor, Motion | None]:
    """Draw the noise of a window, and that of the frames shared with the one before per level."""
    latents = known[_MASK_CHANNELS:]

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=state.generator).to(known.device)

    noise = normal(*latents.shape)
    if state.motion is None:
        return noise, None
    shared = latents[:, : 1 + (state.motion.shape[1] - 1) // _FRAMES_PER_LATENT]
    return noise, Motion(shared, torch.stack([normal(*shared.shape) for _ in range(levels)]))


def _build_step_cache(times: Sequence[TimeEmbedding], options: PipelineOptions) -> StepCache:
    threshold = options.sampling.step_cache
    if threshold is None:
        return StepCache([True] * len(times))
    embeddings = torch.cat([time.blocks for time in times])
    return StepCache(select_computed_steps(embeddings, threshold, options.estimator))

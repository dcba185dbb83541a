"""A window is made as the method says, from nothing but what it is given."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from inference.models.registry import MODELS, initialised
from inference.multitalk.picture import halves, speaker_masks
from inference.multitalk.pipeline import Carried, Pipeline, Recipe, Scene
from inference.multitalk.sampling import Denoised
from inference.multitalk.schedule import timesteps
from presets.schema import Sampling

WIDTH, HEIGHT, FRAMES, SHARED = 64, 32, 13, 5
NETWORKS = initialised(MODELS["multitalk-tiny"], 0)
PIPELINE = Pipeline(NETWORKS.transformer, NETWORKS.video, NETWORKS.image.features)
TWO_PASSES = Recipe(Sampling(3, 2, 1, 2))
THREE_PASSES = Recipe(Sampling(3, 7, 5, 4))


def scene(speakers: int = 1, frames: int = 40) -> Scene:
    random = torch.Generator().manual_seed(speakers)
    return Scene(
        torch.rand(3, HEIGHT, WIDTH, generator=random) * 2 - 1,
        torch.randn(5, 32, generator=random),
        torch.randn(9, 32, generator=random),
        torch.randn(speakers, frames, 2, 16, generator=random),
        speaker_masks(halves(WIDTH, HEIGHT), WIDTH, HEIGHT) if speakers == 2 else None,
    )


def carried(motion: Tensor | None = None) -> Carried:
    return Carried(torch.Generator().manual_seed(5), motion)


def denoised(recipe: Recipe, given: Scene, start: int, state: Carried) -> list[Denoised]:
    return list(PIPELINE.denoise(given, recipe, start, FRAMES, state))


def motion() -> Tensor:
    return torch.rand(3, SHARED, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(9)) * 2 - 1


@pytest.mark.parametrize("speakers", [1, 2])
@pytest.mark.parametrize("recipe", [TWO_PASSES, THREE_PASSES])
def test_the_same_state_makes_the_same_window(recipe: Recipe, speakers: int) -> None:
    given = scene(speakers)
    first, second = (denoised(recipe, given, 0, carried())[-1].latents for _ in range(2))
    assert torch.equal(first, second) and first.isfinite().all()
    frames = PIPELINE.decode(given, recipe, first)
    assert frames.shape == (3, FRAMES, HEIGHT, WIDTH) and frames.abs().max() <= 1


def test_noise_is_drawn_in_a_fixed_order() -> None:
    random, state = torch.Generator().manual_seed(5), carried(motion())
    known = PIPELINE.known(motion(), FRAMES)[4:]
    torch.randn(known.shape, generator=random)  # first the window's own
    levels = [torch.randn(16, 2, 4, 8, generator=random) for _ in range(4)]  # then the motion's
    steps = denoised(TWO_PASSES, scene(), 8, state)
    assert torch.equal(state.generator.get_state(), random.get_state())
    sigma = timesteps(3, 2)[1] / 1000
    expected = (1 - sigma) * known[:, :2] + sigma * levels[1]
    torch.testing.assert_close(steps[0].latents[:, :2], expected)


def test_a_window_that_continues_ends_on_the_frames_it_was_given() -> None:
    last = denoised(TWO_PASSES, scene(), 8, carried(motion()))[-1].latents
    known = PIPELINE.known(motion(), FRAMES)[4:, :2]
    assert torch.equal(last[:, :2], known)


def test_known_frames_are_marked_and_the_rest_is_grey() -> None:
    first = PIPELINE.known(motion()[:, :1], FRAMES)
    assert first.shape == (20, 4, 4, 8)
    assert first[:4, 0].eq(1).all() and not first[:4, 1:].any()
    later = PIPELINE.known(motion(), FRAMES)
    assert later[:4, :2].eq(1).all() and not later[:4, 2:].any()
    grey = NETWORKS.video.to_latents(torch.cat([motion(), torch.zeros(3, 8, HEIGHT, WIDTH)], 1))
    assert torch.equal(later[4:], grey)


def test_past_its_end_a_voices_last_row_counts_on() -> None:
    given = scene(frames=15)
    longer = replace(
        given, voices=torch.cat([given.voices, given.voices[:, -1:].expand(1, 9, -1, -1)], 1)
    )
    a, b = (denoised(TWO_PASSES, s, 8, carried())[-1].latents for s in (given, longer))
    assert torch.equal(a, b)


def test_each_voice_matters_and_so_does_the_prompt() -> None:
    given = scene(2)
    usual = denoised(THREE_PASSES, given, 0, carried())[-1].latents
    for change in (
        {"voices": given.voices[[1, 0]]},
        {"prompt": given.negative},
        {"negative": given.prompt},
        {"masks": None if given.masks is None else given.masks[[1, 0, 2]]},
    ):
        other = denoised(THREE_PASSES, replace(given, **change), 0, carried())[-1].latents
        assert not torch.allclose(usual, other, atol=1e-4)


@pytest.mark.parametrize(("text", "audio", "passes"), [(5, 4, 3), (1, 2, 2), (3, 1, 2), (1, 1, 1)])
def test_a_step_takes_as_many_passes_as_planned(text: float, audio: float, passes: int) -> None:
    asked: list[int] = []
    recipe = Recipe(Sampling(2, 2, text, audio))
    steps = PIPELINE.denoise(scene(), recipe, 0, FRAMES, carried(), lambda: asked.append(1))
    assert len(list(steps)) == 2 and len(asked) == 2 * passes


@pytest.mark.parametrize("recipe", [Recipe(Sampling(12, 2, 1, 2)), Recipe(Sampling(12, 7, 5, 4))])
def test_the_step_cache_changes_little_and_nothing_at_threshold_nought(recipe: Recipe) -> None:
    def with_threshold(value: float) -> Recipe:
        return replace(recipe, sampling=replace(recipe.sampling, step_cache=value))

    exact = denoised(recipe, scene(), 0, carried())[-1].latents
    same = denoised(with_threshold(0.0), scene(), 0, carried())[-1].latents
    close = denoised(with_threshold(1e9), scene(), 0, carried())[-1].latents
    assert torch.equal(exact, same) and not torch.equal(exact, close)
    assert float((close - exact).norm() / exact.norm()) < 0.1


@pytest.mark.parametrize(("frames", "width"), [(12, WIDTH), (0, WIDTH), (FRAMES, 72), (FRAMES, 60)])
def test_what_is_off_the_grid_is_an_error(frames: int, width: int) -> None:
    given = replace(scene(), picture=torch.zeros(3, HEIGHT, width))
    with pytest.raises(ValueError, match=r"4k\+1|multiples of 16"):
        next(PIPELINE.denoise(given, TWO_PASSES, 0, frames, carried()))

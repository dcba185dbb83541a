"""Windows one after the other: what each starts from, which numbers it draws, what it spares."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from inference.multitalk.pipeline import Pipeline, PipelineOptions, Scene, WindowState
from inference.multitalk.sampling.guidance import NEITHER, Branch, Guidance
from inference.multitalk.sampling.sampler import DenoisingStep
from inference.multitalk.sampling.schedule import compute_timesteps
from presets.schema import Sampling
from tests.support.plain.colour import lab_from_rgb
from tests.support.tiny_networks import (
    FRAMES,
    HEIGHT,
    WIDTH,
    continued,
    fresh,
    loaded,
    motion,
    pipeline,
    random,
    scene,
)

LATENT = (16, 6, HEIGHT // 8, WIDTH // 8)  # c, t, h, w of a window's latents
TWO_PASSES = Sampling(3, shift=2, text_guidance=1, audio_guidance=2)
THREE_PASSES = replace(TWO_PASSES, text_guidance=5, audio_guidance=4)
ONE_PASS = replace(TWO_PASSES, audio_guidance=1)


def steps_of(
    what: Scene, how: Sampling, carried: WindowState, start: int = 0
) -> list[DenoisingStep]:
    return list(pipeline().denoise(what, PipelineOptions(how), start, FRAMES, carried))


def latents_of(what: Scene, how: Sampling, carried: WindowState, start: int = 0) -> Tensor:
    return steps_of(what, how, carried, start)[-1].latents


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The tokens of each pass with which the transformer's blocks are run, a number a pass."""
    runs: list[int] = []
    transformer = loaded().networks.transformer
    run_blocks = transformer.run_blocks

    def counting(streams: Sequence[Tensor], *rest: Any) -> list[Tensor]:
        runs.extend(stream.shape[1] for stream in streams)
        return run_blocks(streams, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(transformer, "run_blocks", counting)
        yield runs


@pytest.mark.parametrize("speakers", [1, 2])
@pytest.mark.parametrize("carried", [fresh, continued])
def test_the_same_numbers_make_the_same_window_and_others_another(
    speakers: int, carried: Callable[..., WindowState]
) -> None:
    first, second, other = (
        latents_of(scene(speakers), THREE_PASSES, carried(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == LATENT and first.isfinite().all()
    assert first.equal(second)
    assert not torch.allclose(first[:, 2:], other[:, 2:], atol=0.1)


@pytest.mark.parametrize(
    ("sampling", "passes"), [(ONE_PASS, 1), (TWO_PASSES, 2), (THREE_PASSES, 3)]
)
def test_a_step_runs_the_model_as_often_as_its_guidance_needs(
    sampling: Sampling, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    recipe = PipelineOptions(sampling)
    assert sampling.passes == passes
    with counted(monkeypatch) as runs:
        steps = pipeline().denoise(scene(), recipe, 0, FRAMES, fresh(), lambda: asked.append(None))
        assert [denoised.step for denoised in steps] == [0, 1, 2]
    assert runs == [6 * 2 * 4] * (3 * passes)  # tokens of 2 x 2 latents
    assert len(asked) == 3 * passes * len(pipeline().transformer.blocks)


@pytest.mark.parametrize("sampling", [ONE_PASS, TWO_PASSES, THREE_PASSES])
def test_the_last_step_may_be_spared(sampling: Sampling, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = steps_of(scene(), sampling, continued())
    with counted(monkeypatch) as runs:
        spared = steps_of(scene(), replace(sampling, reuse_last=True), continued())
    assert len(runs) == 2 * sampling.passes
    assert [denoised.step for denoised in spared] == [0, 1, 2]
    for ours, wanted in zip(spared[:2], whole[:2], strict=True):
        assert ours.latents.equal(wanted.latents) and ours.predicted.equal(wanted.predicted)
    torch.testing.assert_close(spared[2].latents[:, 2:], spared[1].predicted[:, 2:])
    assert spared[2].latents[:, :2].equal(whole[2].latents[:, :2])
    # what is spared is small: the last step removes next to no noise
    change = (spared[2].latents - whole[2].latents).norm() / whole[2].latents.norm()
    assert 0 < change < 0.1


def test_the_first_window_draws_its_noise_and_nothing_more() -> None:
    carried, by_hand = fresh(), fresh().generator
    latents_of(scene(), TWO_PASSES, carried)
    torch.randn(LATENT, generator=by_hand)
    assert carried.generator.get_state().equal(by_hand.get_state())


def test_a_later_window_draws_its_noise_and_then_that_of_what_it_continues_for_each_level() -> None:
    carried, by_hand = continued(frames=9), fresh().generator
    seen = steps_of(scene(), TWO_PASSES, carried)
    torch.randn(LATENT, generator=by_hand)
    held = pipeline().encode_known_frames(motion(9), FRAMES)[4:, :3]
    levels = compute_timesteps(TWO_PASSES.steps, TWO_PASSES.shift)
    motion_noise = [torch.randn(16, 3, *LATENT[2:], generator=by_hand) for _ in levels]
    assert carried.generator.get_state().equal(by_hand.get_state())
    for denoised in seen:
        sigma = levels[denoised.step + 1] / 1000
        wanted = (1 - sigma) * held + sigma * motion_noise[denoised.step + 1]
        torch.testing.assert_close(denoised.latents[:, :3], wanted, atol=1e-5, rtol=1e-5)


def test_the_noise_that_is_drawn_is_where_the_window_starts() -> None:
    still = replace(ONE_PASS, steps=1)
    noise = torch.randn(LATENT, generator=fresh().generator)
    (denoised,) = steps_of(scene(), still, fresh())
    model = pipeline()
    with torch.inference_mode():
        known = model.encode_known_frames(scene().picture.unsqueeze(1), FRAMES)
        branch = Branch(prompt=True, voice=True)
        given = model.build_conditionings(scene(), [branch], known, scene().picture, 0, FRAMES)[
            branch
        ]
        transformer = model.transformer
        velocity = transformer(noise, known, transformer.embed_timestep(1000.0), given)
    torch.testing.assert_close(denoised.latents, noise - velocity, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("shown", "known"), [(1, 1), (5, 2), (9, 3)])
def test_what_is_known_is_marked_and_the_rest_is_grey(shown: int, known: int) -> None:
    frames = random(1, 3, shown, HEIGHT, WIDTH).clamp(-1, 1)
    model = pipeline()
    with torch.inference_mode():
        rows = model.encode_known_frames(frames, FRAMES)
        grey = torch.zeros(3, FRAMES - shown, HEIGHT, WIDTH)
        latents = model.autoencoder.to_latents(torch.cat([frames, grey], 1))
    assert rows.shape == (20, *LATENT[1:])
    assert rows[:4, :known].eq(1).all() and rows[:4, known:].eq(0).all()
    assert rows[4:].equal(latents)


@pytest.mark.parametrize(("shared", "held"), [(5, 2), (9, 3)])
def test_a_window_goes_on_from_the_last_frames_of_the_one_before(shared: int, held: int) -> None:
    model, carried = pipeline(), fresh()
    whole, recipe = scene(frames=40), PipelineOptions(TWO_PASSES)
    frames = model.decode(whole, recipe, latents_of(whole, TWO_PASSES, carried))
    carried.motion = frames[:, -shared:]
    second = latents_of(whole, TWO_PASSES, carried, start=FRAMES - shared)
    with torch.inference_mode():
        encoded = model.encode_known_frames(frames[:, -shared:], FRAMES)[4:]
    assert second[:, :held].equal(encoded[:, :held])
    free = (second[:, held:] - encoded[:, held:]).norm() / encoded[:, held:].norm()
    assert free > 0.1


def test_the_picture_is_looked_at_first_and_then_the_last_frame_there_is() -> None:
    looked_at: list[Tensor] = []
    networks = loaded().networks

    def look(frame: Tensor) -> Tensor:
        looked_at.append(frame)
        return networks.image.encode(frame)

    model = Pipeline(networks.transformer, networks.video, look)
    for carried in (fresh(), continued()):
        list(model.denoise(scene(), PipelineOptions(ONE_PASS), 0, FRAMES, carried))
    assert looked_at[0].equal(scene().picture)
    assert looked_at[1].equal(motion()[:, -1])
    assert len(looked_at) == 2


def test_past_their_end_voices_go_on_as_they_ended() -> None:
    short = scene(2, frames=30)
    longer = torch.cat([short.voices, short.voices[:, -1:].expand(-1, 20, -1, -1)], 1)
    ours = latents_of(short, TWO_PASSES, fresh(), start=20)
    assert ours.equal(latents_of(replace(short, voices=longer), TWO_PASSES, fresh(), start=20))
    other = torch.cat([short.voices, random(9, 2, 20, 2, 16)], 1)
    changed = latents_of(replace(short, voices=other), TWO_PASSES, fresh(), start=20)
    assert not torch.allclose(ours, changed, atol=1e-3)


def test_a_window_hears_its_own_part_of_the_voices() -> None:
    whole = scene(frames=60)
    moved = replace(whole, voices=whole.voices[:, 30:])
    a = latents_of(whole, TWO_PASSES, fresh(), start=34)
    assert a.equal(latents_of(moved, TWO_PASSES, fresh(), start=4))
    assert not torch.allclose(a, latents_of(whole, TWO_PASSES, fresh(), start=4), atol=1e-3)


@pytest.mark.parametrize("changed", ["prompt", "negative", "masks"])
def test_all_that_is_known_of_the_scene_counts(changed: str) -> None:
    here = scene(2)
    given: Tensor = getattr(here, changed)
    there = replace(here, **{changed: given.roll(1, 0) if changed == "masks" else -given})
    ours, others = (latents_of(s, THREE_PASSES, fresh()) for s in (here, there))
    assert not torch.allclose(ours, others, atol=1e-3)


def test_decoded_frames_have_the_pictures_colours_as_far_as_is_asked_for() -> None:
    model, here = pipeline(), scene()
    latents = random(5, *LATENT)
    plain = model.decode(here, PipelineOptions(ONE_PASS, colour_strength=0), latents)
    assert plain.shape == (3, FRAMES, HEIGHT, WIDTH)
    with torch.inference_mode():
        assert plain.equal(model.autoencoder.to_video(latents))
    full = model.decode(here, PipelineOptions(ONE_PASS), latents)
    wanted = mean_lab(here.picture)
    assert (mean_lab(full[:, 3]) - wanted).abs().max() < 8
    assert (mean_lab(full[:, 3]) - wanted).norm() < 0.3 * (mean_lab(plain[:, 3]) - wanted).norm()


def mean_lab(frame: Tensor) -> Tensor:
    pixels = ((frame + 1) / 2).permute(1, 2, 0).double().numpy()
    return torch.from_numpy(lab_from_rgb(pixels)).mean((0, 1))


def test_one_silence_stands_for_both_voices() -> None:
    model, here = pipeline(), scene(2)
    with torch.inference_mode():
        known = model.encode_known_frames(here.picture.unsqueeze(1), FRAMES)
        full, _, neither = Guidance(5, 4).branches
        given = model.build_conditionings(here, [full, neither], known, here.picture, 0, FRAMES)
    tokens = model.transformer.params.context_tokens
    assert given[full].audio[0].k.shape[1] == 2 * tokens and given[full].masks is not None
    assert given[NEITHER].audio[0].k.shape[1] == tokens and given[NEITHER].masks is None


@pytest.mark.parametrize(
    ("frames", "width", "height"),
    [(20, WIDTH, HEIGHT), (0, WIDTH, HEIGHT), (1, WIDTH, HEIGHT), (21, 72, 32), (21, 64, 40)],
)
def test_what_is_off_the_models_grid_is_an_error(frames: int, width: int, height: int) -> None:
    off = replace(scene(), picture=torch.zeros(3, height, width))
    with pytest.raises(ValueError, match=r"4k\+1|multiples of 16"):
        next(pipeline().denoise(off, PipelineOptions(ONE_PASS), 0, frames, fresh()))


@pytest.mark.parametrize("motion", [4, 21, 25])
def test_frames_to_go_on_from_are_on_the_grid_and_fewer_than_the_window(motion: int) -> None:
    with pytest.raises(ValueError, match=r"4k\+1"):
        next(
            pipeline().denoise(
                scene(), PipelineOptions(ONE_PASS), 0, FRAMES, continued(frames=motion)
            )
        )

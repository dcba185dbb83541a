"""The video transformer equals its plain twin, whatever its sizes and what it is given."""

import json
import math
from dataclasses import asdict, dataclass, replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from inference.multitalk.models.registry import MODELS
from inference.multitalk.models.transformer import Conditioning, Transformer, TransformerParams
from tests.support.media import ROOT
from tests.support.plain import dit
from tests.support.plain.layers import linear
from tests.support.plain.masks import token_masks

SHAPES = ROOT / "weights" / "multitalk_14b_shapes.json"
PICTURE_ROWS = 10
LIMIT = 5e-6  # float32 code that is right is up to 2e-6 from float64
PARAMS = replace(
    MODELS["multitalk-tiny"].transformer,
    dim=48,
    ffn_dim=80,
    text_len=12,
    text_dim=20,
    clip_dim=24,
    audio_layers=3,
    audio_channels=8,
    context_tokens=3,
)


@dataclass(frozen=True)
class Given:
    """One evaluation: latents (c, t, h, w), what surrounds them, voices from `start`, a timestep.

    `masks` (3, h, w) are of latents; `silent` drops the voices.
    """

    latents: Tensor
    known: Tensor
    context: Tensor
    picture: Tensor
    voices: Tensor
    masks: Tensor | None = None
    start: int = 4
    timestep: float = 713.5
    silent: bool = False

    @property
    def frames(self) -> int:
        return PARAMS.vae_scale * (self.latents.shape[1] - 1) + 1


def made_up(params: TransformerParams) -> Transformer:
    """A network in which no gain is 1, and no bias, gate or shift is small enough to be lost."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = Transformer(params)
        for name, tensor in model.named_parameters():
            if "modulation" in name:
                nn.init.normal_(tensor, 0, 0.3)
            elif tensor.dim() == 1:
                nn.init.normal_(tensor, float(name.endswith("weight")), 0.2)
            else:
                nn.init.normal_(tensor, 0, tensor[0].numel() ** -0.5)
    return model.eval().requires_grad_(False)


def given(
    *grid: int, text: int = 7, speakers: int = 1, params: TransformerParams = PARAMS
) -> Given:
    """Noise for everything; two speakers overlap in the middle third of the frame."""
    random = torch.Generator().manual_seed(2)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random)

    height, width = grid[1:]
    masks = None
    if speakers == 2:
        masks = torch.zeros(3, height, width)
        masks[0, : height - 2, : 2 * width // 3] = 1
        masks[1, : height - 2, width // 3 :] = 1
        masks[2] = masks.sum(0) == 0
    return Given(
        noise(params.out_dim, *grid),
        noise(params.in_dim - params.out_dim, *grid),
        noise(text, params.text_dim),
        noise(1, PICTURE_ROWS, params.clip_dim),
        noise(speakers, 24, params.audio_layers, params.audio_channels),
        masks,
    )


def conditioning(model: Transformer, g: Given) -> Conditioning:
    audio = (
        model.project_silence(g.frames)
        if g.silent
        else model.project_voices(g.voices, g.start, g.frames)
    )
    return Conditioning(
        model.project_text(g.context),
        model.project_image(g.picture),
        audio,
        model.compute_rotation(*g.latents.shape[1:]),
        None if g.masks is None or g.silent else token_masks(g.masks),
    )


def velocity(model: Transformer, g: Given) -> Tensor:
    out: Tensor = model(
        g.latents, g.known, model.embed_timestep(g.timestep), conditioning(model, g)
    )
    return out


def truth(model: Transformer, g: Given) -> Tensor:
    """The twin's, with the same weights in float64."""
    params = model.params
    voices = g.voices[:1] * 0 if g.silent else g.voices
    windows = [dit.audio_windows(v, g.start, g.frames, params.audio_window) for v in voices]
    weights = {name: tensor.double() for name, tensor in model.state_dict().items()}
    return dit.velocity(
        weights,
        asdict(params),
        g.latents,
        g.timestep,
        g.context,
        g.picture,
        g.known,
        torch.stack(windows),
        g.masks,
    )


def error(found: Tensor, wanted: Tensor) -> float:
    assert found.shape == wanted.shape and found.dtype is torch.float32
    return float((found.double() - wanted).norm() / wanted.norm())


def check_against_the_twin(model: Transformer, g: Given) -> None:
    assert error(velocity(model, g), truth(model, g)) < LIMIT


@pytest.fixture(scope="module")
def model() -> Transformer:
    return made_up(PARAMS)


@pytest.mark.parametrize("speakers", [1, 2])
@pytest.mark.parametrize(
    ("heads", "head_size"), [(2, 16), (2, 20), (4, 24), (6, 16), (2, 64), (2, 128)]
)
def test_heads_of_any_even_number_and_size(heads: int, head_size: int, speakers: int) -> None:
    sized = made_up(replace(PARAMS, dim=heads * head_size, num_heads=heads))
    check_against_the_twin(sized, given(3, 4, 6, speakers=speakers))


@pytest.mark.parametrize("speakers", [1, 2])
@pytest.mark.parametrize("grid", [(2, 4, 4), (3, 4, 10), (3, 8, 4), (5, 6, 6), (4, 6, 4)])
def test_a_grid_of_any_form(grid: tuple[int, ...], speakers: int, model: Transformer) -> None:
    check_against_the_twin(model, given(*grid, speakers=speakers))


@pytest.mark.parametrize("tokens", [1, PARAMS.text_len - 1, PARAMS.text_len])
def test_text_of_any_length_that_fits(tokens: int, model: Transformer) -> None:
    check_against_the_twin(model, given(2, 4, 6, text=tokens))


def test_text_that_is_too_long_is_refused(model: Transformer) -> None:
    with pytest.raises(ValueError, match="13 text tokens are more than 12"):
        model.project_text(torch.zeros(13, PARAMS.text_dim))


@pytest.mark.parametrize("speakers", [1, 2])
@pytest.mark.parametrize("start", [0, 1, 7, 18, 23])
def test_windows_reach_over_both_ends_of_the_voices(
    start: int, speakers: int, model: Transformer
) -> None:
    check_against_the_twin(model, replace(given(3, 4, 6, speakers=speakers), start=start))


@pytest.mark.parametrize("speakers", [1, 2])
def test_silence_is_one_voice_of_zeros(speakers: int, model: Transformer) -> None:
    spoken = given(3, 4, 6, speakers=speakers)
    check_against_the_twin(model, replace(spoken, silent=True))
    assert not torch.allclose(
        velocity(model, spoken), velocity(model, replace(spoken, silent=True))
    )


@pytest.mark.parametrize("timestep", [0.0, 1.0, 6.958250522613525, 500.25, 1000.0])
def test_any_timestep(timestep: float, model: Transformer) -> None:
    check_against_the_twin(model, replace(given(2, 4, 4), timestep=timestep))


def test_time_is_embedded_without_loss_at_the_noisy_end() -> None:
    params = replace(PARAMS, freq_dim=256)
    sized = made_up(params)
    weights = {name: tensor.double() for name, tensor in sized.state_dict().items()}
    angles = 999.7 * 10_000.0 ** -(torch.arange(128, dtype=torch.float64) / 128)
    hidden = silu(linear(weights, "time_embedding.0", torch.cat([angles.cos(), angles.sin()])))
    head = linear(weights, "time_embedding.2", hidden)
    assert error(sized.embed_timestep(999.7).head[0], head) < 1e-6


def test_the_config_s_eps_is_that_of_the_blocks_and_the_head_alone() -> None:
    params = replace(PARAMS, eps=0.05)
    check_against_the_twin(made_up(params), given(3, 4, 6, speakers=2, params=params))


def test_other_sizes_of_the_voice_branch() -> None:
    params = replace(
        PARAMS, audio_window=3, intermediate_dim=10, output_dim=14, context_tokens=5, num_layers=3
    )
    check_against_the_twin(made_up(params), given(3, 4, 4, speakers=2, params=params))


def test_larger_patches() -> None:
    params = replace(PARAMS, patch_size=(1, 2, 4), in_dim=20, out_dim=8)
    check_against_the_twin(made_up(params), given(3, 4, 8, params=params))


def test_a_config_read_from_json_will_do(model: Transformer) -> None:
    read = TransformerParams(**json.loads(json.dumps(asdict(PARAMS))))
    assert isinstance(read.patch_size, list)
    one = given(2, 4, 6)
    assert torch.equal(velocity(made_up(read), one), velocity(model, one))


@pytest.mark.parametrize("speakers", [1, 2])
def test_a_conditioning_serves_every_step(speakers: int, model: Transformer) -> None:
    first = given(3, 4, 6, speakers=speakers)
    kept = conditioning(model, first)
    for timestep in (900.0, 100.0):
        step = replace(first, timestep=timestep, latents=first.latents * timestep / 1000)
        again = model(step.latents, step.known, model.embed_timestep(timestep), kept)
        assert torch.equal(again, velocity(model, step))


def test_speakers_are_not_interchangeable(model: Transformer) -> None:
    two = given(3, 4, 6, speakers=2)
    swapped = replace(two, voices=two.voices.flip(0))
    assert error(velocity(model, swapped), velocity(model, two).double()) > 1e-3


def test_bfloat16_stays_near_float32(model: Transformer) -> None:
    one = given(3, 4, 6)
    reduced = made_up(PARAMS).bfloat16()
    assert 1e-4 < error(velocity(reduced, one), velocity(model, one).double()) < 3e-2


def test_time_is_embedded_in_float32_even_by_bfloat16_weights() -> None:
    reduced, rounded = made_up(PARAMS).bfloat16(), made_up(PARAMS).bfloat16().float()
    for found, wanted in zip(
        reduced.embed_timestep(713.5), rounded.embed_timestep(713.5), strict=True
    ):
        assert found.dtype is torch.float32 and torch.equal(found, wanted)


def test_the_residual_stream_keeps_bfloat16() -> None:
    reduced, one = made_up(PARAMS).bfloat16(), given(2, 4, 4)
    tokens = reduced.embed_patches(one.latents, one.known)
    (after,) = reduced.run_blocks(
        [tokens], reduced.embed_timestep(700), [conditioning(reduced, one)]
    )
    assert (tokens.dtype, after.dtype) == (torch.bfloat16, torch.bfloat16)


def three_passes(model: Transformer) -> tuple[list[Tensor], list[Conditioning]]:
    """Streams and conditionings of two speakers, one and silence."""
    cases = [given(3, 4, 6, speakers=2), given(3, 4, 6, text=3)]
    cases.append(replace(cases[1], silent=True))
    streams = [model.embed_patches(case.latents, case.known) for case in cases]
    return streams, [conditioning(model, case) for case in cases]


def test_passes_that_run_together_give_what_each_gives_alone(model: Transformer) -> None:
    streams, conditions, time = *three_passes(model), model.embed_timestep(713.5)
    alone = [model.run_blocks([x], time, [c])[0] for x, c in zip(streams, conditions, strict=True)]
    together = model.run_blocks(streams, time, conditions)
    assert [ours.equal(wanted) for ours, wanted in zip(together, alone, strict=True)] == [True] * 3


def test_every_pass_goes_through_a_block_before_any_through_the_next_until_told_to_end() -> None:
    model, happened = made_up(replace(PARAMS, num_layers=3)), list[str]()
    for index, block in enumerate(model.blocks):
        block.register_forward_pre_hook(lambda *_, n=index: happened.append(f"block {n}"))

    def asked() -> None:
        happened.append("asked")
        if happened.count("asked") == 8:
            raise InterruptedError

    streams, conditions = three_passes(model)
    with pytest.raises(InterruptedError):
        model.run_blocks(streams, model.embed_timestep(500), conditions, asked)
    assert happened == [what for n in range(3) for what in ("asked", f"block {n}") * 3][:15]


def test_the_14b_model_has_the_released_names_and_shapes() -> None:
    with torch.device("meta"):
        state = MODELS["multitalk-14b"].get_builders()["transformer"]().state_dict()
    released = json.loads(SHAPES.read_text())["transformer"]
    assert {name: list(tensor.shape) for name, tensor in state.items()} == released
    assert len(released) == 1633
    assert sum(math.prod(shape) for shape in released.values()) == 18_882_046_784

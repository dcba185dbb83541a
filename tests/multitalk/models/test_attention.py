"""Attention and its layers equal the whole softmax matrix; a latent frame hears its own voice."""

import pytest
import torch
from einops import rearrange
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, _cur_sdpa_kernel_backends

from inference.multitalk.models import attention
from inference.multitalk.models.attention import (
    AudioCrossAttention,
    CrossAttention,
    Kernel,
    KeysValues,
    SelfAttention,
    attend,
    use_kernel,
)
from tests.support.plain import layers

HEADS, HEAD_SIZE = 3, 8
DIM = HEADS * HEAD_SIZE
EPS = 1e-6


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def filled(layer: nn.Module) -> nn.Module:
    """With weights that are noise, gains too."""
    for index, tensor in enumerate(layer.parameters()):
        tensor.requires_grad_(False).copy_(noise(*tensor.shape, seed=index) / 3)
    return layer


def plain(layer: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.double() for name, tensor in layer.state_dict().items()}


def heads(x: Tensor) -> Tensor:
    """The twin's (n, l, d) of (1, l, n, d)."""
    return rearrange(x.double(), "1 l n d -> n l d")


def check_equal(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)


@pytest.fixture
def cross() -> CrossAttention:
    layer = filled(CrossAttention(DIM, HEADS, EPS))
    assert isinstance(layer, CrossAttention)
    return layer


@pytest.fixture
def voices() -> AudioCrossAttention:
    layer = filled(AudioCrossAttention(DIM, HEADS, 10))
    assert isinstance(layer, AudioCrossAttention)
    return layer


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (7, 7), (5, 11), (40, 3)])
def test_attend_is_the_softmax_matrix(queries: int, keys: int) -> None:
    q = 3 * noise(1, queries, HEADS, HEAD_SIZE)
    k, v = (noise(1, keys, HEADS, HEAD_SIZE, seed=seed) for seed in (1, 2))
    found = attend(q, k, v)
    assert found.shape == q.shape
    check_equal(found.flatten(-2)[0], layers.attend(heads(q), heads(k), heads(v)))


def test_attend_keeps_the_batch_apart() -> None:
    q, k, v = (noise(4, 6, HEADS, HEAD_SIZE, seed=seed) for seed in range(3))
    each = [attend(q[i : i + 1], k[i : i + 1], v[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(attend(q, k, v), torch.cat(each))


@pytest.mark.parametrize("kernel", Kernel)
def test_every_kernel_is_the_softmax_matrix(kernel: Kernel) -> None:
    q, k, v = (noise(2, 9, HEADS, HEAD_SIZE, seed=seed) for seed in range(3))
    with use_kernel(kernel):
        found = attend(q, k, v)
    for one in range(2):
        wanted = layers.attend(*(heads(x[one : one + 1]) for x in (q, k, v)))
        check_equal(found[one].flatten(-2), wanted)


def test_a_kernel_that_must_do_it_alone_raises_where_it_can_not() -> None:
    q = noise(1, 5, HEADS, HEAD_SIZE)
    with use_kernel(Kernel.CUDNN, strict=True), pytest.raises(RuntimeError):
        attend(q, q, q)


def test_torch_is_left_as_it_was_also_after_an_error() -> None:
    def state() -> list[SDPBackend]:
        found: list[SDPBackend] = _cur_sdpa_kernel_backends(with_priority=True)
        return found

    before = state()
    for kernel in Kernel:
        with pytest.raises(ZeroDivisionError), use_kernel(kernel):
            assert attention._active_kernel.get() is kernel
            raise ZeroDivisionError
        assert state() == before and attention._active_kernel.get() is None
    with use_kernel(Kernel.TORCH):
        assert SDPBackend.CUDNN_ATTENTION not in state()
    with use_kernel(Kernel.CUDNN):
        assert state()[0] == SDPBackend.CUDNN_ATTENTION


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_cpu_never_calls_flash_attn(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "flash_attn_func", pytest.fail)
    q = noise(1, 5, HEADS, HEAD_SIZE).to(dtype)
    for kernel in (None, *Kernel):
        with use_kernel(kernel):
            assert attend(q, q, q).dtype is dtype


@pytest.mark.parametrize(
    ("capability", "has_it"), [((7, 5), False), ((8, 0), True), ((9, 0), True)]
)
def test_flash_attn_takes_half_the_bytes_of_a_gpu_that_has_it_untransposed(
    capability: tuple[int, int], has_it: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        calls.append((q.dtype, tuple(q.shape), tuple(k.shape), tuple(v.shape)))
        return q

    monkeypatch.setattr(attention, "flash_attn_func", fused)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(attention, "_has_flash", attention._has_flash.__wrapped__)  # no cache
    with FakeTensorMode():  # of a GPU that need not be there
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            q = torch.empty(2, 9, HEADS, HEAD_SIZE, dtype=dtype, device="cuda")
            k = torch.empty(2, 5, HEADS, HEAD_SIZE, dtype=dtype, device="cuda")
            assert attend(q, k, k).shape == q.shape
            with use_kernel(Kernel.TORCH):
                assert attend(q, k, k).shape == q.shape
    shapes = ((2, 9, HEADS, HEAD_SIZE), (2, 5, HEADS, HEAD_SIZE), (2, 5, HEADS, HEAD_SIZE))
    halves = [(torch.bfloat16, *shapes), (torch.float16, *shapes)]
    assert calls == (halves if has_it else [])


def test_queries_and_keys_are_normed_over_all_heads_together() -> None:
    layer = filled(SelfAttention(DIM, HEADS, EPS))
    assert isinstance(layer, SelfAttention)
    weights, x = plain(layer), noise(1, 5, DIM)
    query, (key, value) = layer.project_query(x), layer.project_keys_values(x)
    for found, name in ((query, "q"), (key, "k")):
        wanted = layers.rms_norm(
            weights, f"norm_{name}", layers.linear(weights, name, x[0].double()), EPS
        )
        check_equal(found[0].flatten(-2), wanted)
    check_equal(value[0].flatten(-2), layers.linear(weights, "v", x[0].double()))
    check_equal(layer.project_out(query), layers.linear(weights, "o", query.double().flatten(-2)))


def test_text_and_picture_have_a_softmax_each(cross: CrossAttention) -> None:
    x, text, image = noise(1, 5, DIM), noise(1, 7, DIM, seed=1), noise(1, 4, DIM, seed=2)
    weights = plain(cross)
    q = layers.rms_norm(weights, "norm_q", layers.linear(weights, "q", x[0].double()), EPS)
    total = torch.zeros(5, DIM, dtype=torch.float64)
    for rows, suffix in ((text, ""), (image, "_img")):
        k, v = (layers.linear(weights, n + suffix, rows[0].double()) for n in "kv")
        k = layers.rms_norm(weights, "norm_k" + suffix, k, EPS)
        total += layers.attend(*(layers.split_heads(part, HEADS) for part in (q, k, v)))
    found = cross(x, cross.project_keys_values(text), cross.project_image_keys_values(image))
    check_equal(found[0], layers.linear(weights, "o", total))


def test_one_voice_s_keys_come_before_its_values_and_are_not_turned(
    voices: AudioCrossAttention,
) -> None:
    tokens = noise(1, 4, 5, 10)
    both = layers.linear(plain(voices), "kv_linear", tokens[0].double())  # (t, s, 2c)
    found = voices.project_keys_values(tokens)
    assert found.k.shape == found.v.shape == (4, 5, HEADS, HEAD_SIZE)
    check_equal(found.k.flatten(-2), both[..., :DIM])
    check_equal(found.v.flatten(-2), both[..., DIM:])


def test_two_voices_keys_stand_at_2_and_22(voices: AudioCrossAttention) -> None:
    tokens = noise(2, 4, 5, 10)
    found = voices.project_keys_values(tokens)
    assert found.k.shape == found.v.shape == (4, 10, HEADS, HEAD_SIZE)
    for speaker, place in enumerate((2, 22)):
        mine = slice(5 * speaker, 5 * speaker + 5)
        alone = voices.project_keys_values(tokens[speaker : speaker + 1])
        angles = layers.rotary_angles(torch.full((5,), place), HEAD_SIZE)
        for frame in range(4):
            k = layers.rotate(alone.k[frame].transpose(0, 1), angles)
            check_equal(found.k[frame, mine].transpose(0, 1), k.double())
        torch.testing.assert_close(found.v[:, mine], alone.v)


@pytest.mark.parametrize("speakers", [1, 2])
def test_a_latent_frame_hears_its_own_tokens_alone(
    speakers: int, voices: AudioCrossAttention
) -> None:
    x, tokens = noise(1, 4 * 6, DIM), noise(speakers, 4, 5, 10, seed=1)
    positions = None if speakers == 1 else 24 * torch.rand(24, generator=torch.Generator())
    before = voices(x, voices.project_keys_values(tokens), positions)
    tokens[-1, 2] += 1
    changed = (voices(x, voices.project_keys_values(tokens), positions) != before).any(-1)[0]
    assert changed.view(4, 6).all(1).tolist() == [False, False, True, False]
    assert int(changed.sum()) == 6


def test_a_token_asks_for_itself_alone(voices: AudioCrossAttention) -> None:
    x, audio = noise(1, 4 * 6, DIM), voices.project_keys_values(noise(1, 4, 5, 10, seed=1))
    before = voices(x, audio, None)
    x[0, 13] += noise(DIM, seed=2)
    changed = (voices(x, audio, None) != before).any(-1)[0]
    assert changed.nonzero().tolist() == [[13]]


@pytest.mark.parametrize("place", [None, 3.25])
def test_queries_are_turned_to_their_place(
    place: float | None, voices: AudioCrossAttention
) -> None:
    x, k, v = noise(1, 6, DIM), noise(1, 5, HEADS, HEAD_SIZE, seed=1), noise(1, 5, HEADS, HEAD_SIZE)
    weights = plain(voices)
    q = layers.split_heads(layers.linear(weights, "q_linear", x[0].double()), HEADS)
    if place is not None:
        q = layers.rotate(q, layers.rotary_angles(torch.full((6,), place), HEAD_SIZE))
    wanted = layers.linear(weights, "proj", layers.attend(q, heads(k), heads(v)))
    at = None if place is None else torch.full((6,), place)
    check_equal(voices(x, KeysValues(k, v), at)[0], wanted)


def test_a_voice_is_heard_most_where_its_speaker_is() -> None:
    layer = AudioCrossAttention(DIM, HEADS, DIM).requires_grad_(False)
    for linear in (layer.q_linear, layer.proj):  # what goes in is the query, and comes out
        linear.weight.copy_(torch.eye(DIM))
        linear.bias.zero_()
    layer.kv_linear.weight.copy_(torch.cat([torch.zeros(DIM, DIM), torch.eye(DIM)]))
    layer.kv_linear.bias.copy_(torch.cat([torch.full((DIM,), 3.0), torch.zeros(DIM)]))
    tokens = torch.stack([torch.zeros(1, 1, DIM), torch.ones(1, 1, DIM)])  # the second says 1
    heard = layer(
        torch.full((1, 3, DIM), 3.0), layer.project_keys_values(tokens), torch.tensor([2, 12, 22])
    )
    first, neither, second = heard[0].mean(-1).tolist()
    assert first < 0.02 and second > 0.98 and neither == pytest.approx(0.5, abs=1e-5)

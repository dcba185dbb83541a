"""Registry of models: the sizes of their networks, and how to build them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import CLIPVisionConfig, UMT5Config, Wav2Vec2Config

from inference.multitalk.models.encoders import (
    AudioEncoder,
    ImageEncoder,
    TextEncoder,
    VideoAutoencoder,
)
from inference.multitalk.models.transformer import Transformer, TransformerParams

ConfigArgs = Mapping[str, Any]  # arguments of a library's configuration class


@dataclass(frozen=True)
class ModelSpec:
    """Sizes of one model's networks; everything else is the libraries' default."""

    transformer: TransformerParams
    video: ConfigArgs
    image: ConfigArgs
    text: ConfigArgs
    audio: ConfigArgs

    def get_builders(self) -> dict[str, Callable[[], nn.Module]]:
        """Return a function that builds each network, by its field in `Networks`."""
        return {
            "transformer": lambda: Transformer(self.transformer),
            "video": lambda: VideoAutoencoder(**self.video),
            "image": lambda: ImageEncoder(CLIPVisionConfig(**self.image)),
            "text": lambda: TextEncoder(UMT5Config(**self.text)),
            "audio": lambda: AudioEncoder(Wav2Vec2Config(**self.audio)),
        }


@dataclass(frozen=True)
class Networks:
    """Networks of one model, ready to run."""

    transformer: Transformer
    video: VideoAutoencoder
    image: ImageEncoder
    text: TextEncoder
    audio: AudioEncoder


def initialise_networks(spec: ModelSpec, seed: int) -> Networks:
    """Build networks with random weights on the CPU in float32, reproducible by seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts: dict[str, Any] = {
            name: build().eval() for name, build in spec.get_builders().items()
        }
    return Networks(**parts)


_GELU_T5 = {"feed_forward_proj": "gated-gelu"}

MODELS: dict[str, ModelSpec] = {
    # Wan2.1-I2V-14B-480P with MultiTalk's audio branch, umT5-XXL, CLIP ViT-H/14, wav2vec 2.0 base.
    "multitalk-14b": ModelSpec(
        transformer=TransformerParams(
            patch_size=(1, 2, 2),
            dim=5120,
            ffn_dim=13_824,
            freq_dim=256,
            in_dim=36,
            out_dim=16,
            num_heads=40,
            num_layers=40,
            text_len=512,
            text_dim=4096,
            clip_dim=1280,
            audio_window=5,
            vae_scale=4,
            audio_layers=12,
            audio_channels=768,
            intermediate_dim=512,
            output_dim=768,
            context_tokens=32,
            eps=1e-6,
        ),
        video={},
        image=dict(
            hidden_size=1280,
            intermediate_size=5120,
            num_hidden_layers=32,
            num_attention_heads=16,
            image_size=224,
            patch_size=14,
            hidden_act="gelu",
        ),
        text=dict(
            vocab_size=256_384,
            d_model=4096,
            d_kv=64,
            d_ff=10_240,
            num_layers=24,
            num_heads=64,
            **_GELU_T5,
        ),
        audio={},
    ),
    # The same structure, narrow enough for a CPU: for tests and demonstrations.
    "multitalk-tiny": ModelSpec(
        transformer=TransformerParams(
            patch_size=(1, 2, 2),
            dim=32,
            ffn_dim=64,
            freq_dim=32,
            in_dim=36,
            out_dim=16,
            num_heads=2,
            num_layers=2,
            text_len=512,
            text_dim=32,
            clip_dim=32,
            audio_window=5,
            vae_scale=4,
            audio_layers=2,
            audio_channels=16,
            intermediate_dim=16,
            output_dim=16,
            context_tokens=4,
            eps=1e-6,
        ),
        video=dict(
            base_dim=4,
            num_res_blocks=0,
            dim_mult=[1, 1, 1],
            temperal_downsample=[True, True],
            patch_size=2,  # no convolutions at full resolution, which take minutes on a CPU
            in_channels=12,
            out_channels=12,
        ),
        image=dict(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=56,
            patch_size=14,
            hidden_act="gelu",
        ),
        text=dict(
            vocab_size=384,  # bytes and the special tokens of ByT5's tokenizer
            d_model=32,
            d_kv=16,
            d_ff=64,
            num_layers=2,
            num_heads=2,
            **_GELU_T5,
        ),
        audio=dict(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            conv_dim=(16,) * 7,
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=4,
        ),
    ),
}

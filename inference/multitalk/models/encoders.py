"""What the video model is conditioned on, by library models used as MultiTalk uses them.

Each takes the library's own configuration. Picture and sound go in raw, so that how they are
prepared stands beside the network that needs it so.
"""

from typing import cast

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    UMT5Config,
    UMT5EncoderModel,
    Wav2Vec2Config,
    Wav2Vec2Model,
)

AUDIO_RATE_HZ = 16_000
AUDIO_FPS = 25  # feature frames per second: the video's
# Of CLIP's training pictures, by channel.
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class VideoAutoencoder(AutoencoderKLWan):  # type: ignore[misc]
    """Wan's causal autoencoder: a latent is 4 frames (the first one: 1) of 8 x 8 pixels."""

    def to_latents(self, video: Tensor) -> Tensor:
        """Frames (3, f, 8h, 8w), -1 to 1, to normalised latents (16, t, h, w), without noise."""
        mean, std = self._statistics(video.device)
        latents = self.encode(video.unsqueeze(0)).latent_dist.mode().squeeze(0)
        return cast(Tensor, (latents - mean) / std)

    def to_video(self, latents: Tensor) -> Tensor:
        """Normalised latents (16, t, h, w) to frames (3, f, 8h, 8w), clamped to -1 .. 1."""
        mean, std = self._statistics(latents.device)
        return cast(Tensor, self.decode((latents * std + mean).unsqueeze(0)).sample.squeeze(0))

    def _statistics(self, device: torch.device) -> tuple[Tensor, Tensor]:
        values = (self.config.latents_mean, self.config.latents_std)
        mean, std = (torch.tensor(v, device=device).view(-1, 1, 1, 1) for v in values)
        return mean, std


class ImageEncoder(CLIPVisionModel):  # type: ignore[misc]
    """CLIP's picture tower, read one layer before its last."""

    config: CLIPVisionConfig

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__(config)
        # no file holds these, so they are made even where the network is built without memory
        positions = torch.arange(self.embeddings.num_positions, device="cpu").unsqueeze(0)
        self.embeddings.register_buffer("position_ids", positions, persistent=False)

    def encode(self, image: Tensor) -> Tensor:
        """A picture (3, h, w), -1 to 1, to (1, patches + 1, c), the picture's own row first."""
        pixels = self.preprocess(image).to(self.dtype)
        states = self(pixels, output_hidden_states=True).hidden_states
        return cast(Tensor, states[-2])

    def preprocess(self, image: Tensor) -> Tensor:
        """(1, 3, size, size): stretched to a square whatever its ratio, and not smoothed before."""
        size = self.config.image_size
        square = interpolate(image.unsqueeze(0), (size, size), mode="bicubic", align_corners=False)
        mean, std = (
            torch.tensor(v, device=image.device).view(3, 1, 1) for v in (_CLIP_MEAN, _CLIP_STD)
        )
        return (square * 0.5 + 0.5 - mean) / std


class TextEncoder(UMT5EncoderModel):  # type: ignore[misc]
    """umT5's encoder."""

    config: UMT5Config

    def encode(self, ids: Tensor, mask: Tensor) -> list[Tensor]:
        """Token ids and 0/1 mask (b, n) to each text's real tokens' rows, (its n, c)."""
        rows = self(input_ids=ids, attention_mask=mask).last_hidden_state
        return [row[: int(length)] for row, length in zip(rows, mask.sum(1), strict=True)]


class AudioEncoder(Wav2Vec2Model):  # type: ignore[misc]
    """wav2vec 2.0, its convolutions' output brought to the video's frame rate.

    The layers are run here, because the library's own forward has no place for that.
    """

    config: Wav2Vec2Config

    def encode(self, wave: Tensor) -> Tensor:
        """A recording (samples,) at 16 kHz of zero mean and unit variance to (f, layers, c).

        One row a video frame, rounded down; what each layer of the encoder puts out.
        """
        frames = AUDIO_FPS * len(wave) // AUDIO_RATE_HZ
        heard = self.feature_extractor(wave.unsqueeze(0))  # (1, c, about 50 a second)
        heard = interpolate(heard, frames, mode="linear", align_corners=True).transpose(1, 2)
        x = self.feature_projection(heard)[0]
        x = self.encoder.layer_norm(x + self.encoder.pos_conv_embed(x))
        layers = []
        for layer in self.encoder.layers:
            x = layer(x)
            layers.append(x)
        return torch.stack(layers, 2).squeeze(0)

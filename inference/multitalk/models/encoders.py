"""Library models that MultiTalk uses: encoders of picture, text and voice, and the autoencoder.

Each takes the library's own configuration. Picture and voice enter raw, so that preprocessing is
beside the network that requires it.
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
AUDIO_FPS = 25  # feature frames per second, as many as video frames
# Mean and standard deviation of CLIP's training pictures, by channel.
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class VideoAutoencoder(AutoencoderKLWan):  # type: ignore[misc]
    """Wan's causal autoencoder: a latent holds 4 frames (the first one: 1) of 8 x 8 pixels."""

    def to_latents(self, video: Tensor) -> Tensor:
        """Encode frames (3, f, 8h, 8w), -1 to 1, to normalised latents (16, t, h, w).

        The latents are the mode of the distribution, not a sample.
        """
        mean, std = self._statistics(video.device)
        latents = self.encode(video.unsqueeze(0)).latent_dist.mode().squeeze(0)
        return cast(Tensor, (latents - mean) / std)

    def to_video(self, latents: Tensor) -> Tensor:
        """Decode normalised latents (16, t, h, w) to frames (3, f, 8h, 8w), clamped to -1 .. 1."""
        mean, std = self._statistics(latents.device)
        return cast(Tensor, self.decode((latents * std + mean).unsqueeze(0)).sample.squeeze(0))

    def _statistics(self, device: torch.device) -> tuple[Tensor, Tensor]:
        values = (self.config.latents_mean, self.config.latents_std)
        mean, std = (torch.tensor(v, device=device).view(-1, 1, 1, 1) for v in values)
        return mean, std


class ImageEncoder(CLIPVisionModel):  # type: ignore[misc]
    """CLIP's vision model, read one layer before its last."""

    config: CLIPVisionConfig

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__(config)
        # no weights file holds these, so they must not be on the meta device
        positions = torch.arange(self.embeddings.num_positions, device="cpu").unsqueeze(0)
        self.embeddings.register_buffer("position_ids", positions, persistent=False)

    def encode(self, image: Tensor) -> Tensor:
        """Encode a picture (3, h, w), -1 to 1, to (1, patches + 1, c), the class token first."""
        pixels = self.preprocess(image).to(self.dtype)
        states = self(pixels, output_hidden_states=True).hidden_states
        return cast(Tensor, states[-2])

    def preprocess(self, image: Tensor) -> Tensor:
        """Stretch a picture to a normalised square (1, 3, size, size).

        Without antialiasing, as in the original.
        """
        size = self.config.image_size
        square = interpolate(image.unsqueeze(0), (size, size), mode="bicubic", align_corners=False)
        mean, std = (
            torch.tensor(v, device=image.device).view(3, 1, 1) for v in (_CLIP_MEAN, _CLIP_STD)
        )
        return (square * 0.5 + 0.5 - mean) / std


class TextEncoder(UMT5EncoderModel):  # type: ignore[misc]
    """umT5's encoder, without the padding in its output."""

    config: UMT5Config

    def encode(self, ids: Tensor, mask: Tensor) -> list[Tensor]:
        """Encode token ids and their 0/1 mask, both (b, n), to each text's features (its n, c)."""
        rows = self(input_ids=ids, attention_mask=mask).last_hidden_state
        return [row[: int(length)] for row, length in zip(rows, mask.sum(1), strict=True)]


class AudioEncoder(Wav2Vec2Model):  # type: ignore[misc]
    """wav2vec 2.0 with the output of its convolutions resampled to the video's frame rate.

    The library's own forward has no hook for that, so the layers are run here.
    """

    config: Wav2Vec2Config

    def encode(self, wave: Tensor) -> Tensor:
        """Encode a recording (samples,) at 16 kHz of zero mean and unit variance to (f, layers, c).

        The output has one row per video frame, rounded down, with the output of every layer.
        """
        frames = AUDIO_FPS * len(wave) // AUDIO_RATE_HZ
        features = self.feature_extractor(wave.unsqueeze(0))  # (1, c, about 50 a second)
        features = interpolate(features, frames, mode="linear", align_corners=True).transpose(1, 2)
        x = self.feature_projection(features)[0]
        x = self.encoder.layer_norm(x + self.encoder.pos_conv_embed(x))
        layers = []
        for layer in self.encoder.layers:
            x = layer(x)
            layers.append(x)
        return torch.stack(layers, 2).squeeze(0)

"""Audio projection: features of the audio frames around a latent frame to a few tokens."""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import relu

from inference.multitalk.models.linear import Linear


def gather_window(features: Tensor, start: int, frames: int, reach: int) -> Tensor:
    """Return features (p, f, ...) of the frames start-reach .. start+frames-1+reach.

    Frames outside the range repeat the first or the last one.
    """
    indices = torch.arange(start - reach, start + frames + reach, device=features.device)
    return features[:, indices.clamp(0, features.shape[1] - 1)]


class AudioProjection(nn.Module):
    """Projection of voice features to `tokens` tokens per latent frame.

    The first latent frame holds one video frame and uses the `window` audio frames around it; each
    later one holds `stride` video frames and uses the audio frames around all of them.
    """

    def __init__(
        self, window: int, stride: int, features: int, hidden: int, tokens: int, out: int
    ) -> None:
        super().__init__()
        self.window, self.stride, self.tokens = window, stride, tokens
        self.proj1 = Linear(window * features, hidden)
        self.proj1_vf = Linear((window + stride - 1) * features, hidden)
        self.proj2 = Linear(hidden, hidden)
        self.proj3 = Linear(hidden, tokens * out)
        self.norm = nn.LayerNorm(out)

    def forward(self, features: Tensor, start: int, frames: int) -> Tensor:
        """Project features (p, f, layers, c), one row per video frame, to (p, t, tokens, out).

        The window holds `frames` video frames from `start`. Raises ValueError unless `frames` is
        4k+1.
        """
        if frames % self.stride != 1:
            raise ValueError(f"{frames} frames are not {self.stride}k+1")
        window = gather_window(features, start, frames, self.window // 2)
        first = rearrange(window[:, : self.window], "p a layers c -> p 1 (a layers c)")
        starts = torch.arange(1, frames, self.stride, device=window.device)
        spans = torch.arange(self.window + self.stride - 1, device=window.device)
        later = window[:, starts.unsqueeze(1) + spans]  # (p, t - 1, a, layers, c)
        later = rearrange(later, "p t a layers c -> p t (a layers c)")
        x = torch.cat([relu(self.proj1(first)), relu(self.proj1_vf(later))], dim=1)
        x = self.proj3(relu(self.proj2(x)))
        out: Tensor = self.norm(x.unflatten(-1, (self.tokens, -1)))
        return out

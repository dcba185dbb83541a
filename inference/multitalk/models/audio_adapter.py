"""What the voice says about each latent frame: features of some audio frames into a few tokens."""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import relu

from inference.multitalk.models.linear import Linear


def gather_window(features: Tensor, start: int, frames: int, reach: int) -> Tensor:
    """features (p, f, ...) of the frames start-reach .. start+frames-1+reach, on axis 1.

    Frames before the first and after the last one there is repeat it.
    """
    wanted = torch.arange(start - reach, start + frames + reach, device=features.device)
    return features[:, wanted.clamp(0, features.shape[1] - 1)]


class AudioProjection(nn.Module):
    """Projects voice features onto `tokens` tokens per latent frame.

    The first latent frame is one video frame and hears the `window` audio frames around it; each
    later one is `stride` video frames and hears all that lie around any of them.
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
        """(p, f, layers, c), one row a video frame, to (p, t, tokens, out).

        For the window of `frames` (4k+1) video frames from `start`. Raises ValueError off the grid.
        """
        if frames % self.stride != 1:
            raise ValueError(f"{frames} frames are not {self.stride}k+1")
        heard = gather_window(features, start, frames, self.window // 2)
        first = rearrange(heard[:, : self.window], "p a layers c -> p 1 (a layers c)")
        starts = torch.arange(1, frames, self.stride, device=heard.device)
        spans = torch.arange(self.window + self.stride - 1, device=heard.device)
        later = heard[:, starts.unsqueeze(1) + spans]  # (p, t - 1, a, layers, c)
        later = rearrange(later, "p t a layers c -> p t (a layers c)")
        x = torch.cat([relu(self.proj1(first)), relu(self.proj1_vf(later))], dim=1)
        x = self.proj3(relu(self.proj2(x)))
        out: Tensor = self.norm(x.unflatten(-1, (self.tokens, -1)))
        return out

"""The networks, from tensors to tensors. They read no files and choose no devices.

Shapes are written as einops strings or trailing comments, in these letters: b batch, f video
frames, t latent frames (f = 4(t-1)+1), h w latent rows and columns, l tokens of all latent frames,
s tokens of one latent frame, n heads, d head size, c channels, p speakers.
"""

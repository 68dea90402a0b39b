"""Contrastive losses. N images, D the width of z, the two views of all images one after the other: (2N, D)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def nt_xent(z: Tensor, temperature: float) -> Tensor:
    """NT-Xent of Algorithm 1: the mean over all 2N anchors, in nats (the official code's value is twice this).

    z: (2N, D), rows i and i + N two views of one image; any scale, normalized here. The denominator holds the positive
    and the 2N - 2 negatives, not the anchor itself. In float32 or wider: bf16 logits are too coarse at low temperature.
    Equal embeddings give log(2N - 1).
    """
    if z.ndim != 2 or len(z) % 2 or len(z) < 4:
        raise ValueError(f"z must be (2N, D) with N >= 2, got {tuple(z.shape)}")
    wide = z if z.dtype == torch.float64 else z.float()
    unit = F.normalize(wide, dim=1)
    logits = (unit @ unit.T / temperature).fill_diagonal_(-torch.inf)
    positive = torch.arange(len(z), device=z.device).roll(len(z) // 2)
    return F.cross_entropy(logits, positive)

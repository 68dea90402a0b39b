"""What the transformations draw with: numbers, seeds, and which images one fires on."""

import torch
from torch import Tensor


def uniform(low: float, high: float, n: int, generator: torch.Generator) -> Tensor:
    """(n,) float32 draws from U(low, high)."""
    return torch.empty(n).uniform_(low, high, generator=generator)


def seeds(n: int, generator: torch.Generator) -> Tensor:
    """(n,) int64 seeds in [0, 2^31), for libraries that bring generators of their own."""
    return torch.randint(0, 2**31, (n,), generator=generator)


def firing(p: float, n: int, generator: torch.Generator) -> Tensor:
    """(n,) bool, each true with probability p; drawn last, so that p does not shift what else is drawn."""
    return torch.rand(n, generator=generator) < p


def where(fires: Tensor, transformed: Tensor, images: Tensor) -> Tensor:
    """The transformed image where it fires, else the image. fires: (N,) bool; the others: (N, C, S, S)."""
    return torch.where(fires.to(images.device)[:, None, None, None], transformed, images)

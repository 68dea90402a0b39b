"""What the transformations share: drawing numbers and seeds, which images one fires on, and which are large."""

from collections.abc import Callable

import torch
from torch import Tensor

LARGE = 96  # pixels of a side


def uniform(low: float, high: float, n: int, generator: torch.Generator) -> Tensor:
    """(n,) float32 draws from U(low, high)."""
    return torch.empty(n).uniform_(low, high, generator=generator)


def seeds(n: int, generator: torch.Generator) -> Tensor:
    """(n,) int64 seeds in [0, 2^31), for libraries that bring generators of their own."""
    return torch.randint(0, 2**31, (n,), generator=generator)


def firing(p: float, n: int, generator: torch.Generator) -> Tensor:
    """(n,) bool, each true with probability p; drawn last, so that p does not shift what else is drawn."""
    return torch.rand(n, generator=generator) < p


def where(fires: Tensor, images: Tensor, transform: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """A new batch: the images, transformed where it fires; fires: (N,) bool, on the CPU.

    transform: of the images it fires on and their places in the batch, a new batch. The others cost it nothing.
    """
    drawn = torch.nonzero(fires)[:, 0]
    if len(drawn) == len(images):
        return transform(images, drawn)
    out = images.clone()
    if len(drawn):
        index = drawn.to(images.device)
        out.index_copy_(0, index, transform(images.index_select(0, index), drawn))
    return out


def floats(images: Tensor) -> Tensor:
    """In [0, 1], whether they are already or still uint8."""
    return images if images.is_floating_point() else images.float().div_(255)


def large(images: Tensor) -> bool:
    """Whether these go one by one through `pictures` rather than as one batch: on a CPU, and far from small."""
    return images.device.type == "cpu" and images.shape[-1] >= LARGE

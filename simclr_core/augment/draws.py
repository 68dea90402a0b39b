"""What the transformations share: drawing numbers and seeds, which images one fires on, and which are large."""

from collections.abc import Callable

import torch
from torch import Tensor

LARGE = 96  # pixels of a side


class Draws:
    """Random numbers for N images on the CPU: `n` from each stream, those of the first stream first.

    Branches that are alike are drawn for in one go, each from its own stream: of few numbers the calls take the time.
    """

    def __init__(self, n: int, *streams: torch.Generator) -> None:
        self._n, self._streams = n, streams

    def uniform(self, low: float = 0.0, high: float = 1.0, each: int = 1) -> Tensor:
        """(N, each) float32 from U(low, high); (N,) of one each."""
        n = each * self._n
        drawn = torch.cat([torch.empty(n).uniform_(low, high, generator=stream) for stream in self._streams])
        return drawn if each == 1 else drawn.view(-1, each)

    def integers(self, high: int) -> Tensor:
        """(N,) int64 in [0, high)."""
        return torch.cat([torch.randint(0, high, (self._n,), generator=stream) for stream in self._streams])

    def fires(self, p: float) -> Tensor:
        """(N,) bool, each true with probability p; drawn last, so that p does not shift what else is drawn."""
        return self.uniform() < p

    def seeds(self) -> Tensor:
        """(N,) seeds in [0, 2^31), for images that have a generator of their own."""
        return self.integers(2**31)


def where(fires: Tensor, images: Tensor, transform: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """A new batch: the images, transformed where it fires; fires: (N,) bool, on the CPU.

    transform: of the images it fires on and their places in the batch, a new batch. The others cost it nothing.
    """
    drawn = torch.nonzero(fires)[:, 0]
    if len(drawn) == len(images):
        return transform(images, drawn)
    out = images.clone()
    if len(drawn):
        index = drawn.to(images.device, non_blocking=True)
        out.index_copy_(0, index, transform(images.index_select(0, index), drawn))
    return out


def floats(images: Tensor) -> Tensor:
    """Images in [0, 1], whether they are already or still uint8."""
    return images if images.is_floating_point() else images.float().div_(255)


def large(images: Tensor) -> bool:
    """Whether these go one by one through `opencv` rather than as one batch: RGB, on a CPU, and far from small."""
    return images.device.type == "cpu" and images.shape[-1] >= LARGE and images.shape[1] == 3

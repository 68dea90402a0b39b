"""Images in memory: uint8 pixels, labels, names; and on the device that trains."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class ImageSet:
    """N square RGB images with their labels.

    images: (N, 3, S, S) uint8; may be a read-only memory map: index it first, then make a tensor of the copy.
    labels: (N,) int64 in [0, number of classes).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: NDArray[np.int64]) -> "ImageSet":
        """A copy of the images at these positions."""
        return ImageSet(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Dataset:
    """What a study runs on: training images, test images never trained on, and where they came from."""

    train: ImageSet
    test: ImageSet
    class_names: tuple[str, ...]
    fingerprint: str  # names the content, whatever the path; of the whole source, before limit
    title: str  # for captions, e.g. "printed tiles (embedded)"
    skipped: tuple[str, ...] = ()  # one "file: reason" per unreadable file


def pixels(images: NDArray[np.uint8], device: str) -> Callable[[Tensor], Tensor]:
    """A function from (N,) positions to (N, 3, S, S) uint8 images on `device`.

    On the CPU every batch is copied out of the (memory-mapped, shared) array; a GPU gets the whole set once.
    """
    if device == "cpu":
        return lambda index: torch.from_numpy(images[index.numpy()])
    resident = torch.from_numpy(np.array(images)).to(device)
    return lambda index: resident[index.to(device, non_blocking=True)]

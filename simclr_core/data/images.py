"""Images in memory: uint8 pixels, labels, names."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageSet:
    """N square images with their labels.

    images: (N, C, S, S) uint8, RGB where C is 3; may be a read-only memory map: index it first, then make a tensor of
        the copy.
    labels: (N,) int64 in [0, number of classes).
    groups: (N,) int64, equal where images belong together, as those of a patient; None where each stands for itself.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        """C."""
        return int(self.images.shape[1])

    def statistics(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of each channel, (C,) each, of pixels in [0, 1]."""
        counts = np.zeros((self.channels, 256), np.int64)
        for start in range(0, len(self), 1024):
            block = self.images[start : start + 1024]
            counts += [np.bincount(block[:, channel].ravel(), minlength=256) for channel in range(self.channels)]
        shares, levels = counts / counts.sum(axis=1, keepdims=True), np.arange(256) / 255
        mean = shares @ levels
        return mean, np.sqrt(np.maximum(shares @ levels**2 - mean**2, 0))

    def take(self, index: NDArray[np.int64] | slice) -> "ImageSet":
        """The images at these positions: a copy, or of a slice a view."""
        groups = None if self.groups is None else self.groups[index]
        return ImageSet(self.images[index], self.labels[index], groups)


@dataclass(frozen=True)
class Dataset:
    """What a study runs on: training images, test images never trained on, and where they came from.

    validation: images of the user's own choice that are neither, on which the linear probe chooses its penalty; None
    where a part of the training images serves for that.
    """

    train: ImageSet
    test: ImageSet
    class_names: tuple[str, ...]
    fingerprint: str  # names the content, whatever the path; of the whole source, before limit
    title: str  # for captions, e.g. "printed tiles (embedded)"
    skipped: tuple[str, ...] = ()  # one "file: reason" per unreadable file
    remarks: tuple[str, ...] = ()  # sentences for whoever uses these images
    validation: ImageSet | None = None

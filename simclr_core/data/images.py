"""Images in memory: uint8 pixels, labels, names."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

UNLABELED = -1  # in place of a class, as torchvision has it


@dataclass(frozen=True)
class ImageSet:
    """N square RGB images with their labels.

    images: (N, 3, S, S) uint8; may be a read-only memory map: index it first, then make a tensor of the copy.
    labels: (N,) int64 in [0, number of classes), UNLABELED where an image has none.
    groups: (N,) int64, equal where images belong together, as those of a patient; None where each stands for itself.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: NDArray[np.int64]) -> "ImageSet":
        """A copy of the images at these positions."""
        groups = None if self.groups is None else self.groups[index]
        return ImageSet(self.images[index], self.labels[index], groups)

    def without_labels(self) -> "ImageSet":
        """These images with no label known."""
        return ImageSet(self.images, np.full_like(self.labels, UNLABELED), self.groups)


@dataclass(frozen=True)
class Dataset:
    """What a study runs on: training images, test images never trained on, and where they came from.

    Some training images may have no label. Without any class no image has one, the test images neither.
    """

    train: ImageSet
    test: ImageSet
    class_names: tuple[str, ...]
    fingerprint: str  # names the content, whatever the path; of the whole source, before limit
    title: str  # for captions, e.g. "printed tiles (embedded)"
    skipped: tuple[str, ...] = ()  # one "file: reason" per unreadable file
    remarks: tuple[str, ...] = ()  # sentences for whoever uses these images
    probed: ImageSet | None = None  # training images for probes that are not among those of the encoder

    def without_labels(self) -> "Dataset":
        """These images with no label known."""
        return replace(self, train=self.train.without_labels(), test=self.test.without_labels(), class_names=())

    @property
    def labeled(self) -> bool:
        """Whether there are classes to tell apart."""
        return bool(self.class_names)

    @cached_property
    def probe_train(self) -> ImageSet:
        """What probes train on, and supervised recipes: images with a label; without classes the encoder's own."""
        if self.probed is not None:
            return self.probed
        known = self.train.labels != UNLABELED
        return self.train if known.all() or not self.labeled else self.train.take(np.flatnonzero(known))

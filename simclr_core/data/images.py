"""Images in memory: uint8 pixels, of one recording or two; labels, names."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simclr_core.config import Views
from simclr_core.errors import BadInput

UNLABELED = -1  # in place of a class, as torchvision has it


@dataclass(frozen=True)
class Pairs:
    """Two recordings of N things, (N, 3, S, S) uint8 each, indexed like one array (N, 2, 3, S, S) of both.

    They are laid side by side only where they are indexed: both may be memory maps larger than memory.
    """

    first: NDArray[np.uint8]
    second: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, index: slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        return np.stack([self.first[index], self.second[index]], axis=1)


Recorded = NDArray[np.uint8] | Pairs  # what views are made of: one recording of each image, or two


@dataclass(frozen=True)
class ImageSet:
    """N square images with their labels.

    images: (N, C, S, S) uint8, RGB where C is 3; may be a read-only memory map: index it first, then make a tensor of
        the copy.
    labels: (N,) int64 in [0, number of classes), UNLABELED where an image has none.
    groups: (N,) int64, equal where images belong together, as those of a patient; None where each stands for itself.
    other: (N, 3, S, S) uint8, second recordings of the same things, as of another camera; None where there are none.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64] | None = None
    other: NDArray[np.uint8] | None = None

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
        other = None if self.other is None else self.other[index]
        return ImageSet(self.images[index], self.labels[index], groups, other)

    def recorded(self, views: Views) -> Recorded:
        """What these views are made of. Raises BadInput where they ask for another number of recordings."""
        if views.recordings is None and self.other is not None:
            raise BadInput(
                "views.recordings: each of these images has two recordings: --set views.recordings=both makes the left "
                "view of the first and the right view of the second, first makes both views of the first."
            )
        if self.other is None and views.recordings is not None:
            raise BadInput(
                f"views.recordings: {views.recordings} is for images of two recordings (--data pairs:PATH or "
                "embedded-pairs), and each of these has one."
            )
        return self.images if self.other is None or views.recordings == "first" else Pairs(self.images, self.other)

    def without_labels(self) -> "ImageSet":
        """These images with no label known."""
        return replace(self, labels=np.full_like(self.labels, UNLABELED))


@dataclass(frozen=True)
class Dataset:
    """What a study runs on: training images, test images never trained on, and where they came from.

    Some training images may have no label. Without any class no image has one, the test images neither.

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
    probed: ImageSet | None = None  # training images for probes that are not among those of the encoder

    def without_labels(self) -> "Dataset":
        """These images with no label known."""
        validation = self.validation and self.validation.without_labels()
        train, test = self.train.without_labels(), self.test.without_labels()
        return replace(self, train=train, test=test, validation=validation, class_names=())

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

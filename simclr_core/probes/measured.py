"""The answer of a probe."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simclr_core.data.images import ImageSet


@dataclass(frozen=True)
class Measured:
    """value: the number to report, accuracies in percent. outcome: (n,), what the value was made of.

    Mostly one entry per test example, for pairing. Where classes of the test set are predicted, outcome is the
    predicted class as int16 and value the share that is right; elsewhere it is each example's own number as float32,
    whose mean is the value unless the probe says otherwise. A probe of the weights has no examples: its outcome is one
    float32 per eigenvalue (head_spectrum). examples: (n,) positions of the test images that the outcome speaks of;
    None where it is all of them in order, or none. groups: (n,) of the examples, where images come in groups.
    """

    value: float
    outcome: NDArray[np.int16] | NDArray[np.float32]
    examples: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None

    @property
    def n(self) -> int:
        """Number of test examples, or of eigenvalues."""
        return len(self.outcome)

    def grouped(self, images: ImageSet) -> "Measured":
        """Itself with the groups of its examples, which are of these test images unless it knows groups already."""
        if images.groups is None or self.groups is not None:
            return self
        if self.examples is not None:
            return replace(self, groups=images.groups[self.examples])
        return replace(self, groups=images.groups) if self.n == len(images) else self  # or it is a spectrum


def accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> Measured:
    """Share of right predictions in percent. predicted, labels: (n,) classes."""
    return Measured(100 * float((predicted == labels).mean()), predicted.astype(np.int16))


def hits(predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> Measured:
    """Share of right predictions in percent where the truth is no label of the test set; the outcome is 1 if right."""
    right = predicted == truth
    return Measured(100 * float(right.mean()), right.astype(np.float32))


def balanced_hits(predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> Measured:
    """Mean of the classes' recalls in percent, over the classes that truth has.

    The outcome is 0 where wrong and n / (classes * size of its class) where right: its mean is the value / 100.
    """
    _, place, sizes = np.unique(truth, return_inverse=True, return_counts=True)
    weights = len(truth) / (len(sizes) * sizes[place])
    outcome = (predicted == truth) * weights
    return Measured(100 * float(outcome.mean()), outcome.astype(np.float32))

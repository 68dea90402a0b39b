"""A class-balanced part of a set, fixed by a seed."""

import numpy as np
from numpy.typing import NDArray

from simclr_core.data.images import UNLABELED, ImageSet
from simclr_core.errors import BadInput

SUBSET_SEED = 20020570  # one for all: trials of different seeds see the same images


def balanced(images: ImageSet, limit: int, class_names: tuple[str, ...], field: str) -> ImageSet:
    """At most `limit` of the images in their old order, as equally many of each class as there are: see `shares`.

    Images without a label are one more class. A smaller limit takes a part of what a larger one takes. Raises BadInput,
    naming the recipe's field, where a class would be left with none.
    """
    if limit < len(class_names):
        raise BadInput(
            f"{field}: {limit} leaves some of the {len(class_names)} classes with no image: "
            f"--set {field}={2 * len(class_names)} or more, or --set {field}=null for all."
        )
    if limit >= len(images):
        return images
    labels = np.where(images.labels == UNLABELED, len(class_names), images.labels)
    taken = shares(limit, np.bincount(labels, minlength=len(class_names)))
    chosen = [order(labels, label)[:n] for label, n in enumerate(taken)]
    return images.take(np.sort(np.concatenate(chosen)))


def shares(limit: int, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many images of each class, `limit` in all, of the (classes,) there are: a class with few gives all it has.

    The others give equally many; the classes that give one more are drawn, not the first ones.
    """
    levels = np.arange(counts.max() + 1)
    level = np.searchsorted(np.minimum(counts[:, None], levels).sum(axis=0), limit, side="right") - 1
    taken = np.minimum(counts, level)
    ranks = np.random.default_rng(SUBSET_SEED).permutation(len(counts))
    larger = sorted(np.flatnonzero(counts > level), key=lambda label: ranks[label])
    taken[larger[: limit - int(taken.sum())]] += 1
    return taken


def order(labels: NDArray[np.int64], label: int) -> NDArray[np.int64]:
    """The positions of one class in the drawn order in which they are taken."""
    return np.random.default_rng([SUBSET_SEED, label]).permutation(np.flatnonzero(labels == label))

"""A class-balanced part of a set, fixed by a seed."""

import numpy as np
from numpy.typing import NDArray

from simclr_core.data.images import ImageSet
from simclr_core.errors import BadInput

SUBSET_SEED = 20020570  # one for all: trials of different seeds see the same images


def balanced(images: ImageSet, limit: int, class_names: tuple[str, ...], field: str) -> ImageSet:
    """`limit` of the images in their old order, equally many of each class or, where that cannot be, one more of some.

    A smaller limit takes a part of what a larger one takes. Raises BadInput, naming the recipe's field, where the set
    is too small, a class is too small for its share, or a class would be left with none.
    """
    counts = np.bincount(images.labels, minlength=len(class_names))
    if limit > len(images):
        raise BadInput(
            f"{field}: {limit} is more than the {len(images)} images there are; --set {field}=null takes all."
        )
    if limit < len(class_names):
        raise BadInput(f"{field}: {limit} leaves some of the {len(class_names)} classes with no image.")
    shares = share(limit, len(class_names))
    short = int(np.argmin(counts - shares))
    if counts[short] < shares[short]:
        raise BadInput(
            f"{field}: {limit} takes {shares[short]} images of each class, but {class_names[short]!r} has "
            f"{counts[short]}; allowed: at most {counts.min() * len(class_names)}."
        )
    chosen = [order(images.labels, label)[:n] for label, n in enumerate(shares)]
    return images.take(np.sort(np.concatenate(chosen)))


def share(limit: int, classes: int) -> NDArray[np.int64]:
    """How many images of each class; the classes that get one more are drawn, not the first ones."""
    rest = np.random.default_rng(SUBSET_SEED).permutation(classes) < limit % classes
    return limit // classes + rest.astype(np.int64)


def order(labels: NDArray[np.int64], label: int) -> NDArray[np.int64]:
    """The positions of one class in the drawn order in which they are taken."""
    return np.random.default_rng([SUBSET_SEED, label]).permutation(np.flatnonzero(labels == label))

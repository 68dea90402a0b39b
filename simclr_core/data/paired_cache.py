"""Decoded pairs on disk: an entry of the cache for each of the two recordings, in one order."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simclr_core.data import cache as store


def read(stem: Path) -> store.Stored | None:
    """The pairs stored under this stem, or None where either recording is absent, damaged or incomplete."""
    first, second = (store.read(one) for one in stems(stem))
    return None if first is None or second is None else joined(first, second)


def write(
    stem: Path,
    recordings: Sequence[Iterable[NDArray[np.uint8]]],
    shape: tuple[int, ...],
    labels: NDArray[np.int64],
    n_train: int,
    note: dict[str, Any],
) -> store.Stored:
    """Store two recordings of the same things, training images first, each as blocks (n, *shape); read them."""
    first, second = (
        store.write(one, blocks, shape, labels, n_train, note)
        for one, blocks in zip(stems(stem), recordings, strict=True)
    )
    return joined(first, second)


def stems(stem: Path) -> tuple[Path, Path]:
    return stem.with_name(f"{stem.name}-first"), stem.with_name(f"{stem.name}-second")


def joined(first: store.Stored, second: store.Stored) -> store.Stored:
    """The first recordings, with the second ones beside them."""
    train = replace(first.train, other=second.train.images)
    return replace(first, train=train, test=replace(first.test, other=second.test.images))

"""CIFAR-10 (Krizhevsky, 2009) through torchvision: downloaded once, then memory-mapped from the cache."""

import urllib.error
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simclr_core.data import cache as store
from simclr_core.data.images import Dataset
from simclr_core.errors import BadInput

ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"  # of the published archive; torchvision verifies it and each batch
FINGERPRINT = f"cifar10-{ARCHIVE_MD5}"
TITLE = "CIFAR-10"
SIDE = 32


def load(size: int, cache: Path) -> Dataset:
    """All 50,000 training and 10,000 test images. Raises BadInput for any size but 32, or where there is no network."""
    if size != SIDE:
        raise BadInput(f"data.size: CIFAR-10 has {SIDE} pixels, got {size}; allowed: {SIDE}.")
    stem = cache / FINGERPRINT
    if (stored := store.read(stem)) is None:
        stored = fetch(stem, cache / "cifar10-torchvision")
    return Dataset(stored.train, stored.test, tuple(stored.note["class_names"]), FINGERPRINT, TITLE)


def fetch(stem: Path, root: Path) -> store.Stored:
    """Downloads into `root` what is not there yet, and stores the pixels under `stem`."""
    from torchvision.datasets import CIFAR10  # here, because it brings torch, which the other sources do not need

    try:
        root.mkdir(parents=True, exist_ok=True)
        train, test = CIFAR10(root, train=True, download=True), CIFAR10(root, train=False)
    except (
        urllib.error.URLError,
        OSError,
        EOFError,
        RuntimeError,
    ) as error:  # no network, a cut connection, a bad file
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise BadInput(
            f"CIFAR-10 is not in {root} and could not be downloaded from {CIFAR10.url} ({reason}): "
            f"put {CIFAR10.filename} there by hand, or use images of your own with --data folder:PATH."
        ) from None
    return store.write(
        stem,
        [channels_first(train.data), channels_first(test.data)],
        side=SIDE,
        labels=np.array(train.targets + test.targets, np.int64),
        n_train=len(train),
        note={"class_names": train.classes},
    )


def channels_first(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, S, S, 3) to (N, 3, S, S)."""
    return images.transpose(0, 3, 1, 2)

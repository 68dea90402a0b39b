"""Images and recipes small enough for tests."""

from dataclasses import replace

import numpy as np

from simclr_core.config import Recipe
from simclr_core.data.images import Dataset, ImageSet


def some_data(n: int = 96, size: int = 24, classes: int = 2) -> Dataset:
    """Classes that differ in brightness, so that even two steps of training leave something to probe."""
    pick = np.random.default_rng(0)

    def part(count: int) -> ImageSet:
        labels = np.arange(count) % classes
        bright = 60 + 120 * labels / (classes - 1)
        images = np.clip(bright[:, None, None, None] + pick.normal(0, 40, (count, 3, size, size)), 0, 255)
        return ImageSet(images.astype(np.uint8), labels.astype(np.int64))

    return Dataset(part(n), part(60), tuple("abcdefgh"[:classes]), "fake", "fake set")


def recorded_twice(data: Dataset) -> Dataset:
    """The same things, seen by a second camera too: upside down, and darker."""

    def twice(part: ImageSet) -> ImageSet:
        return replace(part, other=part.images[:, :, ::-1] // 2)

    return replace(data, train=twice(data.train), test=twice(data.test))


def small(**fields: object) -> Recipe:
    base = {"schedule": {"epochs": 2, "batch_size": 32}, "head": {"dim": 16}}
    return Recipe.parse({**base, **fields})

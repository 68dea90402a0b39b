"""Images to train and to test on. `load` is the one door; each kind of source has a file of its own."""

from functools import lru_cache
from pathlib import Path

from simclr_core.config import Data
from simclr_core.data import embedded, folder, torchvision_sets
from simclr_core.data.images import Dataset
from simclr_core.data.subset import balanced

__all__ = ["fingerprint", "load"]


@lru_cache(maxsize=8)
def load(data: Data, cache: Path) -> Dataset:
    """The data set of a recipe, within its limits; kept while the process lives, so that a reused worker loads once.

    `cache` is where downloads and decoded images are kept. Raises BadInput.
    """
    whole = _whole(data.source, data.size, cache)
    train, test = whole.train, whole.test
    if data.limit is not None:
        train = balanced(train, data.limit, whole.class_names, "data.limit")
    if data.test_limit is not None:
        test = balanced(test, data.test_limit, whole.class_names, "data.test_limit")
    return Dataset(train, test, whole.class_names, whole.fingerprint, whole.title, whole.skipped)


def fingerprint(data: Data, cache: Path) -> str:
    """The fingerprint of load(...), without generating or downloading anything where the name says it all."""
    if data.source == "embedded":
        return embedded.FINGERPRINT
    if data.source in torchvision_sets.SETS:
        return torchvision_sets.fingerprint(data.source, data.size)
    return _whole(data.source, data.size, cache).fingerprint


@lru_cache(maxsize=4)
def _whole(source: str, size: int, cache: Path) -> Dataset:
    if source == "embedded":
        return embedded.load(size, cache)
    if source in torchvision_sets.SETS:
        return torchvision_sets.load(source, size, cache)
    return folder.load(source.removeprefix("folder:"), size, cache)

"""Images to train and to test on. `load` is the one door; each kind of source has a file of its own."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from simclr_core.config import Data
from simclr_core.data import embedded, embedded_pairs, folder, pairs, torchvision_sets
from simclr_core.data.images import Dataset
from simclr_core.data.subset import balanced
from simclr_core.errors import BadInput
from simclr_core.sources import OWN

__all__ = ["fingerprint", "is_folder", "load", "remarks_on"]


@lru_cache(maxsize=8)
def load(data: Data, cache: Path) -> Dataset:
    """The data set of a recipe, within its limits; kept while the process lives, so that a reused worker loads once.

    `cache` is where downloads and decoded images are kept. Raises BadInput.
    """
    whole = _whole(_unlimited(data), cache)
    train, test = whole.train, whole.test
    if data.limit is not None:
        train = balanced(train, data.limit, whole.class_names, "data.limit")
    if data.test_limit is not None:
        test = balanced(test, data.test_limit, whole.class_names, "data.test_limit")
    return replace(whole, train=train, test=test)


def fingerprint(data: Data, cache: Path) -> str:
    """The fingerprint of load(...), without generating or downloading anything where the name says it all."""
    _check(data)
    if data.source == "embedded":
        return embedded.FINGERPRINT
    if data.source == "embedded-pairs":
        return embedded_pairs.FINGERPRINT
    if data.source in torchvision_sets.SETS:
        return torchvision_sets.fingerprint(data.source, data.size)
    return _whole(_unlimited(data), cache).fingerprint


def remarks_on(data: Data, cache: Path) -> tuple[str, ...]:
    """Sentences about the user's own images, those that cannot be read first; none about public sets."""
    if not is_folder(data):
        return ()
    whole = _whole(_unlimited(data), cache)
    if not whole.skipped:
        return whole.remarks
    shown = "; ".join(whole.skipped[:5]) + ("; ..." if len(whole.skipped) > 5 else "")
    return (f"Unreadable files skipped: {len(whole.skipped)} ({shown}).", *whole.remarks)


def is_folder(data: Data) -> bool:
    """Whether they are the user's own images."""
    return data.source.startswith(OWN)


def _check(data: Data) -> None:
    """Raise BadInput where files of one's own are spoken of and there are none."""
    given = {
        "test": data.test,
        "group": data.group,
        "range": data.range,
        "fourth_band": data.fourth_band,
        "channels": data.channels,
    }
    for name, value in given.items():
        if value is not None and not is_folder(data):
            raise BadInput(
                f"data.{name}: is for images of your own (--data folder:PATH or pairs:PATH), not for {data.source}."
            )

    if data.source.startswith("pairs:") and (data.test is not None or data.group == "manifest"):
        what = "test" if data.test is not None else "group: manifest"
        raise BadInput(f"data.{what} is for --data folder:PATH, not for {data.source}.")


def _unlimited(data: Data) -> Data:
    return data.model_copy(update={"limit": None, "test_limit": None})


@lru_cache(maxsize=4)
def _whole(data: Data, cache: Path) -> Dataset:
    _check(data)
    if data.source == "embedded":
        return embedded.load(data.size, cache)
    if data.source == "embedded-pairs":
        return embedded_pairs.load(data.size, cache)
    if data.source in torchvision_sets.SETS:
        return torchvision_sets.load(data.source, data.size, cache)
    kind, _, path = data.source.partition(":")
    read = pairs.load if kind == "pairs" else folder.load
    return read(path, data.size, cache, data)

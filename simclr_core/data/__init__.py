"""Images to train and to test on. `load` is the one door; each kind of source has a file of its own."""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from simclr_core.config import Data
from simclr_core.data import embedded, embedded_pairs, folder, pairs, torchvision_sets
from simclr_core.data.images import Dataset
from simclr_core.data.subset import balanced
from simclr_core.errors import BadInput
from simclr_core.sources import OWN, PAIRED

__all__ = ["fingerprint", "is_folder", "load", "remarks_on"]


@lru_cache(maxsize=8)
def load(data: Data, cache: Path) -> Dataset:
    """The data set of a recipe, within its limits; kept while the process lives, so that a reused worker loads once.

    `cache` is where downloads and decoded images are kept. Raises BadInput.
    """
    whole = _whole(_unlimited(data), cache)
    train, test, probed = whole.train, whole.test, whole.probed
    if data.limit is not None:
        train = balanced(train, data.limit, () if probed else whole.class_names, "data.limit")
        probed = balanced(probed, data.limit, whole.class_names, "data.limit") if probed else None
    if data.test_limit is not None:
        test = balanced(test, data.test_limit, whole.class_names, "data.test_limit")
    return replace(whole, train=train, test=test, probed=probed)


def fingerprint(data: Data, cache: Path) -> str:
    """The fingerprint of load(...), without generating or downloading anything where the name says it all."""
    _check(data)
    if data.probe is not None:
        return _joined(fingerprint(part, cache) for part in _parts(data))
    if data.source == "embedded":
        return embedded.FINGERPRINT
    if data.source == "embedded-pairs":
        return embedded_pairs.FINGERPRINT
    if data.source in torchvision_sets.SETS:
        return torchvision_sets.fingerprint(data.source, data.size)
    return _whole(_unlimited(data), cache).fingerprint


def remarks_on(data: Data, cache: Path) -> tuple[str, ...]:
    """Sentences about the user's own images, those that cannot be read first; none about public sets."""
    if data.probe is not None:
        return tuple(dict.fromkeys(remark for part in _parts(data) for remark in remarks_on(part, cache)))
    if not is_folder(data):
        return ()
    whole = _whole(_unlimited(data), cache)
    if not whole.skipped:
        return whole.remarks
    shown = "; ".join(whole.skipped[:5]) + ("; ..." if len(whole.skipped) > 5 else "")
    return (f"Unreadable files skipped: {len(whole.skipped)} ({shown}).", *whole.remarks)


def is_folder(data: Data) -> bool:
    """Whether some of them are the user's own images."""
    return any(source is not None and source.startswith(OWN) for source in (data.source, data.probe))


def _parts(data: Data) -> tuple[Data, Data]:
    """The images to pretrain on, of which no label is used, and those to probe on, both of the recipe's size.

    What is said of files of one's own is said of both; but groups, and test images elsewhere, are those of the images
    that are probed.
    """
    of_files = {"group": None, "range": None, "fourth_band": None, "channels": None}
    of_probed = {"probe": None, "group": None, "test": None, "test_limit": None}
    pretrained = data.model_copy(update={"labels": "none", **of_probed})
    probed = data.model_copy(update={"source": data.probe, "labels": None, "probe": None, "limit": None})
    first, second = (part if is_folder(part) else part.model_copy(update=of_files) for part in (pretrained, probed))
    return first, second


def _joined(fingerprints: Iterable[str]) -> str:
    """One fingerprint of images that are pretrained on and images that are probed."""
    return " probed on ".join(fingerprints)


def _check(data: Data) -> None:
    """Raise BadInput where files of one's own are spoken of and there are none, or probes cannot be elsewhere."""
    paired = [source for source in (data.source, data.probe) if source and source.startswith(PAIRED)]
    if data.probe is not None and paired:
        raise BadInput(f"data.probe: is for images of one recording each, and those of {paired[0]} have two.")
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
    if data.probe is not None:
        seen, probed = (_whole(_unlimited(part), cache) for part in _parts(data))
        if seen.train.channels != probed.train.channels:
            raise BadInput(
                f"data.probe: {probed.title} has {probed.train.channels} channel(s), but {seen.title}, on which the "
                f"encoder is trained, has {seen.train.channels}; allowed: as many."
            )
        return replace(
            probed,
            train=seen.train,
            probed=probed.probe_train,
            fingerprint=_joined((seen.fingerprint, probed.fingerprint)),
            title=f"{seen.title}, probed on {probed.title}",
        )
    if is_folder(data):
        kind, _, path = data.source.partition(":")
        read = pairs.load if kind == "pairs" else folder.load
        return read(path, data.size, cache, data)
    if data.source == "embedded":
        whole = embedded.load(data.size, cache)
    elif data.source == "embedded-pairs":
        whole = embedded_pairs.load(data.size, cache)
    else:
        whole = torchvision_sets.load(data.source, data.size, cache)
    return whole if data.labels is None else whole.without_labels()

"""Public data sets through torchvision: downloaded and decoded once, then memory-mapped from the cache.

The splits are the official ones. Where a set has a validation part it is trained on as well, as in the paper's transfer
experiments (Appendix B.8), because the probes choose their settings on a part of the training images anyway.
"""

import http.client
import tarfile
import urllib.error
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simclr_core.data import cache as store
from simclr_core.data.decode import DECODER, Unreadable, decode, square, strict_warnings
from simclr_core.data.images import Dataset
from simclr_core.data.parallel import in_parallel
from simclr_core.errors import BadInput

Split = Mapping[str, Any]  # the arguments by which a class of torchvision tells its parts apart


@dataclass(frozen=True)
class Source:
    """A class of torchvision.datasets, and what it does not tell about its set."""

    dataset: str
    title: str
    version: str  # names the content: the MD5 that torchvision checks, or the release where it checks none
    address: str  # of the folder on the network
    archives: tuple[str, ...]  # the files there
    train: tuple[Split, ...]
    test: Split
    folder: str = ""  # in which torchvision keeps the archives, below its root
    side: int | None = None  # where all images have the same few pixels: the only size offered; else any
    photographs: bool = False  # lie in files, and are decoded as a user's own


def parts(*names: str) -> tuple[Split, ...]:
    return tuple({"split": name} for name in names)


CIFAR = "https://www.cs.toronto.edu/~kriz"
OXFORD = "https://www.robots.ox.ac.uk/~vgg/data"

SETS = {
    "cifar10": Source(
        dataset="CIFAR10",
        title="CIFAR-10",
        version="c58f30108f718f92721af3b95e74349a",
        address=CIFAR,
        archives=("cifar-10-python.tar.gz",),
        train=({"train": True},),
        test={"train": False},
        side=32,
    ),
    "cifar100": Source(
        dataset="CIFAR100",
        title="CIFAR-100",
        version="eb9058c3a382ffc7106e4002c42a8d85",
        address=CIFAR,
        archives=("cifar-100-python.tar.gz",),
        train=({"train": True},),
        test={"train": False},
        side=32,
    ),
    "svhn": Source(  # without the 531,131 easier images of its part "extra"
        dataset="SVHN",
        title="SVHN",
        version="e26dedcc434d2e4c54c9b2d4a06d8373",
        address="http://ufldl.stanford.edu/housenumbers",
        archives=("train_32x32.mat", "test_32x32.mat"),
        train=parts("train"),
        test={"split": "test"},
        side=32,
    ),
    "stl10": Source(  # without its 100,000 unlabeled images
        dataset="STL10",
        title="STL-10",
        version="91f7769df0f17e558f3565bffb0c7dfb",
        address="http://ai.stanford.edu/~acoates/stl10",
        archives=("stl10_binary.tar.gz",),
        train=parts("train"),
        test={"split": "test"},
    ),
    "food101": Source(
        dataset="Food101",
        title="Food-101",
        version="85eeb15f3717b99a5da872d97d918f87",
        address="http://data.vision.ee.ethz.ch/cvl",
        archives=("food-101.tar.gz",),
        train=parts("train"),
        test={"split": "test"},
        photographs=True,
    ),
    "dtd": Source(  # the first of its ten official splits, as in the paper
        dataset="DTD",
        title="Describable Textures",
        version="fff73e5086ae6bdbea199a49dfb8a4c1",
        address=f"{OXFORD}/dtd/download",
        archives=("dtd-r1.0.1.tar.gz",),
        train=parts("train", "val"),
        test={"split": "test"},
        folder="dtd",
        photographs=True,
    ),
    "flowers102": Source(
        dataset="Flowers102",
        title="Oxford 102 Flowers",
        version="52808999861908f626f3c1f4e79d11fa",
        address=f"{OXFORD}/flowers/102",
        archives=("102flowers.tgz", "imagelabels.mat", "setid.mat"),
        train=parts("train", "val"),
        test={"split": "test"},
        folder="flowers-102",
        photographs=True,
    ),
    "pets": Source(  # torchvision opens its files itself: EXIF orientation, which these do without, is not applied
        dataset="OxfordIIITPet",
        title="Oxford-IIIT Pets",
        version="5c4f3ee8e5d25df40f4fd59a7f44e54c",
        address=f"{OXFORD}/pets/data",
        archives=("images.tar.gz", "annotations.tar.gz"),
        train=parts("trainval"),
        test={"split": "test"},
        folder="oxford-iiit-pet",
    ),
    "aircraft": Source(  # the 100 variants
        dataset="FGVCAircraft",
        title="FGVC Aircraft",
        version="2013b",
        address=f"{OXFORD}/fgvc-aircraft/archives",
        archives=("fgvc-aircraft-2013b.tar.gz",),
        train=parts("trainval"),
        test={"split": "test"},
        photographs=True,
    ),
}
SETS["stl10-unlabeled"] = replace(
    SETS["stl10"],
    title="STL-10 with its unlabeled images",
    train=parts("train", "unlabeled"),
)


def fingerprint(name: str, size: int) -> str:
    """Name and version of the set; where images are resized also the size, and the version of the decoder."""
    source = SETS[name]
    return f"{name}-{source.version}" if source.side else f"{name}-{source.version}-{size}-{DECODER}"


def load(name: str, size: int, cache: Path) -> Dataset:
    """The set's training and test images as (3, size, size).

    Raises BadInput for a size that the set does not have, and where it can be neither found nor downloaded.
    """
    source, mark = SETS[name], fingerprint(name, size)
    if source.side not in (None, size):
        raise BadInput(f"data.size: {source.title} has {source.side} pixels, got {size}; allowed: {source.side}.")
    if (stored := store.read(cache / mark)) is None:
        stored = prepare(source, size, cache / mark, cache / f"{name.removesuffix('-unlabeled')}-torchvision")
    return Dataset(stored.train, stored.test, tuple(stored.note["class_names"]), mark, source.title)


def prepare(source: Source, size: int, stem: Path, root: Path) -> store.Stored:
    """Downloads into `root` what is not there yet, and stores the decoded images under `stem`."""
    sets = fetch(source, size, root)
    decoded = [decode_all(part, size, root, source.title) for part in sets]
    *train, _ = decoded
    labels = np.concatenate([labels for _, labels in decoded])
    names = getattr(sets[0], "classes", None) or [str(label) for label in range(labels.max() + 1)]  # digits have none
    return store.write(
        stem,
        (images for images, _ in decoded),
        shape=(3, size, size),
        labels=labels,
        n_train=sum(len(labels) for _, labels in train),
        note={"class_names": list(names)},
    )


def fetch(source: Source, size: int, root: Path) -> list[Any]:
    """The parts to train on, then the one to test on, as torchvision's data sets of (3, size, size) arrays.

    Raises BadInput: no network, a cut connection, a damaged archive.
    """
    from torchvision import datasets  # here, because it brings torch, which the other sources do not need

    kind = getattr(datasets, source.dataset)
    how: dict[str, Any] = {"loader": partial(from_file, size=size)}
    how = how if source.photographs else {"transform": partial(from_image, size=size)}
    try:
        root.mkdir(parents=True, exist_ok=True)
        return [kind(root, download=True, **split, **how) for split in (*source.train, source.test)]
    except (
        urllib.error.URLError,
        OSError,
        EOFError,
        RuntimeError,
        http.client.HTTPException,
        tarfile.TarError,
        zlib.error,
    ) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise BadInput(
            f"{source.title} is not in {root} and could not be downloaded from {source.address} "
            f"({str(reason) or type(error).__name__}): put {', '.join(source.archives)} there by hand"
            f"{f', into its folder {source.folder}' if source.folder else ''}, "
            "or use images of your own with --data folder:PATH."
        ) from None


def from_file(path: str | Path, size: int) -> NDArray[np.uint8]:
    return decode(Path(path), size)


def from_image(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """(3, size, size) of an RGB image; one of that size already stays as it is."""
    return np.asarray(square(image, size)).transpose(2, 0, 1)


def decode_all(part: Any, size: int, root: Path, title: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pixels (N, 3, size, size) and labels (N,). Raises BadInput where an image is damaged, or missing."""
    images, labels = np.empty((len(part), 3, size, size), np.uint8), np.empty(len(part), np.int64)

    def fill(row: int) -> None:
        try:
            images[row], labels[row] = part[row]
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from None

    with strict_warnings():
        outcomes = in_parallel(fill, range(len(part)), f"decoding {title}")
    damaged = [reason for reason in outcomes if reason is not None]
    if damaged:
        raise BadInput(
            f"{root}: {len(damaged)} of {len(part)} images of {title} cannot be read ({damaged[0]}); "
            "delete this folder to have them downloaded again."
        )
    return images, labels

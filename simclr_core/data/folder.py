"""A user's own images: one subfolder per class, with or without train/ and test/ above them (see listing.py).

Without them a fifth of each class is held out for testing, chosen by the content of the files. Images that cannot be
read are named and skipped, up to one in twenty. The first start hashes every file and decodes it; a later one
compares names, sizes and times, and maps the decoded pixels from the cache.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simclr_core.data import cache as store
from simclr_core.data.decode import DECODER, Unreadable, decode, strict_warnings
from simclr_core.data.images import Dataset
from simclr_core.data.listing import ImageFile, Listing, Split, list_images, printable
from simclr_core.data.parallel import in_parallel
from simclr_core.errors import BadInput

MAX_UNREADABLE = 0.05  # share of all images
HELD_OUT = 5  # one image in five, where the user has made no split

Hashed = tuple[ImageFile, str]


def load(path: str, size: int, cache: Path) -> Dataset:
    """The folder's images as (3, size, size), decoded at most once. Raises BadInput, one sentence each.

    The order of images depends on their class and content, the fingerprint on these and the split: neither on where
    the folder is, what its files are called, or in which order the disk lists them.
    """
    listing = list_images(Path(path))
    root = listing.root
    rows = [[file.name, file.label, file.split, *file.stamp, file.problem] for file in listing.files]
    index = cache / "folders" / f"listing-{digest([DECODER, size, str(root), listing.class_names, rows])}"
    known = store.read_note(index)
    if known is None or (stored := store.read(cache / "folders" / known["entry"])) is None:
        known, stored = prepare(listing, size, cache / "folders")
        store.write_note(index, known)
    return Dataset(
        train=stored.train,
        test=stored.test,
        class_names=listing.class_names,
        fingerprint=stored.note["fingerprint"],
        title=f"folder {root.name}",
        skipped=tuple(known["skipped"]),
    )


def digest(value: Any) -> str:
    """32 hex digits naming a plain JSON value."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]


def prepare(listing: Listing, size: int, cache: Path) -> tuple[dict[str, Any], store.Stored]:
    """Hashes every file and, where the cache does not hold these contents yet, decodes them into it.

    Returns what the index keeps (the entry's name, the skipped files) and the entry. Raises BadInput.
    """
    files, problems = hash_all(listing)
    entry = digest([DECODER, size, listing.class_names, [[file.label, file.split, sha] for file, sha in files]])
    stored = store.read(cache / entry)
    if stored is None:
        images, unreadable = decode_all(listing.root, files, size)
    else:
        unreadable = stored.note["unreadable"]

    problems |= {file.name: unreadable[sha] for file, sha in files if sha in unreadable}
    skipped = [f"{printable(name)}: {problem}" for name, problem in sorted(problems.items())]
    if len(skipped) > MAX_UNREADABLE * len(listing.files):
        raise BadInput(
            f"{listing.root}: {len(skipped)} of {len(listing.files)} images cannot be read, more than "
            f"{MAX_UNREADABLE:.0%}: {'; '.join(skipped[:3])}{'; ...' if len(skipped) > 3 else '.'}"
        )
    if stored is None:
        stored = keep(cache / entry, listing, files, images, unreadable)
    return {"entry": entry, "skipped": skipped}, stored


def hash_all(listing: Listing) -> tuple[list[Hashed], dict[str, str]]:
    """The files that can be opened with their SHA-256, by class and content; name and reason of those that cannot."""

    def content_hash(file: ImageFile) -> str:
        if file.problem is not None:
            raise Unreadable(file.problem)
        try:
            with (listing.root / file.name).open("rb") as opened:
                return hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise Unreadable(error.strerror) from None

    hashes = in_parallel(content_hash, listing.files, "reading images")
    pairs = list(zip(listing.files, hashes, strict=True))
    files = [(file, sha) for file, sha in pairs if isinstance(sha, str)]
    files.sort(key=lambda pair: (pair[0].label, pair[1], pair[0].split or ""))
    return files, {file.name: str(reason) for file, reason in pairs if isinstance(reason, Unreadable)}


def decode_all(root: Path, files: Sequence[Hashed], size: int) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """Pixels (N, 3, size, size), and the reason for each hash that gave none: its rows hold nothing of use."""
    images = np.empty((len(files), 3, size, size), np.uint8)

    def fill(row: int) -> None:
        images[row] = decode(root / files[row][0].name, size)

    with strict_warnings():
        outcomes = in_parallel(fill, range(len(files)), "decoding images")
    return images, {sha: str(bad) for (_, sha), bad in zip(files, outcomes, strict=True) if bad is not None}


def keep(
    stem: Path, listing: Listing, files: Sequence[Hashed], images: NDArray[np.uint8], unreadable: dict[str, str]
) -> store.Stored:
    """Puts the readable images into the cache, those to train on first. Raises BadInput."""
    rows = np.array([row for row, (_, sha) in enumerate(files) if sha not in unreadable], np.int64)
    labels = np.array([file.label for file, _ in files], np.int64)
    test = in_test(listing, [files[row] for row in rows])
    order = np.concatenate([rows[~test], rows[test]])
    contents = [[int(labels[row]), bool(held_out), files[row][1]] for row, held_out in zip(rows, test, strict=True)]
    return store.write(
        stem,
        (images[order[i : i + 1024]] for i in range(0, len(order), 1024)),
        side=images.shape[-1],
        labels=labels[order],
        n_train=int(np.sum(~test)),
        note={"unreadable": unreadable, "fingerprint": f"folder-{digest([DECODER, listing.class_names, contents])}"},
    )


def in_test(listing: Listing, files: Sequence[Hashed]) -> NDArray[np.bool_]:
    """Which of these readable files are test images, (N,).

    Raises BadInput where a class would be left without a training or a test image.
    """
    hashes: dict[tuple[int, Split | None], set[str]] = {}
    for file, sha in files:
        hashes.setdefault((file.label, file.split), set()).add(sha)
    splits = sorted({file.split for file in listing.files}, key=str)
    held_out: dict[int, set[str]] = {}
    for label, name in enumerate(listing.class_names):
        for split in splits:
            contents = sorted(hashes.get((label, split), ()))
            if not contents:
                where = f"{split}/" if split else ""
                raise BadInput(f"{listing.root}: the class folder {where}{name} holds no readable image.")
            if split is None:
                if len(contents) == 1:
                    raise BadInput(
                        f"{listing.root}: the class folder {name} holds a single image, or copies of one; "
                        "it needs at least two, one to train on and one held out."
                    )
                held_out[label] = fifth(contents)
    return np.array([file.split == "test" or sha in held_out.get(file.label, ()) for file, sha in files], np.bool_)


def fifth(contents: Sequence[str]) -> set[str]:
    """The hashes divisible by five: an image keeps its side while others come and go. At least one, never all."""
    chosen = [sha for sha in contents if int(sha, 16) % HELD_OUT == 0] or [contents[0]]
    return set(chosen if len(chosen) < len(contents) else chosen[1:])

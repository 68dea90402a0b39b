"""A user's own images: one subfolder per class or none, with or without train/ and test/ above them (see listing.py).

Without these a fifth of each class is held out for testing (see split.py). Images that cannot be read are named and
skipped, up to one in twenty. The first start hashes every file and decodes it; a later one compares names, sizes and
times, and maps the decoded pixels from the cache.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simclr_core.config import Data
from simclr_core.data import cache as store
from simclr_core.data.decode import DECODER, Seen, Unreadable, decode, look, strict_warnings
from simclr_core.data.images import Dataset
from simclr_core.data.intensities import common_range
from simclr_core.data.listing import ImageFile, Listing, list_images, printable
from simclr_core.data.parallel import in_parallel
from simclr_core.data.remarks import remarks
from simclr_core.data.split import Hashed, in_test, units_of
from simclr_core.errors import BadInput

LAYOUT = 2  # of what is cached; raised whenever the same files would give another split, or other notes
MAX_UNREADABLE = 0.05  # share of all images


def load(path: str, size: int, cache: Path, said: Data = Data()) -> Dataset:  # noqa: B008 - frozen
    """The folder's images as (3, size, size), decoded at most once. Raises BadInput, one sentence each.

    said: what the recipe says of the files: labels, group, range and fourth_band. The order of images depends on their
    class and content, the fingerprint on these, the split, the groups and the range of intensities: neither on where
    the folder is, what its files are called, or in which order the disk lists them.
    """
    listing = list_images(Path(path), said.labels)
    root = listing.root
    if said.group == "parent" and (loose := [file.name for file in listing.files if not file.group]):
        raise BadInput(
            f"{root}: data.group: parent takes the folder above an image for its group, but {len(loose)} of "
            f"{len(listing.files)} images lie directly in {'their class folder' if listing.labeled else 'it'} "
            f"({printable(loose[0])})."
        )
    rows = [[file.name, file.label, file.split, *file.stamp, file.problem] for file in listing.files]
    settings = [
        LAYOUT,
        DECODER,
        size,
        said.group,
        said.range,
        said.fourth_band,
        *([said.labels] if said.labels else []),
    ]
    index = cache / "folders" / f"listing-{digest([settings, str(root), listing.class_names, rows])}"
    known = store.read_note(index)
    if known is None or (stored := store.read(cache / "folders" / known["entry"])) is None:
        known, stored = prepare(listing, size, cache / "folders", said)
        store.write_note(index, known)
    train, test = stored.train, stored.test
    if (groups := stored.note["groups"]) is not None:
        train = replace(train, groups=np.array(groups[: len(train)], np.int64))
        test = replace(test, groups=np.array(groups[len(train) :], np.int64))
    dataset = Dataset(
        train,
        test,
        class_names=listing.class_names,
        fingerprint=stored.note["fingerprint"],
        title=f"folder {root.name}",
        skipped=tuple(known["skipped"]),
        remarks=tuple(known["remarks"]),
    )
    return dataset if listing.labeled else dataset.without_labels()


def digest(value: Any) -> str:
    """32 hex digits naming a plain JSON value."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]


def prepare(listing: Listing, size: int, cache: Path, said: Data) -> tuple[dict[str, Any], store.Stored]:
    """Hashes every file and, where the cache does not hold these contents yet, decodes them into it.

    Returns what the index keeps (the entry's name, the skipped files, the remarks) and the entry. Raises BadInput.
    """
    files, problems = hash_all(listing)
    by_parent = said.group == "parent"
    contents = [[file.label, file.split, sha, file.group if by_parent else ""] for file, sha in files]
    settings = [LAYOUT, DECODER, size, said.range, said.fourth_band, by_parent]
    entry = digest([settings, listing.class_names, contents])
    stored = store.read(cache / entry)
    if stored is None:
        images, unreadable, note = decode_all(listing.root, files, size, said)
    else:
        unreadable = stored.note["unreadable"]

    problems |= {file.name: unreadable[sha] for file, sha in files if sha in unreadable}
    skipped = [f"{printable(name)}: {problem}" for name, problem in sorted(problems.items())]
    if len(skipped) > MAX_UNREADABLE * len(listing.files):
        raise BadInput(
            f"{listing.root}: {len(skipped)} of {len(listing.files)} images cannot be read, more than "
            f"{MAX_UNREADABLE:.0%}: {'; '.join(skipped[:3])}{'; ...' if len(skipped) > 3 else '.'}"
        )
    readable = [pair for pair in files if pair[1] not in unreadable]
    if stored is None:
        stored = keep(cache / entry, listing, files, images, unreadable, note, said)
    told = list(remarks(listing, readable, said, size, stored.note))
    return {"entry": entry, "skipped": skipped, "remarks": told}, stored


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
    files.sort(key=lambda pair: (pair[0].label, pair[1], pair[0].split or "", pair[0].group))
    return files, {file.name: str(reason) for file, reason in pairs if isinstance(reason, Unreadable)}


def decode_all(
    root: Path, files: Sequence[Hashed], size: int, said: Data
) -> tuple[NDArray[np.uint8], dict[str, str], dict[str, Any]]:
    """Pixels (N, 3, size, size), the reason for each hash that gave none, whose rows hold nothing of use, and a note.

    The note: `largest` sides of a file; `range` of intensities, None where 8 bits stay as they are; where it was found
    in the files, `wide`, how many have more, and `why` it is this one. Raises BadInput.
    """
    images = np.empty((len(files), 3, size, size), np.uint8)
    paths = [root / file.name for file, _ in files]
    with strict_warnings():
        looks = in_parallel(lambda path: look(path, len(files)), paths, "looking at images")
        seen = [one for one in looks if isinstance(one, Seen)]
        if said.fourth_band is None:
            refuse_unnamed(root, [file.name for (file, _), one in zip(files, looks, strict=True) if unnamed(one)])
        wide = [one.values for one in seen if one.values is not None]
        note: dict[str, Any] = {"range": said.range}
        note["largest"] = max((one.sides for one in seen), key=min, default=(0, 0))
        if wide and said.range is None:
            note["range"], note["why"] = common_range(wide)
            note["wide"] = len(wide)

        def fill(row: int) -> None:
            one = looks[row]
            if isinstance(one, Unreadable):
                raise one
            between = said.range if one.values is None else note["range"]
            images[row] = decode(paths[row], size, between, said.fourth_band)

        outcomes = in_parallel(fill, range(len(files)), f"decoding images to {size} x {size} pixels")
    unreadable = {sha: str(bad) for (_, sha), bad in zip(files, outcomes, strict=True) if bad is not None}
    return images, unreadable, note


def unnamed(one: Seen | Unreadable) -> bool:
    return isinstance(one, Seen) and one.unnamed


def refuse_unnamed(root: Path, names: Sequence[str]) -> None:
    """Raise BadInput where there are files with a fourth band that may be anything."""
    if names:
        raise BadInput(
            f"{root}: {len(names)} TIFF file(s) have a fourth band and do not say what it is ({printable(names[0])}): "
            "--set data.fourth_band=ignored leaves it out, as near infrared; --set data.fourth_band=alpha takes it for "
            "transparency, over white."
        )


def keep(
    stem: Path,
    listing: Listing,
    files: Sequence[Hashed],
    images: NDArray[np.uint8],
    unreadable: dict[str, str],
    note: dict[str, Any],
    said: Data,
) -> store.Stored:
    """Puts the readable images into the cache, those to train on first. Raises BadInput."""
    rows = np.array([row for row, (_, sha) in enumerate(files) if sha not in unreadable], np.int64)
    readable, by_parent = [files[row] for row in rows], said.group == "parent"
    labels = np.array([file.label for file, _ in readable], np.int64)
    test = in_test(listing, readable, by_parent)
    groups = np.array(units_of(readable, by_parent), np.int64)
    order = np.concatenate([np.flatnonzero(~test), np.flatnonzero(test)])
    named = [
        [int(label), bool(held_out), sha] for label, held_out, (_, sha) in zip(labels, test, readable, strict=True)
    ]
    more = {"groups": groups.tolist()} if by_parent else {}
    more |= {"range": note["range"]} if note["range"] else {}
    more |= {"fourth_band": said.fourth_band} if said.fourth_band else {}
    return store.write(
        stem,
        (images[rows[order[i : i + 1024]]] for i in range(0, len(order), 1024)),
        side=images.shape[-1],
        labels=labels[order],
        n_train=int(np.sum(~test)),
        note={
            **note,
            "unreadable": unreadable,
            "fingerprint": f"folder-{digest([DECODER, listing.class_names, named, *([more] if more else [])])}",
            "groups": groups[order].tolist() if by_parent else None,
            "n_test": int(np.sum(test)),
        },
    )

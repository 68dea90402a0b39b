"""A user's own images: where they are, and which of them is what, is said by folders or by a manifest (see layout.py).

Without a split of the user's own a fifth of each class is held out for testing (see split.py). Images that cannot be
read are named and skipped, up to one in twenty. The first start hashes every file and decodes it; a later one compares
names, sizes and times, and maps the decoded pixels from the cache.
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
from simclr_core.data.channels import channels_of
from simclr_core.data.decode import DECODER, Seen, Unreadable, decode, look, strict_warnings
from simclr_core.data.extras import installed
from simclr_core.data.images import Dataset
from simclr_core.data.intensities import common_range
from simclr_core.data.layout import listing_of
from simclr_core.data.listing import ImageFile, Listing, printable
from simclr_core.data.parallel import in_parallel
from simclr_core.data.remarks import remarks
from simclr_core.data.split import PARTS, Hashed, parts_of, units_of
from simclr_core.errors import BadInput

LAYOUT = 4  # of what is cached; raised whenever the same files would give another split, or other notes
MAX_UNREADABLE = 0.05  # share of all images
SIDES = {"train": False, "test": True, "validation": "validation"}  # of an image, in the fingerprint


def load(path: str, size: int, cache: Path, said: Data = Data()) -> Dataset:  # noqa: B008 - frozen
    """The folder's images as (C, size, size), decoded at most once. Raises BadInput, one sentence each.

    said: what the recipe says of the files: labels, test, group, range, fourth_band and channels. The order of images
    depends on their class and content, the fingerprint on these, the split, the groups, the range of intensities and
    the number of channels: neither on where the folder is, what its files are called, or in which order the disk lists
    them.
    """
    listing = listing_of(Path(path), said)
    root = listing.root
    rows = [[file.name, file.label, file.split, *file.stamp, file.problem] for file in listing.files]
    settings = [*decoded_by(size, said), said.group, *([said.labels] if said.labels else [])]
    about = [
        str(root),
        listing.class_names,
        listing.remarks,
        [file.group for file in listing.files] if said.grouped else [],
    ]
    index = cache / "folders" / f"listing-{digest([settings, *about, rows])}"
    known = store.read_note(index)
    if known is None or (stored := store.read(cache / "folders" / known["entry"])) is None:
        known, stored = prepare(listing, size, cache / "folders", said)
        store.write_note(index, known)
    return dataset_of(listing, stored, known, f"folder {root.name}")


def dataset_of(
    listing: Listing, stored: store.Stored, known: dict[str, Any], title: str, remarks: Sequence[str] = ()
) -> Dataset:
    """The images of a cache's entry as what a study runs on. known: what the index keeps, see prepare."""
    train, held = stored.train, stored.test
    if (groups := stored.note["groups"]) is not None:
        train = replace(train, groups=np.array(groups[: len(train)], np.int64))
        held = replace(held, groups=np.array(groups[len(train) :], np.int64))
    n_validation = len(held) - stored.note["n_test"]
    dataset = Dataset(
        train,
        held.take(slice(n_validation, None)),
        class_names=listing.class_names,
        fingerprint=stored.note["fingerprint"],
        title=title,
        skipped=tuple(known["skipped"]),
        remarks=(*remarks, *known["remarks"]),
        validation=held.take(slice(n_validation)) if n_validation else None,
    )
    return dataset if listing.labeled else dataset.without_labels()


def digest(value: Any) -> str:
    """32 hex digits naming a plain JSON value."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]


def decoded_by(size: int, said: Data) -> list[Any]:
    """All that decides how a file is decoded, and whether it can be."""
    return [LAYOUT, DECODER, size, said.range, said.fourth_band, said.channels, sorted(installed())]


def prepare(listing: Listing, size: int, cache: Path, said: Data) -> tuple[dict[str, Any], store.Stored]:
    """Hashes every file and, where the cache does not hold these contents yet, decodes them into it.

    Returns what the index keeps (the entry's name, the skipped files, the remarks) and the entry. Raises BadInput.
    """
    files, problems = hash_all(listing)
    contents = [[file.label, file.split, sha, file.group if said.grouped else ""] for file, sha in files]
    settings = [*decoded_by(size, said), said.grouped]
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
    """Pixels (N, C, size, size), the reason for each hash that gave none, whose rows hold nothing of use, and a note.

    The note: `largest` sides of a file; `channels`, C; `colored`, how many files lose their colors; `pages`, how many
    images are in the files that hold several, by hash; `range` of intensities, None where 8 bits stay as they are;
    where it was found in the files, `wide`, how many have more, and `why` it is this one. Raises BadInput.
    """
    paths = [root / file.name for file, _ in files]
    with strict_warnings():
        looks = in_parallel(lambda path: look(path, len(files), said.channels), paths, "looking at images")
        seen = [one for one in looks if isinstance(one, Seen)]
        if said.fourth_band is None:
            refuse_unnamed(root, [file.name for (file, _), one in zip(files, looks, strict=True) if unnamed(one)])
        readable = [(*pair, one) for pair, one in zip(files, looks, strict=True) if isinstance(one, Seen)]
        channels = channels_of(root, {file.name: one.bands for file, _, one in readable}, said.channels)
        images = np.empty((len(files), channels, size, size), np.uint8)
        wide = [one.values for one in seen if one.values is not None]
        note: dict[str, Any] = {"range": said.range}
        note["largest"] = max((one.sides for one in seen), key=min, default=(0, 0))
        note["pages"] = {sha: one.pages for _, sha, one in readable if one.pages > 1}
        note["channels"] = channels
        note["colored"] = sum(one.bands == 3 for one in seen) if channels == 1 else 0
        if wide and said.range is None:
            refuse_two_kinds(root, [(file.name, one.values.top) for file, _, one in readable if one.values is not None])
            note["range"], note["why"] = common_range(wide)
            note["wide"] = len(wide)

        def fill(row: int) -> None:
            one = looks[row]
            if isinstance(one, Unreadable):
                raise one
            between = said.range if one.values is None else note["range"]
            images[row] = decode(paths[row], size, between, said.fourth_band, channels)

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
            "transparency, over white; --set data.channels=4 takes all four as they are."
        )


def refuse_two_kinds(root: Path, tops: Sequence[tuple[str, float]]) -> None:
    """Raise BadInput where some files hold integers and others floats. tops: name and top of each, see Values."""
    floats = [name for name, top in tops if top == 1]
    integers = [name for name, top in tops if top != 1]
    if floats and integers:
        raise BadInput(
            f"{root}: {len(integers):,} images hold integers of more than 8 bits ({printable(integers[0])}) and "
            f"{len(floats):,} hold floats ({printable(floats[0])}), which no one range of values fits: convert one "
            "kind to the other. If all are in one unit already, say which values become black and white: "
            "--set data.range=[LOW, HIGH]."
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
    readable = [files[row] for row in rows]
    labels = np.array([file.label for file, _ in readable], np.int64)
    groups = np.array(units_of(readable, said.grouped), np.int64)
    parts = parts_of(listing, readable, groups.tolist(), said.grouped)
    order = np.argsort(parts, kind="stable")
    named = [
        [int(label), SIDES[PARTS[part]], sha] for label, part, (_, sha) in zip(labels, parts, readable, strict=True)
    ]
    more = {"groups": groups.tolist()} if said.grouped else {}
    more |= {"range": note["range"]} if note["range"] else {}
    more |= {"fourth_band": said.fourth_band} if said.fourth_band else {}
    more |= {"channels": images.shape[1]} if images.shape[1] != 3 else {}
    return store.write(
        stem,
        (images[rows[order[i : i + 1024]]] for i in range(0, len(order), 1024)),
        shape=images.shape[1:],
        labels=labels[order],
        n_train=int(np.sum(parts == PARTS.index("train"))),
        note={
            **note,
            "unreadable": unreadable,
            "fingerprint": f"folder-{digest([DECODER, listing.class_names, named, *([more] if more else [])])}",
            "groups": groups[order].tolist() if said.grouped else None,
            "n_test": int(np.sum(parts == PARTS.index("test"))),
        },
    )

"""Two recordings of each thing, by two devices at the same time: a folder for each device, files matched by name.

    PATH/left/CLASS/**/name.png      the two folders may be called anything; the first by name is the left one
    PATH/right/CLASS/**/name.tif     each is laid out as in listing.py: train/ and test/, if any, are inside

Two files are a pair where they lie in the same folder below their device's and are called alike but for what their
names end in. Files without a partner are left out, and named. The split, groups, copies and the cache are those of a
user's folder (see folder.py), of whole pairs; each device has a range of intensities of its own.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simclr_core.config import Data
from simclr_core.data import cache as store
from simclr_core.data import paired_cache
from simclr_core.data.decode import DECODER
from simclr_core.data.folder import MAX_UNREADABLE, SIDES, dataset_of, decode_all, decoded_by, digest, hash_all
from simclr_core.data.hold_out import units
from simclr_core.data.images import Dataset
from simclr_core.data.layout import require_groups
from simclr_core.data.listing import printable
from simclr_core.data.matching import Matched, match, on_matching
from simclr_core.data.remarks import of_copies, of_pixels, remarks
from simclr_core.data.split import PARTS, Hashed, parts_of
from simclr_core.errors import BadInput

Pair = tuple[Hashed, Hashed]


def load(path: str, size: int, cache: Path, said: Data = Data()) -> Dataset:  # noqa: B008 - frozen
    """The pairs as (C, size, size) images, decoded at most once. Raises BadInput, one sentence each.

    said: what the recipe says of the files, as in folder.load. The fingerprint covers both recordings' contents.
    """
    matched = match(Path(path), said.labels)
    left = matched.sides[0]
    require_groups(left, said, left.kind)
    rows = [
        [file.name, file.label, file.split, *file.stamp, file.problem] for one in matched.sides for file in one.files
    ]
    settings = [*decoded_by(size, said), said.group, *([said.labels] if said.labels else [])]
    where = [str(matched.root), matched.devices, [str(side.root) for side in matched.sides]]
    index = cache / "pairs" / f"listing-{digest([settings, where, left.class_names, rows])}"
    known = store.read_note(index)
    if known is None or (stored := paired_cache.read(cache / "pairs" / known["entry"])) is None:
        known, stored = prepare(matched, size, cache / "pairs", said)
        store.write_note(index, known)
    return dataset_of(left, stored, known, f"pairs {matched.root.name}", tuple(on_matching(matched)))


def prepare(matched: Matched, size: int, cache: Path, said: Data) -> tuple[dict[str, Any], store.Stored]:
    """Hashes every file and, where the cache does not hold these contents yet, decodes them into it.

    Returns what the index keeps (the entry's name, the skipped files, the remarks) and the entry. Raises BadInput.
    """
    hashed = [hash_all(side) for side in matched.sides]
    shas = [{file.name: sha for file, sha in files} for files, _ in hashed]
    problems = {
        f"{device}/{name}": problem
        for device, (_, failed) in zip(matched.devices, hashed, strict=True)
        for name, problem in failed.items()
    }
    pairs = [
        ((left, shas[0][left.name]), (right, shas[1][right.name]))
        for left, right in zip(*(side.files for side in matched.sides), strict=True)
        if left.name in shas[0] and right.name in shas[1]
    ]
    pairs.sort(key=lambda pair: (pair[0][0].label, pair[0][1], pair[1][1], pair[0][0].split or "", pair[0][0].group))
    contents = [
        [one.label, one.split, sha, other, one.group if said.grouped else ""] for (one, sha), (_, other) in pairs
    ]
    class_names = matched.sides[0].class_names
    entry = digest([[*decoded_by(size, said), said.grouped], class_names, contents])
    stored = paired_cache.read(cache / entry)
    if stored is None:
        decoded = [
            decode_all(side.root, [pair[i] for pair in pairs], size, said) for i, side in enumerate(matched.sides)
        ]
        unreadable = [bad for _, bad, _ in decoded]
        channels = [images.shape[1] for images, _, _ in decoded]
        if channels[0] != channels[1]:
            raise BadInput(
                f"{matched.root}: the images of {matched.devices[0]}/ have {channels[0]} channel(s), those of "
                f"{matched.devices[1]}/ {channels[1]}; one encoder sees both: --set data.channels=3."
            )
    else:
        unreadable = stored.note["unreadable"]
    bad_pairs = len(matched) - len(pairs)
    readable: list[int] = []
    for row, pair in enumerate(pairs):
        bad = {side: unreadable[side][sha] for side, (_, sha) in enumerate(pair) if sha in unreadable[side]}
        problems |= {f"{matched.devices[side]}/{pair[side][0].name}": reason for side, reason in bad.items()}
        bad_pairs += bool(bad)
        if not bad:
            readable.append(row)
    skipped = [f"{printable(name)}: {problem}" for name, problem in sorted(problems.items())]
    if bad_pairs > MAX_UNREADABLE * len(matched):
        raise BadInput(
            f"{matched.root}: of {bad_pairs} of {len(matched)} pairs a file cannot be read, more than "
            f"{MAX_UNREADABLE:.0%}: {'; '.join(skipped[:3])}{'; ...' if len(skipped) > 3 else '.'}"
        )
    kept = [pairs[row] for row in readable]
    if stored is None:
        note = {"unreadable": unreadable, "sides": [note for _, _, note in decoded]}
        stored = keep(cache / entry, matched, kept, [images for images, _, _ in decoded], readable, note, said)
    (left, right), (of_left, of_right) = matched.sides, stored.note["sides"]
    told = list(remarks(left, [one for one, _ in kept], said, size, {**of_left, **stored.note}))
    told += of_copies(right, [other for _, other in kept])
    told += of_pixels(right.root, [other for _, other in kept], size, of_right)
    return {"entry": entry, "skipped": skipped, "remarks": told}, stored


def keep(
    stem: Path,
    matched: Matched,
    pairs: Sequence[Pair],
    recordings: Sequence[NDArray[np.uint8]],
    rows: Sequence[int],
    note: dict[str, Any],
    said: Data,
) -> store.Stored:
    """Puts the readable pairs, which these rows of the recordings show, into the cache, those to train on first.

    Raises BadInput.
    """
    keys = [(sha, other, *([("group", one.group)] if said.grouped else [])) for (one, sha), (_, other) in pairs]
    groups, left = units(keys), [one for one, _ in pairs]
    parts = parts_of(matched.sides[0], left, groups, said.grouped)
    order = np.argsort(parts, kind="stable")
    row = np.array(rows, np.int64)[order]
    labels = np.array([file.label for file, _ in left], np.int64)
    named = [[int(label), SIDES[PARTS[part]], *key[:2]] for label, part, key in zip(labels, parts, keys, strict=True)]
    ranges = [side["range"] for side in note["sides"]]
    of_groups = np.array(groups, np.int64)[order].tolist() if said.grouped else None
    channels = recordings[0].shape[1]
    more = [ranges, said.fourth_band, groups if said.grouped else None, *([channels] if channels != 3 else [])]
    return paired_cache.write(
        stem,
        [_blocks(images, row) for images in recordings],
        shape=recordings[0].shape[1:],
        labels=labels[order],
        n_train=int(np.sum(parts == PARTS.index("train"))),
        note={
            **note,
            "fingerprint": f"pairs-{digest([DECODER, matched.sides[0].class_names, named, more])}",
            "groups": of_groups,
            "n_test": int(np.sum(parts == PARTS.index("test"))),
        },
    )


def _blocks(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    return (images[rows[start : start + 1024]] for start in range(0, len(rows), 1024))

"""What a user should be told of the folder, and could not see from the numbers: sentences, none of which ends a run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simclr_core.config import Data
from simclr_core.data.images import UNLABELED
from simclr_core.data.listing import Listing, printable
from simclr_core.data.split import Hashed

NAMED = 3  # examples in a sentence


def remarks(listing: Listing, files: Sequence[Hashed], said: Data, size: int, note: Mapping[str, Any]) -> Iterator[str]:
    """Say what of these readable files is remarkable. said: the recipe's. note: see folder.decode_all and keep."""
    yield from _labels(listing, files, said)
    yield from _copies(listing, files)
    yield from _groups(listing, files, said, note)
    if "why" in note:
        low, high = note["range"]
        others = len(files) - note["wide"]
        rest = f"; the other {others:,} of 8 bits stay as they are" if others else ""
        yield (
            f"{listing.root}: of {note['wide']:,} images of more than 8 bits {low:,g} becomes black and {high:,g} "
            f"white, {note['why']}{rest}. Others: --set data.range=[LOW, HIGH]."
        )
    if min(note["largest"]) >= 2 * size:
        width, height = note["largest"]
        yield (
            f"{listing.root}: images of up to {width:,} x {height:,} pixels are shrunk to {size} x {size}. "
            "Others: --set data.size=N."
        )


def _labels(listing: Listing, files: Sequence[Hashed], said: Data) -> Iterator[str]:
    """How many images have no label, and what becomes of them."""
    if not listing.labeled:
        why = "" if said.labels == "none" else ", because they lie in no class folders"
        yield f"{listing.root}: its {len(files):,} images are taken without labels{why}."
    elif beside := sum(file.label == UNLABELED for file, _ in files):
        known = sum(file.label != UNLABELED and file.split == "train" for file, _ in files)
        yield (
            f"{listing.root}: {beside:,} training images have no label: the encoder trains on all {beside + known:,}, "
            f"probes on the {known:,} with one."
        )


def _copies(listing: Listing, files: Sequence[Hashed]) -> Iterator[str]:
    """Equal files on both sides of the user's split, and under two labels."""
    by_content: dict[str, list[Hashed]] = {}
    for pair in files:
        by_content.setdefault(pair[1], []).append(pair)
    same = [[file for file, _ in pairs] for pairs in by_content.values() if len(pairs) > 1]
    across = [copies for copies in same if len({file.split for file in copies}) > 1]
    if across:
        tested = sum(file.split == "test" for copies in across for file in copies)
        pairs = [
            f"{next(file.name for file in copies if file.split == 'test')} is "
            f"{next(file.name for file in copies if file.split == 'train')}"
            for copies in across
        ]
        yield (
            f"{listing.root}: {tested:,} of {sum(file.split == 'test' for file, _ in files):,} test images are "
            f"training images too ({_some(pairs)}): on them memory is measured."
        )
    torn = [copies for copies in same if len({file.label for file in copies} - {UNLABELED}) > 1]
    if torn:
        pairs = [" is ".join({file.label: file.name for file in copies}.values()) for copies in torn]
        yield (
            f"{listing.root}: {len(torn):,} {'images have' if len(torn) > 1 else 'image has'} more than one label "
            f"({_some(pairs)}): no answer can be right for all of its copies."
        )


def _groups(listing: Listing, files: Sequence[Hashed], said: Data, note: Mapping[str, Any]) -> Iterator[str]:
    groups = {split: {file.group for file, _ in files if file.split == split} for split in ("train", "test", None)}
    if said.group == "parent":
        tested = len(set(note["groups"][-note["n_test"] :]))
        yield (
            f"{listing.root}: {len(set(note['groups'])):,} groups, {tested:,} of them with the {note['n_test']:,} test "
            "images; intervals count groups, not images."
        )
        if both := sorted(groups["train"] & groups["test"]):
            yield (
                f"{listing.root}: {len(both):,} of the groups have training images and test images ({_some(both)}): "
                "what is measured on these is too good for new groups."
            )
    elif said.group is None and all(file.group for file in listing.files):
        names = sorted(set.union(*groups.values()))
        if len({(file.label, file.group) for file in listing.files}) > len(listing.class_names):
            torn = "" if listing.split else ", and the split may tear them apart"
            where = "every class folder holds only subfolders" if listing.labeled else "all images lie in subfolders"
            yield (
                f"{listing.root}: {where} ({_some(names)}). If the images of one "
                f"belong together, as a patient's do, they are no independent answers{torn}: --set data.group=parent. "
                "If not: --set data.group=image."
            )


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names[:NAMED])) + (", ..." if len(names) > NAMED else "")

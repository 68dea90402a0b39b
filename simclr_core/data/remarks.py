"""What a user should be told of the folder, and could not see from the numbers: sentences, none of which ends a run."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from simclr_core.config import MAX_SIDE, Data
from simclr_core.data.images import UNLABELED
from simclr_core.data.listing import Listing, printable
from simclr_core.data.split import PARTS, Hashed

NAMED = 3  # examples in a sentence


def remarks(listing: Listing, files: Sequence[Hashed], said: Data, size: int, note: Mapping[str, Any]) -> Iterator[str]:
    """Say what of these readable files is remarkable. said: the recipe's. note: see folder.decode_all and keep."""
    yield from _labels(listing, files, said)
    yield from listing.remarks
    yield from of_copies(listing, files)
    yield from _groups(listing, files, said, note)
    yield from of_pixels(listing.root, files, size, note)


def of_pixels(root: Path, files: Sequence[Hashed], size: int, note: Mapping[str, Any]) -> Iterator[str]:
    """Say what becomes of the pixels: black and white, pages, channels, and that large images shrink."""
    if "why" in note:
        low, high = note["range"]
        others = len(files) - note["wide"]
        rest = f"; the other {others:,} of 8 bits stay as they are" if others else ""
        yield (
            f"{root}: of {note['wide']:,} images of more than 8 bits {low:,g} becomes black and {high:,g} "
            f"white, {note['why']}{rest}. Others: --set data.range=[LOW, HIGH]."
        )
    several = {file.name: note["pages"][sha] for file, sha in files if sha in note["pages"]}
    if several:
        n, name = min((-n, name) for name, n in several.items())
        yield (
            f"{root}: {len(several):,} of {len(files):,} files hold several images, as stacks and animations "
            f"do ({printable(name)} has {-n:,}): the first of each is taken."
        )
    if note["channels"] != 3:
        yield (
            f"{root}: images of {note['channels']} channel(s): of the transformation color only brightness and "
            "contrast act; saturation, hue and gray need red, green and blue, and cells that differ in them alone are "
            "alike."
        )
    if note["colored"]:
        yield f"{root}: {note['colored']:,} of {len(files):,} images lose their colors: data.channels is 1."
    yield from _shrunk(root, note["largest"], size)


def _shrunk(root: Path, sides: tuple[int, int], size: int) -> Iterator[str]:
    """What the resizing loses, and what less of a loss costs. sides: of the largest image."""
    times = min(3, min(sides) // size, MAX_SIDE // size)
    if times >= 2:
        width, height = sides
        yield (
            f"{root}: images of up to {width:,} x {height:,} pixels are shrunk to {size} x {size}. "
            f"--set data.size={times * size} takes about {times**2} times as long."
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


def of_copies(listing: Listing, files: Sequence[Hashed]) -> Iterator[str]:
    """Equal files on both sides of the user's split, and under two labels."""
    by_content: dict[str, list[Hashed]] = {}
    for pair in files:
        by_content.setdefault(pair[1], []).append(pair)
    same = [[file for file, _ in pairs] for pairs in by_content.values() if len(pairs) > 1]
    across = [copies for copies in same if {file.split for file in copies} >= {"train", "test"}]
    if across:
        tested = sum(file.split == "test" for copies in across for file in copies)
        pairs = [
            f"{next(file.name for file in copies if file.split == 'test')} is "
            f"{next(file.name for file in copies if file.split == 'train')}"
            for copies in across
        ]
        yield (
            f"{listing.root}: {tested:,} of {sum(file.split == 'test' for file, _ in files):,} test images are "
            f"training images too ({some(pairs)}): on them memory is measured."
        )
    torn = [copies for copies in same if len({file.label for file in copies} - {UNLABELED}) > 1]
    if torn:
        pairs = [" is ".join({file.label: file.name for file in copies}.values()) for copies in torn]
        yield (
            f"{listing.root}: {len(torn):,} {'images have' if len(torn) > 1 else 'image has'} more than one label "
            f"({some(pairs)}): no answer can be right for all of its copies."
        )


def _groups(listing: Listing, files: Sequence[Hashed], said: Data, note: Mapping[str, Any]) -> Iterator[str]:
    groups = {split: {file.group for file, _ in files if file.split == split} for split in (*PARTS, None)}
    if said.grouped:
        tested = len(set(note["groups"][-note["n_test"] :]))
        yield (
            f"{listing.root}: {len(set(note['groups'])):,} groups, {tested:,} of them with the {note['n_test']:,} test "
            "images; intervals count groups, not images."
        )
        if both := sorted(groups["train"] & groups["test"]):
            yield (
                f"{listing.root}: {len(both):,} of the groups have training images and test images ({some(both)}): "
                "what is measured on these is too good for new groups."
            )
    elif said.group is None and all(file.group for file in listing.files):
        names = sorted(set.union(*groups.values()))
        if len({(file.label, file.group) for file in listing.files}) > len(listing.class_names):
            torn = "" if listing.split else ", and the split may tear them apart"
            where = "every class folder holds only subfolders" if listing.labeled else "all images lie in subfolders"
            yield (
                f"{listing.root}: {where} ({some(names)}). If the images of one "
                f"belong together, as a patient's do, they are no independent answers{torn}: --set data.group=parent. "
                "If not: --set data.group=image."
            )


def some(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names[:NAMED])) + (", ..." if len(names) > NAMED else "")

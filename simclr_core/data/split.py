"""Which images of a user's folder are trained on, validated on and tested on, and which belong together."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simclr_core.data.hold_out import hold_out, units
from simclr_core.data.listing import ImageFile, Listing, Split
from simclr_core.errors import BadInput

HELD_OUT = 1 / 5  # of the images of each class, where the user has made no split

Hashed = tuple[ImageFile, str]  # with the SHA-256 of its content

PARTS: tuple[Split, ...] = ("train", "validation", "test")


def units_of(files: Sequence[Hashed], grouped: bool) -> list[int]:
    """A number for each file, shared by copies of one content, and where `grouped` by the files of one group."""
    return units([(sha, *([("group", file.group)] if grouped else [])) for file, sha in files])


def parts_of(listing: Listing, files: Sequence[Hashed], of_files: Sequence[int], grouped: bool) -> NDArray[np.int64]:
    """Which of PARTS these readable files are in, (N,): as the user has split them, else a fifth, in whole units, test.

    of_files: the unit of each. Units are asked in the order of their content's hashes, so that an image mostly keeps
    its side as others come and go. Raises BadInput where a class would be left without a training or a test image.
    """
    for split in sorted({file.split for file in listing.files}, key=str):
        filled = {file.label for file, _ in files if file.split == split}
        for label, name in enumerate(listing.class_names):
            if label not in filled:
                where = f"{split}/" if split else ""
                folder = f"the {listing.kind} {where}{name}".rstrip()
                raise BadInput(f"{listing.root}: {folder} holds no readable image.")
    if listing.split:
        return np.array([PARTS.index(file.split) for file, _ in files if file.split], np.int64)
    counted: dict[int, Counter[int]] = {}
    for (file, _), unit in sorted(zip(files, of_files, strict=True), key=lambda pair: pair[0][1]):
        counted.setdefault(unit, Counter())[file.label] += 1
    order = list(counted)
    stay = 2 if grouped else 1  # the linear probe chooses its penalty on groups of its own
    held = {order[place] for place in hold_out(list(counted.values()), HELD_OUT, stay)}
    tested = {file.label for (file, _), unit in zip(files, of_files, strict=True) if unit in held}
    for label, name in enumerate(listing.class_names):
        if label in tested:
            continue
        what = "images of a single group" if grouped else "a single image, or copies of one"
        if sum(own[label] > 0 for own in counted.values()) > 1:
            what = "only images that belong with others, which leave none of its own to train on"
        raise BadInput(
            f"{listing.root}: the {f'{listing.kind} {name}'.rstrip()} holds {what}; "
            f"it needs at least two{' groups' if grouped else ''}, one to train on and one held out."
        )
    return np.array([PARTS.index("test" if unit in held else "train") for unit in of_files], np.int64)

"""Which images of a user's folder are test images, and which belong together."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simclr_core.data.hold_out import hold_out, units
from simclr_core.data.listing import ImageFile, Listing
from simclr_core.errors import BadInput

HELD_OUT = 1 / 5  # of the images of each class, where the user has made no split

Hashed = tuple[ImageFile, str]  # with the SHA-256 of its content


def units_of(files: Sequence[Hashed], by_parent: bool) -> list[int]:
    """A number for each file, shared by copies of one content, and `by_parent` by the files of one group."""
    return units([(sha, *([("group", file.group)] if by_parent else [])) for file, sha in files])


def in_test(listing: Listing, files: Sequence[Hashed], by_parent: bool) -> NDArray[np.bool_]:
    """Which of these readable files are test images, (N,): as the user has split them, else a fifth in whole units.

    Units are asked in the order of their content's hashes, so that an image mostly keeps its side as others come and
    go. Raises BadInput where a class would be left without a training or a test image.
    """
    for split in sorted({file.split for file in listing.files}, key=str):
        filled = {file.label for file, _ in files if file.split == split}
        for label, name in enumerate(listing.class_names):
            if label not in filled:
                where = f"{split}/" if split else ""
                folder = f"the class folder {where}{name}" if listing.labeled else f"the folder {where}".rstrip()
                raise BadInput(f"{listing.root}: {folder} holds no readable image.")
    if listing.split:
        return np.array([file.split == "test" for file, _ in files], np.bool_)
    of_files = units_of(files, by_parent)
    counted: dict[int, Counter[int]] = {}
    for (file, _), unit in sorted(zip(files, of_files, strict=True), key=lambda pair: pair[0][1]):
        counted.setdefault(unit, Counter())[file.label] += 1
    order = list(counted)
    held = {order[place] for place in hold_out(list(counted.values()), HELD_OUT)}
    tested = {file.label for (file, _), unit in zip(files, of_files, strict=True) if unit in held}
    for label, name in enumerate(listing.class_names):
        if label in tested:
            continue
        what = "images of a single group" if by_parent else "a single image, or copies of one"
        if sum(own[label] > 0 for own in counted.values()) > 1:
            what = "only images that belong with others, which leave none of its own to train on"
        raise BadInput(
            f"{listing.root}: the {f'class folder {name}' if listing.labeled else 'folder'} holds {what}; "
            f"it needs at least two{' groups' if by_parent else ''}, one to train on and one held out."
        )
    return np.array([unit in held for unit in of_files], np.bool_)

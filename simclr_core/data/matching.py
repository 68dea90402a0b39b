"""Which files of two devices are pairs, told by their names without opening one."""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from simclr_core.data.images import UNLABELED
from simclr_core.data.layout import as_meant
from simclr_core.data.listing import (
    SPLIT_NAMES,
    ImageFile,
    Listing,
    children,
    is_folder,
    list_images,
    printable,
)
from simclr_core.data.remarks import some
from simclr_core.errors import BadInput

WANTED = "pairs:PATH takes a folder with two subfolders, one for each device, both with the same class folders"


Key = tuple[str, ...]


@dataclass(frozen=True)
class Matched:
    """Both devices' files, the i-th of the one with the i-th of the other; and those that have no partner."""

    root: Path
    devices: tuple[str, str]  # what their folders are called; where these are links, their listings have other roots
    sides: tuple[Listing, Listing]
    single: tuple[str, ...]  # relative to root

    def __len__(self) -> int:
        return len(self.sides[0].files)


def match(path: Path, labels: Literal["none"] | None = None) -> Matched:
    """Both devices' files in pairs, by name. labels: as in listing.list_images.

    Raises BadInput where they cannot be matched.
    """
    root, devices = two_folders(path)
    sides = [list_images(root / device, labels) for device in devices]
    left, right = sides
    if left.labeled is not right.labeled:
        has, lacks = devices if left.labeled else devices[::-1]
        raise BadInput(
            f"{root}: {has}/ has class folders, {lacks}/ has not; both or neither may, or --set data.labels=none."
        )
    if left.split is not right.split:
        has, lacks = devices if left.split else devices[::-1]
        raise BadInput(f"{root}: {has}/ has train/ and test/, {lacks}/ has not; both or neither may.")
    if one_sided := {*map(_composed, left.class_names)} ^ {*map(_composed, right.class_names)}:
        listed = [
            f"{device}/{name}"
            for device, side in zip(devices, sides, strict=True)
            for name in side.class_names
            if _composed(name) in one_sided
        ]
        raise BadInput(
            f"{root}: both recordings must have the same class folders, but one alone has {', '.join(listed)}."
        )
    by_key = [dict(_keyed(side)) for side in sides]
    pairs = sorted(by_key[0].keys() & by_key[1].keys())
    if not pairs:
        names = some([f"{device}/{side.files[0].name}" for device, side in zip(devices, sides, strict=True)])
        raise BadInput(
            f"{root}: no file of {devices[0]}/ has a partner in {devices[1]}/ ({names}); partners lie in the "
            "same subfolder and are called alike, but for the ending."
        )
    single = [
        f"{device}/{file.name}"
        for device, files in zip(devices, by_key, strict=True)
        for key, file in sorted(files.items())
        if key not in by_key[0] or key not in by_key[1]
    ]
    left, right = (
        replace(side, files=tuple(files[key] for key in pairs)) for side, files in zip(sides, by_key, strict=True)
    )
    return Matched(root, devices, (as_meant(left), as_meant(right)), tuple(single))


def two_folders(path: Path) -> tuple[Path, tuple[str, str]]:
    """The user's folder and the names of the two in it, sorted. Raises BadInput where there are not two devices."""
    try:
        root = path.expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise BadInput(f"{path}: cannot open this folder: {getattr(error, 'strerror', error)}; {WANTED}.") from None
    if not root.is_dir():
        raise BadInput(f"{root}: is a file; {WANTED}.")
    folders = [entry.name for entry in children(root) if is_folder(entry)]
    if len(folders) != 2:
        raise BadInput(f"{root}: has {len(folders)}{f' ({some(folders)})' if folders else ''}; {WANTED}.")
    left, right = folders
    if {left.casefold(), right.casefold()} <= SPLIT_NAMES.keys():
        raise BadInput(
            f"{root}: {left}/ and {right}/ are a split, not two devices; {WANTED}; "
            "train/ and test/, if you have split them, belong inside both."
        )
    return root, (left, right)


def _keyed(side: Listing) -> Iterator[tuple[Key, ImageFile]]:
    """Each file with what its partner shares: split, class, folder below its class's, and name without the ending."""
    classes = [*map(_composed, side.class_names)]
    keys = [
        (
            file.split or "",
            "" if file.label == UNLABELED else classes[file.label],
            file.group,
            _composed(PurePosixPath(file.name).stem),
        )
        for file in side.files
    ]
    twins = [key for key, n in Counter(keys).items() if n > 1]
    if twins:
        names = [file.name for key, file in zip(keys, side.files, strict=True) if key == twins[0]]
        more = f"; and {len(twins) - 1} more such name(s)" if len(twins) > 1 else ""
        raise BadInput(
            f"{side.root}: {len(names)} files are called alike but for their ending ({some(names)}), so that it cannot "
            f"be told which of them is one of a pair: leave one{more}."
        )
    return zip(keys, side.files, strict=True)


def _composed(name: str) -> str:
    """A name as people read it: é is the same whether it is stored as one letter or as two."""
    return unicodedata.normalize("NFC", name)


def on_matching(matched: Matched) -> Iterator[str]:
    """Which recordings are the left ones, and which files have no partner."""
    left, right = map(printable, matched.devices)
    yield f"{matched.root}: {len(matched):,} pairs; {left}/ holds the left recordings, {right}/ the right ones."
    if single := matched.single:
        yield f"{matched.root}: files without a partner are left out: {len(single):,} ({some(single)})."

"""Where a user's images are and which of them is what: said by folders or by a manifest; test images may lie elsewhere.

What the user calls validation is meant as everywhere else: without test images it is tested on, beside them it chooses
(see `linear_probe`). Training images alone are split as where nobody has made a split.
"""

from dataclasses import replace
from pathlib import Path

from simclr_core.config import Data
from simclr_core.data import manifest
from simclr_core.data.images import UNLABELED
from simclr_core.data.listing import Listing, list_images, opened_folder, printable
from simclr_core.errors import BadInput


def listing_of(path: Path, said: Data) -> Listing:
    """The images of a folder, and of data.test. Raises BadInput, one sentence each."""
    root = opened_folder(path)
    listed = (root / manifest.NAME).is_file()
    if said.group == "manifest" and not listed:
        raise BadInput(f"{root}: data.group: manifest takes the column group of a {manifest.NAME}, and there is none.")
    listing = manifest.read(root, said.group, said.labels) if listed else list_images(root, said.labels)
    require_groups(listing, said, "folder" if listed else listing.kind)
    if said.test is not None:
        listing = with_tests(listing, Path(said.test.removeprefix("folder:")))
    return as_meant(listing)


def require_groups(listing: Listing, said: Data, above: str) -> None:
    """Raise BadInput where images are to be grouped by their folder, and some lie directly in what is above them."""
    if said.group == "parent" and (loose := [file.name for file in listing.files if not file.group]):
        raise BadInput(
            f"{listing.root}: data.group: parent takes the folders below each {above} for groups, but {len(loose)} of "
            f"{len(listing.files)} images lie directly in their {above} ({printable(loose[0])})."
        )


def with_tests(listing: Listing, path: Path) -> Listing:
    """The listing with all images of another folder to test on. Raises BadInput where the two do not fit."""
    if any(file.split == "test" for file in listing.files):
        raise BadInput(f"{listing.root}: has test images of its own; data.test is for folders that have none.")
    tests = list_images(path, None if listing.labeled else "none")
    if tests.split:
        raise BadInput(f"{tests.root}: data.test takes a folder with the class folders directly inside, not a split.")
    if tests.labeled is not listing.labeled:
        raise BadInput(f"{tests.root}: the images of data.test have no labels, but those of {listing.root} have.")
    if tests.class_names != listing.class_names:
        theirs, ours = (", ".join(names) for names in (tests.class_names, listing.class_names))
        raise BadInput(f"{tests.root}: data.test has the classes {theirs}, but the images trained on are of {ours}.")
    own = [replace(file, split=file.split or "train") for file in listing.files]
    away = [replace(file, name=f"{tests.root.as_posix()}/{file.name}", split="test") for file in tests.files]
    return replace(listing, files=(*own, *away))


def as_meant(listing: Listing) -> Listing:
    """The listing with each file in the part that it serves in."""
    splits = {file.split for file in listing.files}
    if splits == {"train"} and any(file.label == UNLABELED for file in listing.files):
        raise BadInput(
            f"{listing.root}: has training images without a label, but no test/, val/ or data.test to measure on; "
            "those with a label are not split where others have none."
        )
    if splits == {"train"}:
        said = f"{listing.root}: has training images alone; a fifth of them is held out to test on."
        return replace(
            listing,
            files=tuple(replace(file, split=None) for file in listing.files),
            remarks=(*listing.remarks, said),
        )
    if "validation" in splits and "test" not in splits:
        said = f"{listing.root}: has no test images; its validation images are tested on."
        files = (replace(file, split="test" if file.split == "validation" else file.split) for file in listing.files)
        return replace(listing, files=tuple(files), remarks=(*listing.remarks, said))
    if "validation" in splits:
        use = "on its validation images the linear probe chooses its penalty; they are"
        if not listing.labeled:
            use = "without labels its validation images serve for nothing; they are"
        said = f"{listing.root}: {use} neither trained nor tested on."
        return replace(listing, remarks=(*listing.remarks, said))
    return listing

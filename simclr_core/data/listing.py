"""A user's image folder: which images it holds, of which class, in which split, told without opening a file.

    PATH/CLASS/**/image           no split of the user's own
    PATH/train/CLASS/**/image     the user's split; each of val/ and test/ may be missing, other folders are not used
    PATH/val/CLASS/**/image
    PATH/test/CLASS/**/image
    PATH/train/unlabeled/**/image beside them: images to train on without a label
    PATH/image, PATH/**/image     no labels: where images lie directly in PATH, or where the user says so;
    PATH/train/, ...              likewise with the user's split

Files are told by what their names end in. Hidden files and folders, and files that are no images, are passed over.
"""

import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from simclr_core.data.decode import suffixes
from simclr_core.data.images import UNLABELED
from simclr_core.errors import BadInput

WITHOUT_LABELS = ("unlabeled", "unlabelled")  # folders within train/, in any case

Split = Literal["train", "validation", "test"]

SPLIT_NAMES: dict[str, Split] = {  # in any case
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
NOT_CLASSES = {"__MACOSX", "@eaDir"}  # what macOS archives and Synology disks leave behind, besides dotfiles

WHY_CLASSES = "because representations are judged by how well they tell labels apart, and the folders are the labels"

NAMELESS = ("",)  # the one class of images without labels, which no folder can be called


@dataclass(frozen=True)
class ImageFile:
    """One image. `problem` says why it cannot even be opened, if so."""

    name: str  # relative to the user's folder, with forward slashes; elsewhere (data.test) the whole path
    label: int  # UNLABELED of one beside the classes; 0 of all where there are no classes
    split: Split | None  # None where the user has made no split
    # The first folder below its class's, or what the manifest says; one name under two classes is one group.
    group: str = ""
    stamp: tuple[int, ...] = ()  # size in bytes, times of change in nanoseconds: another stamp, another content
    problem: str | None = None


@dataclass(frozen=True)
class Listing:
    """A user's folder as far as the disk tells without opening an image. Without labels all is one class, nameless.

    kind: what makes a class, for sentences. remarks: on how the folder is read.
    """

    root: Path
    class_names: tuple[str, ...]
    files: tuple[ImageFile, ...]
    kind: str = "class folder"
    remarks: tuple[str, ...] = ()

    @property
    def labeled(self) -> bool:
        """Whether there are classes."""
        return self.class_names != NAMELESS

    @property
    def split(self) -> bool:
        """Whether the user has made one."""
        return self.files[0].split is not None


def opened_folder(path: Path) -> Path:
    """The whole path of a folder that holds something. Raises BadInput."""
    wanted = "--data folder:PATH takes a folder of images, or with one subfolder per class"
    try:
        root = path.expanduser().resolve()
        kind = root.stat().st_mode
    except (OSError, RuntimeError, ValueError) as error:  # also ~nobody, a link to itself, a name with a zero byte
        raise BadInput(f"{path}: cannot open this folder: {getattr(error, 'strerror', error)}; {wanted}.") from None
    if not stat.S_ISDIR(kind):
        raise BadInput(f"{root}: is a file; {wanted}.")
    if not children(root):
        raise BadInput(f"{root}: the folder is empty; {wanted}.")
    return root


def list_images(path: Path, labels: Literal["none"] | None = None) -> Listing:
    """All images, by name, and of which class they are. labels: none, or as the folders are.

    Raises BadInput where the layout is none of those above.
    """
    root = opened_folder(path)
    parts = user_split(root) or {None: root}
    if labels == "none" or all(lie_side_by_side(part, root) for part in parts.values()):
        files = [file for split, part in parts.items() for file in images_below(part, root, 0, split)]
        if not files:
            raise BadInput(f"{root}: holds no image (.jpg, .png, .tif and so on).")
        return Listing(root, NAMELESS, tuple(sorted(files, key=lambda file: file.name)), kind="folder")
    classes = {split: class_folders(part) for split, part in parts.items()}
    first, *others = classes.values()
    beside = [
        first.pop(name)
        for name in [*first]
        if None not in classes and name.casefold() in WITHOUT_LABELS and not any(name in folders for folders in others)
    ]
    everywhere = {name for name in first if all(name in folders for folders in others)}
    if one_sided := {name for folders in classes.values() for name in folders} - everywhere:
        listed = ", ".join(
            f"{folder.parent.name}/{printable(folder.name)}"
            for folders in classes.values()
            for name, folder in folders.items()
            if name in one_sided
        )
        raise BadInput(f"{root}: its parts must have the same class folders, but not all of them have {listed}.")
    files = [
        file
        for split, folders in classes.items()
        for label, name in enumerate(first)
        for file in images_below(folders[name], root, label, split)
    ]
    files += [file for folder in beside for file in images_below(folder, root, UNLABELED, "train")]
    if not files:
        raise BadInput(f"{root}: none of its class folders holds an image (.jpg, .png, .tif and so on).")
    names = tuple(printable(folder.name) for folder in first.values())
    return Listing(root, names, tuple(sorted(files, key=lambda file: file.name)))


def children(folder: Path) -> list[os.DirEntry[str]]:
    """Entries of a folder, by name, without hidden ones. Raises BadInput where it may not be listed."""
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".") and entry.name not in NOT_CLASSES]
    except OSError as error:
        raise BadInput(f"{folder}: cannot list this folder: {error.strerror}.") from None
    return sorted(visible, key=lambda entry: entry.name)


def user_split(root: Path) -> dict[Split | None, Path] | None:
    """The folders of the user's split, None where there are none. Raises BadInput where they cannot be one."""
    folders = [Path(entry.path) for entry in children(root) if is_folder(entry)]
    parts: dict[Split | None, Path] = {}
    for folder in folders:
        split = SPLIT_NAMES.get(folder.name.casefold())
        if split in parts:
            raise BadInput(f"{root}: has both {parts[split].name}/ and {folder.name}/; allowed: one of them.")
        if split is not None:
            parts[split] = folder
    if len(parts) == 1 and any(is_image(entry.name) for entry in children(*parts.values())):
        return None  # with images of its own it is a class
    others = [folder.name for folder in folders if folder not in parts.values()]
    allowed = "allowed: train/ with test/ or val/ or both, each with the class folders, or class folders alone"
    if parts and "train" not in parts:
        raise BadInput(f"{root}: has {next(iter(parts.values())).name}/ but no train/; {allowed}.")
    if parts.keys() == {"train"} and others:
        beside = ", ".join(map(printable, others[:3]))
        raise BadInput(f"{root}: has {parts['train'].name}/ beside other folders ({beside}); {allowed}.")
    return {split: parts[split] for split in ("train", "validation", "test") if split in parts} or None


def lie_side_by_side(part: Path, root: Path) -> bool:
    """Whether images lie directly in this part, beside fewer than two folders that hold some: there are no classes."""
    entries = children(part)
    if not any(is_image(entry.name) for entry in entries):
        return False
    folders = (Path(entry.path) for entry in filter(is_folder, entries))
    return sum(any(images_below(folder, root, 0, None)) for folder in folders) < 2


def class_folders(part: Path) -> dict[str, Path]:
    """Class name to folder, by name. Raises BadInput where there are fewer than two, or two of one name.

    A name is what people read: é is the same whether it is stored as one letter or, as macOS does, as e and an accent.
    """
    entries = children(part)
    folders: dict[str, Path] = {}
    for entry in filter(is_folder, entries):
        name = unicodedata.normalize("NFC", entry.name)
        if name in folders:
            raise BadInput(
                f"{part}: two class folders are called {printable(name)!r}, one with its accents as letters of their "
                "own (Unicode NFD); rename one, or join them."
            )
        folders[name] = Path(entry.path)
    if len(folders) >= 2:
        return folders
    if folders:
        raise BadInput(
            f"{part}: has only one class folder, {printable(*folders)!r}; at least two are needed, {WHY_CLASSES}; "
            "or --set data.labels=none for images without labels."
        )
    loose = any(is_image(entry.name) for entry in entries)
    raise BadInput(
        f"{part}: {'its images lie side by side' if loose else 'has no class folders'}; they belong in one subfolder "
        f"per class, at least two, {WHY_CLASSES}; or --set data.labels=none for images without labels."
    )


def images_below(folder: Path, root: Path, label: int, split: Split | None) -> Iterator[ImageFile]:
    """A class's images at any depth, each folder visited once, whatever links lead to it."""
    visited = {identity(root.stat()), identity(folder.stat())}
    waiting = [(folder, folder.relative_to(root).as_posix())]
    while waiting:
        inside, prefix = waiting.pop()
        group = unicodedata.normalize("NFC", next(iter(inside.relative_to(folder).parts), ""))
        for entry in children(inside):
            name = f"{prefix}/{entry.name}".removeprefix("./")
            try:
                status = entry.stat()
            except OSError as error:  # a link to nowhere, or to itself
                if is_image(entry.name):
                    yield ImageFile(name, label, split, group, problem=error.strerror)
                continue
            if is_image(entry.name) and stat.S_ISREG(status.st_mode):
                yield ImageFile(name, label, split, group, (status.st_size, status.st_mtime_ns, status.st_ctime_ns))
            elif is_image(entry.name):
                yield ImageFile(name, label, split, group, problem="not a file")  # a folder, a pipe, a device
            elif stat.S_ISDIR(status.st_mode) and identity(status) not in visited:
                visited.add(identity(status))
                waiting.append((Path(entry.path), name))


def identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def is_image(name: str) -> bool:
    """Whether a file's name ends as that of an image."""
    _, dot, end = name.rpartition(".")
    return (dot + end).lower() in suffixes()


def printable(name: str) -> str:
    """A name whose line breaks, and bytes that are no text, are escaped, so that it can be shown and stored."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)

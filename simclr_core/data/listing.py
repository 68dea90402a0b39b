"""A user's image folder: which images it holds, of which class, in which split, told without opening a file.

    PATH/CLASS/**/image           no split of the user's own
    PATH/train/CLASS/**/image     the user's split; other folders beside train/ and test/ (val/, ...) are not used
    PATH/test/CLASS/**/image
    PATH/train/unlabeled/**/image beside them: images to train on without a label
    PATH/image, PATH/**/image     no labels: where images lie directly in PATH, or where the user says so;
    PATH/train/, PATH/test/       likewise with the user's split

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
TRAIN_NAMES, TEST_NAMES = ("train", "training"), ("test", "testing")  # in any case
NOT_CLASSES = {"__MACOSX", "@eaDir"}  # what macOS archives and Synology disks leave behind, besides dotfiles

WHY_CLASSES = "because representations are judged by how well they tell labels apart, and the folders are the labels"

NAMELESS = ("",)  # the one class of images without labels, which no folder can be called

Split = Literal["train", "test"]


@dataclass(frozen=True)
class ImageFile:
    """One image. `problem` says why it cannot even be opened, if so."""

    name: str  # relative to the user's folder, with forward slashes
    label: int  # UNLABELED of one beside the classes; 0 of all where there are no classes
    split: Split | None  # None where the user has made no split
    group: str = ""  # the folder it lies in, below its class's; the same name under another class is the same group
    stamp: tuple[int, ...] = ()  # size in bytes, times of change in nanoseconds: another stamp, another content
    problem: str | None = None


@dataclass(frozen=True)
class Listing:
    """A user's folder as far as the disk tells without opening a file. Without labels all is one class, nameless."""

    root: Path
    class_names: tuple[str, ...]
    files: tuple[ImageFile, ...]

    @property
    def labeled(self) -> bool:
        """Whether there are classes."""
        return self.class_names != NAMELESS

    @property
    def split(self) -> bool:
        """Whether the user has made one."""
        return self.files[0].split is not None


def list_images(path: Path, labels: Literal["none"] | None = None) -> Listing:
    """All images, by name, and of which class they are. labels: none, or as the folders are.

    Raises BadInput where the layout is none of the above.
    """
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
    parts = user_split(root) or {None: root}
    if labels == "none" or all(lie_side_by_side(part, root) for part in parts.values()):
        files = [file for split, part in parts.items() for file in images_below(part, root, 0, split)]
        if not files:
            raise BadInput(f"{root}: holds no image (.jpg, .png, .tif and so on).")
        return Listing(root, NAMELESS, tuple(sorted(files, key=lambda file: file.name)))
    classes = {split: class_folders(part) for split, part in parts.items()}
    first, last = next(iter(classes.values())), next(reversed(classes.values()))
    beside = [first.pop(name) for name in [*first] if name.casefold() in WITHOUT_LABELS and name not in last]
    if one_sided := first.keys() ^ last.keys():
        listed = ", ".join(
            f"{folder.parent.name}/{printable(folder.name)}"
            for folders in classes.values()
            for name, folder in folders.items()
            if name in one_sided
        )
        raise BadInput(f"{root}: its two parts must have the same class folders, but one part alone has {listed}.")
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
    """The user's train/ and test/, None where there are neither. Raises BadInput where there is only one of them."""
    folders = {entry.name.casefold(): Path(entry.path) for entry in children(root) if is_folder(entry)}
    train = next((folders[name] for name in TRAIN_NAMES if name in folders), None)
    test = next((folders[name] for name in TEST_NAMES if name in folders), None)
    if train and test:
        return {"train": train, "test": test}
    only = train or test
    if only and not any(is_image(entry.name) for entry in children(only)):  # with images of its own it is a class
        raise BadInput(
            f"{root}: has {only.name}/ but no {'test' if train else 'train'}/; allowed: both, each with the class "
            "folders, or neither, with the class folders directly inside."
        )
    return None


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
        group = unicodedata.normalize("NFC", inside.relative_to(folder).as_posix()).removeprefix(".")
        for entry in children(inside):
            name = f"{prefix}/{entry.name}"
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

"""A manifest: metadata.csv at the top of a user's folder, as Hugging Face's imagefolder has it.

    file_name,label,split,group        file_name and label are needed, the others may be missing; file_name is relative
    scans/0001.png,sick,train,p01      to the folder; more columns, such as pair, are passed over

Without the column split the first folders are the split where all files lie in such (train/..., test/...).
"""

import csv
import io
import os
import posixpath
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from simclr_core.data.listing import NAMELESS, SPLIT_NAMES, ImageFile, Listing, images_below, printable
from simclr_core.errors import BadInput

NAME = "metadata.csv"
NEEDED = ("file_name", "label")

Row = dict[str, str]


def read(root: Path, group: str | None, without: Literal["none"] | None = None) -> Listing:
    """The files that the manifest lists, by name. Raises BadInput.

    group: what the recipe says of groups; without: what it says of labels, none where they are not looked at.
    """
    path = root / NAME
    rows = dict(rows_of(path, NEEDED if without is None else NEEDED[:1]))
    if not rows:
        raise BadInput(f"{path}: lists no file.")
    columns = next(iter(rows.values())).keys()
    if group == "manifest" and "group" not in columns:
        raise BadInput(f"{path}: has no column group, which data.group: manifest takes; it has {', '.join(columns)}.")
    names = [name_of(path, line, row) for line, row in rows.items()]
    needed = [*(["label"] if without is None else []), *(["group"] if group == "manifest" else [])]
    for line, row in rows.items():
        if empty := [column for column in needed if not row[column]]:
            raise BadInput(f"{path}: line {line} has an empty {empty[0]} ({printable(row['file_name'])}).")
    lines: dict[str, int] = {}
    for name, line in zip(names, rows, strict=True):
        if lines.setdefault(name, line) != line:
            raise BadInput(f"{path}: lists {printable(name)} twice, in lines {lines[name]} and {line}.")
    statuses = {name: status_of(root / name) for name in names}
    if missing := [name for name, status in statuses.items() if status is None]:
        raise BadInput(f"{path}: {len(missing)} of {len(names)} listed files do not exist ({printable(missing[0])}).")
    label_of = dict.fromkeys(rows, *NAMELESS)
    if without is None:
        label_of = {line: unicodedata.normalize("NFC", row["label"]) for line, row in rows.items()}
    labels = sorted(set(label_of.values()))
    if len(labels) < 2 and without is None:
        raise BadInput(f"{path}: has the one label {labels[0]!r}; a probe needs at least two.")
    splits = splits_of(path, rows, names)
    top = posixpath.commonpath([posixpath.dirname(name) for name in names])

    def file_of(name: str, line: int, split: str | None) -> ImageFile:
        status = statuses[name]
        assert status is not None
        folder = first_folder(posixpath.relpath(name, top or "."), label_of[line])
        together = {"parent": folder, "manifest": rows[line].get("group", "")}.get(group or "", "")
        return ImageFile(
            name,
            labels.index(label_of[line]),
            None if split is None else SPLIT_NAMES[split],
            unicodedata.normalize("NFC", together),
            (status.st_size, status.st_mtime_ns, status.st_ctime_ns),
            None if stat.S_ISREG(status.st_mode) else "not a file",
        )

    files = [file_of(*each) for each in zip(names, rows, splits, strict=True)]
    if splits[0] is not None and "train" not in {file.split for file in files}:
        raise BadInput(f"{path}: no file is of the split train; some must be, to train on.")
    return Listing(
        root,
        tuple(map(printable, labels)),
        tuple(sorted(files, key=lambda file: file.name)),
        kind="label" if without is None else "folder",
        remarks=tuple(remarks(root, set(names), group is None and "group" in columns)),
    )


def rows_of(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """Number of the line and values by column, without the spaces around them. Raises BadInput."""
    rename = f"; rename it where it is no list of images with the columns {' and '.join(NEEDED)}"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not text in UTF-8; save it as such{rename}.") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot read this file: {error.strerror}.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        if lacking := [column for column in needed if column not in columns]:
            shown = ", ".join(printable(column) for column in columns[:8]) or "nothing"
            raise BadInput(f"{path}: has no column {' and no column '.join(lacking)} but {shown}{rename}.")
        if twice := [column for column in columns if columns.count(column) > 1]:
            raise BadInput(f"{path}: has two columns {printable(twice[0])!r}.")
        for values in reader:
            if values and len(values) != len(columns):
                raise BadInput(f"{path}: line {reader.line_num} has {len(values)} values for {len(columns)} columns.")
            if values:
                yield reader.line_num, {column: value.strip() for column, value in zip(columns, values, strict=True)}
    except csv.Error as error:
        raise BadInput(f"{path}: line {reader.line_num} is no CSV: {error}.") from None


def status_of(path: Path) -> os.stat_result | None:
    """Size, times and kind of a file, None where there is none."""
    try:
        return path.stat()
    except OSError:
        return None


def name_of(path: Path, line: int, row: Row) -> str:
    """The file of a row, relative to the folder, in one spelling. Raises BadInput where it is none inside it."""
    said = row["file_name"]
    name = posixpath.normpath(said)
    if not said or "\0" in said or posixpath.isabs(name) or name.split("/")[0] in (".", ".."):
        raise BadInput(
            f"{path}: line {line} has the file_name {printable(said)!r}; allowed: relative paths inside the folder."
        )
    return name


def first_folder(name: str, label: str) -> str:
    """The first folder in the path of an image that is none of a split and not called like its class; "" of none."""
    folders = unicodedata.normalize("NFC", posixpath.dirname(name)).split("/")
    if folders[0].casefold() in SPLIT_NAMES:
        folders = folders[1:]
    return next(iter(folders[1:] if folders[:1] == [label] else folders), "")


def splits_of(path: Path, rows: dict[int, Row], names: list[str]) -> list[str | None]:
    """Of each row a name of SPLIT_NAMES, or None for all. Raises BadInput where a row has another."""
    if "split" not in next(iter(rows.values())):
        tops = [name.split("/")[0].casefold() for name in names]
        return [*tops] if all(top in SPLIT_NAMES for top in tops) else [None] * len(names)
    for line, row in rows.items():
        if row["split"].casefold() not in SPLIT_NAMES:
            raise BadInput(
                f"{path}: line {line} has the split {printable(row['split'])!r}; allowed: {', '.join(SPLIT_NAMES)}."
            )
    return [row["split"].casefold() for row in rows.values()]


def remarks(root: Path, names: set[str], ungrouped: bool) -> Iterator[str]:
    """Images that are not listed; groups that are and of which nothing has been said."""
    unlisted = sorted(file.name for file in images_below(root, root, 0, None) if file.name not in names)
    if unlisted:
        yield f"{root}: {len(unlisted):,} image(s) are not in {NAME} and left out ({printable(unlisted[0])})."
    if ungrouped:
        yield (
            f"{root}: {NAME} has a column group. If images of one group are no independent answers, as a patient's are "
            "not: --set data.group=manifest. If they are: --set data.group=image."
        )

"""Decoded images on disk, memory-mapped by every process that trains on them.

A cached set is two files: STEM.npy, uint8 pixels, and STEM.json, everything else. Each is put in place by one atomic
rename, the JSON last, with a checksum over both: what is half-written, damaged, or mixed from two writers reads as
absent and is made again. Writers need no lock, because the stem names the content: all of them write the same bytes.
"""

import json
import uuid
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from simclr_core.data.images import ImageSet
from simclr_core.errors import BadInput


@dataclass(frozen=True)
class Stored:
    """Training and test images as one read-only memory map, and a note of plain JSON values about them."""

    train: ImageSet
    test: ImageSet
    note: dict[str, Any]


def read(stem: Path) -> Stored | None:
    """The images stored under this stem, or None where they are absent, damaged or incomplete.

    Reads the whole file once, at memory speed, because a checksum of less would trust the rest.
    """
    fields = read_note(stem)
    if fields is None or "pixels" not in fields:
        return None
    path = stem.with_suffix(".npy")
    try:
        if zlib.crc32(np.memmap(path, np.uint8, mode="r").data) != fields["pixels"]:
            return None
        images: NDArray[np.uint8] = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError):  # absent, or empty
        return None
    labels, n_train = np.array(fields["labels"], np.int64), fields["n_train"]
    return Stored(
        train=ImageSet(images[:n_train], labels[:n_train]),
        test=ImageSet(images[n_train:], labels[n_train:]),
        note=fields["note"],
    )


def write(
    stem: Path,
    blocks: Iterable[NDArray[np.uint8]],
    shape: tuple[int, ...],
    labels: NDArray[np.int64],
    n_train: int,
    note: dict[str, Any],
) -> Stored:
    """Stores images, training images first, given as consecutive blocks (n, *shape), and reads them back.

    Plain writes rather than a writable memory map: on a full disk the one raises OSError, the other kills the process.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(labels), *shape)}
    with atomic(stem.with_suffix(".npy")) as file:
        checked = _Checksummed(file)
        np.lib.format.write_array_header_1_0(checked, header)
        for block in blocks:
            checked.write(np.ascontiguousarray(block).data)
    write_note(stem, {"pixels": checked.crc, "labels": labels.tolist(), "n_train": n_train, "note": note})
    if (stored := read(stem)) is None:
        raise BadInput(f"{stem}.npy: what was just written cannot be read back; check the disk.")
    return stored


def read_note(stem: Path) -> dict[str, Any] | None:
    """The JSON fields under this stem, or None where they are absent or damaged."""
    try:
        checksum, _, body = stem.with_suffix(".json").read_bytes().partition(b"\n")
        if int(checksum, 16) != zlib.crc32(body):
            return None
    except (OSError, ValueError):
        return None
    fields: dict[str, Any] = json.loads(body)
    return fields


def write_note(stem: Path, fields: dict[str, Any]) -> None:
    body = json.dumps(fields).encode()
    with atomic(stem.with_suffix(".json")) as file:
        file.write(b"%08x\n" % zlib.crc32(body) + body)


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name whole or not at all. Raises BadInput where the cache cannot be written."""
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("xb") as file:
                yield file
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{path.parent}: cannot write the image cache: {error.strerror or error}.") from None


class _Checksummed:
    """A file that keeps the CRC of what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.crc = file, 0

    def write(self, data: bytes | memoryview) -> int:
        self.crc = zlib.crc32(data, self.crc)
        return self.file.write(data)

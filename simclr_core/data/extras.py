"""Formats whose libraries are installed on request, as extras of this package."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

Extra = Literal["dicom", "heic", "tiff"]

LIBRARIES: dict[Extra, str] = {"dicom": "pydicom", "heic": "pi_heif", "tiff": "tifffile"}
TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@cache
def installed() -> frozenset[Extra]:
    """The extras whose libraries are there."""
    return frozenset(extra for extra, library in LIBRARIES.items() if find_spec(library) is not None)


def extra_of(path: Path) -> Extra | None:
    """The extra that a file may need, told by its first bytes and not by its name. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(132)
    if head[128:] == b"DICM":
        return "dicom"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"):
        return "heic"
    return "tiff" if head.startswith(TIFF_HEADS) else None


def command(extra: Extra) -> str:
    """What installs an extra, for sentences."""
    return f"pip install 'simclr-ablations[{extra}]'"

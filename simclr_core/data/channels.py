"""How many channels a whole data set has: one number for all of its files."""

from collections.abc import Mapping
from pathlib import Path

from simclr_core.data.listing import printable
from simclr_core.errors import BadInput

PICTURES = 1, 3  # bands of gray and of colors, each of which can be shown as the other


def channels_of(root: Path, bands: Mapping[str, int], asked: int | None) -> int:
    """The channels of the files with these numbers of bands, by name. Raises BadInput where the files differ.

    Gray and colored pictures are RGB, unless one channel is `asked` for; files of other numbers of bands keep them all,
    up to 16, and then all files must have as many.
    """
    others = {n for n in bands.values() if n not in PICTURES}
    channels = asked or (max(others) if others else 3)
    if channels > 16:
        name = next(name for name, n in bands.items() if n == channels)
        raise BadInput(f"{root}: {printable(name)} has {channels} bands; allowed: up to 16.")
    fit = {channels} | (set(PICTURES) if channels in PICTURES else set())
    unfit = {name: n for name, n in bands.items() if n not in fit}
    if not unfit:
        return channels
    name, n = min(unfit.items())
    plural = "s" if channels > 1 else ""
    if asked is not None:
        allowed = "gray and RGB" if asked in PICTURES else f"{asked} in all files"
        raise BadInput(
            f"{root}: data.channels is {asked}, but {len(unfit):,} of {len(bands):,} files have another number of bands"
            f" ({printable(name)} has {n}); allowed: {allowed}."
        )
    raise BadInput(
        f"{root}: {len(bands) - len(unfit):,} of {len(bands):,} files have {channels} band{plural}, the others not "
        f"({printable(name)} has {n}); allowed: one number of bands in all files."
    )

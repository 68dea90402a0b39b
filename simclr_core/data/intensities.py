"""From the values in files of more than 8 bits to 8: one mapping for a whole data set, never one for each file.

A 12-bit ramp in a 16-bit file is black by the range of its type; a slice scaled by its own extremes shows the same
tissue in another gray than its neighbor. So the files are looked at together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simclr_core.config import Range

PERCENTILES = 0.1, 99.9  # of all values: a few dead pixels must not darken a whole data set
IN_MEMORY = 2**23  # values of all files that are looked at together, 64 MiB
LEAST = 64  # of one file


@dataclass(frozen=True)
class Values:
    """What one file of more than 8 bits holds. sample: (n,) of its values; top: see top_of."""

    low: float
    high: float
    top: float
    sample: NDArray[np.float64]


def values(pixels: NDArray[np.generic], files: int) -> Values:
    """Look at one of so many files. The draw of its sample is fixed, so that equal files give equal values."""
    flat = pixels.ravel()
    n = max(LEAST, IN_MEMORY // max(1, files))
    sample = flat if len(flat) <= n else flat[np.random.default_rng(0).integers(0, len(flat), n)]
    return Values(float(flat.min()), float(flat.max()), top_of(flat), sample.astype(np.float64))


def top_of(pixels: NDArray[np.generic]) -> float:
    """The largest value that files of this type are for: 65535, or 1 of floats."""
    return 1.0 if np.issubdtype(pixels.dtype, np.floating) else 65535.0


def common_range(files: Sequence[Values]) -> tuple[Range, str]:
    """The values that become black and white in all files, of one kind of numbers, and why these, in words.

    Those of the files' type where they fill it: none is below zero, none above the type's top, and more than one in a
    thousand are in its upper half. Else percentiles of all. Values at the type's very top are saturated: how bright
    they were is not known, so neither rule asks them, and they become white.
    """
    sample, top = np.concatenate([one.sample for one in files]), files[0].top
    lowest, highest = min(one.low for one in files), max(one.high for one in files)
    saturated = (sample == top) & (highest == top)
    asked = sample[~saturated] if not saturated.all() else sample
    low, high = (float(q) for q in np.percentile(asked, PERCENTILES))
    if lowest >= 0 and top / 2 < high <= highest <= top:
        return (0.0, top), "the range of their type, which they fill"
    if not high > low:
        return (lowest, highest), "the least and the greatest of all of them"
    less = f" but the {saturated.mean():.2g} that are saturated, at {top:,g}" if len(asked) < len(sample) else ""
    return (low, high), f"the {PERCENTILES[0]} and {PERCENTILES[1]} percentiles of all of them{less}"


def to_8_bits(pixels: NDArray[np.generic], between: Range) -> NDArray[np.uint8]:
    """Scale linearly, the range's ends to 0 and 255, and what is beyond them too; where they are equal, all to 0."""
    low, high = between
    shares = (pixels.astype(np.float64) - low) / max(high - low, np.finfo(np.float64).tiny)
    return np.round(255 * shares.clip(0, 1)).astype(np.uint8)

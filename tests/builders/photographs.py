"""Folders of small photographs on disk."""

from pathlib import Path

import numpy as np
from PIL import Image


def photographs(folder: Path, n: int, start: int = 0, side: int = 24) -> Path:
    """Write n pictures, all different and smooth, numbered from `start`; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + n):
        coarse = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{number:03}.png")
    return folder

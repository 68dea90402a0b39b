"""Files of any number of bands, which Pillow does not read: DICOM, and TIFF of other than gray or colors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")


class NotRead(Exception):
    """This file cannot be read; the message is the reason."""


@dataclass(frozen=True)
class Bands:
    """pixels: (H, W, C) as the file means them. inverted: its small values are bright. pages: images in the file."""

    pixels: NDArray[np.generic]
    inverted: bool
    pages: int

    @property
    def wide(self) -> bool:
        """Whether there are more than 8 bits per value."""
        return self.pixels.dtype != np.uint8


def read_dicom(path: Path, most: int) -> Bands:
    """The first frame: stored values times RescaleSlope plus RescaleIntercept, as Hounsfield units are made; or RGB.

    most: pixels of a frame. Raises NotRead, and whatever pydicom does.
    """
    import pydicom  # an extra; see extras.py
    from pydicom.pixels.utils import pixel_array

    file = pydicom.dcmread(path)
    if "Rows" not in file or "Columns" not in file:
        raise NotRead("DICOM without an image")
    if file.Rows * file.Columns > most:
        raise NotRead(f"more than {most / 1e6:.0f} million pixels")
    kind, frames = file.PhotometricInterpretation, int(file.get("NumberOfFrames") or 1)
    if kind not in MONOCHROME and file.get("SamplesPerPixel") != 3:
        raise NotRead(f"DICOM with the photometric interpretation {kind}; read are {', '.join(MONOCHROME)} and RGB")
    stored = pixel_array(file, index=0)  # in RGB, whatever the colors are stored as
    if kind not in MONOCHROME:
        return Bands(stored, inverted=False, pages=frames)
    slope, intercept = float(file.get("RescaleSlope") or 1), float(file.get("RescaleIntercept") or 0)
    if (slope, intercept) != (1, 0):
        scaled = stored * slope + intercept
        stored = scaled.astype(np.int32) if slope == round(slope) and intercept == round(intercept) else scaled
    return Bands(stored[..., None], inverted=kind == "MONOCHROME1", pages=frames)


def read_tiff(path: Path, most: int) -> Bands:
    """All bands of the first image, whether they are interleaved, planes of a page, or pages called channels.

    most: pixels of a band. Raises NotRead, and whatever tifffile does.
    """
    import tifffile  # an extra; see extras.py

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        sides = dict(zip(series.axes, series.shape, strict=True))
        if not {"Y", "X"} <= sides.keys() or {"S", "C"} <= sides.keys():
            raise NotRead(f"TIFF with the axes {series.axes}; read are Y, X and one of S and C for bands")
        if sides["Y"] * sides["X"] > most:
            raise NotRead(f"more than {most / 1e6:.0f} million pixels")
        inverted = file.pages.first.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        pixels, pages = series.asarray(), len(file.series)
    if pixels.dtype.kind not in "biuf":
        raise NotRead(f"TIFF of values of the type {pixels.dtype}")
    for place, axis in reversed(list(enumerate(series.axes))):
        if axis not in "YXSC":
            pages *= pixels.shape[place]
            pixels = pixels.take(0, axis=place)
    axes = [axis for axis in series.axes if axis in "YXSC"]
    order = [axes.index(axis) for axis in ("Y", "X", *(axis for axis in axes if axis in "SC"))]
    pixels = pixels.transpose(order)
    return Bands(pixels if pixels.ndim == 3 else pixels[..., None], inverted, pages)

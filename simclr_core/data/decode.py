"""An image file of any size and format to square uint8 RGB, with Pillow."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, ImageOps, TiffImagePlugin, UnidentifiedImageError

from simclr_core.config import FourthBand, Range
from simclr_core.data.intensities import Values, to_8_bits, top_of, values

# Raised whenever the same file would give other pixels; part of a folder's fingerprint and of its place in the cache.
DECODER = 1

MAX_PIXELS = 89_478_485  # a quarter of a gigabyte as RGB, Pillow's own limit; more is taken for a decompression bomb

# EPS would run Ghostscript on the user's file; the others Pillow recognizes but cannot decode.
LEFT_OUT = {"EPS", "BUFR", "GRIB", "HDF5", "MPEG", "WMF"}

# Images that Pillow may not read: better named as unreadable than passed over in silence.
FOREIGN_SUFFIXES = {".avif", ".dcm", ".heic", ".heif", ".jxl"}


class Unreadable(Exception):
    """This file gives no image; the message is the reason, without the file's name."""


@cache
def formats() -> tuple[str, ...]:
    """The formats that are decoded, in the order in which they are tried on a file."""
    Image.init()
    common = ["JPEG", "PNG"]  # first, as each format tried in vain costs time on small files
    return (*common, *(name for name in Image.ID if name not in LEFT_OUT and name not in common))


@cache
def suffixes() -> frozenset[str]:
    """Ends of images' names, lower case with the dot. Other files are not looked at."""
    readable = {suffix for suffix, name in Image.registered_extensions().items() if name in formats()}
    return frozenset(readable | FOREIGN_SUFFIXES)


@contextmanager
def strict_warnings() -> Iterator[None]:
    """Makes Pillow's warning about a decompression bomb an error, and silences its others, while files are decoded.

    Python's warning filters belong to the process, not to a thread: enter this once, around all decoding threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@dataclass(frozen=True)
class Seen:
    """A file before it is decoded.

    sides: width and height. values: of more than 8 bits, else None. unnamed: it has a fourth band, not said of what.
    """

    sides: tuple[int, int]
    values: Values | None
    unnamed: bool


def look(path: Path, files: int) -> Seen:
    """What must be known of one of so many files before any is decoded; of 8 bits only the head is read.

    Raises Unreadable.
    """
    with opened(path) as image:
        wide = values(wide_pixels(image, path), files) if is_wide(image) else None
        return Seen(image.size, wide, fourth_band_is_unnamed(image))


def decode(
    path: Path, size: int, between: Range | None = None, fourth_band: FourthBand | None = None
) -> NDArray[np.uint8]:
    """(3, size, size): upright (EXIF), RGB, the shorter side resized to `size` (antialiased bicubic), center-cropped.

    between: the values that become black and white; without, 8 bits stay as they are and more are scaled by their type.
    fourth_band: what it is where a TIFF does not say; transparency unless given. An animation or a multi-page file
    gives its first image. Color profiles are ignored. Raises Unreadable.
    """
    with opened(path) as image:
        image.draft(image.mode, (4 * size, 4 * size))  # lets libjpeg skip detail that the resizing would average
        keep_fourth = not (fourth_band == "ignored" and fourth_band_is_unnamed(image))
        if is_wide(image):
            shown = wide_to_rgb(image, path, between, keep_fourth)
        else:
            shown = to_rgb(image, keep_fourth)
            shown = shown if between is None else Image.fromarray(to_8_bits(np.asarray(shown), between))
        if (orientation := image.getexif().get(ExifTags.Base.Orientation)) is not None:
            shown.getexif()[ExifTags.Base.Orientation] = orientation
        return np.asarray(square(ImageOps.exif_transpose(shown), size)).transpose(2, 0, 1)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The file as Pillow opens it. Whatever goes wrong while it is open is raised as Unreadable."""
    try:
        with Image.open(path, formats=formats()) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            yield image
    except Unreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable(f"more than {MAX_PIXELS / 1e6:.0f} million pixels") from None
    except UnidentifiedImageError:
        raise Unreadable("not an image that Pillow can read") from None
    except Exception as error:  # on damaged files Pillow's decoders raise nearly anything: OSError, SyntaxError, ...
        said = getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
        raise Unreadable(said) from None


def fourth_band_is_unnamed(image: Image.Image) -> bool:
    """Whether it is a TIFF of RGB and one band more without ExtraSamples, which Pillow takes for transparency."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    tags = image.tag_v2
    bands = tags.get(TiffImagePlugin.SAMPLESPERPIXEL), tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)
    return bands == (4, 2) and TiffImagePlugin.EXTRASAMPLES not in tags


def is_wide(image: Image.Image) -> bool:
    """Whether the file holds more than 8 bits per value."""
    return image.mode.startswith(("I", "F")) or has_wide_bands(image)


def has_wide_bands(image: Image.Image) -> bool:
    """Whether it is of several bands of 16 bits, which Pillow would cut to their upper 8."""
    several = image.format in ("PNG", "TIFF") and image.mode in ("RGB", "RGBA", "RGBX", "LA")
    return several and isinstance(image, ImageFile.ImageFile) and any(";16" in str(tile.args) for tile in image.tile)


def wide_pixels(image: Image.Image, path: Path) -> NDArray[np.generic]:
    """(H, W) or (H, W, bands), the colors in the order RGB, as the file holds them. Raises Unreadable."""
    several = has_wide_bands(image)
    image.load()  # raises where the file is damaged, which OpenCV may pass over
    if several:
        import cv2  # rarely needed

        read = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        if read is None or read.shape[:2] != (image.height, image.width) or read.ndim != 3:
            raise Unreadable("16 bits per band, which OpenCV cannot read")
        pixels: NDArray[np.generic] = read[..., [2, 1, 0, *range(3, read.shape[2])]]
    else:
        pixels = np.asarray(image)
    if not np.isfinite(pixels).all():
        raise Unreadable("holds values that are not finite (NaN or infinite)")
    return pixels


def wide_to_rgb(image: Image.Image, path: Path, between: Range | None, keep_fourth: bool) -> Image.Image:
    """RGB from more than 8 bits; transparency, which has its whole type, lies on white."""
    pixels = wide_pixels(image, path)
    colors = to_8_bits(pixels[..., :3] if pixels.ndim == 3 else pixels, between or (0.0, top_of(pixels)))
    if pixels.ndim == 2 or pixels.shape[2] == 3 or image.mode == "RGBX" or not keep_fourth:
        return Image.fromarray(colors).convert("RGB")
    opacity = to_8_bits(pixels[..., 3:], (0.0, top_of(pixels)))
    return to_rgb(Image.fromarray(np.concatenate([colors, opacity], axis=2)))


def to_rgb(image: Image.Image, keep_fourth: bool = True) -> Image.Image:
    """RGB from any mode of 8 bits; transparency lies on white, unless a fourth band is none and left out."""
    if not (keep_fourth and image.has_transparency_data):
        return image.convert("RGB")
    foreground = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), foreground).convert("RGB")


def square(image: Image.Image, size: int) -> Image.Image:
    """The central square at the wanted size: the same as resizing the shorter side and cropping the longer."""
    shorter = min(image.size)
    left, top = (image.width - shorter) / 2, (image.height - shorter) / 2
    return image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + shorter, top + shorter))

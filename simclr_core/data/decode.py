"""An image file of any size and format to square uint8 RGB, with Pillow."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

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


def decode(path: Path, size: int) -> NDArray[np.uint8]:
    """(3, size, size): upright (EXIF), RGB, the shorter side resized to `size` (antialiased bicubic), center-cropped.

    An animation or a multi-page file gives its first image. Color profiles are ignored. Raises Unreadable.
    """
    try:
        with Image.open(path, formats=formats()) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            image.draft(image.mode, (4 * size, 4 * size))  # lets libjpeg skip detail that the resizing would average
            upright = ImageOps.exif_transpose(image)
            return np.asarray(square(to_rgb(upright), size)).transpose(2, 0, 1)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable(f"more than {MAX_PIXELS / 1e6:.0f} million pixels") from None
    except UnidentifiedImageError:
        raise Unreadable("not an image that Pillow can read") from None
    except Exception as error:  # on damaged files Pillow's decoders raise nearly anything: OSError, SyntaxError, ...
        said = getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
        raise Unreadable(said) from None


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB from any mode; transparency lies on white."""
    if image.mode.startswith(("I", "F")):
        return to_gray(image).convert("RGB")
    if image.has_transparency_data:
        foreground = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), foreground).convert("RGB")
    return image.convert("RGB")


def to_gray(image: Image.Image) -> Image.Image:
    """8 bits from more: 16-bit values by their full range, floats from [0, 1]; others from their own extremes."""
    values = np.asarray(image).astype(np.float64)
    low, high = 0.0, 1.0 if image.mode == "F" else 65535.0
    if not (values.min() >= low and values.max() <= high):
        low, high = values.min(), values.max()
    if not np.isfinite(high - low):
        raise Unreadable("holds values that are not finite")
    scaled = (values - low) / max(high - low, np.finfo(float).tiny)
    return Image.fromarray(np.round(scaled * 255).astype(np.uint8))


def square(image: Image.Image, size: int) -> Image.Image:
    """The central square at the wanted size: the same as resizing the shorter side and cropping the longer."""
    shorter = min(image.size)
    left, top = (image.width - shorter) / 2, (image.height - shorter) / 2
    return image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + shorter, top + shorter))

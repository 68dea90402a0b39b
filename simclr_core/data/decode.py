"""An image file of any size and format to a square of uint8, RGB or any number of bands, mostly with Pillow."""

import contextlib
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
from simclr_core.data import extras
from simclr_core.data.bands import Bands, NotRead, read_dicom, read_tiff
from simclr_core.data.intensities import Values, to_8_bits, top_of, values

# Raised whenever the same file would give other pixels; part of a folder's fingerprint and of its place in the cache.
DECODER = 1

MAX_PIXELS = 89_478_485  # a quarter of a gigabyte as RGB, Pillow's own limit; more is taken for a decompression bomb

# EPS would run Ghostscript on the user's file; the others Pillow recognizes but cannot decode.
LEFT_OUT = {"EPS", "BUFR", "GRIB", "HDF5", "MPEG", "WMF"}

# Images that Pillow may not read: better named as unreadable than passed over in silence.
FOREIGN_SUFFIXES = {".avif", ".dcm", ".dicom", ".heic", ".heif", ".jxl"}

GRAY = ("1", "L", "LA", "La", "F")  # modes, besides those that begin with I


class Unreadable(Exception):
    """This file gives no image; the message is the reason, without the file's name."""


@cache
def formats() -> tuple[str, ...]:
    """The formats that are decoded, in the order in which they are tried on a file."""
    Image.init()
    if "heic" in extras.installed():
        import pi_heif

        pi_heif.register_heif_opener()
    common = ["JPEG", "PNG"]  # first, as each format tried in vain costs time on small files
    return (*common, *(name for name in Image.ID if name not in LEFT_OUT and name not in common))


@cache
def suffixes() -> frozenset[str]:
    """Ends of images' names, lower case with the dot. Other files are not looked at."""
    decoded = formats()  # first, as it may register more
    readable = {suffix for suffix, name in Image.registered_extensions().items() if name in decoded}
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
    bands: 1 of gray, 3 of colors, whatever else the file has. pages: how many images it holds.
    """

    sides: tuple[int, int]
    values: Values | None
    unnamed: bool
    bands: int
    pages: int


def look(path: Path, files: int, channels: int | None = None) -> Seen:
    """What must be known of one of so many files before any is decoded; of 8 bits Pillow reads only the head.

    channels: as in the recipe. Raises Unreadable.
    """
    if (bands := bands_of(path, channels)) is not None:
        height, width, n = bands.pixels.shape
        return Seen((width, height), values(bands.pixels, files) if bands.wide else None, False, n, bands.pages)
    with opened(path) as image:
        wide = values(wide_pixels(image, path), files) if is_wide(image) else None
        n = 1 if image.mode in GRAY or image.mode.startswith("I") else 3
        return Seen(image.size, wide, fourth_band_is_unnamed(image), n, pages(image))


def pages(image: Image.Image) -> int:
    """How many images its file holds; 1 where that cannot be told, and of a camera's previews (MPO)."""
    with contextlib.suppress(Exception):  # on damaged files Pillow's decoders raise nearly anything
        return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
    return 1


def decode(
    path: Path,
    size: int,
    between: Range | None = None,
    fourth_band: FourthBand | None = None,
    channels: int | None = None,
) -> NDArray[np.uint8]:
    """(C, size, size): upright (EXIF), the shorter side resized to `size` (antialiased bicubic), center-cropped.

    between: the values that become black and white; without, 8 bits stay as they are and more are scaled by their type.
    fourth_band: what it is where a TIFF does not say; transparency unless given. channels: 1 for gray, 3 for RGB, the
    default, or as many bands as the file has. An animation or a multi-page file gives its first image. Color profiles
    are ignored. Raises Unreadable.
    """
    if (bands := bands_of(path, channels)) is not None:
        planes = bands_to_8_bits(bands, between)
        if planes.shape[2] == 1 and channels in (None, 3):
            planes = planes.repeat(3, axis=2)
        if planes.shape[2] == 3 and channels == 1:
            planes = np.asarray(Image.fromarray(planes).convert("L"))[..., None]
        return np.stack([np.asarray(square(Image.fromarray(plane), size)) for plane in np.moveaxis(planes, 2, 0)])
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
        if channels == 1:
            return np.asarray(square(ImageOps.exif_transpose(shown).convert("L"), size))[None]
        return np.asarray(square(ImageOps.exif_transpose(shown), size)).transpose(2, 0, 1)


def bands_of(path: Path, channels: int | None) -> Bands | None:
    """The bands of a file that Pillow does not read, or not all of the channels asked for; None where it does.

    Raises Unreadable.
    """
    with reasons(path):
        extra = extras.extra_of(path)
        if extra not in extras.installed():
            return None
        if extra == "dicom":
            bands = read_dicom(path, MAX_PIXELS)
        elif extra == "tiff" and (channels not in (None, 1, 3) or not known_to_pillow(path)):
            bands = read_tiff(path, MAX_PIXELS)
        else:
            return None
        require_finite(bands.pixels)
        return bands


def known_to_pillow(path: Path) -> bool:
    try:
        with Image.open(path, formats=("TIFF",)):
            return True
    except UnidentifiedImageError:
        return False


def bands_to_8_bits(bands: Bands, between: Range | None) -> NDArray[np.uint8]:
    """(H, W, C), small values dark."""
    pixels = bands.pixels
    if bands.wide or between is not None:
        pixels = to_8_bits(pixels, between or (0.0, top_of(pixels)))
    shown = pixels.astype(np.uint8)
    return 255 - shown if bands.inverted else shown


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The file as Pillow opens it. Whatever goes wrong while it is open is raised as Unreadable."""
    with reasons(path), Image.open(path, formats=formats()) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        yield image


@contextmanager
def reasons(path: Path) -> Iterator[None]:
    """Whatever goes wrong is raised as Unreadable."""
    try:
        yield
    except Unreadable:
        raise
    except NotRead as error:
        raise Unreadable(str(error)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable(f"more than {MAX_PIXELS / 1e6:.0f} million pixels") from None
    except UnidentifiedImageError:
        raise Unreadable(f"not an image that Pillow can read{remedy(path)}") from None
    except Exception as error:  # on damaged files Pillow's decoders raise nearly anything: OSError, SyntaxError, ...
        said = getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
        raise Unreadable(said) from None


def remedy(path: Path) -> str:
    """What would read such a file, for the end of a sentence; nothing where all that could is there."""
    extra = extras.extra_of(path)
    return f"; {extras.command(extra)} may" if extra and extra not in extras.installed() else ""


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

        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # its warnings are not about the user's files
        read = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        if read is None or read.shape[:2] != (image.height, image.width) or read.ndim != 3:
            raise Unreadable("16 bits per band, which OpenCV cannot read")
        pixels: NDArray[np.generic] = read[..., [2, 1, 0, *range(3, read.shape[2])]]
    else:
        pixels = np.asarray(image)
    require_finite(pixels)
    return pixels


def require_finite(pixels: NDArray[np.generic]) -> None:
    if not np.isfinite(pixels).all():
        raise Unreadable("holds values that are not finite (NaN or infinite)")


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

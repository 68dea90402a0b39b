"""A gallery of views: what each chain of augmentations makes of the same few images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ablations.figures import style

THUMBNAIL = 0.64  # inches, at most; 96 dots, a whole multiple of 24 and of 32 pixels
GAP, APART = 0.05, 0.22  # between the two views of an image, and between images
ROW = 0.1  # between two rows
HEAD = 0.22  # the columns' names
LINE = 0.15  # height of a line of a row's name
WIDEST = 34  # characters in a line of a row's name


@dataclass(frozen=True)
class Row:
    """One setting of the views. name: lines of text. views: (2k, S, S, 3) in [0, 1], all left views, then all right."""

    name: tuple[str, ...]
    views: NDArray[np.float32]


@style.applied()
def draw(
    originals: NDArray[np.float32], names: Sequence[str], rows: Sequence[Row], title: str, caption: Sequence[str]
) -> Figure:
    """Draw the originals on top, below them one row per setting, with the left and right view of each image.

    originals: (k, S, S, 3) in [0, 1]; names: what each shows, k of them. All rows have views of these k images.
    """
    side = fitting(originals.shape[1], THUMBNAIL)
    pair = 2 * side + GAP + APART
    longest = max(len(line) for row in rows for line in row.name)
    left = 2 * style.MARGIN + style.LABEL_CHARACTER * max(longest, len("original"))
    heights = [max(side, LINE * len(row.name)) + ROW for row in rows]
    whole = 2 * HEAD + side + ROW + sum(heights)
    width = left + pair * len(originals) - APART + style.MARGIN
    page = style.Page(width, whole, title, caption)
    sheet = blank(page, width, whole)

    top = whole - HEAD - side
    _name(sheet, left, top + side / 2, ("original",))
    for i, (image, name) in enumerate(zip(originals, names, strict=True)):
        place = left + i * pair
        thumbnail(sheet, image, place, top, side)
        for text, middle in (("left", place + side / 2), ("right", place + 1.5 * side + GAP)):
            sheet.text(middle, top - HEAD, text, size=style.CAPTION_SIZE, ha="center", va="bottom", color=style.MUTED)
        fits = style.fitted(name, 2 * side + GAP)
        sheet.text(place, top + side + 0.04, fits, size=style.NUMBER_SIZE, va="bottom", color=style.INK)
    top -= HEAD
    for row, height in zip(rows, heights, strict=True):
        top -= height
        _name(sheet, left, top + (height - ROW) / 2, row.name)
        for i in range(len(originals)):
            for branch in (0, 1):
                place = left + i * pair + branch * (side + GAP)
                thumbnail(sheet, row.views[branch * len(originals) + i], place, top + (height - ROW - side) / 2, side)
    return page.figure


def fitting(pixels: int, room: float) -> float:
    """The largest side within `room`, in inches, that shows each pixel as one whole number of dots, if there is one."""
    dots = int(room * style.RC["savefig.dpi"] / pixels + 1e-9)  # 0.64 * 150 is a hair more or less than 96
    return dots * pixels / float(style.RC["savefig.dpi"]) if dots else room


def blank(page: style.Page, width: float, height: float) -> Axes:
    """Axes over the whole panels' space, measured in inches, without frame or ticks."""
    sheet = page.axes(0, 0, width, height)
    sheet.set(xlim=(0, width), ylim=(0, height))
    sheet.axis("off")
    return sheet


def thumbnail(sheet: Axes, image: NDArray[np.float32], left: float, bottom: float, side: float) -> None:
    """Draw the image, (S, S, 3) in [0, 1], as a square at that place of a sheet in inches, its pixels seen as such."""
    ends = (sheet.get_xlim(), sheet.get_ylim())
    sheet.imshow(image, extent=(left, left + side, bottom, bottom + side), interpolation="nearest", aspect="auto")
    sheet.set(xlim=ends[0], ylim=ends[1])  # imshow moves them


def _name(sheet: Axes, right: float, middle: float, lines: Sequence[str]) -> None:
    text = "\n".join(lines)
    sheet.text(right - 0.12, middle, text, size=style.NUMBER_SIZE, ha="right", va="center", color=style.INK)

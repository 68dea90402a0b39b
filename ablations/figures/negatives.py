"""Where the negatives come from: the similarities of one batch's views, and the softmax of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ablations.figures import style
from ablations.figures.views import blank, fitting, thumbnail

CELL = 0.45  # inches: a cell of the map, and the room of a thumbnail beside it
ABOVE, SIDE = 0.3, 0.3  # a panel's title; the name of a branch
NUMBER = 0.2  # an image's number
BAR, SCALE = 0.14, 0.55  # the color bar, and room for its scale
BARS = 2.3  # the width of the softmax
BELOW = 0.45  # its axis
POSITIVE, NEGATIVE = "#d55e00", "#56b4e9"  # Okabe and Ito


@dataclass(frozen=True)
class Batch:
    """What NT-Xent makes of the 2N views of N images, all left views first: rows i and i + N show one image.

    views: (2N, S, S, 3) in [0, 1]. similarity: (2N, 2N) cosines, NaN of a view with itself. probability: (2N, 2N), each
    row a softmax of similarity / temperature over the other 2N - 1 views, 0 of a view with itself. losses: (2N,), each
    row's -log p of its positive, in nats.
    """

    views: NDArray[np.float32]
    similarity: NDArray[np.float64]
    probability: NDArray[np.float64]
    losses: NDArray[np.float64]
    temperature: float

    @property
    def images(self) -> int:
        return len(self.views) // 2

    def positive(self, anchor: int) -> int:
        """The other view of the anchor's image."""
        return (anchor + self.images) % len(self.views)

    def called(self, view: int) -> str:
        """The view's name for people: "left view of image 1"."""
        return f"{'left' if view < self.images else 'right'} view of image {view % self.images + 1}"


@style.applied()
def draw(batch: Batch, anchor: int, title: str, caption: Sequence[str]) -> Figure:
    """Draw the map of similarities, positives framed, itself hatched; at its right the softmax of that anchor."""
    size = len(batch.views)
    side = CELL * size
    labels = SIDE + NUMBER + CELL
    softmax_left = style.MARGIN + labels + side + 0.15 + BAR + SCALE + NUMBER + CELL
    width = softmax_left + BARS + style.MARGIN
    heading_top = ABOVE + labels + side + BELOW
    whole = heading_top + style.MARGIN
    page = style.Page(width, whole, title, caption)
    sheet = blank(page, width, whole)
    left, top = style.MARGIN + labels, BELOW + side  # the map's upper left corner
    heading: dict[str, Any] = {"size": style.RC["axes.titlesize"], "va": "top", "color": style.INK}
    sheet.text(style.MARGIN, heading_top, f"cosine similarity of the {size} views", **heading)

    _edges(sheet, batch, left, top)
    limits = _limits(batch.similarity)
    _draw_map(page.axes(left, BELOW, side, side), batch, limits)
    bar = page.axes(left + side + 0.15, BELOW + side / 4, BAR, side / 2)
    page.figure.colorbar(ScalarMappable(Normalize(*limits), style.SEQUENTIAL), cax=bar).outline.set_visible(False)

    positive = batch.positive(anchor)
    sheet.text(
        softmax_left - CELL, heading_top,
        f"anchor: the {batch.called(anchor)}\n"
        f"p = softmax(similarity / {batch.temperature:g}) over {size - 1} views\n"
        f"its positive has p = {batch.probability[anchor, positive]:.3f},\n"
        f"so its loss is −log p = {batch.losses[anchor]:.2f} nats",
        linespacing=1.4, **heading,
    )  # fmt: skip
    for view in range(size):
        _label(sheet, batch, view, softmax_left - CELL, top - (view + 1) * CELL, upright=True)
    _draw_softmax(page.axes(softmax_left, BELOW, BARS, side), batch, anchor)
    return page.figure


def _limits(similarity: NDArray[np.float64]) -> tuple[float, float]:
    """The range of the similarities, which may be narrow: an untrained encoder finds all images alike."""
    low, high = float(np.nanmin(similarity)), float(np.nanmax(similarity))
    return (low, high) if high - low > 1e-6 else (low - 0.5, high + 0.5)


def _edges(sheet: Axes, batch: Batch, left: float, top: float) -> None:
    """Draw the views along both sides of the map, with their numbers, and which branch they come from."""
    for view in range(len(batch.views)):
        _label(sheet, batch, view, left - CELL, top - (view + 1) * CELL, upright=True)
        _label(sheet, batch, view, left + view * CELL, top, upright=False)
    for half, name in enumerate(("left views", "right views")):
        middle = (half + 0.5) * batch.images * CELL
        ends = np.array([half, half + 1]) * batch.images * CELL + np.array([0.05, -0.05])
        aside = CELL + NUMBER + 0.03
        sheet.plot([left - aside] * 2, top - ends, color=style.MUTED, linewidth=0.8)
        sheet.plot(left + ends, [top + aside] * 2, color=style.MUTED, linewidth=0.8)
        text: dict[str, Any] = {"size": style.NUMBER_SIZE, "color": style.INK, "ha": "center", "va": "center"}
        sheet.text(left - aside - 0.12, top - middle, name, rotation=90, **text)
        sheet.text(left + middle, top + aside + 0.1, name, **text)


def _label(sheet: Axes, batch: Batch, view: int, left: float, bottom: float, upright: bool) -> None:
    """Draw the view in a square of side CELL at that place, its number at its left (upright) or above it."""
    side = fitting(batch.views.shape[1], 0.95 * CELL)
    spare = (CELL - side) / 2
    thumbnail(sheet, batch.views[view], left + spare, bottom + spare, side)
    x, y = (left - NUMBER / 2, bottom + CELL / 2) if upright else (left + CELL / 2, bottom + CELL + NUMBER / 2)
    number = str(view % batch.images + 1)
    sheet.text(x, y, number, size=style.CAPTION_SIZE, ha="center", va="center", color=style.MUTED)


def _draw_map(axes: Axes, batch: Batch, limits: tuple[float, float]) -> None:
    size = len(batch.views)
    sns.heatmap(
        batch.similarity, ax=axes, annot=True, fmt=".2f", cbar=False, cmap=style.SEQUENTIAL, vmin=limits[0],
        vmax=limits[1], mask=np.isnan(batch.similarity), linewidths=0.5, linecolor="white",
        annot_kws={"size": style.CAPTION_SIZE}, xticklabels=False, yticklabels=False,
    )  # fmt: skip
    for view in range(size):
        style.absent(axes, view + 0.02, view + 0.02, 0.96, 0.96, failed=False)
        for color, line in (("white", 4.0), (POSITIVE, 2.0)):  # seen on every color of the map
            corner = (batch.positive(view) + 0.06, view + 0.06)
            axes.add_patch(Rectangle(corner, 0.88, 0.88, fill=False, edgecolor=color, linewidth=line))


def _draw_softmax(axes: Axes, batch: Batch, anchor: int) -> None:
    """Draw a bar per candidate, each in the line of its view; the anchor's own line is hatched."""
    p, positive = batch.probability[anchor], batch.positive(anchor)
    others = [view for view in range(len(p)) if view != anchor]
    colors = [POSITIVE if view == positive else NEGATIVE for view in others]
    axes.barh([view + 0.5 for view in others], p[others], height=0.7, color=colors)
    longest = float(p.max())
    for view in others:
        said = f"{p[view]:.3f}" + (" positive" if view == positive else "")
        axes.text(p[view] + 0.02 * longest, view + 0.5, said, size=style.CAPTION_SIZE, va="center", color=style.INK)
    # half as much again: room for the text at the end of the longest bar
    axes.set(xlim=(0, 1.5 * longest), ylim=(len(p), 0), yticks=[], xlabel="probability p")
    style.absent(axes, 0, anchor + 0.15, 1.5 * longest, 0.7, failed=False)
    axes.spines[["top", "right"]].set_visible(False)

"""Why color distortion matters (Figure 6 of the paper): crops of one image share their histogram of intensities."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ablations.figures import style
from ablations.figures.views import blank, fitting, thumbnail

BINS = 100  # as in the paper's figure
PANELS = ("(a) without color distortion", "(b) with color distortion")
COLORS = ("#0072b2", "#d55e00")  # of the panels (Okabe and Ito)
WIDTH, HEIGHT = 0.92, 0.72  # inches: a histogram
THUMBNAIL = 0.64
GAP, APART = 0.1, 0.35  # between two crops of an image; between the panels
ABOVE, NAME, BELOW, SIDE = 0.24, 0.06, 0.24, 0.24  # panel's title; between crop and histogram; labels of the axes


def histogram(crop: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(100,) counts and (101,) edges of the crop's intensities, channels pooled, from its own minimum to its maximum.

    crop: (S, S, 3), so the counts sum to 3 S^2. A crop of one single intensity has it in the middle of a range of 1.
    """
    counts, edges = np.histogram(crop.astype(np.float64), bins=BINS)
    return counts.astype(np.float64), edges


@style.applied()
def draw(plain: NDArray[np.float32], distorted: NDArray[np.float32], title: str, caption: Sequence[str]) -> Figure:
    """Draw two panels; in each, a row per image, a column per crop: the crop, and below it its histogram.

    plain, distorted: (images, crops, S, S, 3) in [0, 1], the same crops without and with color distortion. All axes
    have the same range, as in the paper: that of the tallest bar which is at neither end of its crop's values.
    """
    images, crops = plain.shape[:2]
    side = fitting(plain.shape[2], THUMBNAIL)
    drawn = [[[histogram(crop) for crop in row] for row in panel] for panel in (plain, distorted)]
    # Where color distortion clips, hundreds of values fall in one end bin, and would flatten all other bars.
    most = max(counts[1:-1].max() for panel in drawn for row in panel for counts, _ in row)
    ends = [edge for panel in drawn for row in panel for _, edges in row for edge in (edges[0], edges[-1])]
    limits = {"xlim": (min(0.0, *ends), max(1.0, *ends)), "ylim": (0.0, 1.05 * max(1.0, float(most)))}

    row_height = side + NAME + HEIGHT + GAP
    panel_width = SIDE + crops * (WIDTH + GAP) - GAP
    width = 2 * style.MARGIN + 2 * panel_width + APART
    whole = ABOVE + images * row_height - GAP + BELOW + style.MARGIN
    page = style.Page(width, whole, title, caption)
    sheet = blank(page, width, whole)
    for k, (panel, name, color) in enumerate(zip((plain, distorted), PANELS, COLORS, strict=True)):
        left = style.MARGIN + k * (panel_width + APART) + SIDE
        sheet.text(left, whole - style.MARGIN, name, size=style.RC["axes.titlesize"], va="top", color=style.INK)
        for i in range(images):
            top = whole - style.MARGIN - ABOVE - i * row_height
            for j in range(crops):
                place = left + j * (WIDTH + GAP)
                thumbnail(sheet, panel[i, j], place + (WIDTH - side) / 2, top - side, side)
                axes = page.axes(place, top - side - NAME - HEIGHT, WIDTH, HEIGHT)
                _draw_histogram(axes, *drawn[k][i][j], color)
                axes.set(**limits)
                if j == 0:
                    axes.set_ylabel("count", size=style.CAPTION_SIZE, labelpad=3)
                if i == images - 1:
                    axes.set_xlabel("pixel intensity", size=style.CAPTION_SIZE, labelpad=3)
    return page.figure


def _draw_histogram(axes: Axes, counts: NDArray[np.float64], edges: NDArray[np.float64], color: str) -> None:
    axes.stairs(counts, edges, fill=True, color=color)
    axes.set(xticks=[], yticks=[])
    axes.spines[["top", "right"]].set_visible(False)

"""t-SNE of h and of z = g(h), side by side (Figure B.4 of the paper)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ablations.figures import style

SIDE = 3.9  # inches: a panel
APART, ABOVE, LEGEND, BELOW = 0.2, 0.35, 0.2, 0.3
PANELS = {"h": "h", "z": "z = g(h)"}
COLORS = (*(color for color in style.COLORS if color != "#f0e442"), style.INK)  # yellow is hard to see on white


@dataclass(frozen=True)
class Embedding:
    """n images in two dimensions, by h and by z.

    points: "h" and "z" -> (n, 2), without unit. labels: (n,) indices into `names`. linear, knn: "h" and "z" -> accuracy
    in percent over all test images of all classes. widths: of h and of z.
    """

    points: dict[str, NDArray[np.float64]]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    linear: dict[str, float]
    knn: dict[str, float]
    widths: tuple[int, int]
    perplexity: float


@style.applied()
def draw(embedding: Embedding, title: str, caption: Sequence[str]) -> Figure:
    """Draw a point per image. A class has a marker of its own, and one color and marker in both panels."""
    across = 2 * SIDE + APART
    legend = LEGEND * style.legend_lines(embedding.names, across)
    page = style.Page(across + 2 * style.MARGIN, ABOVE + legend + ABOVE + SIDE + BELOW, title, caption)
    for i, (which, name) in enumerate(PANELS.items()):
        axes = page.axes(style.MARGIN + i * (SIDE + APART), BELOW, SIDE, SIDE)
        _draw(axes, embedding, which)
        axes.set_title(
            f"{name}: linear probe {embedding.linear[which]:.1f}%, kNN {embedding.knn[which]:.1f}%", loc="left", pad=6
        )
    key = page.axes(style.MARGIN, BELOW + SIDE + ABOVE, across, 0.01)
    for label, name in enumerate(embedding.names):
        key.plot([], [], _marker(label), color=_color(label), markersize=5, label=style.entry(name))
    key.axis("off")
    style.legend_above(key, across)
    return page.figure


def _draw(axes: Axes, embedding: Embedding, which: str) -> None:
    for label in range(len(embedding.names)):
        points = embedding.points[which][embedding.labels == label]
        axes.plot(*points.T, _marker(label), color=_color(label), markersize=3.5, markeredgewidth=0, alpha=0.75)
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel("t-SNE, no unit", size=style.CAPTION_SIZE, color=style.MUTED)


def _marker(label: int) -> str:
    return style.MARKERS[label % len(style.MARKERS)]


def _color(label: int) -> str:
    return COLORS[label % len(COLORS)]

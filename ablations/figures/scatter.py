"""One point a cell: a metric against others, ours beside the paper's (Figures 7, B.5 and B.6)."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, ScalarFormatter
from matplotlib.transforms import Bbox

from ablations.figures import style
from ablations.studies.info import StudyInfo, stamp
from ablations.studies.metrics import label, short
from ablations.studies.plot import METRIC
from ablations.tables.captions import caption
from ablations.tables.findings import Findings
from ablations.tables.frame import axis_array, done_cells

WIDTH, HEIGHT = 4.2, 3.2  # inches: the axes
LEFT, RIGHT, BELOW = 0.7, 0.3, 0.6
ABOVE, LEGEND = 0.8, 0.2  # title and legend of a panel; a line of its legend
LOGARITHMIC = ("parameters",)
MARKERS = "osD^v"
NAME_SIZE, NAME_CHARACTER, DOT = style.NUMBER_SIZE - 1.5, 4.0, 5.0  # points: height, mean width, a marker
PLACES = ((4, 1), (-4, 1), (4, -10), (-4, -10), (6, -4), (-6, -4))  # of a name beside its point, in the order tried


def draw(findings: Findings) -> Figure:
    """Our points with their intervals, the paper's beside them."""
    info, shown = findings.info, findings.sides
    width = (LEFT + WIDTH + RIGHT) * len(shown) + 2 * style.MARGIN
    page = style.Page(width, ABOVE + HEIGHT + BELOW, info.question, caption(findings))
    for i, (title, side) in enumerate(shown.items()):
        left = style.MARGIN + i * (LEFT + WIDTH + RIGHT) + LEFT
        draw_points(page.axes(left, BELOW, WIDTH, HEIGHT), side, title)
    page.stamp(stamp(info), style.MARGIN + LEFT, BELOW, WIDTH, HEIGHT)
    return page.figure


def points(side: Findings) -> pd.DataFrame:
    """One row per cell and y metric that is measured: x, y, low and high (y's 95% interval), hue, name."""
    info, plot = side.info, side.info.figure
    assert plot.x is not None
    across = _x(side.frame, info)
    names = [axis for axis in info.axes if axis not in (*plot.average, plot.hue, "point")]
    rows = [
        {
            "x": across.get(tuple(_key(cell[axis]) for axis in info.axes), np.nan),
            "y": cell["mean"],
            "low": cell["low"],
            "high": cell["high"],
            "hue": cell[plot.hue] if plot.hue else "",
            "name": " ".join(
                f"{cell[axis]}{'x' if axis == 'width' else ''}" for axis in names if not pd.isna(cell[axis])
            ),
        }
        for _, cell in side.cells.iterrows()
    ]
    return pd.DataFrame(rows, columns=["x", "y", "low", "high", "hue", "name"]).dropna(subset=["x", "y"])


def _x(frame: pd.DataFrame, info: StudyInfo) -> dict[tuple[Any, ...], float]:
    """Mean of the x metric for each cell."""
    x, axes = info.figure.x, list(info.axes)
    done = done_cells(frame)
    if x not in done:
        return {}
    means = done.groupby(axes, sort=False, dropna=False)[x].mean().reset_index()
    return {tuple(_key(row[axis]) for axis in axes): float(row[x]) for _, row in means.iterrows()}


def _key(value: Any) -> Any:
    return None if pd.isna(value) else value


def draw_points(axes: Axes, side: Findings, title: str) -> Axes:
    """Draw points: those of one hue share color and marker, and are joined where they have an order along x."""
    info, plot, shown = side.info, side.info.figure, points(side)
    assert plot.x is not None
    present = list(plot.metrics) if plot.hue == METRIC else list(axis_array(info.axes[plot.hue])) if plot.hue else [""]
    colors = style.hues(present)
    for i, hue in enumerate(present):
        those = shown[shown["hue"] == hue].sort_values("x")
        if those.empty:
            continue
        whiskers = style.whiskers(those["y"], those["low"], those["high"])
        name = short(hue) if plot.hue == METRIC else str(hue)
        axes.errorbar(
            those["x"].to_numpy(float), those["y"].to_numpy(float), whiskers,
            fmt=MARKERS[i % len(MARKERS)], color=colors[hue], markersize=5, capsize=2.5,
            linewidth=1.0, label=style.entry(name) or None,
        )  # fmt: skip
    if plot.x in LOGARITHMIC and len(shown):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(LogLocator(base=10, subs=()))
    axes.margins(0.12)
    write_names(axes, shown, shown[shown["hue"] == present[0]] if plot.hue == METRIC else shown)  # once for each x
    axes.set_xlabel(label(plot.x))
    axes.set_ylabel(label(plot.metrics[0]) if len(plot.metrics) == 1 else "top-1 (%)")
    axes.spines[["top", "right"]].set_visible(False)
    style.legend_above(axes, WIDTH)
    lines = style.legend_lines(axes.get_legend_handles_labels()[1], WIDTH)
    axes.set_title(style.fitted(title, WIDTH), loc="left", pad=6 + 72 * LEGEND * lines)
    return axes


def write_names(axes: Axes, shown: pd.DataFrame, named: pd.DataFrame) -> None:
    """Write the name of each of `named` in the first place beside it that no point and no name covers."""
    axes.autoscale_view()
    assert axes.figure is not None

    def place(x: float, y: float) -> tuple[float, float]:
        """The point's place in points from the figure's corner."""
        across, up = axes.transData.transform((x, y)) * 72 / axes.figure.dpi
        return float(across), float(up)

    taken = []
    for point in shown.itertuples():
        x, y = place(point.x, point.y)
        taken.append(Bbox.from_bounds(x - DOT / 2, y - DOT / 2, DOT, DOT))
    for point in named.sort_values("x").itertuples():
        wide, (x, y) = NAME_CHARACTER * len(str(point.name)), place(point.x, point.y)
        boxes = [
            Bbox.from_bounds(x + (dx if dx > 0 else dx - wide), y + dy, wide, 1.25 * NAME_SIZE) for dx, dy in PLACES
        ]
        chosen = next((i for i, box in enumerate(boxes) if not box.count_overlaps(taken)), 0)
        taken.append(boxes[chosen])
        axes.annotate(
            str(point.name), (point.x, point.y), xytext=PLACES[chosen], textcoords="offset points",
            size=NAME_SIZE, color=style.MUTED, ha="left" if PLACES[chosen][0] > 0 else "right", va="bottom",
        )  # fmt: skip

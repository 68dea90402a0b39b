"""The map of transformation pairs: ours beside the paper's (Figure 5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ablations.figures import style
from ablations.studies.info import stamp
from ablations.studies.metrics import LABELED, label
from ablations.tables.captions import caption
from ablations.tables.findings import Findings
from ablations.tables.pairs import row_average

CELL, LARGEST = 0.5, 10.0  # inches: a cell; the side of a map, beyond which its cells become smaller
LEGIBLE = 0.35  # the smallest cell that holds its number
NAME = 0.16  # between two names on an axis, at least
GAP = 0.15  # between the map and its row average
ABOVE, SIDE = 0.35, 0.4  # a panel's title; the name of an axis
SCALE, BAR = 0.8, 0.16  # room for the color bar's scale, at its left, and the bar
MARKS, MARK_HEIGHT = 0.95, 0.32  # room for the names of the baselines, at its right


@dataclass(frozen=True)
class MapPanel:
    """One map with its row average, what it is called, and its color limits."""

    title: str
    table: pd.DataFrame
    average: pd.Series
    failed: pd.DataFrame
    limits: tuple[float, float]
    marks: Mapping[str, float]  # levels to mark on the color bar
    axes: tuple[str, str]  # what rows and columns are
    metric: str

    @property
    def cell(self) -> float:
        """Side of a cell of the map, in inches."""
        return min(CELL, LARGEST / max(len(self.table), len(self.table.columns)))

    @property
    def names(self) -> float:
        """Room at the left for the rows' names."""
        return SIDE + style.LABEL_CHARACTER * max(len(str(name)) for name in self.table.index)

    @property
    def below(self) -> float:
        """Room for the columns' names, slanted."""
        return SIDE + 0.75 * style.LABEL_CHARACTER * max(len(str(name)) for name in [*self.table.columns, "average"])

    @property
    def width(self) -> float:
        bar = SCALE + BAR + (MARKS if self.marks else style.MARGIN)
        return self.names + self.cell * len(self.table.columns) + CELL + GAP + bar

    @property
    def height(self) -> float:
        return ABOVE + self.cell * len(self.table) + self.below


def draw(findings: Findings) -> Figure:
    """Our map, its row average and its baselines; the paper's panel beside it where there is one."""
    info, panels = findings.info, [_ours(findings), *_papers(findings)]
    tallest = max(panel.height for panel in panels)
    width = sum(panel.width for panel in panels) + 2 * style.MARGIN
    page = style.Page(width, tallest, info.question, caption(findings))
    left = style.MARGIN
    for panel in panels:
        _draw_panel(page, panel, left, tallest - ABOVE - panel.cell * len(panel.table))
        left += panel.width
    page.stamp(stamp(info), style.MARGIN, tallest - panels[0].height, panels[0].width, panels[0].height - ABOVE)
    return page.figure


def _ours(findings: Findings) -> MapPanel:
    info, table, levels = findings.info, findings.pairs, findings.baselines[findings.info.headline]
    marks = {name.replace("_", " "): level for name, level in levels.items() if np.isfinite(level)}
    first, second = info.axes
    return MapPanel(
        title=info.title,
        table=table,
        average=row_average(table),
        failed=findings.failed_pairs,
        limits=_limits([*table.to_numpy().ravel(), *marks.values()]),
        marks=marks,
        axes=(info.named(first), info.named(second)),
        metric=info.headline,
    )


def _papers(findings: Findings) -> list[MapPanel]:
    info, paper, table = findings.info, findings.paper, findings.papers_map
    if paper is None or paper.row_average is None or table is None:
        return []
    return [
        MapPanel(
            title=f"paper: {paper.setting}",
            table=table,
            average=paper.row_average,
            failed=table.isna(),
            limits=_limits(table.to_numpy().ravel()),
            marks={},
            axes=(info.named("first"), info.named("second")),
            metric=LABELED,
        )
    ]


def _limits(values: "list[float] | np.ndarray") -> tuple[float, float]:
    """The range of the measured values; all percentages while there are none."""
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if not len(known):
        return 0.0, 100.0
    low, high = float(known.min()), float(known.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _draw_panel(page: style.Page, panel: MapPanel, left: float, bottom: float) -> None:
    rows, columns = panel.table.shape
    width, height = panel.cell * columns, panel.cell * rows
    left += panel.names
    cells = page.axes(left, bottom, width, height)
    draw_map(cells, panel.table, panel.failed, panel.limits, panel.cell)
    cells.set_title(style.fitted(panel.title, width + CELL + GAP), loc="left", pad=8)
    cells.set_ylabel(panel.axes[0])
    cells.set_xlabel(panel.axes[1])
    left += width + GAP
    average = page.axes(left, bottom, CELL, height)
    draw_map(average, panel.average.to_frame("average"), None, panel.limits, panel.cell)
    average.set_yticks([])
    left += CELL + SCALE
    draw_color_bar(page.axes(left, bottom, BAR, height), panel.limits, panel.marks, height, panel.metric)


def draw_map(
    axes: Axes, table: pd.DataFrame, failed: pd.DataFrame | None, limits: tuple[float, float], cell: float = CELL
) -> Axes:
    """Cells of that side, with their numbers where these fit; hatched where there is none, crossed where `failed`.

    Cells too small for numbers are gray where there is none; and not every row and column is named then.
    """
    legible, step = cell >= LEGIBLE, max(1, round(NAME / cell))
    sns.heatmap(
        table, ax=axes, annot=legible, fmt=".1f", cbar=False, cmap=style.SEQUENTIAL, vmin=limits[0], vmax=limits[1],
        linewidths=0.5 if legible else 0, linecolor="white", annot_kws={"size": style.NUMBER_SIZE},
        xticklabels=step, yticklabels=step, rasterized=not legible,
    )  # fmt: skip
    axes.set_facecolor(style.ABSENT)
    for row, column in np.argwhere(table.isna().to_numpy()):
        cross = failed is not None and bool(failed.iloc[row, column])
        if legible or cross:
            style.absent(axes, column + 0.02, row + 0.02, 0.96, 0.96, cross)
    axes.tick_params(length=0)
    axes.tick_params(axis="x", labelrotation=45)
    axes.tick_params(axis="y", labelrotation=0)
    for name in axes.get_xticklabels():
        name.set(ha="right", rotation_mode="anchor")
    axes.set(xlabel="", ylabel="")
    return axes


def draw_color_bar(
    axes: Axes, limits: tuple[float, float], marks: Mapping[str, float], height: float, metric: str = LABELED
) -> Axes:
    """A vertical color bar with its scale at the left; the named levels are marked on it and written at the right."""
    bar = axes.figure.colorbar(ScalarMappable(Normalize(*limits), style.SEQUENTIAL), cax=axes, ticklocation="left")
    bar.outline.set_visible(False)
    bar.set_label(label(metric))
    places = _apart([(level - limits[0]) / (limits[1] - limits[0]) for level in marks.values()], MARK_HEIGHT / height)
    for (name, level), place in zip(marks.items(), places, strict=True):
        for color, width in (("white", 3.0), (style.INK, 1.2)):  # readable on every color of the bar
            axes.plot([0, 1], [level, level], color=color, linewidth=width, clip_on=False)
        axes.annotate(
            f"{name}\n{level:.1f}", xy=(1, level), xytext=(2.4, place), xycoords=axes.get_yaxis_transform(),
            textcoords=axes.transAxes, size=style.NUMBER_SIZE, va="center", color=style.INK,
            arrowprops={"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 0},
        )  # fmt: skip
    return axes


def _apart(places: list[float], distance: float) -> list[float]:
    """Places in [0, 1], in the given order, moved up where two would come closer than `distance`, then down to fit."""
    moved = list(places)
    order = sorted(range(len(places)), key=places.__getitem__)
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + distance)
    for above, below in pairwise(reversed(order)):
        moved[above] = min(moved[above], 1.0)
        moved[below] = min(moved[below], moved[above] - distance)
    return moved

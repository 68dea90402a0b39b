"""Grouped bars, in small multiples: ours beside or above the paper's (Figures 8, 9 and most tables)."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablations.figures import style
from ablations.studies.info import StudyInfo, stamp
from ablations.studies.metrics import label, short, text
from ablations.studies.plot import METRIC
from ablations.tables.captions import caption
from ablations.tables.cells import reference_value
from ablations.tables.findings import Findings
from ablations.tables.frame import axis_array

HEIGHT = 2.8  # inches: the axes
BAR, GROUP = 0.16, 0.62  # the thinnest bar; the narrowest group of bars
NARROWEST = 2.9  # axes
LEFT, RIGHT = 0.7, 0.1
ABOVE, LEGEND = 0.3, 0.2  # a panel's title; a line of its legend
BELOW, LINE = 0.42, 0.15  # the name of x; a line of the names of its values
WRAPPED = 17  # characters of such a name on a line
FILL = 0.8  # share of a group covered by its bars
NO_HUE = "–"  # of a cell without a value on the axis of the colors
STUB = 0.12  # share of the axis covered by a bar that is missing
FEW = 2  # panels, at most, that have the paper's beside them and not below


@dataclass(frozen=True)
class BarPanel:
    """The bars of one panel, in groups of equal x; bars without an x (<NA>) stand alone at the right.

    `bars`: x, hue, mean (NaN: not there), low and high (its interval; NaN: none), done and failed (counts).
    `seeds`: x, hue, value, drawn as dots. `levels`: baselines by name, and the value that all others are compared with.
    """

    title: str
    bars: pd.DataFrame
    seeds: pd.DataFrame
    groups: list[Any]  # values of x in order
    hues: Mapping[Any, str]  # values of hue in order -> their colors
    limits: tuple[float, float]  # of the axis
    levels: Mapping[str, float]
    names: tuple[str, str]  # of the axes
    of_metrics: tuple[bool, bool]  # whether x and the hues are metrics, which are shown as words; else as they are
    hue: str  # what the colors are, for the legend
    metric: str

    @property
    def standing(self) -> list[Any]:
        """The hues that are in groups."""
        return [hue for hue in self.hues if self.bars.loc[self.bars["hue"] == hue, "x"].notna().any()]

    @property
    def places(self) -> list[Any]:
        """Groups, and last the hues that stand alone, each as (None, hue)."""
        alone = self.bars.loc[self.bars["x"].isna(), "hue"]
        return [*self.groups, *((None, hue) for hue in dict.fromkeys(alone))]

    @property
    def ticks(self) -> list[str]:
        """Names of the groups, wrapped."""
        x, hue = self.of_metrics
        names = [_shown(place[1], hue) if isinstance(place, tuple) else _shown(place, x) for place in self.places]
        return [textwrap.fill(name, WRAPPED) for name in names]

    @property
    def legend(self) -> dict[Any, str]:
        """Names of the hues, the first one with the axis's name; nothing where there is only one place."""
        drawn = [hue for hue in self.hues if self.bars.loc[self.bars["hue"] == hue, "mean"].notna().any() and hue != ""]
        first = f"{self.hue}: " if self.hue else ""
        return {hue: (first if hue == drawn[0] else "") + _shown(hue, self.of_metrics[1]) for hue in drawn}

    @property
    def lines(self) -> int:
        """Number of lines that the legend takes."""
        return style.legend_lines([*self.legend.values(), *self.marks], self.width - LEFT)

    @property
    def marks(self) -> list[str]:
        """Names of the levels, each with its number."""
        return [f"{name} {text(level, self.metric)}" for name, level in self.levels.items()]

    @property
    def above(self) -> float:
        return ABOVE + LEGEND * self.lines

    @property
    def below(self) -> float:
        return BELOW + LINE * max((tick.count("\n") + 1 for tick in self.ticks), default=1)

    @property
    def width(self) -> float:
        longest = max((len(line) for tick in self.ticks for line in tick.splitlines()), default=0)
        group = max(GROUP, BAR * len(self.standing) / FILL, 0.068 * longest + 0.1)
        return LEFT + max(NARROWEST, group * len(self.places)) + RIGHT


def draw(findings: Findings) -> Figure:
    """Draw our bars with seeds and intervals over the baselines; the paper's panels with them where there are some."""
    info = findings.info
    ours, *papers = (panels(side, title) for title, side in findings.sides.items())
    theirs = papers[0] if papers else []
    beside = len(ours) + len(theirs) <= FEW
    rows = [[*ours, *theirs]] if beside else [ours, theirs] if theirs else [ours]
    heights = [(max(panel.above for panel in row), HEIGHT, max(panel.below for panel in row)) for row in rows]
    width = max(sum(panel.width for panel in row) for row in rows) + 2 * style.MARGIN
    page = style.Page(width, sum(map(sum, heights)), info.question, caption(findings))
    bottom = 0.0
    for row, (above, _, below) in reversed(list(zip(rows, heights, strict=True))):
        left, bottom = style.MARGIN, bottom + below
        for panel in row:
            draw_bars(page.axes(left + LEFT, bottom, panel.width - LEFT - RIGHT, HEIGHT), panel)
            left += panel.width
        first = bottom
        bottom += HEIGHT + above
    page.stamp(stamp(info), style.MARGIN + LEFT, first, ours[0].width - LEFT - RIGHT, HEIGHT)
    return page.figure


def panels(side: Findings, title: str) -> list[BarPanel]:
    """Make a panel for each value of the plot's `panel`. Panels of one metric share their limits."""
    info, plot = side.info, side.info.figure
    cells, seeds = side.cells, side.per_seed
    hues = style.hues(_values(plot.hue, info, cells))
    if plot.hue is not None and cells[plot.hue].isna().any():
        hues[NO_HUE] = style.NAMED["none"]
    made: list[BarPanel] = []
    for value in _values(plot.panel, info, cells):
        those, dots = (_of(table, plot.panel, value) for table in (cells, seeds))
        metric = str(value) if plot.panel == METRIC else plot.metrics[0]
        alike = cells[cells[METRIC] == metric] if METRIC in (plot.panel,) else cells
        every = seeds[seeds[METRIC] == metric] if plot.panel == METRIC else seeds
        baselines = {name.replace("_", " "): level for name, level in side.baselines[metric].items()}
        levels = {**baselines, **_reference(those, info)}
        levels = {name: level for name, level in levels.items() if np.isfinite(level)}
        axis = "accuracy (%)" if METRIC in (plot.hue, plot.x) else label(metric)
        called = _called(plot.panel, value, info)
        made.append(
            BarPanel(
                title=f"{called}{title}" if not made or not called else called.removesuffix("; "),
                bars=_placed(those, plot.x, plot.hue)[["x", "hue", "mean", "low", "high", "done", "failed"]],
                seeds=_placed(dots, plot.x, plot.hue)[["x", "hue", "value"]].dropna(subset="value"),
                groups=[x for x in _values(plot.x, info, cells) if not pd.isna(x)],
                hues=hues,
                limits=_limits(
                    np.concatenate([alike["low"].fillna(alike["mean"]), every["value"], [*levels.values()]]),
                    np.concatenate([alike["high"].fillna(alike["mean"]), every["value"], [*levels.values()]]),
                    share="%" in axis,
                ),
                levels=levels,
                names=("" if plot.x is None or plot.x == METRIC else info.named(plot.x), axis),
                of_metrics=(plot.x == METRIC, plot.hue == METRIC),
                metric=metric,
                hue="" if plot.hue in (None, METRIC) or not _numbers(hues) else info.named(plot.hue),
            )
        )
    return made


def _reference(cells: pd.DataFrame, info: StudyInfo) -> dict[str, float]:
    """The level that all other bars of a panel are compared with, by its name, where it is that of one bar alone."""
    plot = info.figure
    if plot.reference is None or plot.compare not in cells:
        return {}
    value = reference_value(info)
    means = cells.loc[cells[plot.compare] == value, "mean"]
    return {_shown(value, plot.compare == METRIC): float(means.iloc[0])} if len(means) == 1 else {}


def _values(name: str | None, info: StudyInfo, cells: pd.DataFrame) -> list[Any]:
    """What an axis or the metrics take, in declared order; one value where there is no such place."""
    if name is None:
        return [""]
    if name == METRIC:
        return list(info.figure.metrics)
    present = set(cells[name].dropna())
    return [
        value for value in axis_array([value for value in info.axes[name] if value is not None]) if value in present
    ]


def _of(table: pd.DataFrame, name: str | None, value: Any) -> pd.DataFrame:
    return table if name is None else table[table[name] == value]


def _placed(table: pd.DataFrame, x: str | None, hue: str | None) -> pd.DataFrame:
    hues = table[hue].astype(object).where(table[hue].notna(), NO_HUE) if hue else ""
    return table.assign(x=table[x] if x else "", hue=hues)


def _called(panel: str | None, value: Any, info: StudyInfo) -> str:
    if panel is None:
        return ""
    return f"{label(str(value))}; " if panel == METRIC else f"{info.named(panel)} {value}; "


def _limits(lows: Any, highs: Any, share: bool) -> tuple[float, float]:
    """Around the measured range: multiples of five for percentages, from zero where that is near."""
    low, high = (np.asarray(ends, dtype=float) for ends in (lows, highs))
    if not np.isfinite(low).any():
        return (0.0, 100.0) if share else (0.0, 1.0)
    bottom, top = float(np.nanmin(low)), float(np.nanmax(high))
    if not share:
        return min(0.0, 1.1 * bottom), 1.1 * top if top > 0 else 0.1
    bottom = float(np.floor((bottom - 2) / 5) * 5)
    return (bottom if bottom >= 10 else 0.0), min(100.0, float(np.ceil((top + 1) / 5) * 5))


def draw_bars(axes: Axes, panel: BarPanel) -> Axes:
    """Draw bars, their intervals, single seeds as dots; hatched stubs for bars that are not there."""
    bottom, top = panel.limits
    places, standing = panel.places, panel.standing
    axes.set(xlim=(-0.5, len(places) - 0.5), ylim=panel.limits)
    thick, where = FILL / max(len(standing), 1), {place: i for i, place in enumerate(places)}
    labeled: set[Any] = set()
    legend = panel.legend
    for bar in panel.bars.itertuples():
        alone = pd.isna(bar.x)
        x = float(where[(None, bar.hue) if alone else bar.x])
        x += 0.0 if alone else (standing.index(bar.hue) - (len(standing) - 1) / 2) * thick
        if pd.isna(bar.mean) and bar.done:  # such as the third layer of a head that has two
            continue
        if pd.isna(bar.mean):
            style.absent(axes, x - thick / 2, bottom, thick, STUB * (top - bottom), bar.failed > 0)
            continue
        called = None if bar.hue in labeled or bar.hue not in legend else style.entry(legend[bar.hue])
        labeled.add(bar.hue)
        start = max(bottom, 0.0)
        axes.bar(x, bar.mean - start, thick * 0.94, start, color=panel.hues[bar.hue], label=called)
        same = panel.seeds["hue"].eq(bar.hue) & (panel.seeds["x"].isna() if alone else panel.seeds["x"].eq(bar.x))
        dots = panel.seeds.loc[same, "value"].to_numpy(dtype=float)
        if len(dots) > 1 or np.isfinite(bar.low):
            spots = x + (np.arange(len(dots)) - (len(dots) - 1) / 2) * thick * 0.22
            axes.plot(spots, dots, "o", markersize=2.6, color="white", markeredgecolor=style.INK, markeredgewidth=0.6)
        if np.isfinite(bar.low):
            whiskers = style.whiskers(bar.mean, bar.low, bar.high)
            axes.errorbar(x, bar.mean, whiskers, color=style.INK, linewidth=1.0, capsize=2.5, zorder=3)
    for level, called, dash in zip(panel.levels.values(), panel.marks, cycle(style.DASHES)):
        axes.axhline(level, color=style.INK, linestyle=dash, linewidth=1.0, label=called)
    axes.set_xticks(range(len(places)), panel.ticks)
    axes.set_xlabel(panel.names[0])
    axes.set_ylabel(panel.names[1] + (f"; axis from {bottom:.0f}" if bottom > 0 else ""))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    style.legend_above(axes, panel.width - LEFT)
    axes.set_title(style.fitted(panel.title, panel.width - LEFT), loc="left", pad=6 + 72 * LEGEND * panel.lines)
    return axes


def _numbers(hues: Mapping[Any, str]) -> bool:
    return all(isinstance(hue, Real) for hue in hues if hue != NO_HUE)


def _shown(value: Any, metric: bool) -> str:
    """A metric as words, a value of an axis as it is."""
    return short(str(value)) if metric else str(value)

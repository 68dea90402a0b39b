"""Sorted squared eigenvalues of the head against their rank, linear and logarithmic, ours over the paper's (B.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from ablations.figures import style
from ablations.store.trials import Lost
from ablations.studies.info import Outcomes, StudyInfo, stamp
from ablations.studies.metrics import label
from ablations.tables.captions import caption
from ablations.tables.findings import Findings
from ablations.tables.frame import axis_array, once

WIDTH, HEIGHT = 3.4, 2.3  # inches: the axes
LEFT, RIGHT, BELOW = 0.75, 0.2, 0.55
ABOVE, LEGEND = 0.35, 0.2  # title of a panel; a line of its legend
SCALES = ("linear", "log")
OUTCOME = "head_eigen_rank"  # whose outcome the spectrum is
FLOOR = 0.01  # of the largest: where the dot is
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
RANK, VALUE = "rank", "squared_eigenvalue"  # the paper's points


@dataclass(frozen=True)
class Line:
    """One entry of the legend. curves: one per seed, (2, n) ranks and values. dots: which points of each have one."""

    name: str
    curves: Sequence[NDArray[Any]]
    dots: Sequence[list[int]]
    color: str
    dash: str = "-"


def draw(study: Findings, outcomes: Outcomes) -> Figure:
    """Two panels of the trials' spectra, below them the paper's.

    outcomes: what a trial's probes found, by trial_id: spectra are no part of the frame. The paper's own frame has
    points instead, and stands alone.
    """
    info = study.info
    rows = [
        (title, _points(side.frame) if VALUE in side.frame else lines(side.frame, side.info, outcomes))
        for title, side in study.sides.items()
    ]
    across = len(SCALES) * (LEFT + WIDTH + RIGHT)
    legends = [
        LEGEND * style.legend_lines([line.name for line in drawn if line.name], across - LEFT) for _, drawn in rows
    ]
    bottom = sum(ABOVE + legend + HEIGHT + BELOW for legend in legends)
    page = style.Page(across + 2 * style.MARGIN, bottom, info.question, caption(study))
    for (title, drawn), legend in zip(rows, legends, strict=True):
        bottom -= ABOVE + legend + HEIGHT + BELOW
        for i, scale in enumerate(SCALES):
            left = style.MARGIN + i * (LEFT + WIDTH + RIGHT) + LEFT
            axes = page.axes(left, bottom + BELOW, WIDTH, HEIGHT)
            _draw(axes, drawn, scale)
            if i == 0:
                style.legend_above(axes, across - LEFT)
                axes.set_title(style.fitted(title, across - LEFT), loc="left", pad=6 + 72 * legend)
            if drawn is rows[0][1]:
                page.stamp(stamp(info), left, bottom + BELOW, WIDTH, HEIGHT)
    return page.figure


def lines(frame: pd.DataFrame, info: StudyInfo, outcomes: Outcomes) -> list[Line]:
    """A line for each value of the axis, then one for each baseline; one without a spectrum says why in its name."""
    hue = info.figure.hue
    assert hue is not None  # Plot.check
    rows, values = once(frame), list(axis_array(info.axes[hue]))
    numbers = all(isinstance(value, Real) for value in values)
    colors, cells, drawn = style.hues(values), rows[rows["role"] == "cell"], []
    for i, value in enumerate(values):
        name = f"{info.named(hue)}: {value}" if numbers and i == 0 else str(value)
        drawn.append(_line(name, cells[cells[hue] == value], outcomes, colors[value]))
    for i, (role, trials) in enumerate(rows[rows["role"] != "cell"].groupby("role", sort=False)):
        name = str(role).replace("_", " ")
        drawn.append(_line(name, trials, outcomes, style.MUTED, style.DASHES[i % len(style.DASHES)]))
    return drawn


def _line(name: str, trials: pd.DataFrame, outcomes: Outcomes, color: str, dash: str = "-") -> Line:
    done = trials.loc[trials["status"] == "done", "trial_id"]
    spectra, lost = [], False
    for trial in done:
        try:
            spectra += [values for metric, values in outcomes(str(trial)).items() if metric == OUTCOME]
        except Lost:
            lost = True
    if lost:
        name += " (of some seeds lost)" if spectra else " (lost)"
    elif not spectra:
        name += " (failed ×)" if (trials["status"] == "failed").any() else " (missing)"
    curves = [np.stack([np.arange(1, len(values) + 1), values]) for values in spectra]
    last = [[int((values > FLOOR * values[0]).sum()) - 1] if values[0] > 0 else [] for values in spectra]
    return Line(name, curves, last, color, dash)


def _points(paper: pd.DataFrame) -> list[Line]:
    points = paper[[RANK, VALUE]].to_numpy(float).T
    return [Line("", [points], [list(range(points.shape[1]))], style.INK)]


def _power(value: float, _: object = None) -> str:
    """10⁻² of 0.01."""
    return f"10{str(round(log10(value))).translate(RAISED)}" if value > 0 else ""


def _draw(axes: Axes, drawn: Sequence[Line], scale: str) -> None:
    for line in drawn:
        if not line.curves:
            axes.plot([], [], color=line.color, linestyle=line.dash, label=style.entry(line.name))
        for i, (curve, dots) in enumerate(zip(line.curves, line.dots, strict=True)):
            axes.plot(
                *curve, color=line.color, linestyle=line.dash, linewidth=0.9, marker="o", markersize=3.5,
                markevery=dots, label=style.entry(line.name) if i == 0 and line.name else None,
            )  # fmt: skip
    if scale == "log" and any((curve[1] > 0).any() for line in drawn for curve in line.curves):
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_major_formatter(_power)  # matplotlib's own is mathematics, which style.RC has not parsed
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel=f"{label(RANK)} (1: the largest)", ylabel=f"squared eigenvalue of W, {scale}")
    axes.spines[["top", "right"]].set_visible(False)

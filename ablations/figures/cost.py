"""Beyond the paper: accuracy against what it costs to train, with the front that nothing beats."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter
from matplotlib.transforms import Bbox

from ablations.console.text import counted
from ablations.figures import style
from ablations.studies.info import stamp
from ablations.studies.metrics import BRIEF, LABELED, label
from ablations.tables.findings import Findings
from ablations.tables.frame import axes_of, cell_names, done_cells

WIDTH, HEIGHT = 5.4, 3.4  # inches: the axes
LEFT, RIGHT, ABOVE, BELOW = 0.7, 0.9, 0.35, 0.55
WIDE = 3.0  # ratio of costs from which the axis is logarithmic


def costs(frame: pd.DataFrame, seconds: Mapping[str, float], metric: str = LABELED) -> pd.DataFrame:
    """One row per cell that is done: name, seconds and value (means over seeds), front (nothing is cheaper and better).

    seconds: of each trial, by trial_id. value: of the metric.
    """
    axes, done = axes_of(frame), done_cells(frame)
    done = done.assign(seconds=[seconds.get(str(name), np.nan) for name in done["trial_id"]]).dropna(subset=["seconds"])
    if done.empty:
        return pd.DataFrame({"name": [], "seconds": [], "value": [], "front": []})
    done = done.assign(value=done[metric])
    cells = done.groupby(axes, sort=False, dropna=False)[["seconds", "value"]].mean().reset_index()
    names = cell_names(cells, axes)
    cells = cells[["seconds", "value"]].assign(name=names)
    better = cells.sort_values(["seconds", "value"], ascending=[True, False])
    front = better["value"] > better["value"].cummax().shift(fill_value=-np.inf)
    return cells.assign(front=front.reindex(cells.index))


def draw(findings: Findings, seconds: Mapping[str, float]) -> Figure | None:
    """Draw the headline metric against cost; None where no trial is done."""
    info, cells = findings.info, costs(findings.frame, seconds, findings.info.headline)
    if cells.empty:
        return None
    sentences = [
        "Seconds are a trial's own, training and probes, mean over seeds; other work on the machine makes them longer.",
        "The line joins the cells that no other beats at less cost; picked as this run's highest, they are optimistic.",
        f"{counted(info.seeds, 'seed')}; data: {info.data}; encoder: {info.encoder}.",
    ]
    width = LEFT + WIDTH + RIGHT + 2 * style.MARGIN
    page = style.Page(width, ABOVE + HEIGHT + BELOW, info.question, sentences)
    axes = page.axes(style.MARGIN + LEFT, BELOW, WIDTH, HEIGHT)
    front = cells[cells["front"]].sort_values("seconds")
    axes.plot(cells["seconds"], cells["value"], "o", color=style.COLORS[0], markersize=4.5, alpha=0.7)
    axes.step(front["seconds"], front["value"], where="post", color=style.COLORS[1], linewidth=1.2)
    axes.plot(front["seconds"], front["value"], "o", color=style.COLORS[1], markersize=5)
    if cells["seconds"].max() > WIDE * cells["seconds"].min() > 0:
        axes.set_xscale("log")
        for each in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            each(ScalarFormatter())
    axes.margins(0.08)
    axes.set(xlabel="seconds per trial", ylabel=label(info.headline))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"{'accuracy' if info.labeled else BRIEF[info.headline]} against cost", loc="left")
    _name(axes, [(str(cell.name), cell.seconds, cell.value) for cell in front.itertuples()])
    page.stamp(stamp(info), style.MARGIN + LEFT, BELOW, WIDTH, HEIGHT)
    return page.figure


def _name(axes: Axes, points: Sequence[tuple[str, Any, Any]]) -> None:
    """Write each name beside its point, where it meets no other name: as near as that goes, better right and above."""
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]  # style.Canvas has one
    taken: list[Bbox] = []
    axes.autoscale_view()
    for name, x, y in reversed(points):  # what finds no room at the right has some at the left, above the line
        label = axes.annotate(
            name, (x, y), xytext=(4, 4), textcoords="offset points", size=style.NUMBER_SIZE, color=style.INK
        )
        for away, above, right in product((4, 16, 28), (1, -1), (1, -1)):
            label.set(position=(4 * right, away * above))
            label.set(ha="left" if right > 0 else "right", va="bottom" if above > 0 else "top")
            box = label.get_window_extent(renderer)
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)

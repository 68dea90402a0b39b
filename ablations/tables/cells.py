"""Study frame -> a row per cell: means, spreads, baselines, what is missing. Pure. Accuracies are percent."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablations.stats.intervals import Pooled, interval, pooled_sd
from ablations.stats.spread import between_seeds
from ablations.studies.info import StudyInfo
from ablations.studies.metrics import LABEL_FREE, limits
from ablations.studies.model import AxisValue
from ablations.studies.plot import METRIC, Plot
from ablations.tables.frame import axes_of, axis_array, once

VALIDATION = "probe_validation_top1"  # chosen by on the training images, never the test images


def long_table(frame: pd.DataFrame, plot: Plot) -> pd.DataFrame:
    """One row per cell, metric and seed: the axes that are shown, metric, seed, status, value.

    An average over axes is there only where all of its cells are done. Of the axes to choose, only the chosen values
    are there, without the seed that chose them, unless it is the only one.
    """
    axes = plot.shown(axes_of(frame))
    cells = once(frame[frame["role"] == "cell"])
    if plot.choose:
        choosing = cells["seed"].min()
        cells = cells.merge(choices(frame, plot), on=[*axes, *plot.average, *plot.choose])
        cells = cells[cells["seed"] != choosing] if (cells["seed"] != choosing).any() else cells
    cells = cells[[*axes, "seed", "status"]].join(cells.reindex(columns=list(plot.metrics)))
    cells = cells.melt([*axes, "seed", "status"], var_name=METRIC)
    if not plot.average:
        return cells
    groups = cells.groupby([*axes, METRIC, "seed"], sort=False, dropna=False)
    return groups.agg(value=("value", lambda x: x.mean(skipna=False)), status=("status", _joint)).reset_index()


def choices(frame: pd.DataFrame, plot: Plot) -> pd.DataFrame:
    """For each cell shown, the values of the axes to choose that did best on the first seed's validation split.

    Test images choose nothing; but what needs no labels has no such split, and chooses itself. A cell with nothing done
    yet on the first seed is not there.
    """
    cells = once(frame[frame["role"] == "cell"])
    keys = [*plot.shown(axes_of(frame)), *plot.average]
    by = LABEL_FREE if LABEL_FREE in plot.metrics else VALIDATION
    if by not in cells:  # nothing is measured yet; or they are the paper's own, chosen already
        known = cells[:0] if by == LABEL_FREE else cells
        return known[[*keys, *plot.choose]].drop_duplicates()
    first = cells[(cells["seed"] == cells["seed"].min()) & cells[by].notna()]
    best_first = first.sort_values(by, ascending=False, kind="stable").drop_duplicates(keys)
    return best_first.sort_index()[[*keys, *plot.choose]]


def _joint(statuses: "pd.Series[str]") -> str:
    """Status of cells averaged into one: done if all are, failed if one has."""
    kinds = set(statuses)
    return "done" if kinds == {"done"} else "failed" if "failed" in kinds else "missing"


def cell_table(cells: pd.DataFrame) -> pd.DataFrame:
    """One row per cell and metric in the frame's order: axes, metric, mean, sd, low, high, n (of seeds), done, failed.

    cells: of `long_table`. sd is over seeds, NaN for fewer than two; low to high is the mean's 95% interval over
    seeds, NaN without one; mean is NaN where no seed is done, or where the cell has no such metric; done and failed
    count seeds.
    """
    keys = [name for name in cells.columns if name not in ("seed", "status", "value")]
    cells = cells.assign(**{status: (cells["status"] == status).astype(int) for status in ("done", "failed")})
    groups = cells.groupby(keys, sort=False, dropna=False)
    values = groups["value"].agg(mean="mean", sd="std", n="count")
    table = values.join(groups[["done", "failed"]].sum()).reset_index()
    for end in ("low", "high"):
        table.insert(table.columns.get_loc("n"), end, np.nan)
    for metric in cells[METRIC].unique():
        those = (table[METRIC] == metric) & (table["n"] > 0)
        by_seed = cells[cells[METRIC] == metric].assign(cell=groups.ngroup())
        matrix = by_seed.pivot(index="cell", columns="seed", values="value").dropna(how="all").to_numpy(dtype=float)
        table.loc[those, ["low", "high"]] = _intervals(matrix, limits(metric))
    return table


def _intervals(values: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.float64]:
    """(cells, 2): each cell's 95% interval over seeds, of (cells, seeds) values; NaN where nothing tells how it varies.

    A cell varies by itself and with the level that all cells of a seed share (see ablations.stats.spread).
    """
    spread, bounds = between_seeds(values), np.full((len(values), 2), np.nan)
    for place, known in enumerate(np.isfinite(values)):
        parts = spread.of(np.eye(len(values))[place], int(known.sum()))
        around = interval(float(values[place, known].mean()), parts, limits=limits) if parts else None
        if around:
            bounds[place] = around.low, around.high
    return bounds


def seed_spread(cells: pd.DataFrame, metric: str) -> Pooled:
    """Seed-to-seed standard deviation of a metric, pooled over the study's cells. cells: of `long_table`."""
    cells = cells[(cells[METRIC] == metric) & cells["value"].notna()]
    keys = [name for name in cells.columns if name not in (METRIC, "seed", "status", "value")]
    if not keys:
        return pooled_sd([cells["value"].to_numpy(dtype=float)])
    return pooled_sd(
        [group.to_numpy(dtype=float) for _, group in cells.groupby(keys, sort=False, dropna=False)["value"]]
    )


def baselines(frame: pd.DataFrame, metric: str) -> dict[str, float]:
    """Mean of a metric for each baseline by name, NaN where none is done or it has none."""
    rows = frame[frame["role"] != "cell"]
    if metric not in rows:
        return {str(role): math.nan for role in rows["role"].unique()}
    return {str(role): float(level) for role, level in rows.groupby("role", sort=False)[metric].mean().items()}


def reference_value(info: StudyInfo) -> AxisValue:
    """The value that all others are compared with, as a frame holds it; the name of a metric where these are compared.

    Raises ValueError where the figure has no reference.
    """
    plot = info.figure
    if plot.compare is None or plot.reference is None:
        raise ValueError("the figure has no reference")
    if plot.compare == METRIC:
        return plot.reference
    values = info.axes[plot.compare]
    reference: AxisValue = axis_array(values)[values.index(plot.reference)]
    return reference


@dataclass(frozen=True)
class Gaps:
    """Cells without a number, by reason, and cells with fewer seeds than the study asks for."""

    cells: int
    missing: int
    failed: int
    short: int


def gaps(frame: pd.DataFrame, seeds: int) -> Gaps:
    """Count the cells of a study whose numbers are absent (running ones are missing as yet) or rest on fewer seeds."""
    cells = once(frame[frame["role"] == "cell"])
    flags = cells.assign(done=cells["status"] == "done", failed=cells["status"] == "failed")
    counts = flags.groupby(axes_of(frame), sort=False, dropna=False)[["done", "failed"]].sum()
    empty, failed = counts["done"] == 0, counts["failed"] > 0
    return Gaps(
        cells=len(counts),
        missing=int((empty & ~failed).sum()),
        failed=int((empty & failed).sum()),
        short=int(((counts["done"] > 0) & (counts["done"] < seeds)).sum()),
    )

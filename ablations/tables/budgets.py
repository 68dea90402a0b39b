"""A study repeated at several training budgets: its frame, levels and agreement with the paper at each of them. Pure.

A budget is the number of image pairs that a cell is trained on: epochs times training images. A claim first holds at a
budget where it holds there and at every larger one at which it is judged.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from ablations.studies.info import StudyInfo
from ablations.studies.plot import Plot
from ablations.tables.cells import cell_table
from ablations.tables.frame import axes_of
from ablations.tables.pairs import is_square, pair_table, paper_agreement
from ablations.tables.published import published

HOLDS, UNDECIDED, FAILS, OPEN = "holds", "undecided", "does not hold", "not measured"  # a claim at a budget
MAP = Plot(kind="pairs")
CELLS = {("crop", "color"): "crop > color", ("color", "crop"): "color > crop", ("crop", "crop"): "crop alone"}


def budgets(info: StudyInfo) -> dict[int, int]:
    """Number of epochs -> image pairs, ascending."""
    epochs = (value for value in info.axes[_along(info)] if isinstance(value, int))
    return {value: value * info.images for value in sorted(epochs)}


def repeated(info: StudyInfo) -> StudyInfo:
    """The context of the study that is repeated, as far as its tables and claims need one."""
    axes = {axis: values for axis, values in info.axes.items() if axis != _along(info)}
    return replace(info, study=info.repeats, axes=axes)


def cut(frame: pd.DataFrame, info: StudyInfo, epochs: int) -> pd.DataFrame:
    """The frame that the repeated study has at that number of epochs: the axis is gone, baselines stay."""
    axis = _along(info)
    here = (frame["role"] != "cell") | (frame[axis] == epochs).fillna(False).astype(bool)
    return frame[here].drop(columns=axis).reset_index(drop=True)


def levels(frame: pd.DataFrame, info: StudyInfo) -> pd.DataFrame:
    """One row per line of the figure and budget: name, hue, epochs, mean, half.

    mean: of top1 over seeds, NaN where cells are missing. half: of its 95% interval, NaN for none; the deviation
    between seeds is pooled over the cells of one budget.
    """
    lines = _of_map if on_map(info) else _of_cells
    rows = [
        (name, hue, epochs, mean, half)
        for epochs in budgets(info)
        for name, hue, mean, half in lines(cut(frame, info, epochs), info)
    ]
    return pd.DataFrame(rows, columns=["name", "hue", "epochs", "mean", "half"])


def agreements(frame: pd.DataFrame, info: StudyInfo) -> pd.DataFrame:
    """Rank agreement with the paper's map at every budget whose map is complete: epochs, over, rho, p, low, high."""
    rows = [
        {"epochs": epochs, "over": over, **asdict(found)}
        for epochs in (budgets(info) if has_papers_map(info) else ())
        for over, found in paper_agreement(cut(frame, info, epochs), repeated(info))
    ]
    return pd.DataFrame(rows, columns=["epochs", "over", "rho", "p", "low", "high"])


def on_map(info: StudyInfo) -> bool:
    """Whether the study that is repeated is a map of pairs."""
    return info.figure.hue is None


def has_papers_map(info: StudyInfo) -> bool:
    """Whether the paper has a map to lay beside that of the repeated study."""
    paper = published(info.paper)
    return on_map(info) and paper is not None and paper.row_average is not None


def judged(verdicts: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Claim -> its rows at the budgets at which it is judged, ascending; none where it is not measured yet.

    verdicts: one row per claim and budget: claim, epochs, outcome.
    """
    known = verdicts[verdicts["outcome"] != OPEN].sort_values("epochs", kind="stable")
    return {claim: known[known["claim"] == claim] for claim in dict.fromkeys(verdicts["claim"])}


def first_held(verdicts: pd.DataFrame) -> dict[str, int | None]:
    """Claim -> the number of epochs at which it first holds (see above), None where it does not."""
    found: dict[str, int | None] = {}
    for claim, rows in judged(verdicts).items():
        held = rows["outcome"].eq(HOLDS)[::-1].cummin()[::-1]  # there and at all that follow
        found[claim] = int(rows.loc[held, "epochs"].iloc[0]) if held.any() else None
    return found


def _along(info: StudyInfo) -> str:
    assert info.figure.x is not None  # Plot.check
    return info.figure.x


def _of_cells(frame: pd.DataFrame, info: StudyInfo) -> Iterator[tuple[str, Any, float, float]]:
    for _, row in cell_table(frame, info.figure).iterrows():
        values = [row[axis] for axis in info.figure.shown(axes_of(frame)) if not pd.isna(row[axis])]
        name = " ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
        yield name, row[info.figure.hue], float(row["mean"]), float(row["half"])


def _of_map(frame: pd.DataFrame, info: StudyInfo) -> Iterator[tuple[str, Any, float, float]]:
    """The cells that the claims speak of, the best single and the mean of all pairs, NaN where one of these is missing.

    Of a map without crop, or whose rows are not its columns, less.
    """
    axes = repeated(info).axes
    table, cells = pair_table(frame, axes), cell_table(frame, MAP).set_index(list(axes))
    for pair, name in CELLS.items():
        if pair in cells.index:
            yield name, name, float(cells.loc[pair, "mean"]), float(cells.loc[pair, "half"])
    values, single = table.to_numpy(dtype=float, na_value=np.nan), np.zeros(table.shape, dtype=bool)
    if is_square(table):
        np.fill_diagonal(single, True)
        yield "best single", "best single", float(values[single].max()), np.nan
    yield "mean of all pairs", "mean of all pairs", float(values[~single].mean()), np.nan

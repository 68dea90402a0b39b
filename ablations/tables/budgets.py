"""A study repeated at several training budgets: its frame, levels and agreement with the paper at each of them. Pure.

A budget is the number of image pairs that a cell is trained on: epochs times training images. A claim first holds at a
budget where it holds there and at every larger one at which it is judged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ablations.studies.info import StudyInfo
from ablations.studies.plot import METRIC, Plot
from ablations.tables.pairs import is_square

HOLDS, UNDECIDED, FAILS, OPEN = "holds", "undecided", "does not hold", "not measured"  # a claim at a budget
LEVEL = ["mean", "low", "high"]
CELLS = {("crop", "color"): "crop > color", ("color", "crop"): "color > crop", ("crop", "crop"): "crop alone"}


def budgets(info: StudyInfo) -> dict[int, int]:
    """Number of epochs -> image pairs, ascending."""
    epochs = (value for value in info.axes[_along(info)] if isinstance(value, int))
    return {value: value * info.images for value in sorted(epochs)}


def repeated(info: StudyInfo) -> StudyInfo:
    """The study that is repeated, as far as its tables need to know it."""
    axes = {axis: values for axis, values in info.axes.items() if axis != _along(info)}
    figure = info.figure if info.figure.hue else Plot(kind="pairs", metrics=(info.headline,))
    return replace(info, study=info.repeats, axes=axes, figure=figure)


def cut(frame: pd.DataFrame, info: StudyInfo, epochs: int) -> pd.DataFrame:
    """The frame that the repeated study has at that number of epochs: the axis is gone, baselines stay."""
    axis = _along(info)
    here = (frame["role"] != "cell") | (frame[axis] == epochs).fillna(False).astype(bool)
    return frame[here].drop(columns=axis).reset_index(drop=True)


def judged(verdicts: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Claim -> its rows at the budgets at which it is judged, ascending; none where it is not measured yet.

    verdicts: one row per claim and budget: claim, epochs, outcome.
    """
    known = verdicts[verdicts["outcome"] != OPEN].sort_values("epochs", kind="stable")
    return {claim: known[known["claim"] == claim] for claim in dict.fromkeys(verdicts["claim"])}


def first_held(known: Mapping[str, pd.DataFrame]) -> dict[str, int | None]:
    """Claim -> the number of epochs at which it first holds (see above), None where it does not. known: of `judged`."""
    first: dict[str, int | None] = {}
    for claim, rows in known.items():
        held = rows["outcome"].eq(HOLDS)[::-1].cummin()[::-1]  # there and at all that follow
        first[claim] = int(rows.loc[held, "epochs"].iloc[0]) if held.any() else None
    return first


def lines_of_cells(cells: pd.DataFrame, hue: str) -> Iterator[tuple[Any, ...]]:
    """A line of the figure for each cell of one budget: name, hue, mean, low, high."""
    axes = list(cells.columns[: cells.columns.get_loc(METRIC)])
    for _, row in cells.iterrows():
        values = [row[axis] for axis in axes if not pd.isna(row[axis])]
        name = " ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
        yield name, row[hue], *map(float, row[LEVEL])


def lines_of_map(cells: pd.DataFrame, table: pd.DataFrame, composed: bool) -> Iterator[tuple[Any, ...]]:
    """The cells that the claims speak of, the best single and the mean of all pairs, NaN where one of these is missing.

    Of a map without crop, whose rows are not its columns, or that is not `composed` of transformations, less.
    cells: the map's own, a row each; table: the map.
    """
    cells = cells.set_index(list(cells.columns[: cells.columns.get_loc(METRIC)]))
    for pair, name in CELLS.items():
        if pair in cells.index:
            yield name, name, *map(float, cells.loc[pair, LEVEL])
    values, single = table.to_numpy(dtype=float, na_value=np.nan), np.zeros(table.shape, dtype=bool)
    if composed and is_square(table):
        np.fill_diagonal(single, True)
        yield "best single", "best single", float(values[single].max()), np.nan, np.nan
    rest = "mean of all pairs" if composed else "mean of all cells"
    yield rest, rest, float(values[~single].mean()), np.nan, np.nan


def _along(info: StudyInfo) -> str:
    assert info.figure.x is not None  # Plot.check
    return info.figure.x

"""Study frame -> maps of pairs: what a pair reaches, what it adds to its parts, what its order does. Pure."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ablations.stats.agreement import Agreement, rank_agreement
from ablations.studies.info import Axes
from ablations.studies.metrics import LABELED
from ablations.tables.frame import axis_array, done_cells


def synergy_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each pair minus the better of its two singles; NaN on the diagonal, whose cells are the singles.

    pairs: first down, second across, the same names; a pair with a part that is not measured is NaN.
    """
    singles = np.diag(pairs.to_numpy(dtype=float, na_value=np.nan))
    better = np.maximum(singles[:, None], singles[None, :])  # NaN where either is
    table = pairs.astype(float) - better
    np.fill_diagonal(values := table.to_numpy(copy=True), np.nan)
    return pd.DataFrame(values, index=pairs.index, columns=pairs.columns)


def order_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """first > second minus second > first, above the diagonal; NaN on it and below, where it would say the same."""
    values = pairs.to_numpy(dtype=float, na_value=np.nan)
    difference = np.where(np.triu(np.ones(values.shape, dtype=bool), k=1), values - values.T, np.nan)
    return pd.DataFrame(difference, index=pairs.index, columns=pairs.columns)


def is_square(pairs: pd.DataFrame) -> bool:
    """Whether first and second take the same values, without which there are no singles."""
    return list(pairs.index) == list(pairs.columns) and len(pairs) > 1


def pair_table(frame: pd.DataFrame, axes: Axes, metric: str = LABELED) -> pd.DataFrame:
    """Mean of a metric over the seeds done: first axis down, second across, as `axes` has them; other cells are NaN."""
    cells = done_cells(frame)
    cells = cells if metric in cells else cells.assign(**{metric: math.nan})
    return _grid(cells.groupby(list(axes), sort=False)[metric].mean(), axes)


def pair_failed(frame: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    """Same shape as `pair_table`: True where a seed failed and none is done."""
    cells = frame[frame["role"] == "cell"]
    flags = cells.assign(failed=cells["status"] == "failed", done=cells["status"] == "done")
    tried = flags.groupby(list(axes), sort=False)[["failed", "done"]].any()
    return _grid(tried["failed"] & ~tried["done"], axes) == 1


def _grid(cells: "pd.Series[float]", axes: Axes) -> pd.DataFrame:
    rows, columns = (pd.Index(list(axis_array(values)), dtype=object) for values in axes.values())
    table = cells.astype(float).unstack() if len(cells) else pd.DataFrame(dtype=float)
    return table.reindex(index=rows, columns=columns)


def row_average(table: pd.DataFrame) -> "pd.Series[float]":
    """The paper's extra column: the mean of each row.

    NaN for a row with a missing cell: over fewer cells it would not compare with the other rows.
    """
    return table.mean(axis=1, skipna=False)


def paper_agreement(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[tuple[str, Agreement]]:
    """Rank agreement of our map with the paper's, over all cells and without crop, which leads the paper's map.

    Empty if ours lacks one of its cells; names beyond the paper's are left out.
    """
    agreements = []
    for label, names in (("all cells", theirs.index), ("those without crop", theirs.index.drop("crop"))):
        both = (ours.reindex(index=names, columns=names), theirs.loc[names, names])
        agreement = rank_agreement(both[0].to_numpy(), both[1].to_numpy())
        agreements += [(label, agreement)] if agreement else []
    return agreements


@dataclass(frozen=True)
class Best:
    """The highest of some cells."""

    first: str
    second: str
    value: float


def best(table: pd.DataFrame, single: bool) -> Best | None:
    """The highest cell of a pair table: on the diagonal if `single`, else off it; None if none is measured."""
    values = table.to_numpy(dtype=float, na_value=np.nan)
    cells = [
        Best(str(first), str(second), value)
        for first, row in zip(table.index, values.tolist(), strict=True)
        for second, value in zip(table.columns, row, strict=True)
        if (first == second) == single and not math.isnan(value)
    ]
    return max(cells, key=lambda cell: cell.value, default=None)

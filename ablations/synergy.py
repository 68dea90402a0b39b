"""What a pair adds to its parts, and what the order does: two tables from a map of pairs. Pure, in points."""

import numpy as np
import pandas as pd


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

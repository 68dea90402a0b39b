"""How much cells vary from seed to seed: each cell's variance, steadied by those of all the others.

Few seeds say little about the variance of one cell, and a study has many cells. Pooling them all assumes that they vary
alike, which cells that learned and cells that did not do not. So each cell's variance is moderated (Smyth, 2004, as in
limma): a weighted mean of its own and of a typical one, the weights estimated from how much the cells' variances differ
beyond chance. Where they do not, this is the pooled variance with its degrees of freedom.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import polygamma, psi

from ablations.statistics import Part

Matrix = NDArray[np.float64]

TINY = 1e-4  # of the median variance: cells that did not vary at all would have a logarithm of minus infinity


@dataclass(frozen=True)
class Spread:
    """variances: (cells,), of one seed's value around the cell's mean; NaN where nothing is known.

    Their degrees of freedom: `own` that a cell brings, `prior` of the typical variance, `whole` of all cells together.
    """

    variances: Matrix
    own: float
    prior: float
    whole: float

    def of(self, weights: Matrix, seeds: int) -> Part | None:
        """The uncertainty of the weighted sum of cells, (cells,) weights, averaged over that many seeds.

        None where nothing is known. Its degrees of freedom are those of one cell, on the safe side: moderated variances
        share their typical part.
        """
        if self.whole <= 0:
            return None
        variance = float(np.square(weights[weights != 0]) @ self.variances[weights != 0]) / seeds
        return Part(variance, min(self.prior + self.own, self.whole))


def between_seeds(values: Matrix) -> Spread:
    """values: (cells, seeds), NaN where missing. The variance of a cell's values, seeds taken as independent."""
    n = np.isfinite(values).sum(axis=1)
    rest = values - _means(values, 1)
    return _spread((np.nan_to_num(rest) ** 2).sum(axis=1), np.maximum(n - 1.0, 0.0))


def beyond_shared_seeds(values: Matrix) -> Spread:
    """The same, of what is left when every seed's own level is taken out: cells of one seed share their streams.

    A contrast whose weights sum to 0 does not see that level, so this is its variance.
    """
    known = np.isfinite(values)
    used = known.sum(axis=1) > 1
    rest = np.where(used[:, None], values, np.nan)
    rest = rest - _means(rest, 1)
    for _ in range(200):  # exact at once where nothing is missing
        before = rest
        rest = rest - _means(rest, 0)
        rest = rest - _means(rest, 1)
        if np.nanmax(np.abs(rest - before), initial=0.0) < 1e-9:
            break
    n = np.where(used, known.sum(axis=1), 0)
    seeds = (known & used[:, None]).any(axis=0).sum()
    cells = used.sum()
    df = (n - 1.0).clip(0) * ((cells - 1) / cells if cells else 0.0)  # together (cells - 1)(seeds - 1)
    df *= 0.0 if seeds < 2 or cells < 2 else 1.0
    return _spread((np.nan_to_num(rest) ** 2).sum(axis=1), df)


def _means(values: Matrix, axis: int) -> Matrix:
    known = np.isfinite(values)
    count = known.sum(axis=axis, keepdims=True)
    total = np.where(known, values, 0.0).sum(axis=axis, keepdims=True)
    means: Matrix = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    return means


def _spread(squares: Matrix, df: Matrix) -> Spread:
    """squares: (cells,) sums of squared deviations with those degrees of freedom."""
    whole, known = float(df.sum()), df > 0
    if whole <= 0:
        return Spread(np.full(len(squares), np.nan), 0.0, 0.0, 0.0)
    pooled = float(squares.sum()) / whole
    each = whole / float(known.sum())
    own = np.divide(squares, df, out=np.full(len(squares), pooled), where=known)
    prior, typical = _prior(own[known], df[known]) if known.sum() > 2 and pooled > 0 else (inf, pooled)
    if prior == inf:
        return Spread(np.full(len(squares), pooled), each, inf, whole)
    return Spread((prior * typical + df * own) / (prior + df), each, prior, whole)


def _prior(own: Matrix, df: Matrix) -> tuple[float, float]:
    """Degrees of freedom and value of the typical variance, by the moments of the logarithms of the cells' variances.

    Infinitely many where the variances differ no more than equal ones would.
    """
    logs = np.log(np.maximum(own, TINY * np.median(own[own > 0]))) - psi(df / 2) + np.log(df / 2)
    excess = float(logs.var(ddof=1) - polygamma(1, df / 2).mean())
    if excess <= 1e-6:
        return inf, float("nan")
    half = brentq(lambda x: float(polygamma(1, x)) - excess, 1e-6, 1e9)
    return 2 * half, float(np.exp(logs.mean() + psi(half) - np.log(half)))

"""How much cells vary from seed to seed: each cell's variance, steadied by those of all the others.

Few seeds say little about the variance of one cell, and a study has many cells. Pooling them all assumes that they vary
alike, which cells that learned and cells that did not do not. So each cell's variance is moderated (Smyth, 2004, as in
limma): a weighted mean of its own and of a typical one, the weights estimated from how much the cells' variances differ
beyond chance. Where they do not, this is the pooled variance with its degrees of freedom. A single wild cell among many
tame ones hardly moves these weights and would be held for tame, so a cell that varies beyond what the others explain
has its own variance alone.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import polygamma, psi
from scipy.stats import f

from ablations.stats.intervals import Uncertainty

Matrix = NDArray[np.float64]

WILD = 0.01  # chance that a cell is taken for wild which is not
TINY = 1e-4  # of the median variance: cells that did not vary at all would have a logarithm of minus infinity


@dataclass(frozen=True)
class Spread:
    """variances: (cells,), of one seed's value around the cell's mean; NaN where nothing is known.

    Their degrees of freedom: `own` that a cell brings, `prior` of the typical variance, `whole` of all cells together.
    wild: (cells,), those that vary beyond what the typical variance explains: their variance is their own alone.
    """

    variances: Matrix
    own: float
    prior: float
    whole: float
    wild: NDArray[np.bool_]

    def of(self, weights: Matrix, seeds: int) -> Uncertainty | None:
        """The uncertainty of the weighted sum of cells, (cells,) weights, averaged over that many seeds.

        None where nothing is known. Its degrees of freedom are those of one cell, on the safe side: moderated variances
        share their typical part. Wild cells bring their own (Satterthwaite).
        """
        if self.whole <= 0:
            return None
        shares = np.where(weights == 0, 0.0, np.square(weights) * self.variances / seeds)
        tame, df = float(shares[~self.wild].sum()), min(self.prior + self.own, self.whole)
        variance = float(shares.sum())
        unsure = tame**2 / df + float(np.square(shares[self.wild]).sum()) / self.own
        return Uncertainty(variance, variance**2 / unsure if unsure > 0 else df)


def between_seeds(values: Matrix) -> Spread:
    """values: (cells, seeds), NaN where missing. The variance of a cell's values, seeds taken as independent."""
    n = np.isfinite(values).sum(axis=1)
    rest = values - _means(values, 1)
    return _spread((np.nan_to_num(rest) ** 2).sum(axis=1), np.maximum(n - 1.0, 0.0))


def beyond_shared_seeds(values: Matrix) -> Spread:
    """The same, of what is left when every seed's own level is taken out: cells of one seed share their streams.

    A contrast whose weights sum to 0 does not see that level, so this is its variance. The levels are those of least
    squares, and a cell's degrees of freedom are what their fit leaves it: (cells - 1)(seeds - 1) together where nothing
    is missing.
    """
    known = np.isfinite(values)
    known &= known.sum(axis=1, keepdims=True) > 1  # a cell with one value says nothing
    n = np.maximum(known.sum(axis=1, keepdims=True), 1)
    share, present = known / n, known.astype(np.float64)
    inverse = np.linalg.pinv(np.diag(present.sum(axis=0)) - share.T @ present, rcond=1e-9, hermitian=True)
    centered = np.where(known, values - _means(np.where(known, values, np.nan), 1), 0.0)
    levels = inverse @ centered.sum(axis=0)
    rest = np.where(known, centered - levels + (share @ levels)[:, None], 0.0)
    own_level = share @ inverse  # (cells, seeds)
    leverage = 1 / n + np.diag(inverse) - 2 * own_level + (own_level * share).sum(axis=1, keepdims=True)
    df = np.where(known, 1 - leverage, 0.0).sum(axis=1)
    return _spread((rest**2).sum(axis=1), np.where(df > 1e-6, df, 0.0))


def _means(values: Matrix, axis: int) -> Matrix:
    known = np.isfinite(values)
    count = known.sum(axis=axis, keepdims=True)
    total = np.where(known, values, 0.0).sum(axis=axis, keepdims=True)
    means: Matrix = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    return means


def _spread(squares: Matrix, df: Matrix) -> Spread:
    """squares: (cells,) sums of squared deviations with those degrees of freedom."""
    whole, known = float(df.sum()), df > 0
    wild = np.zeros(len(squares), dtype=np.bool_)
    if whole <= 0:
        return Spread(np.full(len(squares), np.nan), 0.0, 0.0, 0.0, wild)
    pooled = float(squares.sum()) / whole
    each = whole / float(known.sum())
    own = np.divide(squares, df, out=np.full(len(squares), pooled), where=known)
    if known.sum() < 3 or pooled == 0:
        return Spread(np.full(len(squares), pooled), each, inf, whole, wild)
    prior, typical = _prior(own[known], df[known])
    if prior == inf:
        others = np.maximum(float(squares.sum()) - squares, TINY * pooled) / (whole - df)
        moderated = np.full(len(squares), pooled)
        wild[known] = f.sf(own / others, df, whole - df)[known] < WILD
    else:
        moderated = (prior * typical + df * own) / (prior + df)
        wild[known] = f.sf(own[known] / typical, df[known], prior) < WILD
    return Spread(np.where(wild, own, moderated), each, prior, whole, wild)


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

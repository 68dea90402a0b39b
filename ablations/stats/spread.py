"""Variation of cells from seed to seed: each cell's variance, steadied by those of all the others.

Few seeds say little about the variance of one cell, and a study has many cells. Pooling them all assumes that they vary
alike, which cells that learned and cells that did not do not. So each cell's variance is moderated (Smyth, 2004,
Statistical Applications in Genetics and Molecular Biology 3:3, as in limma): a weighted mean of its own and of a
typical one, the weights estimated from how much the cells' variances differ beyond chance. Where they do not, this is
the pooled variance with its degrees of freedom. How much they differ is itself known badly from a dozen cells, and
intervals are too narrow where it is taken for too little: it is taken at one standard error above its estimate. A
single wild cell among many tame ones hardly moves these weights and would be held for tame, so a cell that varies
beyond what the others explain has its own variance alone.

A seed has a level that all cells share, since they share its streams. It is taken out before cells are compared with
each other, and is a source of its own in what does not cancel it: a cell's level, a mean over cells.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import fdtrc, polygamma, psi, zeta

from ablations.stats.intervals import Uncertainty

Matrix = NDArray[np.float64]

WILD = 0.1  # chance that a cell is taken for wild which is not; docs/verdicts.md has what less and more would cost
CAUTION = 1.0  # standard errors that the cells are taken to differ more than they seem to
TINY = 1e-5  # of the median variance, as in limma: a cell that did not vary would have a logarithm of minus infinity


@dataclass(frozen=True)
class Spread:
    """How a metric varies over the seeds of a study.

    variances: (cells,), of one seed's value around the cell's mean and the seed's level; NaN where nothing is known.
    df: (cells,), their degrees of freedom. wild: (cells,), those that vary beyond what the others explain: their
    variance is their own alone. level: of one seed's mean over all cells; None where fewer than two seeds tell.
    """

    variances: Matrix
    df: Matrix
    wild: NDArray[np.bool_]
    level: Uncertainty | None

    def of(self, weights: Matrix, seeds: int) -> tuple[Uncertainty, ...]:
        """The uncertainty of the weighted sum of cells, (cells,) weights, averaged over that many seeds.

        A sum is the mean over all cells, as often as the weights add up to, and what its cells have beyond that mean;
        of a difference, whose weights add up to 0, the second alone. Moderated variances share their typical part, so
        they are one source, with the degrees of freedom of the cell that has fewest; a wild cell is one by itself.
        Empty where nothing is known.
        """
        parts = []
        total = float(weights.sum())
        if abs(total) > 1e-9:
            if self.level is None:
                return ()
            parts.append(Uncertainty(total**2 * self.level.variance / seeds, self.level.df))
            weights = weights - total / len(weights)
        there = np.abs(weights) > 1e-12
        if np.isnan(self.variances[there]).any():
            return ()
        shares = np.square(weights) * np.where(there, self.variances, 0.0) / seeds
        if (tame := there & ~self.wild).any():
            parts.append(Uncertainty(float(shares[tame].sum()), float(self.df[tame].min())))
        return (*parts, *(Uncertainty(float(shares[i]), float(self.df[i])) for i in np.flatnonzero(there & self.wild)))


def between_seeds(values: Matrix) -> Spread:
    """Estimate how cells vary from values (cells, seeds), NaN where missing; every cell has one.

    The seeds' levels are those of least squares (a two-way analysis of variance), and a cell's degrees of freedom are
    what their fit leaves it: (cells - 1)(seeds - 1) together where nothing is missing.
    """
    known = np.isfinite(values)
    known &= known.sum(axis=1, keepdims=True) > 1  # a cell with one value says nothing
    n = np.maximum(known.sum(axis=1, keepdims=True), 1)
    share, present = known / n, known.astype(np.float64)
    normal = np.diag(present.sum(axis=0)) - share.T @ present
    inverse = np.linalg.pinv(normal, rcond=1e-9, hermitian=True)
    means = np.where(known, values, 0.0).sum(axis=1, keepdims=True) / n
    centered = np.where(known, values - means, 0.0)
    levels = inverse @ centered.sum(axis=0)
    rest = np.where(known, centered - levels + (share @ levels)[:, None], 0.0)
    own_level = share @ inverse  # (cells, seeds)
    leverage = 1 / n + np.diag(inverse) - 2 * own_level + (own_level * share).sum(axis=1, keepdims=True)
    df = np.where(known, 1 - leverage, 0.0).sum(axis=1)
    rank = round(float(np.trace(inverse @ normal)))  # seeds - 1, where cells connect them all
    level = Uncertainty(float(np.square(levels).sum()) / rank, rank) if rank else None
    return Spread(*_moderated((rest**2).sum(axis=1), np.where(df > 1e-6, df, 0.0)), level)


def _moderated(squares: Matrix, df: Matrix) -> tuple[Matrix, Matrix, NDArray[np.bool_]]:
    """Variances, their degrees of freedom, and which cells are wild, of (cells,) sums of squares with those df."""
    whole, known = float(df.sum()), df > 0
    wild = np.zeros(len(squares), dtype=np.bool_)
    if whole <= 0:
        return np.full(len(squares), np.nan), df, wild
    pooled = float(squares.sum()) / whole
    own = np.divide(squares, df, out=np.full(len(squares), pooled), where=known)
    if known.sum() < 3 or pooled == 0:
        return np.full(len(squares), pooled), np.full(len(squares), whole), wild
    prior, typical = typical_variance(own[known], df[known])
    if prior == inf:
        others = np.maximum(float(squares.sum()) - squares, TINY * pooled) / (whole - df)
        variances = np.full(len(squares), pooled)
        wild[known] = fdtrc(df, whole - df, own / others)[known] < WILD
    else:
        variances = (prior * typical + df * own) / (prior + df)
        wild[known] = fdtrc(df[known], prior, own[known] / typical) < WILD
    return np.where(wild, own, variances), np.where(wild, df, np.minimum(prior + df, whole)), wild


def typical_variance(own: Matrix, df: Matrix, caution: float = CAUTION) -> tuple[float, float]:
    """Degrees of freedom and value of the typical one of these variances, (cells,) with those degrees of freedom.

    By the moments of their logarithms (Smyth, 2004); infinitely many degrees of freedom where the variances differ no
    more than equal ones would. caution: standard errors, of equal ones, that are added to what they differ by; with 0
    it is limma's.
    """
    median = float(np.median(own)) or float(np.median(own[own > 0]))
    logs = np.log(np.maximum(own, TINY * median)) - psi(df / 2) + np.log(df / 2)
    chance, fourth, n = float(polygamma(1, df / 2).mean()), float(polygamma(3, df / 2).mean()), len(own)
    error = ((fourth + 2 * n / (n - 1) * chance**2) / n) ** 0.5  # of a sample variance, by its fourth cumulant
    excess = float(logs.var(ddof=1)) - chance + caution * error
    if excess <= 1e-6:
        return inf, float("nan")
    half = brentq(lambda x: float(zeta(2, x)) - excess, 1e-6, 1e9)  # the trigamma function, a hundred times faster
    return 2 * half, float(np.exp(logs.mean() + psi(half) - np.log(half)))

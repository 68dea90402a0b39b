"""Agreement of two maps over the same names: do they rank their cells alike?"""

from dataclasses import dataclass
from itertools import permutations
from math import isfinite, nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from scipy.stats import t as student


@dataclass(frozen=True)
class Agreement:
    """Spearman's rho over all cells of two square maps and its exact two-sided permutation p.

    low, high: a 95% jackknife interval from leaving one name out at a time; NaN for fewer than four names, or where a
    map without one of them has no order.
    """

    rho: float
    p: float
    low: float
    high: float
    cells: int
    relabelings: int


def rank_agreement(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Agreement | None:
    """Compare two (k, k) maps whose rows and columns carry the same k names; None unless both are complete.

    The cells are not independent: a good transformation lifts its whole row and column. So the null hypothesis
    shuffles names, rows and columns together: p is the share of all k! relabelings of our map, the identity among
    them, whose |rho| is at least as large. A constant map has no order, hence None. Meant for k up to 8.
    """
    if ours.shape != theirs.shape or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return None
    k = len(ours)
    ranks, target = _centered_ranks(ours), _centered_ranks(theirs)
    scale = float(np.sqrt((ranks**2).sum() * (target**2).sum()))
    if scale == 0:
        return None
    names = np.array(list(permutations(range(k))))  # (k!, k); the identity comes first
    relabeled = ranks[names[:, :, None], names[:, None, :]]  # (k!, k, k)
    rho = np.einsum("nij,ij->n", relabeled, target) / scale
    as_large = np.abs(rho) >= abs(rho[0]) - 1e-9  # equal sums may differ in the last bits
    low, high = _jackknife(ours, theirs, float(rho[0]))
    return Agreement(float(rho[0]), float(as_large.mean()), low, high, cells=k * k, relabelings=len(names))


def _jackknife(ours: NDArray[np.float64], theirs: NDArray[np.float64], whole: float) -> tuple[float, float]:
    """95% interval of rho from Tukey's pseudo-values: a name, with its row and its column, is the unit."""
    k = len(ours)
    if k < 4:
        return nan, nan
    left = [np.delete(np.arange(k), i) for i in range(k)]
    pseudo = np.array([k * whole - (k - 1) * _rho(ours[np.ix_(i, i)], theirs[np.ix_(i, i)]) for i in left])
    half = float(student.ppf(0.975, k - 1)) * float(pseudo.std(ddof=1)) / sqrt(k)
    if not isfinite(half):
        return nan, nan
    return max(-1.0, float(pseudo.mean()) - half), min(1.0, float(pseudo.mean()) + half)


def _rho(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    ranks, target = _centered_ranks(ours), _centered_ranks(theirs)
    scale = sqrt(float((ranks**2).sum() * (target**2).sum()))
    return float((ranks * target).sum()) / scale if scale else nan


def _centered_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks over all cells, ties averaged, minus their mean; same shape."""
    ranks = np.asarray(rankdata(values), dtype=np.float64).reshape(values.shape)
    return ranks - float(ranks.mean())

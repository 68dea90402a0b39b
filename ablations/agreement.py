"""Do two maps over the same names rank their cells alike?"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


@dataclass(frozen=True)
class Agreement:
    """Spearman's rho over all cells of two square maps and its exact two-sided permutation p."""

    rho: float
    p: float
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
    return Agreement(rho=float(rho[0]), p=float(as_large.mean()), cells=k * k, relabelings=len(names))


def _centered_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks over all cells, ties averaged, minus their mean; same shape."""
    ranks = np.asarray(rankdata(values), dtype=np.float64).reshape(values.shape)
    return ranks - float(ranks.mean())

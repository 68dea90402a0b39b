"""The interval over seeds of thousands of complete studies at once: ablations.stats.spread, written another way."""

import numpy as np
from scipy.special import fdtrc, polygamma, psi, stdtrit

from ablations.stats.spread import CAUTION, TINY, WILD


class Studies:
    """values: (studies, cells, seeds), three cells or more, nothing missing. caution, wild: other choices than ours."""

    def __init__(self, values, caution=CAUTION, wild=WILD):
        self.caution, self.chance_wild = caution, wild
        _, self.cells, self.seeds = values.shape
        self.means = values.mean(axis=2)
        levels = values.mean(axis=1) - values.mean(axis=(1, 2))[:, None]
        self.level = (levels**2).sum(axis=1) / (self.seeds - 1)
        squares = ((values - self.means[:, :, None] - levels[:, None]) ** 2).sum(axis=2)
        whole = (self.cells - 1) * (self.seeds - 1)
        self.df = whole / self.cells
        self.pooled = squares.sum(axis=1) / whole
        self._moderate(squares / self.df, whole)

    def _moderate(self, own, whole):
        df, n = self.df, self.cells
        logs = np.log(np.maximum(own, TINY * np.median(own, axis=1, keepdims=True))) - psi(df / 2) + np.log(df / 2)
        chance = polygamma(1, df / 2)
        error = np.sqrt((polygamma(3, df / 2) + 2 * n / (n - 1) * chance**2) / n)
        excess = logs.var(axis=1, ddof=1) - chance + self.caution * error
        alike = (excess <= 1e-6)[:, None]
        half = inverse_trigamma(np.where(alike[:, 0], 1.0, excess))
        typical, prior = np.exp(logs.mean(axis=1) + psi(half) - np.log(half))[:, None], 2 * half[:, None]
        others = (self.pooled[:, None] * whole - own * df) / (whole - df)
        self.wild = (
            np.where(alike, fdtrc(df, whole - df, own / others), fdtrc(df, prior, own / typical)) < self.chance_wild
        )
        moderated = np.where(alike, self.pooled[:, None], (prior * typical + df * own) / (prior + df))
        self.variances = np.where(self.wild, own, moderated)
        self.tame_df = np.where(alike, whole, np.minimum(prior + df, whole))

    def half(self, weights, level=0.95):
        """(studies,) half of the interval of a weighted sum of cells."""

        def t(df):
            return stdtrit(df, (1 + level) / 2)

        total = np.sum(weights)
        beyond = np.asarray(weights) - total / self.cells
        shares = beyond**2 * self.variances / self.seeds
        tame = np.where(self.wild, 0.0, shares).sum(axis=1) * t(self.tame_df[:, 0]) ** 2
        wild = np.where(self.wild, shares, 0.0).sum(axis=1) * t(self.df) ** 2
        return np.sqrt(tame + wild + (t(self.seeds - 1) * total) ** 2 * self.level / self.seeds)

    def gap(self, i, j, level=0.95):
        """(studies,) cell i minus cell j, and half of the interval of that."""
        weights = np.eye(self.cells)[i] - np.eye(self.cells)[j]
        return self.means[:, i] - self.means[:, j], self.half(weights, level)

    def half_pooled(self, level=0.95):
        """(studies,) half of the interval of a difference, were all cells known to vary alike."""
        return stdtrit((self.cells - 1) * (self.seeds - 1), (1 + level) / 2) * np.sqrt(2 * self.pooled / self.seeds)


def inverse_trigamma(value):
    """By Newton's method on 1 / trigamma (Smyth, 2004, appendix)."""
    found = 0.5 + 1 / value
    for _ in range(40):
        now = polygamma(1, found)
        found = found + now * (1 - now / value) / polygamma(2, found)
    return found

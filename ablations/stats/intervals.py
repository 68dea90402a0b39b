"""The arithmetic behind every interval the project prints: small pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import t as student

Z95 = 1.959963984540054  # the 97.5% quantile of the standard normal


def wilson_half_width(percent: float, n: int) -> float:
    """Half the Wilson 95% interval of an accuracy measured on n images, in points."""
    share = percent / 100
    spread = sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return 100 * Z95 * spread / (1 + Z95**2 / n)


@dataclass(frozen=True)
class Pooled:
    """A standard deviation pooled over groups; nan where no group has two values (df 0)."""

    sd: float
    df: int

    def half_width(self, n: int) -> float:
        """Half the 95% t interval of the mean of n values; nan without degrees of freedom."""
        return float(student.ppf(0.975, self.df)) * self.sd / sqrt(n) if self.df else float("nan")


def pooled_sd(groups: Sequence[NDArray[np.float64]]) -> Pooled:
    """Within-group standard deviation over all groups: few seeds each, but many cells."""
    df = sum(len(group) - 1 for group in groups if len(group))
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups if len(group))
    return Pooled(sd=sqrt(squares / df) if df else float("nan"), df=df)


@dataclass(frozen=True)
class Uncertainty:
    """One source of uncertainty: the variance of the mean it causes, and its degrees of freedom."""

    variance: float
    df: float


@dataclass(frozen=True)
class Interval:
    """A t interval."""

    low: float
    high: float
    df: float


def part_of(values: NDArray[np.float64]) -> Uncertainty | None:
    """The uncertainty of the mean of independent values; None for fewer than two."""
    if len(values) < 2:
        return None
    return Uncertainty(variance=float(values.var(ddof=1)) / len(values), df=len(values) - 1)


def interval(mean: float, parts: Sequence[Uncertainty], level: float = 0.95) -> Interval:
    """Interval of a mean whose independent sources of uncertainty add up (Welch-Satterthwaite).

    Seeds and test images as the two parts make it slightly wide, never narrow: what is specific to one seed and one
    image is counted in both.
    """
    variance = sum(part.variance for part in parts)
    if variance == 0:
        return Interval(mean, mean, inf)
    df = variance**2 / sum(part.variance**2 / part.df for part in parts)
    half = float(stdtrit(df, (1 + level) / 2)) * sqrt(variance)  # student.ppf, a hundred times faster
    return Interval(mean - half, mean + half, df)

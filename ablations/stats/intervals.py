"""Intervals of means: the arithmetic behind every one that the project prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

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
    """The values that the data do not exclude, from low to high."""

    low: float
    high: float


def uncertainty(values: NDArray[np.float64]) -> Uncertainty | None:
    """The uncertainty of the mean of independent values; None for fewer than two."""
    if len(values) < 2:
        return None
    return Uncertainty(variance=float(values.var(ddof=1)) / len(values), df=len(values) - 1)


def widest_uncertainty(mean: float, sd: float, n: int, low: float, high: float) -> Uncertainty:
    """What `bounded_uncertainty` is at most for n values in [low, high] of that mean, whose deviation is at most sd."""
    more = n + 2
    square = (n * (sd**2 + mean**2) + low**2 + high**2) / more
    return Uncertainty(variance=(square - ((n * mean + low + high) / more) ** 2) / more, df=more - 1)


def bounded_uncertainty(values: NDArray[np.float64], low: float, high: float) -> Uncertainty | None:
    """The uncertainty of the mean of independent values that cannot leave [low, high]; None for no value.

    Two values more are counted as seen, one at either end: where all n are equal, it is not zero but what n values can
    exclude, nearly the rule of three (26 of -100, 0 or 100 that are all 0: a 95% interval of -10 to +10). For the
    difference of two paired proportions this is the variance of Bonett and Price (2012, Journal of Educational and
    Behavioral Statistics 37:479-488). With thousands of values it is that of `uncertainty`.
    """
    if not len(values):
        return None
    more = np.append(values, (low, high))
    return Uncertainty(variance=float(more.var()) / len(more), df=len(more) - 1)


def grouped_uncertainty(
    values: NDArray[np.float64], groups: NDArray[np.integer[Any]], low: float, high: float
) -> Uncertainty | None:
    """The uncertainty of the mean of values in [low, high] that come in (n,) groups, such as the images of a patient.

    Groups are independent, not values: the sums of a group's residuals are squared and added, times G / (G - 1), with
    G - 1 degrees of freedom for G groups (Liang and Zeger, 1986, Biometrika 73:13-22; CR1 in econometrics). Never less
    than of independent values; and where all values are equal, what so many groups can exclude, by
    `bounded_uncertainty`. None for fewer than two groups.
    """
    names, places = np.unique(groups, return_inverse=True)
    n_groups = len(names)
    if n_groups < 2:
        return None
    if np.ptp(values) == 0:
        return bounded_uncertainty(values[:n_groups], low, high)
    alone = bounded_uncertainty(values, low, high)
    assert alone is not None  # there are values
    sums = np.bincount(places, weights=values - values.mean())
    variance = float(np.square(sums).sum()) / len(values) ** 2 * n_groups / (n_groups - 1)
    return Uncertainty(max(variance, alone.variance), n_groups - 1)


def interval(
    mean: float, parts: Sequence[Uncertainty], level: float = 0.95, limits: tuple[float, float] = (-inf, inf)
) -> Interval | None:
    """Interval of a mean whose independent sources of uncertainty add up: half = sqrt(sum of (t times its error)^2).

    t is Student's at the source's own degrees of freedom. It covers at least as often as it says, however the sources
    relate (Banerjee, 1960, Sankhya 22:357-358). Satterthwaite's degrees of freedom do not: where a source of two or
    three values is small by chance they jump to hundreds. It is cut at the limits of what the mean can be. None where
    no source varies: that is no certainty.
    """
    # What is left by rounding, where numbers of some 100 points are equal, is no variance.
    half = sqrt(sum(float(stdtrit(part.df, (1 + level) / 2)) ** 2 * part.variance for part in parts))
    if half <= 1e-9 * max(1.0, abs(mean)):
        return None
    return Interval(max(mean - half, min(mean, limits[0])), min(mean + half, max(mean, limits[1])))

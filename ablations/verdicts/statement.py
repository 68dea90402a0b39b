"""Statements of claims, as comparisons of contrasts with bounds, and how these make one verdict.

Every error rate is for the claim as a whole. `All` holds if each of its comparisons does: no correction is needed,
since a false claim has a false comparison, and that one must err (an intersection-union test). That `All` does not hold
is said if a single comparison fails, so there each is judged at the level divided by their number (Bonferroni). `Most`
is judged at that level both ways. `Best` says that the best of some cells beats the best of others: the first seed
chooses the candidate, the other seeds judge it against every one of the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ablations.verdicts.contrasts import Contrast
from ablations.verdicts.verdict import Relation


@dataclass(frozen=True)
class Correlation:
    """Pearson's r between two lists of contrasts, computed in every seed."""

    x: tuple[Contrast, ...]
    y: tuple[Contrast, ...]
    label: str


Quantity = Contrast | Correlation


@dataclass(frozen=True)
class Comparison:
    """A quantity against a bound: above it, at most it, or within it (in size)."""

    quantity: Quantity
    relation: Relation
    bound: float = 0.0
    unit: str = "points"


def above(quantity: Quantity, bound: float = 0.0, unit: str = "points") -> Comparison:
    """Compare: quantity > bound."""
    return Comparison(quantity, "above", bound, unit)


def at_most(quantity: Quantity, bound: float, unit: str = "points") -> Comparison:
    """Compare: quantity <= bound. Where the paper says "no better", the bound is a tie's width: nothing is exact."""
    return Comparison(quantity, "at most", bound, unit)


def within(quantity: Quantity, bound: float, unit: str = "points") -> Comparison:
    """Compare: |quantity| <= bound, sameness with a margin."""
    return Comparison(quantity, "within", bound, unit)


def increasing(contrasts: Sequence[Contrast], unit: str = "points") -> tuple[Comparison, ...]:
    """Comparisons that say: each contrast is above the one before it."""
    return tuple(above(later - earlier, unit=unit) for earlier, later in pairwise(contrasts))


@dataclass(frozen=True)
class All:
    """Every comparison is true. `chosen`: the first seed has chosen which cells are compared, and does not judge."""

    parts: tuple[Comparison, ...]
    chosen: bool = False


@dataclass(frozen=True)
class Most:
    """More than half of the comparisons are true."""

    parts: tuple[Comparison, ...]


@dataclass(frozen=True)
class Best:
    """The best of `winners` is above the best of `losers`; lists of single cells of one metric."""

    winners: tuple[Contrast, ...]
    losers: tuple[Contrast, ...]


Statement = All | Most | Best

"""A claim's comparisons as strips: effect, interval and bound on one scale, in the coordinates of a small picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from ablations.verdicts.verdict import JudgedComparison, region

WIDTH, EDGE = 300.0, 24.0  # units of the picture: all of it, and what stays free at each end


@dataclass(frozen=True)
class Strip:
    """Places of things on a strip, from 0 to WIDTH; None where there is no such thing.

    holds: from where to where the claim would hold. bounds: its ends.
    """

    zero: float
    bounds: tuple[float, ...]
    holds: tuple[float, float]
    effect: float | None
    interval: tuple[float, float] | None


def strips(parts: Sequence[JudgedComparison]) -> list[Strip]:
    """Lay out a strip for each part, all on the scale that holds them all."""
    regions = [region(part.relation, part.bound) for part in parts]
    shown = [
        value for part, ends in zip(parts, regions, strict=True) for value in (part.effect, part.low, part.high, *ends)
    ]
    values = [0.0, *filter(isfinite, shown)]
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 1, high + 1

    def place(value: float) -> float:
        return round(EDGE + (WIDTH - 2 * EDGE) * (value - low) / (high - low), 1)

    drawn = []
    for part, (start, end) in zip(parts, regions, strict=True):
        drawn.append(
            Strip(
                zero=place(0.0),
                bounds=tuple(place(bound) for bound in (start, end) if isfinite(bound)),
                holds=(place(start) if isfinite(start) else 0.0, place(end) if isfinite(end) else WIDTH),
                effect=place(part.effect) if isfinite(part.effect) else None,
                interval=(place(part.low), place(part.high)) if isfinite(part.low) and isfinite(part.high) else None,
            )
        )
    return drawn

"""A claim's comparisons as strips: effect, interval and bound on one scale, in the coordinates of a small picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from ablations.verdicts.verdict import JudgedComparison

WIDTH, EDGE = 300.0, 24.0  # units of the picture: all of it, and what stays free at each end


@dataclass(frozen=True)
class Strip:
    """Where on a strip things lie, from 0 to WIDTH; None where there is no such thing.

    holds: from where to where the claim would hold. bounds: its ends.
    """

    zero: float
    bounds: tuple[float, ...]
    holds: tuple[float, float]
    effect: float | None
    interval: tuple[float, float] | None


def strips(parts: Sequence[JudgedComparison]) -> list[Strip]:
    """One for each part, all on the scale that holds them all."""
    ends = [(-part.bound, part.bound) if part.relation == "within" else (part.bound,) for part in parts]
    measured = [value for part in parts for value in (part.effect, part.low, part.high)]
    values = [0.0, *(value for value in measured if isfinite(value)), *(end for each in ends for end in each)]
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 1, high + 1

    def place(value: float) -> float:
        return round(EDGE + (WIDTH - 2 * EDGE) * (value - low) / (high - low), 1)

    found = []
    for part, bounds in zip(parts, ends, strict=True):
        places = tuple(map(place, bounds))
        holds = {"above": (places[0], WIDTH), "at most": (0.0, places[0]), "within": (places[0], places[-1])}
        found.append(
            Strip(
                zero=place(0.0),
                bounds=places,
                holds=holds[part.relation],
                effect=place(part.effect) if isfinite(part.effect) else None,
                interval=(place(part.low), place(part.high)) if isfinite(part.low) and isfinite(part.high) else None,
            )
        )
    return found

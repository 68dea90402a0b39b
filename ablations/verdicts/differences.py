"""Y against X over the same cells and seeds: the one rule for which these are, and the one way to their difference.

`ablations.compare` and the sentences of answers ask here; a claim states the cells of its comparisons itself. All take
the interval of `Evidence.estimate`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ablations.verdicts.contrasts import Axes, Contrast, mean
from ablations.verdicts.evidence import Estimate, Evidence

Side = Mapping[Axes, Contrast]  # one value's cells, by what else they are


@dataclass(frozen=True)
class Matched:
    """Cells that some sides all have, each side's in turn, by what else they are; and the seeds that have all."""

    cells: dict[Axes, tuple[Contrast, ...]]
    seeds: tuple[int, ...]

    def level(self, evidence: Evidence, side: int) -> Estimate:
        """The mean of a side's cells."""
        return self._estimate(evidence, [cells[side] for cells in self.cells.values()])

    def difference(self, evidence: Evidence, side: int, reference: int) -> Estimate:
        """A side minus the reference: the mean over their cells."""
        return self._estimate(evidence, [cells[side] - cells[reference] for cells in self.cells.values()])

    def _estimate(self, evidence: Evidence, contrasts: Sequence[Contrast]) -> Estimate:
        study = contrasts[0].weights[0][0].study
        estimate = evidence.estimate(mean(contrasts, ""), set(evidence.seeds(study)) - set(self.seeds))
        assert estimate is not None  # its seeds have all of its cells
        return estimate


def split(cells: Side, axis: str) -> dict[object, Side]:
    """Cells by their value on the axis; within each value by all other axes."""
    sides: dict[object, dict[Axes, Contrast]] = {}
    for axes, one in cells.items():
        rest = tuple((name, value) for name, value in axes if name != axis)
        sides.setdefault(dict(axes)[axis], {})[rest] = one
    return dict(sides)


def matched(evidence: Evidence, sides: Sequence[Side]) -> Matched | None:
    """The largest block of cells that all sides have and seeds in which all of these are done; None where it is empty.

    Else a seed that lacks the widest heads would differ from the others for that, and not for being another seed.
    """
    cells = counterparts(sides)
    having = {axes: set.intersection(*(set(evidence.per_seed(one)) for one in ones)) for axes, ones in cells.items()}
    seeds = sorted(set().union(*having.values()), key=lambda seed: -sum(seed in each for each in having.values()))
    blocks = []
    for count in range(1, len(seeds) + 1):
        fullest = set(seeds[:count])
        common = [axes for axes, each in having.items() if fullest <= each]
        blocks.append((count * len(common), count, common))
    size, count, common = max(blocks, key=lambda block: block[:2], default=(0, 0, []))
    return Matched({axes: cells[axes] for axes in common}, tuple(sorted(seeds[:count]))) if size else None


def counterparts(sides: Sequence[Side]) -> dict[Axes, tuple[Contrast, ...]]:
    """The cells that all sides have, done or not, by what else they are.

    Where there are none, a side without any value on an axis, as no head has no width, is set beside every value.
    """
    common = [axes for axes in sides[0] if all(axes in side for side in sides)]
    if common or not all(sides):
        return {axes: tuple(side[axes] for side in sides) for axes in common}
    names = [name for name, _ in next(iter(sides[0]))]
    values = [dict.fromkeys(dict(axes)[name] for side in sides for axes in side) for name in names]
    lone = [{name for name in names if all(dict(axes)[name] is None for axes in side)} for side in sides]
    cells = {}
    for place in product(*values):
        axes = tuple(zip(names, place, strict=True))
        keys = [tuple((name, None if name in alone else value) for name, value in axes) for alone in lone]
        if all(key in side for key, side in zip(keys, sides, strict=True)):
            cells[axes] = tuple(side[key] for key, side in zip(keys, sides, strict=True))
    return cells

"""What was measured, and how sure it is: a contrast of cells -> its mean over seeds, and the uncertainty of that.

Seeds: cells of one seed share their streams, so contrasts are formed within a seed. Test images: they are the same for
all cells, so they are paired too. Both are sources of one interval (see ablations.stats.intervals.interval). What is
specific to one seed and one image is counted in both, so it is slightly wide.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from ablations.stats.intervals import Interval, Uncertainty, bounded_uncertainty, interval, uncertainty
from ablations.stats.spread import Spread, between_seeds
from ablations.store.trials import Store
from ablations.tables.cells import VALIDATION
from ablations.tables.frame import axes_of, done_cells
from ablations.verdicts.contrasts import Axes, CellMetric, Cells, Contrast, rows
from ablations.verdicts.per_example import Floats, Outcomes, outcomes
from ablations.verdicts.statement import Correlation, Quantity

Expression = tuple[tuple[str, float], ...]  # metrics and weights: what is measured of one cell, such as h minus z


@dataclass(frozen=True)
class Estimate:
    """The mean over `seeds`, and the sources of its uncertainty.

    seed_parts: empty where how seeds differ is not known. image_part: None where the answers are not at hand; images:
    how many were paired, or None. A correlation is kept as its Fisher z, whose spread does not depend on its size.
    """

    mean: float
    seed_parts: tuple[Uncertainty, ...]
    image_part: Uncertainty | None
    seeds: int
    images: int | None
    fisher: bool = False

    @property
    def effect(self) -> float:
        return float(np.tanh(self.mean)) if self.fisher else self.mean

    def interval(self, level: float = 0.95) -> Interval | None:
        """None where there is one seed, or nothing varies and no images say what they could have excluded."""
        if self.seeds < 2 or not self.seed_parts:
            return None
        found = interval(self.mean, [*self.seed_parts, *([self.image_part] if self.image_part else [])], level)
        if found is None or not self.fisher:
            return found
        return Interval(float(np.tanh(found.low)), float(np.tanh(found.high)))

    def interval_of_images(self, level: float = 0.95) -> Interval | None:
        """Of the test images alone, for one seed: other seeds are not covered. None without their answers."""
        return interval(self.mean, [self.image_part], level) if self.image_part else None


class Evidence:
    """The frames of some studies at one scale, and the store with their trials' answers, image by image.

    Without a store, intervals cover other seeds but not other test images.
    """

    def __init__(self, frames: Mapping[str, pd.DataFrame], store: Store | None = None) -> None:
        self.frames, self._store = dict(frames), store

    def cells(self, study: str) -> Cells:
        """To form contrasts from. KeyError where the study has no frame."""
        return Cells(study, self.frames[study], self.choose)

    def seeds(self, study: str) -> list[int]:
        """Of all cells, done or not."""
        frame = self.frames[study]
        return sorted(int(seed) for seed in frame.loc[frame["role"] == "cell", "seed"].unique())

    def choose(self, contrasts: Collection[Contrast]) -> Contrast | None:
        """The one that did best on the first seed: by the validation split, which has no test image.

        None where that seed has none of them done. Other metrics than top1 have no such split, nor do published
        numbers: there the metric itself chooses.
        """
        found: dict[Contrast, float] = {}
        first = {study: min(self.seeds(study)) for study in {one.weights[0][0].study for one in contrasts}}
        for contrast in contrasts:
            value = self.per_seed(self._blind(contrast)).get(first[contrast.weights[0][0].study])
            if value is not None:
                found[contrast] = value
        return max(found, key=lambda contrast: found[contrast], default=None)

    def _blind(self, contrast: Contrast) -> Contrast:
        """The same of the validation split where there is one."""
        weights = tuple(
            (
                replace(cell, metric=VALIDATION)
                if cell.metric == "top1" and self._values(cell.study, VALIDATION)
                else cell,
                w,
            )
            for cell, w in contrast.weights
        )
        return Contrast(weights, contrast.label)

    def estimate(self, quantity: Quantity, without: Collection[int] = ()) -> Estimate | None:
        """Over the seeds in which every cell is done, but for those `without`; None where there is none."""
        if isinstance(quantity, Correlation):
            return self._correlation(quantity, without)
        values = {seed: value for seed, value in self.per_seed(quantity).items() if seed not in without}
        if not values:
            return None
        images = self._images(quantity, tuple(values))
        return Estimate(
            mean=float(np.mean(list(values.values()))),
            seed_parts=self._seed_parts(quantity, np.array(list(values.values()))),
            image_part=bounded_uncertainty(images.values, images.low, images.high) if images else None,
            seeds=len(values),
            images=len(images.values) if images else None,
        )

    def per_seed(self, contrast: Contrast) -> dict[int, float]:
        """The contrast in every seed in which all of its cells are done."""
        columns = [
            (self._values(cell.study, cell.metric).get(cell.axes, {}), weight) for cell, weight in contrast.weights
        ]
        common = sorted(set.intersection(*(set(column) for column, _ in columns))) if columns else []
        return {seed: sum(weight * column[seed] for column, weight in columns) for seed in common}

    def _correlation(self, quantity: Correlation, without: Collection[int]) -> Estimate | None:
        x, y = ([self.per_seed(contrast) for contrast in side] for side in (quantity.x, quantity.y))
        seeds = [seed for seed in sorted(set.intersection(*map(set, [*x, *y]))) if seed not in without]
        found = []
        for seed in seeds:
            one, other = (np.array([values[seed] for values in side]) for side in (x, y))
            if one.std() > 0 and other.std() > 0:
                found.append(np.arctanh(np.clip(np.corrcoef(one, other)[0, 1], -1 + 1e-12, 1 - 1e-12)))
        if not found:
            return None
        part = uncertainty(np.array(found))
        return Estimate(float(np.mean(found)), (part,) if part else (), None, len(found), None, fisher=True)

    # Seeds

    def _seed_parts(self, contrast: Contrast, values: Floats) -> tuple[Uncertainty, ...]:
        """What the mean of these per-seed values is uncertain by; with each group of like cells on its own.

        Groups of several studies share seeds too, and so vary together rather than against each other: taking them for
        independent is on the safe side. A contrast that mixes metrics in no such way has its own variance only.
        """
        groups = _groups(contrast)
        if groups is None:
            part = uncertainty(values)
            return (part,) if part else ()
        found: list[Uncertainty] = []
        for (study, expression), weights in groups.items():
            order, spread = self._spread(study, expression)
            parts = spread.of(np.array([weights.get(axes, 0.0) for axes in order]), len(values))
            if not parts:
                return ()
            found.extend(parts)
        return tuple(found)

    @lru_cache(maxsize=64)  # noqa: B019  # as long as the evidence, which is short-lived
    def _spread(self, study: str, expression: Expression) -> tuple[list[Axes], Spread]:
        tables = [(self._values(study, metric), weight) for metric, weight in expression]
        order = [axes for axes in tables[0][0] if all(axes in table for table, _ in tables)]
        seeds = self.seeds(study)
        matrix = np.array(
            [
                [sum(weight * table[axes].get(seed, np.nan) for table, weight in tables) for seed in seeds]
                for axes in order
            ]
        ).reshape(len(order), len(seeds))
        return order, between_seeds(matrix)

    @lru_cache(maxsize=64)  # noqa: B019
    def _values(self, study: str, metric: str) -> dict[Axes, dict[int, float]]:
        """Cell -> seed -> value, of what is done."""
        done = done_cells(self.frames[study])
        found: dict[Axes, dict[int, float]] = {}
        if metric not in done:
            return found
        for axes, seed, value in zip(rows(done, axes_of(done)), done["seed"], done[metric], strict=True):
            if np.isfinite(value):
                found.setdefault(axes, {})[int(seed)] = float(value)
        return found

    # Test images

    def _images(self, contrast: Contrast, seeds: tuple[int, ...]) -> Outcomes | None:
        """The contrast on each test image, averaged over the seeds; None where the answers are not at hand.

        Nor are they where cells were asked about other test images: then these are not paired.
        """
        total: Outcomes | None = None
        for cell, weight in contrast.weights:
            found = self._answers(cell, seeds)
            if found is None or not (total is None or _paired(total, found)):
                return None
            low, high = sorted((weight * found.low, weight * found.high))
            values = weight * found.values
            if total is not None:
                low, high, values = total.low + low, total.high + high, total.values + values
            total = Outcomes(values, found.labels, low, high)
        return total

    @lru_cache(maxsize=4096)  # noqa: B019
    def _answers(self, cell: CellMetric, seeds: tuple[int, ...]) -> Outcomes | None:
        """What the metric is the mean of, over the seeds; None where it is not stored, or for other images."""
        if self._store is None:
            return None
        found: list[Outcomes] = []
        for seed in seeds:
            trial_id = self._trials(cell.study).get((cell.axes, seed), "")
            one = outcomes(self._store, trial_id, cell.metric, self._values(cell.study, cell.metric)[cell.axes][seed])
            if one is None or (found and not _paired(found[0], one)):
                return None
            found.append(one)
        return Outcomes(
            values=np.mean([one.values for one in found], axis=0),
            labels=found[0].labels,
            low=min(one.low for one in found),
            high=max(one.high for one in found),
        )

    @lru_cache(maxsize=16)  # noqa: B019
    def _trials(self, study: str) -> dict[tuple[Axes, int], str]:
        done = done_cells(self.frames[study])
        names = zip(rows(done, axes_of(done)), done["seed"], done["trial_id"], strict=True)
        return {(axes, int(seed)): str(trial_id) for axes, seed, trial_id in names}


def _paired(one: Outcomes, other: Outcomes) -> bool:
    """Whether both are of the same test images, as far as their number and labels tell."""
    return len(one.values) == len(other.values) and np.array_equal(one.labels, other.labels)


def _groups(contrast: Contrast) -> dict[tuple[str, Expression], dict[Axes, float]] | None:
    """The contrast's cells by study and by what is measured of them; None where a cell mixes metrics like no other."""
    by_cell: dict[tuple[str, Axes], dict[str, float]] = {}
    for cell, weight in contrast.weights:
        by_cell.setdefault((cell.study, cell.axes), {})[cell.metric] = weight
    groups: dict[tuple[str, Expression], dict[Axes, float]] = {}
    expressions: dict[str, set[Expression]] = {}
    for (study, axes), metrics in by_cell.items():
        first = metrics[min(metrics)]
        expression = tuple((metric, round(metrics[metric] / first, 9)) for metric in sorted(metrics))
        groups.setdefault((study, expression), {})[axes] = first
        expressions.setdefault(study, set()).add(expression)
    return groups if all(len(found) == 1 for found in expressions.values()) else None

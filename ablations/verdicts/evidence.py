"""Estimates from what was measured: a contrast of cells -> its mean over seeds, and the uncertainty of that.

Seeds: cells of one seed share their streams, so contrasts are formed within a seed. Test images: they are the same for
all cells, so they are paired too. Both are sources of one interval (see ablations.stats.intervals.interval). What is
specific to one seed and one image is counted in both, so it is slightly wide.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf, isfinite, sqrt

import numpy as np
import pandas as pd

from ablations.stats.intervals import Interval, Uncertainty, interval, uncertainty, widest_uncertainty
from ablations.stats.spread import Spread, between_seeds
from ablations.store.trials import Store
from ablations.studies.metrics import LABELED, called, limits
from ablations.tables.cells import VALIDATION
from ablations.tables.frame import axes_of, done_cells
from ablations.verdicts.contrasts import Axes, CellMetric, Cells, Contrast, rows
from ablations.verdicts.per_example import Floats, PerExample, per_example
from ablations.verdicts.statement import Correlation, Quantity

Expression = tuple[tuple[str, float], ...]  # metrics and weights: what is measured of one cell, such as h minus z


@dataclass(frozen=True)
class Estimate:
    """A mean over `seeds`, and the sources of its uncertainty.

    seed_parts: empty where how seeds differ is not known. image_part: None where the answers are not at hand; images:
    how many there are, or None; groups: in how many groups they come, or None where each stands for itself. unanswered:
    cells that lack answers which others have; they are taken to differ from image to image as much as their accuracy
    allows, so that what is not known narrows nothing. limits: what the mean can be. A correlation is kept as its Fisher
    z, whose spread does not depend on its size.
    """

    mean: float
    seed_parts: tuple[Uncertainty, ...]
    image_part: Uncertainty | None
    seeds: int
    images: int | None
    groups: int | None = None
    unanswered: tuple[str, ...] = ()
    limits: tuple[float, float] = (-inf, inf)
    fisher: bool = False

    @property
    def effect(self) -> float:
        return float(np.tanh(self.mean)) if self.fisher else self.mean

    def interval(self, level: float = 0.95) -> Interval | None:
        """The interval at that level; None for one seed, or where nothing varies and no images say what might have."""
        if self.seeds < 2 or not self.seed_parts:
            return None
        parts = [*self.seed_parts, *([self.image_part] if self.image_part else [])]
        ends = interval(self.mean, parts, level, self.limits)
        if ends is None or not self.fisher:
            return ends
        return Interval(float(np.tanh(ends.low)), float(np.tanh(ends.high)))

    def interval_of_images(self, level: float = 0.95) -> Interval | None:
        """The interval over test images alone, for one seed: other seeds are not covered. None without answers."""
        return interval(self.mean, [self.image_part], level, self.limits) if self.image_part else None

    def tested(self) -> str:
        """On how many test images, and in how many groups; empty where their answers are not at hand."""
        if self.images is None:
            return ""
        return f"{self.images:,} test images" + (f" of {self.groups:,} groups" if self.groups else "")


class Evidence:
    """The frames of some studies at one scale, and the store with their trials' answers, image by image.

    Without a store, intervals cover other seeds but not other test images.
    """

    def __init__(self, frames: Mapping[str, pd.DataFrame], store: Store | None = None) -> None:
        self.frames, self._store = dict(frames), store

    def cells(self, study: str) -> Cells:
        """The study's cells, to form contrasts from. KeyError where it has no frame."""
        return Cells(study, self.frames[study], self.best_on_first_seed)

    def seeds(self, study: str) -> list[int]:
        """Seeds of all the study's cells, done or not, ascending."""
        frame = self.frames[study]
        return sorted(int(seed) for seed in frame.loc[frame["role"] == "cell", "seed"].unique())

    def best_on_first_seed(self, contrasts: Collection[Contrast]) -> Contrast | None:
        """The contrast that did best on the first seed: by the validation split, which has no test image.

        None where that seed has none of them done. Other metrics than top1 have no such split, nor do published
        numbers: there the metric itself chooses.
        """
        values: dict[Contrast, float] = {}
        first = {study: min(self.seeds(study)) for study in {one.weights[0][0].study for one in contrasts}}
        for contrast in contrasts:
            value = self.per_seed(self._on_validation_split(contrast)).get(first[contrast.weights[0][0].study])
            if value is not None:
                values[contrast] = value
        return max(values, key=lambda contrast: values[contrast], default=None)

    def _on_validation_split(self, contrast: Contrast) -> Contrast:
        """The contrast measured on the validation split, where there is one."""
        weights = tuple(
            (
                replace(cell, metric=VALIDATION)
                if cell.metric == LABELED and self._values(cell.study, VALIDATION)
                else cell,
                w,
            )
            for cell, w in contrast.weights
        )
        return Contrast(weights, contrast.label)

    def estimate(self, quantity: Quantity, without: Collection[int] = ()) -> Estimate | None:
        """Estimate over the seeds in which every cell is done, but for those `without`; None where there is none."""
        if isinstance(quantity, Correlation):
            return self._correlation(quantity, without)
        values = {seed: value for seed, value in self.per_seed(quantity).items() if seed not in without}
        if not values:
            return None
        images = self._images(quantity, tuple(values))
        estimate = Estimate(
            mean=float(np.mean(list(values.values()))),
            seed_parts=self._seed_parts(quantity, np.array(list(values.values()))),
            image_part=images.uncertainty() if images else None,
            seeds=len(values),
            images=len(images.values) if images else None,
            groups=images.n_groups if images else None,
            limits=_limits(quantity),
        )
        return estimate if images else self._guarded(estimate, quantity, tuple(values))

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
        z_scores = []
        for seed in seeds:
            one, other = (np.array([values[seed] for values in side]) for side in (x, y))
            if one.std() > 0 and other.std() > 0:
                z_scores.append(np.arctanh(np.clip(np.corrcoef(one, other)[0, 1], -1 + 1e-12, 1 - 1e-12)))
        if not z_scores:
            return None
        part = uncertainty(np.array(z_scores))
        return Estimate(float(np.mean(z_scores)), (part,) if part else (), None, len(z_scores), None, fisher=True)

    # Seeds

    def _seed_parts(self, contrast: Contrast, values: Floats) -> tuple[Uncertainty, ...]:
        """Sources of uncertainty of the mean of these per-seed values; each group of like cells has its own.

        Groups of several studies share seeds too, and so vary together rather than against each other: taking them for
        independent is on the safe side. A contrast that mixes metrics in no such way has its own variance only.
        """
        groups = _groups(contrast)
        if groups is None:
            part = uncertainty(values)
            return (part,) if part else ()
        sources: list[Uncertainty] = []
        for (study, expression), weights in groups.items():
            order, spread = self._spread(study, expression)
            parts = spread.of(np.array([weights.get(axes, 0.0) for axes in order]), len(values))
            if not parts:
                return ()
            sources.extend(parts)
        return tuple(sources)

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
        """Values of what is done: cell -> seed -> value."""
        done = done_cells(self.frames[study])
        values: dict[Axes, dict[int, float]] = {}
        if metric not in done:
            return values
        for axes, seed, value in zip(rows(done, axes_of(done)), done["seed"], done[metric], strict=True):
            if np.isfinite(value):
                values.setdefault(axes, {})[int(seed)] = float(value)
        return values

    # Test images

    def _images(self, contrast: Contrast, seeds: tuple[int, ...]) -> PerExample | None:
        """The contrast on each test image, averaged over the seeds; None where the answers are not at hand.

        Nor are they where cells were asked about other test images: then these are not paired.
        """
        total: PerExample | None = None
        for cell, weight in contrast.weights:
            answers = self._answers(cell, seeds)
            if answers is None or not (total is None or total.paired(answers)):
                return None
            low, high = sorted((weight * answers.low, weight * answers.high))
            values = weight * answers.values
            if total is not None:
                low, high, values = total.low + low, total.high + high, total.values + values
            total = PerExample(values, answers.labels, low, high, answers.groups)
        return total

    def _guarded(self, estimate: Estimate, contrast: Contrast, seeds: tuple[int, ...]) -> Estimate:
        """The estimate with the most that test images can add, where some trials' answers are lost and others are not.

        Two cells agree on no image more than they must: nothing is known of how they go together.
        """
        spread, sizes, unanswered, groups = 0.0, set(), [], None
        for cell, weight in contrast.weights:
            low, high = limits(cell.metric)
            answers = self._answers(cell, seeds)
            if answers is not None:
                spread += abs(weight) * float(answers.values.std())
                sizes.add(len(answers.values))
                groups = answers.groups if groups is None else groups
                continue
            others = self._some_answers(cell.study, cell.metric)
            if not isfinite(high) or "balanced" in cell.metric or others is None:
                return estimate
            groups = others.groups if groups is None else groups
            level = float(np.mean([self._values(cell.study, cell.metric)[cell.axes][seed] for seed in seeds]))
            spread += abs(weight) * sqrt(max((level - low) * (high - level), 0.0))
            sizes |= self._sizes(cell.study)
            unanswered.append(called(cell.axes))
        if len(sizes) != 1 or not unanswered:  # the images are others, or nobody knows how many
            return estimate
        (n,) = sizes
        part, count = widest_uncertainty(estimate.mean, spread, n, *estimate.limits), None
        if groups is not None:  # at most as if the images of a group were one image, in the largest group
            sizes_of_groups = np.unique(groups, return_counts=True)[1]
            count = len(sizes_of_groups)
            part = Uncertainty(part.variance * sizes_of_groups.max() * count / max(count - 1, 1), max(count - 1, 1))
        named = tuple(dict.fromkeys(unanswered))
        return replace(estimate, image_part=part, images=n, groups=count, unanswered=named)

    @lru_cache(maxsize=64)  # noqa: B019
    def _some_answers(self, study: str, metric: str) -> PerExample | None:
        """The answers of one trial of the study, whichever has them; None where none has."""
        trials = self._values(study, metric).items()
        every = (self._answers(CellMetric(study, axes, metric), (seed,)) for axes, values in trials for seed in values)
        return next((answers for answers in every if answers is not None), None)

    @lru_cache(maxsize=16)  # noqa: B019
    def _sizes(self, study: str) -> set[int]:
        """On how many test images the study's cells were measured: one number, as a rule."""
        done = done_cells(self.frames[study])
        return {int(n) for n in done["n_test"].dropna()} if "n_test" in done else set()

    @lru_cache(maxsize=4096)  # noqa: B019
    def _answers(self, cell: CellMetric, seeds: tuple[int, ...]) -> PerExample | None:
        """The numbers whose mean is the metric, averaged over the seeds; None where not stored, or for other images."""
        if self._store is None:
            return None
        by_seed: list[PerExample] = []
        for seed in seeds:
            trial_id = self._trials(cell.study).get((cell.axes, seed), "")
            value = self._values(cell.study, cell.metric)[cell.axes][seed]
            one = per_example(self._store, trial_id, cell.metric, value)
            if one is None or (by_seed and not by_seed[0].paired(one)):
                return None
            by_seed.append(one)
        return PerExample(
            values=np.mean([one.values for one in by_seed], axis=0),
            labels=by_seed[0].labels,
            low=min(one.low for one in by_seed),
            high=max(one.high for one in by_seed),
            groups=by_seed[0].groups,
        )

    @lru_cache(maxsize=16)  # noqa: B019
    def _trials(self, study: str) -> dict[tuple[Axes, int], str]:
        done = done_cells(self.frames[study])
        names = zip(rows(done, axes_of(done)), done["seed"], done["trial_id"], strict=True)
        return {(axes, int(seed)): str(trial_id) for axes, seed, trial_id in names}


def _limits(contrast: Contrast) -> tuple[float, float]:
    """What it can be: of an accuracy 0 to 100, of a difference of two -100 to 100."""
    ends = [sorted(weight * end for end in limits(cell.metric)) for cell, weight in contrast.weights]
    return sum(low for low, _ in ends), sum(high for _, high in ends)


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
    return groups if all(len(alike) == 1 for alike in expressions.values()) else None

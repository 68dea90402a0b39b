"""Cells as numbers that can be added, subtracted and averaged: what a claim's inequalities are made of."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

import pandas as pd

from ablations.studies.metrics import LABELED, called, label, needs_labels, short
from ablations.tables.frame import axes_of, unlabeled

Axes = tuple[tuple[str, Any], ...]  # a cell's axes and values; None where it has no value on an axis


class NotAsked(Exception):
    """The claim cannot be asked of this study at this scale; the message is a sentence without its full stop."""


@dataclass(frozen=True)
class CellMetric:
    """One number of a study: a metric of one of its cells."""

    study: str
    axes: Axes
    metric: str


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of cells. Contrasts add, subtract and scale as numbers do; terms that cancel vanish."""

    weights: tuple[tuple[CellMetric, float], ...]
    label: str

    def __add__(self, other: "Contrast") -> "Contrast":
        return self._with(other, 1.0, f"{self.label} + {other.label}")

    def __sub__(self, other: "Contrast") -> "Contrast":
        minuend = f"({other.label})" if "−" in other.label or "+" in other.label else other.label
        return self._with(other, -1.0, f"{self.label} − {minuend}")

    def scaled(self, factor: float, label: str = "") -> "Contrast":
        """The contrast times a factor; under another label, if one is given."""
        return Contrast(tuple((cell, factor * weight) for cell, weight in self.weights), label or self.label)

    def called(self, label: str) -> "Contrast":
        """The contrast under another label."""
        return Contrast(self.weights, label)

    def _with(self, other: "Contrast", sign: float, label: str) -> "Contrast":
        total = dict(self.weights)
        for cell, weight in other.weights:
            total[cell] = total.get(cell, 0.0) + sign * weight
        return Contrast(
            tuple((cell, weight) for cell, weight in total.items() if not isclose(weight, 0.0, abs_tol=1e-12)), label
        )


def mean(contrasts: Sequence[Contrast], label: str) -> Contrast:
    """The average of some contrasts, under a label of its own."""
    total = contrasts[0]
    for contrast in contrasts[1:]:
        total = total + contrast
    return total.scaled(1 / len(contrasts), label)


Choice = Callable[[Sequence[Contrast]], Contrast | None]


class Cells:
    """The cells of a study as its frame has them, done or not, as claims address them."""

    def __init__(self, study: str, frame: pd.DataFrame, choose: Choice) -> None:
        """choose: of single cells, the one that did best where no test image was looked at."""
        self.study, self.axes, self._choose = study, axes_of(frame), choose
        cells = frame[frame["role"] == "cell"]
        self._rows = list(dict.fromkeys(rows(cells, self.axes)))
        self._known = set(self._rows)
        self._columns, self._unlabeled = set(frame.columns), unlabeled(frame)

    def values(self, axis: str, **fixed: Any) -> list[Any]:
        """Values on an axis of the cells that have these others: numbers ascending, names as declared; no None.

        Raises NotAsked where there is no such axis.
        """
        self._has_axes(axis, *fixed)
        taken = dict.fromkeys(
            dict(row)[axis]
            for row in self._rows
            if dict(row)[axis] is not None and all(dict(row)[name] == value for name, value in fixed.items())
        )
        return sorted(taken) if all(isinstance(value, int | float) for value in taken) else list(taken)

    def at_least(self, count: int, axis: str, **fixed: Any) -> list[Any]:
        """`values`, or NotAsked where there are fewer than `count`."""
        values = self.values(axis, **fixed)
        if len(values) < count:
            said = ", ".join(map(str, values)) or "none"
            needed = f"at least {count} {'is' if count == 1 else 'are'} needed"
            raise NotAsked(f"{self.study} has {said} of {axis} at this scale, and {needed}")
        return values

    def __call__(self, metric: str = LABELED, **axes: Any) -> Contrast:
        """The cell with these values, none on axes that are not named. Raises NotAsked where there is no such cell."""
        key = tuple((axis, axes.get(axis)) for axis in self.axes)
        if key not in self._known:
            said = ", ".join(f"{axis} {value}" for axis, value in axes.items())
            raise NotAsked(f"{self.study} has no cell with {said} at this scale")
        if self._unlabeled and needs_labels(metric):
            what = label(metric).removesuffix(" (%)")
            raise NotAsked(f"The images of {self.study} have no labels, so that {what} is not measured")
        if metric not in self._columns:
            raise NotAsked(f"{self.study} has not measured {metric}")
        return Contrast(
            ((CellMetric(self.study, key, metric), 1.0),),
            called(key) if metric == LABELED else f"{called(key)}: {short(metric)}",
        )

    def tuned(self, **fixed: Any) -> Contrast:
        """The one of the cells with these values that the first seed chose. Raises NotAsked where it has none done."""
        chosen = self._choose(self.some(**fixed))
        if chosen is None:
            said = ", ".join(f"{axis} {value}" for axis, value in fixed.items())
            raise NotAsked(f"{self.study} has no cell with {said} done on its first seed, which chooses")
        return chosen

    def some(self, metric: str = LABELED, **fixed: Any) -> list[Contrast]:
        """`every`, or NotAsked where there is none."""
        cells = self.every(metric, **fixed)
        if not cells:
            said = ", ".join(f"{axis} {value}" for axis, value in fixed.items())
            raise NotAsked(f"{self.study} has no cell with {said} at this scale")
        return cells

    def every(self, metric: str = LABELED, **fixed: Any) -> list[Contrast]:
        """All cells with these values, whatever the other axes."""
        self._has_axes(*fixed)
        return [
            self(metric, **dict(row))
            for row in self._rows
            if all(dict(row)[name] == value for name, value in fixed.items())
        ]

    def _has_axes(self, *axes: str) -> None:
        for axis in axes:
            if axis not in self.axes:
                raise NotAsked(f"{self.study} has no axis {axis} in these results")


def rows(cells: pd.DataFrame, axes: Sequence[str]) -> Iterable[Axes]:
    """The axes and values of each row of a study frame, plain: None for no value."""
    columns = [[None if pd.isna(value) else value for value in cells[axis].tolist()] for axis in axes]
    return (tuple(zip(axes, values, strict=True)) for values in zip(*columns, strict=True))

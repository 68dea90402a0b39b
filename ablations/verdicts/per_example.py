"""A trial's metric as a mean: a number for every test example, so that trials are paired image by image."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations.stats.intervals import Uncertainty, bounded_uncertainty, grouped_uncertainty
from ablations.store.trials import Lost, Store
from ablations.studies.metrics import label

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PerExample:
    """A number for each test example. values: (n,), in the metric's unit, each in [low, high]. labels: (n,) classes.

    groups: (n,) of the examples, where test images come in groups, as those of a patient; else None.
    """

    values: Floats
    labels: NDArray[np.int16]
    low: float
    high: float
    groups: NDArray[np.int32] | None = None

    @property
    def n_groups(self) -> int | None:
        """How many groups there are; None where examples stand for themselves."""
        return None if self.groups is None else len(np.unique(self.groups))

    def uncertainty(self) -> Uncertainty | None:
        """What the mean is uncertain by for other examples of the kind: for other groups, where they come in groups."""
        if self.groups is None:
            return bounded_uncertainty(self.values, self.low, self.high)
        return grouped_uncertainty(self.values, self.groups, self.low, self.high)

    def paired(self, other: "PerExample") -> bool:
        """Whether both are of the same test images, as far as their number, labels and groups tell."""
        same = len(self.values) == len(other.values) and np.array_equal(self.labels, other.labels)
        if self.groups is None or other.groups is None:
            return same and self.groups is other.groups
        return same and np.array_equal(self.groups, other.groups)


def per_example(store: Store, trial_id: str, metric: str, value: float) -> PerExample | None:
    """The numbers whose mean is `value`; None where they are not stored, or are of another mean.

    What they can be is known of accuracies; of other metrics, such as an entropy, it is taken to be what they are.
    """
    try:
        predicted, labels, groups = _stored(store, trial_id, metric)
    except (Lost, KeyError):  # KeyError: the metric was not measured, or not of each example
        return None
    most = 100.0
    if predicted.dtype == np.int16:  # classes
        if len(predicted) != len(labels):
            return None
        weights = _equal_classes(labels) if metric == "balanced_accuracy" else np.ones(len(labels))
        values = 100.0 * (predicted == labels) * weights
        most *= float(weights.max(initial=1.0))
    else:
        values = predicted.astype(np.float64)
    if values.ndim != 1 or not len(values):
        return None
    scale = min(1.0, 100.0, key=lambda scale: abs(scale * values.mean() - value))  # shares are percent in tables
    if not abs(scale * values.mean() - value) <= 0.01:
        return None
    values = scale * values
    low, high = float(values.min()), float(values.max())
    if "(%)" in label(metric):
        low, high = 0.0, most
    if groups is not None and len(groups) != len(values):
        return None
    return PerExample(values, labels, low, high, groups)


def lost(store: Store, trial_id: str, metric: str) -> str:
    """A sentence that names the file for which a trial's numbers are not at hand; empty where its files are sound."""
    try:
        with suppress(KeyError):
            _stored(store, trial_id, metric)
    except Lost as error:
        return str(error)
    return ""


def _stored(
    store: Store, trial_id: str, metric: str
) -> tuple[NDArray[Any], NDArray[np.int16], NDArray[np.int32] | None]:
    """What was answered of each test example, the true classes, and groups. Raises Lost, KeyError."""
    predicted, labels = store.predictions(trial_id)
    if metric not in ("top1", "balanced_accuracy"):
        predicted = store.outcomes(trial_id)[metric]
    return predicted, labels, store.groups(trial_id).get("top1" if metric == "balanced_accuracy" else metric)


def _equal_classes(labels: NDArray[np.int16]) -> Floats:
    """Weights of mean 1, under which every class weighs the same in sum."""
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(len(labels) / (len(counts) * counts[classes]), dtype=np.float64)

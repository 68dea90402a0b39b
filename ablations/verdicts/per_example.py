"""A trial's metric as a mean: a number for every test example, so that trials are paired image by image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablations.store.trials import Store
from ablations.studies.metrics import label

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PerExample:
    """A number for each test example. values: (n,), in the metric's unit, each in [low, high]. labels: (n,) classes."""

    values: Floats
    labels: NDArray[np.int16]
    low: float
    high: float


def per_example(store: Store, trial_id: str, metric: str, value: float) -> PerExample | None:
    """The numbers whose mean is `value`; None where they are not stored, or are of another mean.

    What they can be is known of accuracies; of other metrics, such as an entropy, it is taken to be what they are.
    """
    try:
        predicted, labels = store.predictions(trial_id)
        if metric not in ("top1", "balanced_accuracy"):
            predicted = store.outcomes(trial_id)[metric]
    except (OSError, ValueError, KeyError):
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
    return PerExample(values, labels, low, high)


def _equal_classes(labels: NDArray[np.int16]) -> Floats:
    """Weights of mean 1, under which every class weighs the same in sum."""
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(len(labels) / (len(counts) * counts[classes]), dtype=np.float64)

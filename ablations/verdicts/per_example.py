"""What a trial's metric is the mean of: a number for every test example, so that trials are paired image by image."""

import numpy as np
from numpy.typing import NDArray

from ablations.store.trials import Store

Floats = NDArray[np.float64]


def outcomes(store: Store, trial_id: str, metric: str, value: float) -> tuple[Floats, NDArray[np.int16]] | None:
    """(n,) numbers in the metric's own unit, whose mean is `value`; and the test set's labels.

    None where that is not stored, or is another number.
    """
    try:
        predicted, labels = store.predictions(trial_id)
        if metric not in ("top1", "balanced_accuracy"):
            predicted = store.outcomes(trial_id)[metric]
    except (OSError, ValueError, KeyError):
        return None
    if predicted.dtype == np.int16:  # classes
        if len(predicted) != len(labels):
            return None
        weights = _equal_classes(labels) if metric == "balanced_accuracy" else 1.0
        found = 100.0 * (predicted == labels) * weights
    else:
        found = predicted.astype(np.float64)
    if found.ndim != 1 or not len(found):
        return None
    scale = min(1.0, 100.0, key=lambda scale: abs(scale * found.mean() - value))  # shares are percent in tables
    return (scale * found, labels) if abs(scale * found.mean() - value) <= 0.01 else None


def _equal_classes(labels: NDArray[np.int16]) -> Floats:
    """Weights of mean 1, under which every class weighs the same in sum."""
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(len(labels) / (len(counts) * counts[classes]), dtype=np.float64)

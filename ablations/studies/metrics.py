"""Names of metrics and cells on figures and in tables, and how numbers are written."""

import re
from collections.abc import Iterable, Mapping
from math import inf, isclose
from typing import Any

LABELED = "top1"  # a study's headline metric
LABEL_FREE = "crop_retrieval"  # and where the images have no labels
BRIEF = {LABELED: "top-1", LABEL_FREE: "retrieval"}  # their names on a terminal
LABEL_BOUND = (
    r"(classifier_|online_|augmented_linear_|knn_|other_|training_|layer_.*_|finetune_.*_)?top\d"
    r"|balanced_accuracy|probe_.*"
)
WITHOUT = ("alpha_h", "clusters_h", "crop_retrieval", "policy_retrieval")  # what trials have with labels or without
OWN_TASK = ("contrastive_accuracy", "entropy", "loss", "alignment_h", "alignment_z")  # measured on the cell's own views

LABELS = {
    "top1": "linear probe top-1 (%)",
    "probe_l2": "L2 penalty of the linear probe",
    "balanced_accuracy": "balanced accuracy (%)",
    "knn_top1": "cosine kNN top-1 (%)",
    "other_top1": "on the other recording, top-1 (%)",
    "contrastive_accuracy": "contrastive accuracy (%)",
    "entropy": "entropy (nats)",
    "loss": "loss",
    "classifier_top1": "classifier top-1 (%)",
    "online_top1": "online linear probe top-1 (%)",
    "augmented_linear_top1": "linear probe by SGD top-1 (%)",
    "transform_h": "from h (%)",
    "transform_z": "from z = g(h) (%)",
    "transform_chance": "chance (%)",
    "histogram_top1": "retrieval by intensity histogram (%)",
    "transfer_top1": "transfer, linear top-1 (%)",
    "parameters": "encoder parameters (millions)",
    "transfer_finetune_top1": "transfer, fine-tuned top-1 (%)",
    "transfer_balanced_accuracy": "transfer, linear mean per class (%)",
    "transfer_finetune_balanced_accuracy": "transfer, fine-tuned mean per class (%)",
    "top5": "linear probe top-5 (%)",
    "squared_eigenvalue": "squared eigenvalue of the head",
    "rank": "rank",
    "head_eigen_rank": "squared eigenvalues above 1% of the largest (%)",
    "head_singular_rank": "squared singular values above 1% of the largest (%)",
    "crop_retrieval": "retrieval of the image's other crop (%)",
    "policy_retrieval": "retrieval of the image's other view (%)",
    "clusters_h": "variance of h explained by 20 clusters (%)",
    "alpha_h": "exponent of the spectrum of h",
}
FORMATS = {
    "probe_l2": "g", "entropy": ".2f", "loss": ".3f", "alignment_h": ".3f", "alignment_z": ".3f", "uniformity_h": ".2f",
    "uniformity_z": ".2f", "alpha_h": ".2f", "rank": ".0f", "squared_eigenvalue": "g",
}  # fmt: skip


def needs_labels(metric: str) -> bool:
    """Whether the metric is one of the study's own images' classes; that of a transfer is one of others'."""
    return re.fullmatch(LABEL_BOUND, metric) is not None


def label(metric: str) -> str:
    """The metric's name for an axis or a column: words, with the unit."""
    if match := re.fullmatch(r"layer_(\d+)_top1", metric):
        return f"layer {match[1]} of g, top-1 (%)"
    if match := re.fullmatch(r"finetune_([\d.e+-]+)_top(\d)", metric):
        return f"fine-tuned on {match[1]}% of labels, top-{match[2]} (%)"
    return LABELS.get(metric, metric.replace("_", " "))


def limits(metric: str) -> tuple[float, float]:
    """What a value of the metric can be: 0 to 100 of a percentage, anything of others."""
    return (0.0, 100.0) if label(metric).endswith("(%)") else (-inf, inf)


def is_metric(name: str) -> bool:
    """Whether `name` is one of those that a trial or the paper has."""
    return name in LABELS or label(name) != name.replace("_", " ")


def is_column(name: str) -> bool:
    """Whether a study's tables may have a column of that name beside its axes."""
    return name in (*COLUMNS, *DERIVED) or is_metric(name)


def short(metric: str) -> str:
    """The metric's name for a legend: the label without its unit."""
    return re.sub(r",? top-\d| \(.*\)$", "", label(metric)) if metric != LABELED else "linear probe on h"


def text(value: float, metric: str = LABELED) -> str:
    """A value with as many digits as the metric's are written with; a dash for none."""
    return "–" if value != value else f"{value:{FORMATS.get(metric, '.1f')}}"


def measured(mean: float, low: float, high: float, metric: str = LABELED) -> str:
    """A mean with its 95% interval, if there is one: "53.7 ± 3.0"; "98.0 (91.6 to 100.0)" of one that has been cut."""
    if mean != mean or low != low:
        return text(mean, metric)
    if isclose(mean - low, high - mean, rel_tol=1e-6):
        return f"{text(mean, metric)} ± {text(high - mean, metric)}"
    return f"{text(mean, metric)} ({text(low, metric)} to {text(high, metric)})"


def called(axes: Iterable[tuple[str, Any]]) -> str:
    """A cell's name for people: "crop > color", "nonlinear dim 32"."""
    named: Mapping[str, Any] = dict(axes)
    if set(named) == {"first", "second"} and all(isinstance(value, str) for value in named.values()):
        return str(named["first"]) if named["first"] == named["second"] else f"{named['first']} > {named['second']}"
    return " ".join(
        f"{axis} {value}" if isinstance(value, int | float) else str(value)
        for axis, value in named.items()
        if value is not None
    )


# Columns that every study's table has beside its axes.
METRICS = (  # a study whose recipe asks for more probes has their columns after these
    "top1", "balanced_accuracy", "n_test", "loss", "contrastive_accuracy", "entropy",
    "probe_l2", "probe_validation_top1", "knn_top1",
    "alignment_h", "alignment_z", "uniformity_h", "uniformity_z", "rankme_h", "rankme_z",
)  # fmt: skip
COLUMNS = ("role", "seed", "status", "trial_id", *METRICS)
# What tables have on the way to a figure or a sentence; and the supervised twin's own accuracy.
DERIVED = (
    *("metric", "value", "mean", "sd", "half", "n", "done", "failed", "number"),
    *("seconds", "trials", "level", "difference", "training_top1"),
)

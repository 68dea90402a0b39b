"""One training and its probes: the one door to the core."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from simclr_core.config import Recipe
from simclr_core.data.images import Dataset
from simclr_core.errors import BadInput
from simclr_core.pretrain import EpochRow, SimCLR, TrialFailed, pretrain
from simclr_core.probes.features import features
from simclr_core.probes.linear import linear_probe

__all__ = ["EpochRow", "TrialFailed", "TrialResult", "check", "run", "step_seconds"]


@dataclass(frozen=True)
class TrialResult:
    """metrics: finite numbers by name, accuracies in percent. predictions, labels: (n_test,) int16 classes."""

    metrics: dict[str, float]
    predictions: NDArray[np.int16]
    labels: NDArray[np.int16]
    seconds: float


def check(recipe: Recipe, dataset: Dataset, device: str = "cpu") -> None:
    """Raise BadInput where this recipe cannot run on these images on this device."""
    batch, images = recipe.schedule.batch_size, len(dataset.train)
    if batch > images:
        raise BadInput(
            f"schedule.batch_size is {batch}, but {dataset.title} has {images} training images; at most {images} fit."
        )
    if len(dataset.class_names) < 2:
        raise BadInput(f"{dataset.title} has one class ({dataset.class_names[0]}); a probe needs at least two.")
    counts = np.bincount(dataset.train.labels, minlength=len(dataset.class_names))
    if counts.min() < 2:
        name = dataset.class_names[int(counts.argmin())]
        raise BadInput(
            f"class {name!r} of {dataset.title} has {counts.min()} training image(s); "
            "the probe's validation split needs at least two of every class."
        )
    if recipe.schedule.precision == "bfloat16" and device == "cpu" and not torch.cpu.get_capabilities().get("amx_bf16"):
        raise BadInput(
            "schedule.precision: bfloat16 is many times slower than float32 on a CPU without AMX; "
            "float32 is allowed here, bfloat16 on a GPU or a CPU with AMX."
        )


@contextmanager
def exactly(device: str) -> Iterator[None]:
    """Set what a trial's numbers depend on, whatever ran in this process before, and put it back afterwards."""
    threads, dtype, strict = (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
    )
    if device == "cpu":
        torch.set_num_threads(1)  # one trial per core; and sums do not depend on how many threads split them
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(device == "cpu")
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.use_deterministic_algorithms(strict)


def run(recipe: Recipe, dataset: Dataset, device: str = "cpu") -> Iterator[EpochRow | TrialResult]:
    """Train, then probe: a row per epoch, at the end one TrialResult. Raises BadInput (see check) or TrialFailed."""
    check(recipe, dataset, device)
    began = time.perf_counter()
    with exactly(device):
        model, loss = SimCLR(recipe), None
        for row in pretrain(recipe, model, dataset.train.images, device):
            loss = row.loss
            yield row
        metrics, predictions = probe(recipe, model, dataset, device)
    if loss is not None:
        metrics["loss"] = loss
    labels = dataset.test.labels.astype(np.int16)
    yield TrialResult(metrics, predictions, labels, time.perf_counter() - began)


def probe(recipe: Recipe, model: SimCLR, dataset: Dataset, device: str) -> tuple[dict[str, float], NDArray[np.int16]]:
    """Metrics and predicted test classes of the frozen encoder."""
    train_h, test_h = (features(model.encoder, part.images, device) for part in (dataset.train, dataset.test))
    if not (train_h.isfinite().all() and test_h.isfinite().all()):
        raise TrialFailed("the trained encoder gives representations that are not finite")
    labels, classes = torch.from_numpy(np.array(dataset.train.labels)), len(dataset.class_names)
    probed = linear_probe(train_h, labels, test_h, classes, recipe.probes.linear, recipe.seed)
    predictions = probed.predictions.numpy().astype(np.int16)
    metrics = {
        **accuracies(predictions, dataset.test.labels),
        "probe_l2": probed.l2,
        "probe_validation_top1": probed.validation_top1,
    }
    return metrics, predictions


def accuracies(predictions: NDArray[np.int16], labels: NDArray[np.int64]) -> dict[str, float]:
    """top1 over images and balanced accuracy (the mean of the classes' recalls), in percent, with n_test."""
    right = predictions == labels
    recalls = [right[labels == label].mean() for label in np.unique(labels)]
    return {
        "top1": 100 * float(right.mean()),
        "balanced_accuracy": 100 * float(np.mean(recalls)),
        "n_test": len(labels),
    }


def step_seconds(recipe: Recipe, dataset: Dataset, device: str = "cpu", steps: int = 8) -> float:
    """Estimated seconds of the whole trial, from a few real steps and one real probe of the untrained encoder."""
    plan = recipe.schedule
    few = replace(dataset, train=dataset.train.take(np.arange(plan.batch_size * steps) % len(dataset.train)))
    short = recipe.model_copy(update={"schedule": plan.model_copy(update={"epochs": 2})})
    with exactly(device):
        model = SimCLR(recipe)
        per_step = [row.seconds / steps for row in pretrain(short, model, few.train.images, device)][
            -1
        ]  # first: warm-up
        began = time.perf_counter()
        probe(recipe, model, dataset, device)
        probing = time.perf_counter() - began
    return plan.epochs * (len(dataset.train) // plan.batch_size) * per_step + probing

"""One training and its probes: the one door to the core."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from simclr_core.augment.views import two_views
from simclr_core.checkpoint import Checkpoint
from simclr_core.config import Data, Recipe
from simclr_core.data.images import UNLABELED, Dataset, ImageSet
from simclr_core.errors import BadInput
from simclr_core.model import SimCLR
from simclr_core.pretrain import EpochRow, pretrain
from simclr_core.probes.measured import Measured
from simclr_core.probes.suite import measure
from simclr_core.probes.transform_prediction import check_target

# Once so much has been freed (as float32 a little below 32 MB, glibc's limit), glibc keeps what is freed later for the
# next step, rather than give it back to the system and get it again page by page, filled with zeros.
KEEPSAKE = 2**23 - 2**10

__all__ = ["EpochRow", "TrialResult", "check", "run"]


@dataclass(frozen=True)
class TrialResult:
    """metrics: finite numbers by name, accuracies in percent. predictions, labels: (n_test,) int16 classes.

    Without labels nothing is predicted, (0,), and `labels` are UNLABELED.

    `predictions` are those of the linear probe on h, metric top1; `outcomes` holds what every other probe found for
    each of its test examples, or the sorted spectrum of the head, under the name of the metric. groups: likewise of
    each test example the group that it belongs to, where images come in groups; else empty.
    """

    metrics: dict[str, float]
    predictions: NDArray[np.int16]
    labels: NDArray[np.int16]
    outcomes: dict[str, NDArray[np.int16] | NDArray[np.float32]]
    groups: dict[str, NDArray[np.int32]]
    seconds: float


def check(recipe: Recipe, dataset: Dataset, device: str = "cpu", transfer: Dataset | None = None) -> None:
    """Raise BadInput where this recipe cannot run on these images on this device."""
    batch, images = recipe.schedule.batch_size, len(trained_on(recipe, dataset))
    if batch > images:
        raise BadInput(
            f"schedule.batch_size is {batch}, but {dataset.title} has {images} training images; at most {images} fit: "
            f"--set schedule.batch_size={images}."
        )
    for probed, data in zip((dataset, transfer), recipe.data_sets, strict=False):
        if probed is not None:
            _check_test(probed)
        if probed is not None and probed.labeled:
            _check_labels(probed, data)
    if not dataset.labeled and recipe.loss.name == "cross_entropy":
        raise BadInput(
            f"loss.name: cross_entropy learns classes, but {dataset.title} has no labels; --only leaves such cells out."
        )
    if transfer is not None and not transfer.labeled:
        raise BadInput(f"probes.transfer: a linear probe needs labels, and {transfer.title} has none.")
    if recipe.probes.online and dataset.labeled and (dataset.train.labels == UNLABELED).any():
        raise BadInput(
            f"probes.online learns along with the encoder, but {dataset.title} has training images without labels: "
            "--set probes.online=false."
        )
    if dataset.labeled and recipe.probes.knn.k > (known := len(dataset.probe_train)):
        raise BadInput(
            f"probes.knn.k is {recipe.probes.knn.k}, but {dataset.title} has {known} training images: "
            f"--set probes.knn.k={known} or less."
        )
    if recipe.probes.transform_prediction is not None:
        check_target(recipe)
    if (recipe.probes.transfer is None) is not (transfer is None):
        raise BadInput("probes.transfer names a data set if and only if its images are given.")
    check_channels(recipe, dataset, transfer)
    with deterministic(device):  # a transform of albumentations that does not fit these images is refused here
        two = torch.from_numpy(np.array(dataset.train.recorded(recipe.views)[:2]))
        two_views(two, recipe.views, recipe.transforms, recipe.seed)
    if recipe.schedule.precision == "bfloat16" and device == "cpu" and not torch.cpu.get_capabilities().get("amx_bf16"):
        raise BadInput(
            "schedule.precision: bfloat16 is many times slower than float32 on a CPU without AMX; "
            "float32 is allowed here, bfloat16 on a GPU or a CPU with AMX."
        )


def check_channels(recipe: Recipe, dataset: Dataset, transfer: Dataset | None) -> None:
    """Raise BadInput where something needs red, green and blue, and these images have other channels."""
    channels, steps = dataset.train.channels, recipe.views.shared + recipe.views.left + recipe.views.right
    if transfer is not None and transfer.train.channels != channels:
        raise BadInput(
            f"{transfer.title} has {transfer.train.channels} channel(s), but {dataset.title}, on which the encoder is "
            f"trained, has {channels}; allowed: as many."
        )
    if channels == 3:
        return
    needs = f"needs red, green and blue, but {dataset.title} has {channels} channel(s)"
    asked = recipe.probes.transform_prediction
    if "autoaugment" in steps:
        raise BadInput(f"The transformation autoaugment {needs}; allowed: chains without it.")
    if asked is not None and asked.target == "gray":
        raise BadInput(f"probes.transform_prediction.target gray {needs}; allowed: rotate, noise, sobel.")


def _check_test(dataset: Dataset) -> None:
    """Whether there is enough to measure on."""
    if len(dataset.test) < 2:
        raise BadInput(f"{dataset.title} has {len(dataset.test)} test image(s); the probes need at least two.")
    if dataset.test.groups is not None and len(np.unique(dataset.test.groups)) < 2:
        raise BadInput(f"the test images of {dataset.title} are of one group; an interval needs at least two.")


def _check_labels(dataset: Dataset, data: Data) -> None:
    """Whether a linear probe can be trained and its penalty chosen."""
    taken = dataset.train if dataset.probed is None else dataset.probed
    limited = data.limit is not None and len(taken) == data.limit  # else there are not even so many
    more = " --set data.limit=null takes all that there are." if limited else ""
    if len(dataset.class_names) < 2:
        raise BadInput(f"{dataset.title} has one class ({dataset.class_names[0]}); a probe needs at least two.")
    if dataset.validation is not None:
        return
    train = dataset.probe_train
    counts = np.bincount(train.labels, minlength=len(dataset.class_names))
    if counts.min() < 2:
        name = dataset.class_names[int(counts.argmin())]
        raise BadInput(
            f"class {name!r} of {dataset.title} has {counts.min()} training image(s); "
            f"the probe's validation split needs at least two of every class.{more}"
        )
    if train.groups is not None:
        together = np.unique(np.stack([train.labels, train.groups]), axis=1)[0]
        if (fewest := np.bincount(together)).min() < 2:
            raise BadInput(
                f"class {dataset.class_names[int(fewest.argmin())]!r} of {dataset.title} has training images of one "
                f"group; the probe's validation split needs at least two groups of every class.{more}"
            )


def trained_on(recipe: Recipe, dataset: Dataset) -> ImageSet:
    """The images that an encoder is trained on: all, labels or not; by the supervised twin those with a label."""
    return dataset.probe_train if recipe.loss.name == "cross_entropy" else dataset.train


@contextmanager
def deterministic(device: str) -> Iterator[None]:
    """Set what a trial's numbers depend on, whatever ran in this process before, and put it back afterwards."""
    threads, dtype, strict = torch.get_num_threads(), torch.get_default_dtype(), torch.get_deterministic_debug_mode()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    if device == "cpu":
        torch.set_num_threads(1)  # one trial per core; and sums do not depend on how many threads split them
        torch.empty(KEEPSAKE)
    torch.set_default_dtype(torch.float32)
    # Not use_deterministic_algorithms: it also tells torch's compiler, and takes two seconds to import that.
    torch.set_deterministic_debug_mode("error" if device == "cpu" else "default")
    # Nothing reads what it has not written, so nothing need be filled first: the same numbers, a step 4% faster.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_deterministic_debug_mode(strict)
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]


def run(
    recipe: Recipe,
    dataset: Dataset,
    device: str = "cpu",
    transfer: Dataset | None = None,
    keep: Checkpoint | None = None,
) -> Iterator[EpochRow | TrialResult]:
    """Train, then probe: a row per epoch, at the end one TrialResult. Raises BadInput (see check) or TrialFailed.

    transfer: the images of recipe.probes.transfer. keep: where to save the training now and then, and to go on from.
    """
    check(recipe, dataset, device, transfer)
    recipe = recipe if dataset.labeled else recipe.without_labels()
    with deterministic(device):
        model, rows = SimCLR.of(recipe, dataset), []
        for row in pretrain(recipe, model, trained_on(recipe, dataset), device, keep):
            rows.append(row)
            yield row
        began = time.perf_counter()
        metrics, predictions, measured = probe(recipe, model, dataset, device, transfer)
        seconds = sum(row.seconds for row in rows) + time.perf_counter() - began
    if rows:
        metrics |= {"loss": rows[-1].loss, "entropy": rows[-1].entropy}
        supervised = recipe.loss.name == "cross_entropy"
        metrics["training_top1" if supervised else "contrastive_accuracy"] = rows[-1].accuracy
    outcomes = {name: answer.outcome for name, answer in measured.items()}
    groups = {name: answer.groups.astype(np.int32) for name, answer in measured.items() if answer.groups is not None}
    if dataset.test.groups is not None:
        groups |= {"top1": dataset.test.groups.astype(np.int32)} if dataset.labeled else {}
        metrics["n_groups"] = len(np.unique(dataset.test.groups))
    yield TrialResult(metrics, predictions, dataset.test.labels.astype(np.int16), outcomes, groups, seconds)


def probe(
    recipe: Recipe, model: SimCLR, dataset: Dataset, device: str = "cpu", transfer: Dataset | None = None
) -> tuple[dict[str, float], NDArray[np.int16], dict[str, Measured]]:
    """Metrics, predicted test classes of the linear probe, and what every other probe found, of the trained model."""
    probed, measured, whole = measure(recipe, model.float(), dataset, transfer, device)
    predictions, metrics = np.empty(0, np.int16), dict[str, float](n_test=len(dataset.test))
    if probed is not None:
        predictions = probed.predictions.numpy().astype(np.int16)
        metrics |= accuracies(predictions, dataset.test.labels)
        metrics |= {"probe_l2": probed.l2, "probe_validation_top1": probed.validation_top1}
    metrics |= {
        "parameters": sum(weights.numel() for weights in model.encoder.parameters()) / 1e6,
        **{name: answer.value for name, answer in measured.items()},
        **whole,
    }
    return metrics, predictions, measured


def accuracies(predictions: NDArray[np.int16], labels: NDArray[np.int64]) -> dict[str, float]:
    """top1 over images and balanced accuracy (the mean of the classes' recalls), in percent."""
    right = predictions == labels
    recalls = [right[labels == label].mean() for label in np.unique(labels)]
    return {
        "top1": 100 * float(right.mean()),
        "balanced_accuracy": 100 * float(np.mean(recalls)),
    }

"""The cost of a trial in seconds and in memory: measured on a few steps, or estimated without any."""

import contextlib
import resource
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from simclr_core.config import Probes, Recipe, SGDProbe
from simclr_core.data.images import Dataset
from simclr_core.encoders import Encoder
from simclr_core.model import SimCLR
from simclr_core.pretrain import pretrain
from simclr_core.probes.finetune import Classification, descend, shares, zeros
from simclr_core.probes.label_subset import label_subset
from simclr_core.trial import deterministic, probe, trained_on

BASE = 950_000_000  # a process that has loaded torch and images, and probes a small encoder; measured on CPU
SLACK = 1.5  # for what the backward pass and the convolutions allocate beyond what the forward pass keeps; measured


@dataclass(frozen=True)
class Cost:
    """seconds of a whole trial; peak_bytes: the most memory that its process held at once."""

    seconds: float
    peak_bytes: int


def measure(
    recipe: Recipe, dataset: Dataset, device: str = "cpu", transfer: Dataset | None = None, steps: int = 8
) -> Cost:
    """Cost from a few real steps, and every probe once on a hardly trained encoder. Raises TrialFailed.

    Probes that train on images again, and can take longer than the pretraining, are timed over one epoch.
    """
    plan = recipe.schedule
    images = trained_on(recipe, dataset)
    few = images.take(np.arange(plan.batch_size * steps) % len(images))
    recipe = recipe if dataset.labeled else recipe.without_labels()
    short = recipe.model_copy(update={"schedule": plan.model_copy(update={"epochs": 2})})
    forget_peak(device)
    with deterministic(device):
        model, per_step = SimCLR.of(recipe, dataset), 0.0
        if plan.epochs:
            *_, warm = pretrain(short, model, few, device)  # the first epoch is slower
            per_step = warm.seconds / steps
        began = time.perf_counter()
        probe(recipe.model_copy(update={"probes": without_training(recipe.probes)}), model, dataset, device, transfer)
        probing = time.perf_counter() - began
        probing += retraining(recipe, model.encoder, dataset, device, transfer)
    return Cost(plan.epochs * (len(images) // plan.batch_size) * per_step + probing, peak_bytes(device))


def without_training(probes: Probes) -> Probes:
    """The probes that go through the images once, without those that train on them again."""
    return probes.model_copy(update={"augmented_linear": None, "finetune": None, "transfer_finetune": None})


def retraining(recipe: Recipe, encoder: Encoder, dataset: Dataset, device: str, transfer: Dataset | None) -> float:
    """Seconds of the probes that train again: one epoch of each, times its epochs."""
    total = 0.0
    for images, share, settings, frozen in retrained(recipe.probes, dataset, transfer):
        task = Classification.of(images, recipe, device)
        chosen = torch.from_numpy(label_subset(task.train.labels, share, recipe.seed))
        once, classifier = settings.model_copy(update={"epochs": 1}), zeros(encoder.width, task.classes)
        began = time.perf_counter()
        descend(deepcopy(encoder), classifier, frozen, task, chosen, once, "cost")
        total += settings.epochs * (time.perf_counter() - began)
    return total


def retrained(
    probes: Probes, dataset: Dataset, transfer: Dataset | None
) -> Iterator[tuple[Dataset, float, SGDProbe, bool]]:
    """The probes that train again: on which images, with which share of the labels, how, and whether h is frozen."""
    if probes.augmented_linear is not None:
        yield dataset, 1.0, probes.augmented_linear, True
    if probes.finetune is not None:
        yield from ((dataset, share, settings, False) for share, settings in shares(probes.finetune).items())
    if probes.transfer_finetune is not None and transfer is not None:
        yield transfer, 1.0, probes.transfer_finetune, False


def forget_peak(device: str) -> None:
    """Begin a new measurement. Where the system cannot (macOS), the peak is that of the whole process so far."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_bytes(device: str) -> int:
    """The most that was held at once since forget_peak: resident bytes of this process, or the GPU's reserved ones."""
    if device == "cuda":
        return torch.cuda.max_memory_reserved()
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def estimated_bytes(recipe: Recipe, classes: int, images: int) -> int:
    """About what a trial's process needs to train and probe on so many images (of the larger of its data sets).

    A forward pass lists what it keeps: of a few images through the small encoder; through a large one, of the batch on
    the meta device, which holds no data, but imports torch's compiler, which takes two seconds.
    """
    plan, probes = recipe.schedule, recipe.probes
    with torch.device("cpu" if recipe.encoder.name == "small" else "meta"):
        model = SimCLR(recipe, classes)
    weights = sum(parameter.untyped_storage().nbytes() for parameter in model.parameters())
    pretraining = tuning = 0.0
    if plan.epochs:
        width = {"bfloat16": 0.5, "float32": 1.0, "float64": 2.0}[plan.precision]
        pretraining = width * kept_bytes(model, 2 * (plan.chunk or plan.batch_size), recipe.data.size)
    if probes.finetune is not None:
        tuning = kept_bytes(model.encoder, probes.finetune.batch_size, recipe.data.size)
    if probes.transfer_finetune is not None and probes.transfer is not None:
        tuning = max(tuning, kept_bytes(model.encoder, probes.transfer_finetune.batch_size, probes.transfer.size))
    similarities = 4 * 4 * (2 * plan.batch_size) ** 2
    features = 12 * images * model.encoder.width  # float32, and float64 while the linear probe solves
    return int(BASE + 4 * weights + max(SLACK * pretraining + similarities, SLACK * tuning, features))


def kept_bytes(module: nn.Module, rows: int, side: int) -> int:
    """Bytes that a forward pass of so many images would keep for the backward pass, in float32; not the weights."""
    if next(module.parameters()).device.type == "meta":
        return _kept(module, rows, side)
    two, four = (_kept(module, few, side) for few in (2, 4))
    return two + (four - two) * (rows - 2) // 2  # a part is the same for any number of rows


def _kept(module: nn.Module, rows: int, side: int) -> int:
    kept: dict[int, Tensor] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    images = torch.zeros(rows, 3, side, side, device=next(module.parameters()).device)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        module(images)
    for parameter in module.parameters():
        kept.pop(parameter.untyped_storage()._cdata, None)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())

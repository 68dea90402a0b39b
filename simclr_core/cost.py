"""What a trial takes, in seconds and in memory: measured on a few steps, or estimated without any."""

import contextlib
import resource
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from simclr_core.config import Recipe
from simclr_core.data.images import Dataset
from simclr_core.pretrain import SimCLR, pretrain
from simclr_core.trial import exactly, probe

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
    """From a few real steps and one real probe of a hardly trained encoder. Raises TrialFailed where training does."""
    plan = recipe.schedule
    few = replace(dataset, train=dataset.train.take(np.arange(plan.batch_size * steps) % len(dataset.train)))
    short = recipe.model_copy(update={"schedule": plan.model_copy(update={"epochs": 2})})
    forget_peak(device)
    with exactly(device):
        model, per_step = SimCLR(recipe, len(dataset.class_names)), 0.0
        if plan.epochs:
            *_, warm = pretrain(short, model, few.train, device)  # the first epoch is slower
            per_step = warm.seconds / steps
        began = time.perf_counter()
        probe(recipe, model, dataset, device, transfer)
        probing = time.perf_counter() - began
    return Cost(plan.epochs * (len(dataset.train) // plan.batch_size) * per_step + probing, peak_bytes(device))


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
    """About what a trial's process needs to train and probe on so many images, found without any arithmetic.

    A forward pass on the meta device lists what it would keep for the backward pass; it holds no data.
    """
    plan = recipe.schedule
    rows = 2 * (plan.chunk or plan.batch_size)
    kept: dict[int, Tensor] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.device("meta"):
        model = SimCLR(recipe, classes)
        if plan.epochs:
            with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
                model(torch.empty(rows, 3, recipe.data.size, recipe.data.size))
    weights = sum(parameter.untyped_storage().nbytes() for parameter in model.parameters())
    for parameter in model.parameters():
        kept.pop(parameter.untyped_storage()._cdata, None)
    width = {"bfloat16": 0.5, "float32": 1.0, "float64": 2.0}[plan.precision]
    activations = width * sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    similarities = 4 * 4 * (2 * plan.batch_size) ** 2
    features = 12 * images * model.encoder.width  # float32, and float64 while the linear probe solves
    return int(BASE + 4 * weights + max(SLACK * activations + similarities, features))

"""The SimCLR training loop."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simclr_core.augment.views import two_views
from simclr_core.config import Recipe
from simclr_core.encoders import Encoder
from simclr_core.heads import head
from simclr_core.losses import nt_xent
from simclr_core.optim import lr_factor, optimizer
from simclr_core.streams import stream


class TrialFailed(Exception):
    """Training cannot go on; the message says why and where."""


@dataclass(frozen=True)
class EpochRow:
    """One epoch. `loss`: mean NT-Xent in nats; `lr`: that of the last step."""

    epoch: int
    loss: float
    lr: float
    seconds: float


class SimCLR(nn.Module):
    """z = g(f(x)). Encoder and head are initialized from streams of their own, so all heads of a seed share f."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream(recipe.seed, "encoder").initial_seed())
            self.encoder = Encoder(recipe.encoder.name)
            torch.manual_seed(stream(recipe.seed, "head").initial_seed())
            self.head = head(recipe.head, self.encoder.width)

    def forward(self, views: Tensor) -> Tensor:
        z: Tensor = self.head(self.encoder(views))
        return z


def pixels(images: NDArray[np.uint8], device: str) -> Callable[[Tensor], Tensor]:
    """A function from (N,) positions to (N, 3, S, S) uint8 images on `device`.

    On the CPU every batch is copied out of the (memory-mapped, shared) array; a GPU gets the whole set once.
    """
    if device == "cpu":
        return lambda index: torch.from_numpy(images[index.numpy()])
    resident = torch.from_numpy(np.array(images)).to(device)
    return lambda index: resident[index.to(device, non_blocking=True)]


def pretrain(recipe: Recipe, model: SimCLR, images: NDArray[np.uint8], device: str = "cpu") -> Iterator[EpochRow]:
    """Train `model` in place on (N, 3, S, S) uint8 images, one row per epoch. Raises TrialFailed on a non-finite loss.

    Images that do not fill the last batch of an epoch sit that epoch out: NT-Xent depends on the batch size.
    """
    plan = recipe.schedule
    batches = len(images) // plan.batch_size
    fetch, steps, low = pixels(images, device), plan.epochs * batches, plan.precision == "bfloat16"
    model.to(device).train()
    optim = optimizer(recipe.optimizer, model)
    for epoch in range(plan.epochs):
        began = time.perf_counter()
        order = torch.randperm(len(images), generator=stream(recipe.seed, "order", epoch))
        total = torch.zeros((), device=device)
        for step in range(batches):
            lr = recipe.optimizer.lr * lr_factor(epoch * batches + step, steps, plan.warmup)
            for group in optim.param_groups:
                group["lr"] = lr
            batch = fetch(order[step * plan.batch_size : (step + 1) * plan.batch_size])
            views = two_views(batch, recipe.views, recipe.transforms, recipe.seed, epoch, step)
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=low):
                z = model(views)  # both views in one forward: BatchNorm sees both
            loss = nt_xent(z, recipe.loss.temperature)
            optim.zero_grad(set_to_none=True)
            loss.backward()
            optim.step()
            total += loss.detach()
        mean = total.item() / batches  # the only time in an epoch that the host waits for the device
        if not np.isfinite(mean):
            raise TrialFailed(f"the loss is not finite in epoch {epoch + 1} of {plan.epochs}")
        yield EpochRow(epoch + 1, mean, lr, time.perf_counter() - began)

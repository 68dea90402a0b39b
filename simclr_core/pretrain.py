"""The SimCLR training loop."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn

from simclr_core.augment.views import steps_at_once
from simclr_core.checkpoint import Checkpoint, Stateful
from simclr_core.config import Recipe
from simclr_core.data.device import pixels
from simclr_core.data.images import ImageSet
from simclr_core.gradient_caching import embed
from simclr_core.health import StepHealth
from simclr_core.model import SimCLR  # CROSS
from simclr_core.objective import objective
from simclr_core.optim import lr_factor, optimizer
from simclr_core.streams import stream


@dataclass(frozen=True)
class EpochRow:
    """One epoch, means over its steps.

    loss: in nats where it is a cross-entropy. accuracy (percent) and entropy (nats): of the contrastive task over the N
    images of the other view, as in Table 5; of the classes for the supervised twin. lr: that of the last step.
    """

    epoch: int
    loss: float
    accuracy: float
    entropy: float
    lr: float
    seconds: float


def pretrain(
    recipe: Recipe, model: SimCLR, train: ImageSet, device: str = "cpu", keep: Checkpoint | None = None
) -> Iterator[EpochRow]:
    """Train `model` in place, one row per epoch; from where `keep` has got to, whose rows then come first.

    Images that do not fill the last batch of an epoch sit that epoch out: NT-Xent depends on the batch size.
    Raises TrialFailed where a loss is not finite or the embeddings explode or collapse, before the optimizer's step.
    """
    plan, goal = recipe.schedule, objective(recipe)
    batches = len(train) // plan.batch_size
    steps, low = plan.epochs * batches, plan.precision == "bfloat16"
    wide = torch.float64 if plan.precision == "float64" else torch.float32
    fetch, labels = pixels(train.recorded(recipe.views), device), torch.from_numpy(np.array(train.labels)).to(device)
    model.to(device, wide)
    optim = optimizer(recipe.optimizer, nn.ModuleList([model.encoder, model.head]), recipe.peak_lr)
    parts: dict[str, Stateful] = {"model": model, "optimizer": optim}
    if model.online is not None:
        parts["online"] = model.online.optimizer
    rows = [EpochRow(**row) for row in keep.restore(parts)] if keep else []  # type: ignore[arg-type]  # epoch is an int
    yield from rows

    def batches_of(order: Tensor, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Views and labels, step by step; of a few steps at once where that is quicker."""
        at_once = steps_at_once(plan.batch_size, train.images.shape[-1], device)
        for step in range(0, batches, at_once):
            index = order[step * plan.batch_size : min(step + at_once, batches) * plan.batch_size]
            together = len(index) // plan.batch_size
            views = goal.views(fetch(index), epoch, step, together)
            yield from zip(
                views.chunk(together), labels[index.to(device, non_blocking=True)].chunk(together), strict=True
            )

    for epoch in range(len(rows), plan.epochs):
        began = time.perf_counter()
        model.train()  # whoever took the last row may have measured the model
        order = torch.randperm(len(train), generator=stream(recipe.seed, "order", epoch))
        sums = torch.zeros(3, dtype=torch.float64, device=device)
        for step, (views, y) in enumerate(batches_of(order, epoch)):
            factor = lr_factor(epoch * batches + step, steps, plan.warmup)
            for group in optim.param_groups:
                group["lr"] = recipe.peak_lr * factor
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=low):
                h, z = embed(model, views.to(wide), goal.branches, plan.chunk)  # one forward: BatchNorm sees both views
            loss = goal.loss(z, y)
            checkup = StepHealth(loss, goal.embeddings(h, z))
            optim.zero_grad(set_to_none=True)
            loss.backward()
            checkup.require_health(f"in step {step + 1} of epoch {epoch + 1} of {plan.epochs}")
            optim.step()
            if model.online is not None:
                model.online.step(h, y, factor)
            sums += torch.stack([loss.detach(), *goal.task(z, y)])
        loss_mean, accuracy, entropy = (sums / batches).tolist()
        seconds = time.perf_counter() - began
        rows.append(EpochRow(epoch + 1, loss_mean, 100 * accuracy, entropy, recipe.peak_lr * factor, seconds))
        if keep:
            keep.save(parts, [asdict(row) for row in rows])
        yield rows[-1]

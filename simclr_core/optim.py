"""Optimizers and the learning-rate schedule."""

import inspect
import math
from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from simclr_core import config

Kind = TypeVar("Kind", bound=torch.optim.Optimizer)


def plain(kind: type[Kind]) -> type[Kind]:
    """An optimizer of torch without what is wrapped around it for torch.compile.

    Nothing is compiled here, and the wrappers import the compiler: two seconds in every process that trains.
    """
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), {**methods, "step": torch.no_grad()(inspect.unwrap(kind.step))})


AdamW, SGD, LBFGS = plain(torch.optim.AdamW), plain(torch.optim.SGD), plain(torch.optim.LBFGS)


def optimizer(settings: config.Optimizer, model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """LARS, SGD with Nesterov momentum or AdamW at learning rate `lr` (Recipe.peak_lr), over what `model` trains.

    Two groups of parameters, matrices and vectors: the latter (BatchNorm and biases) are spared weight decay.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if settings.name == "lars":
        return LARS(groups, lr, settings.momentum)
    if settings.name == "adamw":
        return AdamW(groups, lr=lr, fused=True)
    return SGD(groups, lr=lr, momentum=settings.momentum, nesterov=settings.momentum > 0)


@plain
class LARS(torch.optim.Optimizer):
    """Layer-wise adaptive rate scaling (You et al., 2017) as in SimCLR's official code.

    For a weight tensor w of gradient d, all in one layer:

        g = d + weight_decay * w
        ratio = trust * |w| / |g|, or 1 where either norm is 0
        buffer = momentum * buffer + lr * ratio * g
        w = w - buffer

    The learning rate acts inside the buffer: a step taken at a high rate keeps its momentum when the rate falls, where
    torch's SGD multiplies on the way out. Parameters of at most one dimension (BatchNorm, biases): g = d and ratio 1.
    """

    trust = 0.001

    def __init__(self, params: Iterable[Any], lr: float, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient. The host does not wait for the device."""
        for group in self.param_groups:
            moving: list[Tensor] = [p for p in group["params"] if p.grad is not None]
            self._move([p for p in moving if p.ndim > 1], True, group)
            self._move([p for p in moving if p.ndim <= 1], False, group)

    def _move(self, weights: list[Tensor], adapted: bool, group: dict[str, Any]) -> None:
        if not weights:
            return
        gradients: Any = [w.grad for w in weights]
        if adapted:
            gradients = torch._foreach_add(gradients, weights, alpha=group["weight_decay"])
            size, slope = (torch.stack(torch._foreach_norm(tensors)) for tensors in (weights, gradients))
            ratio = torch.where((size > 0) & (slope > 0), self.trust * size / slope, 1.0)
            torch._foreach_mul_(gradients, (group["lr"] * ratio).unbind())
        else:
            gradients = torch._foreach_mul(gradients, group["lr"])
        for w in weights:
            if not self.state[w]:
                self.state[w]["momentum_buffer"] = torch.zeros_like(w)
        buffers = [self.state[w]["momentum_buffer"] for w in weights]
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_add_(buffers, gradients)
        torch._foreach_sub_(weights, buffers)


def lr_factor(step: int, steps: int, warmup: float) -> float:
    """Share of the top learning rate at 0-based `step` of `steps`: linear warm-up over a fraction, then cosine to zero.

    The warm-up ends on 1 at its last step; the step after the last one would have 0. The official code warms up one
    step later, so that its first step is lost at a rate of 0, and plans images * epochs // batch + 1 steps where the
    trainer takes epochs * (images // batch).
    """
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))

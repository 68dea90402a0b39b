"""Optimizers and the learning-rate schedule."""

import math

import torch
from torch import nn

from simclr_core import config


def optimizer(settings: config.Optimizer, model: nn.Module) -> torch.optim.Optimizer:
    """AdamW or SGD with Nesterov momentum; BatchNorm parameters and biases (all vectors) are spared weight decay."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if settings.name == "adamw":
        return torch.optim.AdamW(groups, lr=settings.lr, fused=True)
    return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum, nesterov=settings.momentum > 0)


def lr_factor(step: int, steps: int, warmup: float) -> float:
    """Share of the top learning rate at 0-based `step` of `steps`: linear warm-up over a fraction, then cosine to zero.

    The warm-up ends on 1 at its last step; the step after the last one would have 0.
    """
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))

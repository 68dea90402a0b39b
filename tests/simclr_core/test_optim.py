"""Optimizers and the schedule, value by value."""

import math

import pytest
import torch
from torch import nn

from simclr_core import config
from simclr_core.optim import lr_factor, optimizer


def test_the_schedule_value_by_value() -> None:
    # 10 steps, 20% warm-up: two rising steps, then a cosine over eight from 1 towards 0.
    expected = [0.5, 1.0, *(0.5 * (1 + math.cos(math.pi * k / 8)) for k in range(8))]
    assert [lr_factor(step, 10, 0.2) for step in range(10)] == pytest.approx(expected)
    assert lr_factor(10, 10, 0.2) == pytest.approx(0)
    assert [lr_factor(step, 4, 0.0) for step in range(4)] == pytest.approx([1, 0.8535534, 0.5, 0.1464466])
    assert lr_factor(0, 1, 0.1) == 1


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_weight_decay_spares_vectors(name: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    before = {key: value.clone() for key, value in model.named_parameters()}
    optim = optimizer(config.Optimizer(name=name, lr=0.1, weight_decay=0.5), model)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optim.step()
    for key, value in model.named_parameters():
        shrunk = before[key] * (1 - 0.1 * 0.5 * (1.9 if name == "sgd" else 1))  # Nesterov's first step: 1 + momentum
        torch.testing.assert_close(value, shrunk if before[key].ndim > 1 else before[key])


def test_frozen_parameters_are_left_out() -> None:
    layer = nn.BatchNorm1d(3)
    layer.bias.requires_grad_(False)
    assert sum(len(group["params"]) for group in optimizer(config.Optimizer(), layer).param_groups) == 1

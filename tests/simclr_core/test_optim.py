"""Optimizers and the schedule, value by value."""

import io
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from simclr_core import config
from simclr_core.optim import LARS, lr_factor, optimizer

Arrays = list[NDArray[np.float64]]

SHAPES = [(2, 3, 2, 2), (3, 4), (4,), ()]  # a convolution, a matrix; a BatchNorm's or bias's, a scalar
RATES = [0.5, 1.0, 0.7, 0.1, 0.0, 0.3]  # falling and rising, so that it matters where the rate multiplies


def test_the_schedule_value_by_value() -> None:
    # 10 steps, 20% warm-up: two rising steps, then a cosine over eight from 1 towards 0.
    expected = [0.5, 1.0, *(0.5 * (1 + math.cos(math.pi * k / 8)) for k in range(8))]
    assert [lr_factor(step, 10, 0.2) for step in range(10)] == pytest.approx(expected)
    assert lr_factor(10, 10, 0.2) == pytest.approx(0)
    assert [lr_factor(step, 4, 0.0) for step in range(4)] == pytest.approx([1, 0.8535534, 0.5, 0.1464466])
    assert lr_factor(0, 1, 0.1) == 1


@pytest.mark.parametrize(("steps", "warmup", "rising"), [(100, 0.1, 10), (7, 0.5, 4), (5, 0.99, 5), (30, 0.01, 0)])
def test_the_schedule_is_the_official_one_but_for_a_warm_up_one_step_earlier(
    steps: int, warmup: float, rising: int
) -> None:
    def official(step: int) -> float:  # learning_rate_schedule of model_util.py
        if step < rising:
            return step / rising
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1)))

    ours = [lr_factor(step, steps, warmup) for step in range(steps)]
    assert ours[:rising] == pytest.approx([official(step + 1) for step in range(rising)])
    assert ours[rising:] == pytest.approx([official(step) for step in range(rising, steps)])
    assert all(a < b for a, b in pairwise(ours[:rising]))
    assert all(a > b for a, b in pairwise(ours[rising:]))


def drawn(seed: int, shapes: list[tuple[int, ...]] = SHAPES) -> Arrays:
    generator = np.random.default_rng(seed)
    return [np.asarray(generator.normal(size=shape)) for shape in shapes]


def parameters(values: Arrays, dtype: torch.dtype = torch.float64) -> list[nn.Parameter]:
    return [nn.Parameter(torch.tensor(value, dtype=dtype)) for value in values]


def push(optim: torch.optim.Optimizer, weights: list[nn.Parameter], gradients: Arrays, lr: float) -> None:
    for group in optim.param_groups:
        group["lr"] = lr
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = torch.tensor(gradient, dtype=weight.dtype)
    optim.step()


def by_hand(weights: Arrays, gradients: list[Arrays], rates: list[float], momentum: float, decay: float) -> Arrays:
    """The official code's update, one number at a time."""
    finals = []
    for k, weight in enumerate(weights):
        w, buffer = weight.ravel().tolist(), [0.0] * weight.size
        for gradient, lr in zip(gradients, rates, strict=True):
            g, ratio = gradient[k].ravel().tolist(), 1.0
            if weight.ndim > 1:
                g = [d + decay * x for d, x in zip(g, w, strict=True)]
                size, slope = math.sqrt(sum(x * x for x in w)), math.sqrt(sum(d * d for d in g))
                if size > 0 and slope > 0:
                    ratio = 0.001 * size / slope
            buffer = [momentum * b + lr * ratio * d for b, d in zip(buffer, g, strict=True)]
            w = [x - b for x, b in zip(w, buffer, strict=True)]
        finals.append(np.array(w).reshape(weight.shape))
    return finals


def moved(after: list[nn.Parameter], before: Arrays) -> Arrays:
    """The weights hardly move at a trust of 0.001: compared are the movements."""
    return [a.detach().numpy().astype(np.float64) - b for a, b in zip(after, before, strict=True)]


@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_lars_is_the_official_update(decay: float, momentum: float) -> None:
    start, gradients = drawn(0), [drawn(seed) for seed in range(1, 7)]
    weights = parameters(start)
    optim = LARS(weights, lr=1.0, momentum=momentum, weight_decay=decay)  # vectors are among them, and must be spared
    for gradient, lr in zip(gradients, RATES, strict=True):
        push(optim, weights, gradient, lr)
    expected = by_hand(start, gradients, RATES, momentum, decay)
    for ours, theirs, before in zip(moved(weights, start), expected, start, strict=True):
        np.testing.assert_allclose(ours, theirs - before, rtol=1e-9, atol=1e-15)


def test_lars_in_a_recipe() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    weights = list(model.parameters())
    start = [w.detach().numpy().astype(np.float64) for w in weights]
    gradients = [drawn(seed, [tuple(w.shape) for w in weights]) for seed in range(6)]
    settings = config.Optimizer(name="lars", weight_decay=0.2, momentum=0.8)
    optim = optimizer(settings, model, lr=2.0)
    for gradient, lr in zip(gradients, RATES, strict=True):
        push(optim, weights, gradient, lr)
    expected = by_hand(start, gradients, RATES, 0.8, 0.2)
    for ours, theirs, before in zip(moved(weights, start), expected, start, strict=True):
        np.testing.assert_allclose(ours, theirs - before, rtol=1e-3, atol=1e-6)  # float32


@pytest.mark.parametrize(
    ("weight", "gradient", "decay", "expected"),
    [
        ([[0.0, 0.0]], [[3.0, 4.0]], 0.5, [[-1.5, -2.0]]),  # |w| = 0: plain descent
        ([[3.0, 4.0]], [[0.0, 0.0]], 0.0, [[3.0, 4.0]]),  # |g| = 0: stays, and is no NaN
        ([[0.0, 0.0]], [[0.0, 0.0]], 0.5, [[0.0, 0.0]]),
        ([[3.0, 4.0]], [[-1.5, -2.0]], 0.5, [[3.0, 4.0]]),  # gradient and decay cancel
        ([[3.0, 4.0]], [[0.0, 0.0]], 0.5, [[3.0 * 0.9995, 4.0 * 0.9995]]),  # decay alone: lr * trust, whatever it is
    ],
)
def test_lars_where_a_norm_is_zero(
    weight: list[list[float]], gradient: list[list[float]], decay: float, expected: list[list[float]]
) -> None:
    weights = parameters([np.array(weight)])
    push(LARS(weights, lr=0.5, weight_decay=decay), weights, [np.array(gradient)], 0.5)
    torch.testing.assert_close(weights[0].data, torch.tensor(expected, dtype=torch.float64))


def test_lars_moves_only_what_has_a_gradient_and_leaves_the_gradients_alone() -> None:
    start, gradients = drawn(0), drawn(1)
    weights = parameters(start)
    optim = LARS(weights, lr=0.1, weight_decay=0.5)
    for k in (0, 2):
        weights[k].grad = torch.tensor(gradients[k])
    optim.step()
    for k, weight in enumerate(weights):
        assert torch.equal(weight.data, torch.tensor(start[k])) is (k in (1, 3))
        assert (weight in optim.state) is (k in (0, 2))
    for k in (0, 2):
        assert torch.equal(weights[k].grad, torch.tensor(gradients[k]))


def test_lars_never_waits_for_the_device() -> None:
    weights = [nn.Parameter(torch.empty(shape, device="meta")) for shape in SHAPES]
    for weight in weights:
        weight.grad = torch.empty_like(weight)
    LARS(weights, lr=0.1, weight_decay=0.5).step()  # meta tensors have no values: asking for one raises


@pytest.mark.parametrize("name", ["lars", "sgd", "adamw"])
def test_a_restored_optimizer_goes_on_bit_for_bit(name: str) -> None:
    settings, start = config.Optimizer(name=name, weight_decay=0.1), drawn(0)

    def fresh() -> tuple[list[nn.Parameter], torch.optim.Optimizer]:
        weights = parameters(start, torch.float32)
        return weights, optimizer(settings, nn.ParameterList(weights), 0.1)

    weights, optim = fresh()
    for seed, lr in enumerate(RATES[:3]):
        push(optim, weights, drawn(seed), lr)
    file = io.BytesIO()
    torch.save({"weights": [w.data for w in weights], "optimizer": optim.state_dict()}, file)
    file.seek(0)
    stored = torch.load(file, weights_only=True)
    others, other = fresh()
    for weight, value in zip(others, stored["weights"], strict=True):
        weight.data.copy_(value)
    other.load_state_dict(stored["optimizer"])
    for seed, lr in enumerate(RATES):
        push(optim, weights, drawn(10 + seed), lr)
        push(other, others, drawn(10 + seed), lr)
        assert all(torch.equal(a, b) for a, b in zip(weights, others, strict=True))
    assert any((w.data - torch.tensor(s)).abs().max() > 1e-3 for w, s in zip(weights, start, strict=True))


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("lars", LARS, {"momentum": 0.7}),
        ("sgd", torch.optim.SGD, {"momentum": 0.7, "nesterov": True}),
        ("adamw", torch.optim.AdamW, {"betas": (0.9, 0.999)}),
    ],
)
def test_matrices_and_vectors_are_two_groups(name: str, kind: type, options: dict[str, object]) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    optim = optimizer(config.Optimizer(name=name, lr=9.0, weight_decay=0.5, momentum=0.7), model, 0.25)
    assert isinstance(optim, kind)
    matrices, vectors = optim.param_groups
    assert [tuple(p.shape) for p in matrices["params"]] == [(4, 3, 3, 3), (2, 4)]
    assert [tuple(p.shape) for p in vectors["params"]] == [(4,), (4,), (4,), (2,)]
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.5, 0.0)
    for group in optim.param_groups:
        assert group["lr"] == 0.25
        assert {key: group[key] for key in options} == options


# The first step on zero gradients: SGD with Nesterov's 1 + momentum, LARS at its trust alone.
@pytest.mark.parametrize(("name", "shrunk"), [("adamw", 0.1 * 0.5), ("sgd", 0.1 * 0.5 * 1.9), ("lars", 0.1 * 0.001)])
def test_weight_decay_spares_vectors(name: str, shrunk: float) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2)).double()
    before = {key: value.clone() for key, value in model.named_parameters()}
    optim = optimizer(config.Optimizer(name=name, weight_decay=0.5), model, 0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optim.step()
    for key, value in model.named_parameters():
        torch.testing.assert_close(value, before[key] * (1 - shrunk) if before[key].ndim > 1 else before[key])


@pytest.mark.parametrize("name", ["lars", "sgd", "adamw"])
def test_frozen_parameters_are_left_out(name: str) -> None:
    layer = nn.BatchNorm1d(3)
    layer.bias.requires_grad_(False)
    optim = optimizer(config.Optimizer(name=name), layer, 0.1)
    assert sum(len(group["params"]) for group in optim.param_groups) == 1
    layer.weight.grad = torch.ones(3)
    optim.step()
    assert (layer.weight < 1).all()
    assert (layer.bias == 0).all()

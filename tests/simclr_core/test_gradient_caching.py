"""Gradient caching against one plain step over the whole batch, and against an explicit loop over chunks."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from simclr_core.config import Recipe
from simclr_core.data.images import ImageSet
from simclr_core.gradient_caching import embed
from simclr_core.losses import nt_xent
from simclr_core.model import SimCLR
from simclr_core.pretrain import pretrain
from simclr_core.streams import stream


class Plain(nn.Module):
    """A network without BatchNorm."""

    def __init__(self, norm: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.f = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8) if norm else nn.Identity(), nn.ReLU(), nn.Flatten()
        )
        self.g = nn.Linear(8 * 36, 5)
        self.most = 0

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.most = max(self.most, len(x))
        h = self.f(x)
        return h, self.g(h)


def views(n: int) -> Tensor:
    return torch.randn(2 * n, 3, 8, 8, dtype=torch.float64, generator=stream(0, "views"))


def gradients(model: nn.Module, loss: Tensor) -> list[Tensor]:
    model.zero_grad()
    loss.backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("chunk", [2, 3, 6])
def test_without_batchnorm_it_is_the_plain_step(chunk: int) -> None:
    model, x = Plain(norm=False).double(), views(12)
    h, z = embed(model, x, 2, None)
    plain = gradients(model, nt_xent(z, 0.1))
    model.most = 0
    h_chunked, z_chunked = embed(model, x, 2, chunk)
    torch.testing.assert_close(h_chunked, h, rtol=0, atol=1e-14)
    torch.testing.assert_close(z_chunked, z, rtol=0, atol=1e-14)
    cached = gradients(model, nt_xent(z_chunked, 0.1))
    assert model.most == 2 * chunk  # never more views at a time, in neither pass
    for a, b in zip(cached, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


def test_with_batchnorm_it_is_the_step_of_a_network_that_normalizes_each_chunk() -> None:
    model, x, chunk, n = Plain(norm=True).double().train(), views(8), 2, 8
    twin = copy.deepcopy(model)
    z: list[Tensor | None] = [None] * (2 * n)
    for start in range(0, n, chunk):  # both views of images start..start + chunk, with a graph, all kept
        rows = [*range(start, start + chunk), *range(n + start, n + start + chunk)]
        for row, one in zip(rows, twin(x[rows])[1], strict=True):
            z[row] = one
    expected = gradients(twin, nt_xent(torch.stack([one for one in z if one is not None]), 0.1))
    cached = gradients(model, nt_xent(embed(model, x, 2, chunk)[1], 0.1))
    for a, b in zip(cached, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    for name, value in model.named_buffers():  # running statistics moved once per chunk, not twice
        if "tracked" not in name:
            torch.testing.assert_close(value, dict(twin.named_buffers())[name], rtol=1e-12, atol=0)
    assert model.f[1].momentum == 0.1


def test_no_graph_is_held_between_the_passes() -> None:
    """The activations of a plain step are saved for backward; those of a chunked one are not."""

    def saved(chunk: int | None) -> int:
        model, x, sizes = Plain(norm=False).double(), views(12), []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: (sizes.append(t.numel()), t)[1], lambda t: t):
            embed(model, x, 2, chunk)
        return sum(sizes)

    assert saved(2) < saved(None) / 3


def test_the_supervised_twin_is_chunked_too() -> None:
    model, x = Plain(norm=False).double(), views(6)
    torch.testing.assert_close(embed(model, x, 1, 3)[1], model(x)[1], rtol=0, atol=1e-14)


@pytest.mark.slow
def test_a_batch_of_4096_trains_on_a_cpu() -> None:
    """Batch 4096 of CIFAR-size images, 64 at a time: one step, with the loss of 8,191 candidates per anchor."""
    pick = np.random.default_rng(0)
    images = pick.integers(0, 256, (4096, 3, 12, 12), dtype=np.uint8)
    recipe = Recipe.parse(
        {
            "views": {"left": ["crop"], "right": ["crop"]},
            "head": {"kind": "linear", "dim": 16},
            "schedule": {"epochs": 1, "batch_size": 4096, "chunk": 512, "warmup": 0.0},
            "optimizer": {"name": "lars", "lr": 0.3, "scaling": "linear"},
            "data": {"size": 12},
        }
    )
    (row,) = pretrain(recipe, SimCLR(recipe), ImageSet(images, np.zeros(4096, dtype=np.int64)))
    assert np.log(8191) - 4 < row.loss < np.log(8191) + 1
    assert row.lr == 0.3 * 4096 / 256

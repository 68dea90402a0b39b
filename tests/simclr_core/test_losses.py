"""NT-Xent against the paper's Algorithm 1 written as loops, a closed form, and its symmetries."""

import math

import pytest
import torch
from torch import Tensor

from simclr_core.losses import nt_xent
from simclr_core.streams import stream

SIZES = [(2, 3, 0.5), (5, 8, 0.1), (16, 4, 1.0), (33, 64, 0.05)]


def embeddings(n: int, dim: int) -> Tensor:
    return torch.randn(2 * n, dim, dtype=torch.float64, generator=stream(1, "z", n, dim))


def algorithm_1(z: Tensor, temperature: float) -> float:
    """The paper's own indices, 1-based: views 2k - 1 and 2k belong together; its s, its l(i, j), its final average."""
    n = len(z) // 2
    paper = {}
    for k in range(1, n + 1):
        paper[2 * k - 1], paper[2 * k] = z[k - 1].tolist(), z[n + k - 1].tolist()

    def s(i: int, j: int) -> float:
        dot = sum(a * b for a, b in zip(paper[i], paper[j], strict=True))
        norms = [math.sqrt(sum(a * a for a in paper[k])) for k in (i, j)]
        return dot / (norms[0] * norms[1])

    def pair_loss(i: int, j: int) -> float:
        below = sum(math.exp(s(i, k) / temperature) for k in range(1, 2 * n + 1) if k != i)
        return -math.log(math.exp(s(i, j) / temperature) / below)

    return sum(pair_loss(2 * k - 1, 2 * k) + pair_loss(2 * k, 2 * k - 1) for k in range(1, n + 1)) / (2 * n)


@pytest.mark.parametrize(("n", "dim", "temperature"), SIZES)
def test_nt_xent_is_algorithm_1_of_the_paper(n: int, dim: int, temperature: float) -> None:
    z = embeddings(n, dim)
    assert nt_xent(z, temperature=temperature).item() == pytest.approx(algorithm_1(z, temperature), rel=1e-12)


@pytest.mark.parametrize("n", [2, 7, 64])
def test_equal_embeddings_give_log_of_the_number_of_candidates(n: int) -> None:
    same = torch.ones(2 * n, 5, dtype=torch.float64)
    assert nt_xent(same, 0.2).item() == pytest.approx(math.log(2 * n - 1), rel=1e-12)


@pytest.mark.parametrize(("n", "dim", "temperature"), SIZES)
def test_swapping_views_permuting_images_and_scaling_embeddings_change_nothing(
    n: int, dim: int, temperature: float
) -> None:
    z = embeddings(n, dim)
    loss = nt_xent(z, temperature)
    swapped = torch.cat([z[n:], z[:n]])
    order = torch.randperm(n, generator=stream(2, "order"))
    permuted = torch.cat([z[:n][order], z[n:][order]])
    scaled = z * torch.linspace(0.1, 9, 2 * n, dtype=torch.float64)[:, None]
    for other in (swapped, permuted, scaled):
        torch.testing.assert_close(nt_xent(other, temperature), loss, rtol=1e-12, atol=0)


def test_wrong_pairs_cost_more_than_right_ones() -> None:
    half = embeddings(8, 16)[:8]
    assert nt_xent(torch.cat([half, half]), 0.2) < nt_xent(torch.cat([half, half.roll(1, 0)]), 0.2) - 1


def test_the_gradient_is_that_of_algorithm_1() -> None:
    z = embeddings(3, 4).requires_grad_()
    nt_xent(z, 0.3).backward()
    assert z.grad is not None
    for i, j in [(0, 0), (2, 3), (5, 1)]:
        step = torch.zeros_like(z)
        step[i, j] = 1e-6
        slope = (algorithm_1(z.detach() + step, 0.3) - algorithm_1(z.detach() - step, 0.3)) / 2e-6
        assert z.grad[i, j].item() == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_low_precision_embeddings_are_compared_in_float32() -> None:
    z = embeddings(16, 32).bfloat16()
    loss = nt_xent(z, 0.05)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(nt_xent(z.double(), 0.05).item(), rel=1e-5)


@pytest.mark.parametrize("shape", [(5, 3), (2, 3), (2, 4, 3)])
def test_anything_but_pairs_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="z must be"):
        nt_xent(torch.zeros(shape), 0.5)

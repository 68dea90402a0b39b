"""The shape of the representation, without labels: alignment and uniformity (Wang and Isola, 2020), RankMe.

All of it in float64: RankMe (Garrido et al., 2023) sums the logarithms of very small singular values.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simclr_core.augment.views import two_views
from simclr_core.config import Recipe, Transforms, Views
from simclr_core.data.device import pixels
from simclr_core.data.images import Recorded
from simclr_core.probes.measured import Measured
from simclr_core.streams import stream

ENTRIES = 2**22  # distances held at a time: 32 MiB, and as much again for each step on the way
BATCH = 250  # images whose two views go through an encoder at once: 500 views, as many as features() takes


def unit(x: Tensor) -> Tensor:
    """(N, D) float64 rows of length 1; an all-zero row stays zero."""
    return F.normalize(x.double(), dim=1)


def alignment(left: Tensor, right: Tensor) -> Measured:
    """Mean squared distance, in [0, 4], between the normalized embeddings of two views of each image (alpha = 2).

    left, right: (P, D), row i of both from image i. The outcome is each pair's squared distance. 0: invariant.
    """
    squared = (unit(left) - unit(right)).square().sum(dim=1)
    return Measured(squared.mean().item(), squared.float().cpu().numpy())


def uniformity(x: Tensor) -> Measured:
    """Log of the mean of exp(-2 d^2) over pairs of distinct examples, d their distance once normalized (t = 2).

    x: (N, D) with N >= 2. In [-8, 0]; 0: all embeddings point the same way. The outcome is each example's own mean of
    exp(-2 d^2) over the others, and the value the *logarithm* of the outcome's mean.
    """
    points, potentials = unit(x), []
    for some in torch.arange(len(x), device=x.device).split(max(1, ENTRIES // len(x))):
        kernel = (-2 * torch.cdist(points[some], points).square()).exp()
        kernel[torch.arange(len(some), device=x.device), some] = 0  # oneself is no other
        potentials.append(kernel.sum(dim=1) / (len(x) - 1))
    potential = torch.cat(potentials)
    return Measured(potential.mean().log().item(), potential.float().cpu().numpy())


def rankme(x: Tensor) -> float:
    """Effective rank, from 1 to min(N, D): exp of the entropy of the singular values' shares, each share plus 1e-7.

    x: (N, D), neither centered nor normalized, as in the paper; all zeros count as rank 1. It is one number of the
    whole set, with no share of a single example, and grows with N: compare sets of one size.
    """
    singular = torch.linalg.svdvals(x.double())
    share = singular / singular.sum().clamp(min=torch.finfo(torch.float64).tiny) + 1e-7
    rank: float = torch.special.entr(share).sum().exp().item()
    return rank


def view_pairs(
    images: Recorded, limit: int, views: Views, transforms: Transforms, seed: int, purpose: str, device: str
) -> Iterator[Tensor]:
    """Two views of each of at most `limit` images: batches of (2B, 3, S, S) float32, all left views, then all right.

    images: (M, 3, S, S). Which of them is random, but the same for every setting of the views. `purpose` keeps the
    draws apart from those of training and of other probes.
    """
    fetch, key = pixels(images, device), stream(seed, purpose).initial_seed()
    for step, index in enumerate(viewed(len(images), limit, seed, purpose).split(BATCH)):
        yield two_views(fetch(index), views, transforms, key, step=step)


def viewed(images: int, limit: int, seed: int, purpose: str) -> Tensor:
    """(n,) positions of those of so many images that view_pairs takes, in its order."""
    return torch.randperm(images, generator=stream(seed, purpose))[:limit]


@torch.no_grad()
def geometry_probe(
    encoder: nn.Module,
    head: nn.Module,
    images: Recorded,
    test_h: Tensor,
    test_z: Tensor | None,
    recipe: Recipe,
    device: str = "cpu",
) -> tuple[dict[str, Measured], dict[str, float]]:
    """alignment_h, alignment_z, uniformity_h, uniformity_z, which have outcomes; and rankme_h, rankme_z, which do not.

    images: M >= 2 test images, what views are made of; test_h: (M, width), test_z: (M, dim) their features without
    augmentation, for uniformity and RankMe. Without test_z only h is measured: a supervised classifier has no z.
    Alignment is that of the recipe's own views, so recipes that differ in augmentation are measured on views of the
    same images, but not on the same views. Both modules are left in inference mode.
    """
    encoder.to(device).eval()
    head.to(device).eval()
    pairs = recipe.probes.geometry.pairs
    batches = view_pairs(images, pairs, recipe.views, recipe.transforms, recipe.seed, "alignment", device)
    left, right = (torch.cat(side) for side in zip(*(encoder(both).chunk(2) for both in batches), strict=True))
    examples = viewed(len(images), pairs, recipe.seed, "alignment").numpy()

    def aligned(left: Tensor, right: Tensor) -> Measured:
        return replace(alignment(left, right), examples=examples)

    measured, whole = {"alignment_h": aligned(left, right), "uniformity_h": uniformity(test_h)}, rankme(test_h)
    if test_z is None:
        return measured, {"rankme_h": whole}
    measured |= {"alignment_z": aligned(head(left), head(right)), "uniformity_z": uniformity(test_z)}
    return measured, {"rankme_h": whole, "rankme_z": rankme(test_z)}

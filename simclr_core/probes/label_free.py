"""How good a representation looks without labels: what can rank the cells of a study where nobody knows the classes.

A measure can compare cells only if its task is not a cell's own: retrieval is asked under views that are the same for
every recipe, never under the recipe's own.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from simclr_core.config import CANDIDATES, Transforms, Views
from simclr_core.probes.geometry import unit, view_pairs, viewed
from simclr_core.probes.measured import Measured
from simclr_core.streams import stream

RANGE = slice(10, 100)  # ranks whose eigenvalues the power law is fitted to; from a quarter of all where h has few
CLUSTERS, STARTS, STEPS = 20, 3, 100  # of k-means: the last two at most
ROUNDING = 1e-12  # cosines that differ by less are equal
FIXED_VIEWS = {  # views that no recipe changes: the crop alone, and the paper's policy
    "crop_retrieval": Views(left=("crop",), right=("crop",)),
    "policy_retrieval": Views(left=("crop", "color", "blur"), right=("crop", "color", "blur")),
}


def label_free(
    encoder: nn.Module, images: NDArray[np.uint8], h: Tensor, seed: int, device: str = "cpu"
) -> tuple[dict[str, Measured], dict[str, float]]:
    """crop_retrieval, policy_retrieval and clusters_h, which have outcomes; and alpha_h, which has none.

    images: (M, 3, S, S) uint8 test images, M >= 2; h: (M, width) their features without augmentation. What cannot be
    measured, as a power law of one eigenvalue, is not there. The encoder is left in inference mode.
    """
    measured = {name: retrieval(encoder, images, views, seed, device) for name, views in FIXED_VIEWS.items()}
    exponent = power_law(h)
    return measured | {"clusters_h": clusters(h, seed)}, {} if exponent is None else {"alpha_h": exponent}


def power_law(x: Tensor) -> float | None:
    """The exponent a of eigenvalue ~ rank^-a in the covariance's spectrum: alpha-ReQ (Agrawal et al., 2022), best at 1.

    x: (N, D). Least squares of log eigenvalue over log rank, each rank weighted by its inverse (Stringer et al., 2019),
    over the ranks of RANGE whose eigenvalue is above the rounding of the largest. None where fewer than two are.
    """
    centered = x.double() - x.double().mean(dim=0)
    eigenvalues = torch.linalg.eigvalsh(centered.T @ centered / len(x)).flip(0)
    ranks = torch.arange(1, len(eigenvalues) + 1, dtype=torch.float64, device=x.device)
    kept = slice(min(RANGE.start, len(ranks) // 4), RANGE.stop)
    sound = eigenvalues[kept] > eigenvalues[0].clamp(min=0) * len(x) * torch.finfo(torch.float64).eps
    values, ranks = eigenvalues[kept][sound], ranks[kept][sound]
    if len(values) < 2:
        return None
    y, t, weight = values.log(), ranks.log(), ranks.reciprocal()
    t_mean, y_mean = (weight * t).sum() / weight.sum(), (weight * y).sum() / weight.sum()
    slope = (weight * (t - t_mean) * (y - y_mean)).sum() / (weight * (t - t_mean).square()).sum()
    return -float(slope)


@torch.no_grad()
def retrieval(encoder: nn.Module, images: NDArray[np.uint8], views: Views, seed: int, device: str = "cpu") -> Measured:
    """Percent of left views whose nearest right view, by the cosine of h, is that of the same image.

    images: (M, 3, S, S), of which at most CANDIDATES are queries and candidates: chance is 100 / n. The transformations
    have their default settings. Another view just as near makes it wrong. The outcome is 1 where right, else 0.
    """
    encoder.to(device).eval()
    batches = view_pairs(images, CANDIDATES, views, Transforms(), seed, "retrieval", device)
    left, right = (torch.cat(side) for side in zip(*(encoder(both).chunk(2) for both in batches), strict=True))
    cosines = unit(left) @ unit(right).T
    own = cosines.diagonal().clone()
    nearest = own > cosines.fill_diagonal_(-torch.inf).amax(dim=1) + ROUNDING
    examples = viewed(len(images), CANDIDATES, seed, "retrieval").numpy()
    return Measured(100 * nearest.double().mean().item(), nearest.float().cpu().numpy(), examples)


def clusters(x: Tensor, seed: int) -> Measured:
    """k-means of the normalized rows of (N, D): percent of their variance that it explains; the outcome is the cluster.

    The best of STARTS starts from k-means++ (Arthur and Vassilvitskii, 2007). Clusters have no order: two assignments
    compare by an agreement that knows no numbers.
    """
    points = unit(x)
    points = points - points.mean(dim=0)
    total = points.square().sum().item()
    random = stream(seed, "clusters")
    found = [kmeans(points, seeded(points, min(CLUSTERS, len(points)), random)) for _ in range(STARTS)]
    within, assigned = min(found, key=lambda one: one[0])
    return Measured(100 * (1 - within / total) if total else 0.0, assigned.float().cpu().numpy())


def seeded(points: Tensor, k: int, random: torch.Generator) -> Tensor:
    """(k, D) of the (N, D) points as first centers, each drawn with its squared distance to the nearest one so far."""
    centers = points[torch.randint(len(points), (1,), generator=random).to(points.device)]
    while len(centers) < k:
        away = squared_distances(points, centers).amin(dim=1).cpu()
        even = torch.ones_like(away) if away.sum() == 0 else away  # fewer distinct points than centers
        centers = torch.cat([centers, points[torch.multinomial(even, 1, generator=random).to(points.device)]])
    return centers


def kmeans(points: Tensor, centers: Tensor) -> tuple[float, Tensor]:
    """Lloyd's algorithm: the sum of squared distances to the nearest center, and which it is, (N,) int64."""
    for _ in range(STEPS):
        member = F.one_hot(squared_distances(points, centers).argmin(dim=1), len(centers)).to(points)
        counts = member.sum(dim=0)[:, None]
        moved = torch.where(counts > 0, member.T @ points / counts.clamp(min=1), centers)
        if torch.equal(moved, centers):
            break
        centers = moved
    within, nearest = squared_distances(points, centers).min(dim=1)
    return within.sum().item(), nearest


def squared_distances(points: Tensor, centers: Tensor) -> Tensor:
    """(N, k) from (N, D) and (k, D)."""
    cross = points.square().sum(dim=1)[:, None] - 2 * points @ centers.T + centers.square().sum(dim=1)
    return cross.clamp(min=0)

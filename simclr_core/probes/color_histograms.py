"""The shortcut of Figure 6: how well a crop's pixel intensities alone tell which image it was cut from.

No model and no training. The paper shows histograms of a few crops; turning them into a retrieval is ours.
"""

import torch
from torch import Tensor

from simclr_core.config import Transforms, Views
from simclr_core.data.images import Recorded
from simclr_core.probes.geometry import view_pairs, viewed
from simclr_core.probes.measured import Measured

BINS = 100  # as in the paper's figure


def histograms(images: Tensor, bins: int) -> Tensor:
    """(N, bins) counts of pixel intensities, the three channels pooled, in equal bins over [0, 1].

    images: (N, 3, S, S) in [0, 1]; 1 falls in the last bin. The paper draws each histogram between the crop's own
    minimum and maximum; a distance between two needs bins in common.
    """
    n = len(images)
    position = (images.flatten(1) * bins).long().clamp(max=bins - 1)
    position += bins * torch.arange(n, device=images.device)[:, None]
    return torch.bincount(position.flatten(), minlength=n * bins).view(n, bins)


def histogram_retrieval(
    images: Recorded,
    views: Views,
    transforms: Transforms,
    seed: int,
    device: str = "cpu",
    limit: int = 2000,
) -> Measured:
    """Percent of left views whose nearest right view, by the L1 distance of histograms, is the one of the same image.

    images: what views are made of. At most `limit`, drawn with the seed, are both queries and candidates: chance is
    100 / n, so compare retrievals of one n. The outcome is 1 where right, else 0, and the value 100 times its mean.
    Another view just as near makes it wrong: a histogram that fits two images tells neither, and whichever comes first
    would otherwise win.
    """
    batches = view_pairs(images, limit, views, transforms, seed, "histograms", device)
    counts = ((histograms(side, BINS).float() for side in both.chunk(2)) for both in batches)
    left, right = (torch.cat(side) for side in zip(*counts, strict=True))
    distance = torch.cdist(left, right, p=1)  # of whole numbers, exact in float32: a tie is a tie
    own = distance.diagonal().clone()
    retrieved = own < distance.fill_diagonal_(torch.inf).amin(dim=1)
    examples = viewed(len(images), limit, seed, "histograms").numpy()
    return Measured(100 * retrieved.double().mean().item(), retrieved.float().cpu().numpy(), examples)

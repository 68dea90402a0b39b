"""Contrastive losses. N images, D the width of z, the two views of all images one after the other: (2N, D).

Every one of the 2N views is an anchor. Its candidates are its positive, the other view of its image, and its negatives,
views of other images; never itself. Call these functions outside autocast: bf16 similarities are too coarse.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from simclr_core.config import Loss


def contrastive(z: Tensor, settings: Loss) -> Tensor:
    """The mean of `anchor_losses` over all 2N anchors, a scalar (the official code's NT-Xent is twice this)."""
    return anchor_losses(z, settings).mean()


def nt_xent(z: Tensor, temperature: float) -> Tensor:
    """NT-Xent of Algorithm 1, in nats: cosine similarity, 2N - 2 negatives. Equal embeddings give log(2N - 1).

    z: (2N, D), rows i and i + N two views of one image; any scale, normalized here. Raises ValueError as anchor_losses.
    """
    return contrastive(z, Loss(name="nt_xent", temperature=temperature))


def anchor_losses(z: Tensor, settings: Loss) -> Tensor:
    """The loss of each anchor (2N,), in float32 or wider: the negated objectives of Table 2, to be minimized.

    z: (2N, D), rows i and i + N two views of one image. Raises ValueError if it is not, if N < 2, and for a loss that
    is not contrastive. With s the cosine similarity, or the plain dot product if `normalize` is off:

    - nt_xent: -log(exp(s_pos / temperature) / sum of exp(s / temperature) over all candidates)
    - nt_logistic: -log sigmoid(s_pos / temperature) - mean of log sigmoid(-s_neg / temperature) over the negatives
    - margin_triplet: mean of max(s_neg - s_pos + margin, 0) over the negatives

    The paper does not say how the last two aggregate over negatives: the mean is ours. With `semi_hard` they have one.
    """
    similarity, positive = _similarities(z, settings)
    if settings.name == "nt_xent":
        return F.cross_entropy(similarity / settings.temperature, positive, reduction="none")
    s_pos = similarity.gather(1, positive[:, None])  # (2N, 1)
    image = torch.arange(len(z), device=z.device) % (len(z) // 2)
    negative = image[:, None] != image[: similarity.shape[1]]  # (2N, candidates)
    if settings.semi_hard:
        negative = _semi_hard(similarity.detach(), s_pos.detach(), negative)
    if settings.name == "nt_logistic":
        cost = -F.logsigmoid(s_pos / settings.temperature) - F.logsigmoid(-similarity / settings.temperature)
    elif settings.name == "margin_triplet":
        cost = F.relu(similarity - s_pos + settings.margin)
    else:
        raise ValueError(f"{settings.name} is no contrastive loss")
    return torch.where(negative, cost, 0).sum(1) / negative.sum(1)


@torch.no_grad()
def contrastive_task(z: Tensor, settings: Loss) -> tuple[Tensor, Tensor]:
    """How well the positive is found, and how sharply: accuracy in [0, 1] and entropy in [0, log N] nats of Table 5.

    As in the official code, the first view's N anchors against the second view's N candidates, by a softmax of
    similarity / temperature; without the 1e-8 which that code adds inside the logarithm. A tie counts as found for
    the first candidate, so equal embeddings give accuracy 1 / N. z, its errors and its precision: anchor_losses.
    """
    left, right = _embeddings(z, settings.normalize).chunk(2)
    logits = left @ right.T / settings.temperature
    found = logits.argmax(1) == torch.arange(len(left), device=z.device)
    return found.to(logits.dtype).mean(), torch.special.entr(logits.softmax(1)).sum(1).mean()


def _embeddings(z: Tensor, normalize: bool) -> Tensor:
    if z.ndim != 2 or len(z) % 2 or len(z) < 4:
        raise ValueError(f"z must be (2N, D) with N >= 2, got {tuple(z.shape)}")
    wide = z if z.dtype == torch.float64 else z.float()
    return F.normalize(wide, dim=1) if normalize else wide


def _similarities(z: Tensor, settings: Loss) -> tuple[Tensor, Tensor]:
    """Similarities of each anchor with its candidates, and which of these is its positive (2N,).

    `negatives: both` has the 2N views as candidates, (2N, 2N), with -inf for the anchor itself. `one` has the N views
    on the side of the positive, (2N, N): N - 1 negatives, both directions. That is our reading of Table 4's "negatives
    from one augmentation view only".
    """
    views = _embeddings(z, settings.normalize)
    row = torch.arange(len(z), device=z.device)
    if settings.negatives == "one":
        left, right = views.chunk(2)
        across = left @ right.T
        return torch.cat([across, across.T]), row % len(left)
    return (views @ views.T).fill_diagonal_(-torch.inf), row.roll(len(z) // 2)


def _semi_hard(similarity: Tensor, s_pos: Tensor, negative: Tensor) -> Tensor:
    """One negative per anchor, as a mask (2N, candidates): the most similar of those less similar than the positive.

    Where no negative is, the least similar of all. The paper is silent about that; it is the fallback of TensorFlow
    Addons' triplet_semihard_loss. The paper's "within the margin" needs no rule: beyond the margin the hinge is zero,
    and NT-Logistic, which has no margin, takes the same negative (ours).
    """
    farther = negative & (similarity < s_pos)
    nearest = similarity.masked_fill(~farther, -torch.inf).argmax(1, keepdim=True)
    farthest = similarity.masked_fill(~negative, torch.inf).argmin(1, keepdim=True)
    chosen = torch.where(farther.any(1, keepdim=True), nearest, farthest)
    return torch.zeros_like(negative).scatter_(1, chosen, True)

"""Weights of negatives in a loss's gradient: the right column of Table 2, as formulas.

All vectors have length 1, and u, the anchor, is differentiated as a free vector, not through its normalization.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from simclr_core.config import Loss


def negative_weights(s_pos: float, s_neg: NDArray[np.float64], settings: Loss) -> NDArray[np.float64]:
    """(..., K) weights w >= 0: the gradient of Table 2's objective with respect to u has the terms - w v-.

    s_pos: cosine similarity of the anchor with its positive; s_neg: (..., K) with its K negatives, all in [-1, 1].
    Weights go up to 1 / temperature; margin_triplet, which has none, gives 0 or 1.

    As the table, nt_logistic and margin_triplet are of one negative each: the mean over K of them, which is the loss,
    divides the weights by K. With `semi_hard` there is one negative, chosen as the losses do, and the others weigh 0.
    Raises ValueError for a loss that is not contrastive.
    """
    if settings.name == "nt_xent":
        candidates = np.concatenate([np.full((*s_neg.shape[:-1], 1), s_pos), s_neg], axis=-1)
        probability: NDArray[np.float64] = softmax(candidates / settings.temperature, axis=-1)[..., 1:]
        return probability / settings.temperature
    if settings.name == "nt_logistic":
        weights = expit(s_neg / settings.temperature) / settings.temperature
    elif settings.name == "margin_triplet":
        weights = (s_pos - s_neg < settings.margin).astype(np.float64)
    else:
        raise ValueError(f"{settings.name} is no contrastive loss")
    return np.where(_semi_hard(s_pos, s_neg), weights, 0.0) if settings.semi_hard else weights


def _semi_hard(s_pos: float, s_neg: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The most similar negative of those less similar than the positive; where there is none, the least similar."""
    farther = s_neg < s_pos
    nearest = np.where(farther, s_neg, -np.inf).argmax(axis=-1)
    chosen = np.where(farther.any(axis=-1), nearest, s_neg.argmin(axis=-1))
    mask: NDArray[np.bool_] = np.arange(s_neg.shape[-1]) == chosen[..., None]
    return mask

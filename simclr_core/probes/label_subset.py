"""The few labels of semi-supervised learning (Table 7)."""

import numpy as np
import torch
from numpy.typing import NDArray

from simclr_core.streams import stream


def label_subset(labels: NDArray[np.int64], share: float, seed: int) -> NDArray[np.int64]:
    """Ascending positions of `share` in (0, 1] of every class of `labels` (n,), rounded, but at least one of each.

    So it is as balanced over classes as the labels are. A smaller share is a part of a larger one of the same seed,
    unlike the paper's public lists, which were drawn apart.
    """
    order = torch.randperm(len(labels), generator=stream(seed, "label_subset")).numpy()
    chosen = []
    for label in np.unique(labels):
        members = order[labels[order] == label]
        chosen.append(members[: max(1, round(share * len(members)))])
    return np.sort(np.concatenate(chosen))

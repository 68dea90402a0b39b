"""Two views of a batch: a shared chain, then one chain per branch."""

import torch
from torch import Tensor

from simclr_core.augment.transforms import augment
from simclr_core.config import Transforms, Views
from simclr_core.streams import stream


def two_views(images: Tensor, views: Views, settings: Transforms, seed: int, epoch: int = 0, step: int = 0) -> Tensor:
    """(N, 3, S, S) uint8 images -> (2N, 3, S, S) float32 views in [0, 1]: all left views, then all right views.

    Each transformation draws from a stream of its own branch, name and occurrence, not of its position: `crop` on the
    right draws the same boxes in crop>color, color>crop and crop alone, so that cells can be compared in pairs.
    """
    common = images.float() / 255

    def chain(start: Tensor, branch: str, names: tuple[str, ...]) -> Tensor:
        for position, name in enumerate(names):
            occurrence = names[:position].count(name)
            key = stream(seed, f"{branch}/{name}/{occurrence}", epoch, step)
            start = augment(start, name, settings, key)
        return start

    common = chain(common, "shared", views.shared)
    return torch.cat([chain(common, "left", views.left), chain(common, "right", views.right)])

"""Images on the device that trains."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from simclr_core.data.images import Recorded


def pixels(images: Recorded, device: str) -> Callable[[Tensor], Tensor]:
    """A function from (N,) positions to uint8 images on `device`: (N, 3, S, S), of two recordings (N, 2, 3, S, S).

    On the CPU every batch is copied out of the (memory-mapped, shared) array; a GPU gets the whole set once.
    """
    if device == "cpu":
        return lambda index: torch.from_numpy(images[index.numpy()])
    resident = torch.from_numpy(np.array(images[:])).to(device)
    return lambda index: resident[index.to(device, non_blocking=True)]

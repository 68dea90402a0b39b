"""Frozen features of a set of images."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simclr_core.data.device import pixels


@torch.no_grad()
def features(encoder: nn.Module, images: NDArray[np.uint8], device: str = "cpu", batch: int = 500) -> Tensor:
    """(N, width) float32 h of (N, 3, S, S) uint8 images, no augmentation, BatchNorm in inference mode."""
    encoder.to(device).eval()
    fetch = pixels(images, device)
    return torch.cat([encoder(fetch(index).float() / 255) for index in torch.split(torch.arange(len(images)), batch)])

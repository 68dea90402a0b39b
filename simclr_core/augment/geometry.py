"""Transformations that move or cover pixels: crop, cutout, rotate."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from simclr_core import config
from simclr_core.augment.draws import Draws, floats, large

SMALLEST = 16  # pixels of a side below which a batched product's last bit depends on how many there are of it


def resample(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Each image times its own (S, S) row matrix from the left and column matrix from the right.

    Crop-and-resize and blur are both separable, so one pair of batched products serves them all.
    images: (N, C, S, S); rows, columns: (N, S, S), a row per output position.
    """
    if images.shape[-1] < SMALLEST:
        return resample_in(images.double(), rows.double(), columns.double()).to(images.dtype)
    return resample_in(images, rows, columns)


def resample_in(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Resample in the precision of the arguments."""
    n, channels, side, _ = images.shape
    wide = torch.bmm(images.reshape(n, channels * side, side), columns.mT)
    # The rows once per channel: turning the images instead, for one product with all channels, costs more.
    tall = torch.bmm(rows.repeat_interleave(channels, 0), wide.view(n * channels, side, side))
    # Rows sum to 1 only up to rounding, and bicubic weights are partly negative.
    return tall.view_as(images).clamp_(0, 1)


class Crop(NamedTuple):
    """Boxes in whole pixels, and which images are mirrored, (N,) each; and whether the resize is bicubic."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    flip: Tensor
    bicubic: bool


def draw_crop(settings: config.Crop, side: int, draws: Draws) -> Crop:
    """The first of ten candidate boxes that fits, else the whole image; torchvision's RandomResizedCrop, vectorized.

    Area is uniform, the aspect ratio log-uniform (torchvision; the official TensorFlow code draws it uniformly).
    """
    area = draws.uniform(*settings.area, 10).mul_(side).mul_(side)
    ratio = draws.uniform(math.log(settings.ratio[0]), math.log(settings.ratio[1]), 10).exp_()
    width, height = (area * ratio).sqrt_().round_(), (area / ratio).sqrt_().round_()
    fits = (torch.minimum(width, height) >= 1) & (torch.maximum(width, height) <= side)
    first = fits.byte().argmax(dim=1, keepdim=True)
    any_fits = fits.gather(1, first)
    width, height = (torch.where(any_fits, length.gather(1, first), side)[:, 0].long() for length in (width, height))
    # Uniform over the side - height + 1 positions.
    top = (draws.uniform() * (side - height + 1)).long()
    left = (draws.uniform() * (side - width + 1)).long()
    flip = draws.fires(0.5) & settings.flip
    return Crop(top, left, height, width, flip, settings.interpolation == "bicubic")


def apply_crop(images: Tensor, crop: Crop) -> Tensor:
    """Resize each box to the full side, bilinearly or bicubically (the official code), then the flip.

    The box's own pixels alone count, and weights are normalized at its edges, as in PIL and torchvision (antialias).
    uint8 images become float32 ones.
    """
    side, device = images.shape[-1], images.device
    if large(images) and not crop.bicubic:
        from simclr_core.augment import opencv  # OpenCV, which small images do without

        return opencv.crop(images, crop.top, crop.left, crop.height, crop.width, crop.flip)
    images = floats(images)
    pixel = torch.arange(side, dtype=torch.float32, device=device)
    # The boxes go to the device in one piece, and the matrices are made there: they are S / 2 times as large.
    boxes = torch.stack([crop.top, crop.left, crop.height, crop.width, crop.flip]).to(device, non_blocking=True)
    start, length, flip = boxes[:2, :, None], boxes[2:4, :, None], boxes[4, :, None].bool()  # (2, N, 1) and (N, 1)
    center = (pixel + 0.5) * (length / side) - 0.5
    if not crop.bicubic:
        center = torch.minimum(center.clamp_(min=0), length - 1.0)
    center[1] = torch.where(flip, center[1].flip(1), center[1])
    distance = ((start + center)[..., None] - pixel).abs_()
    if crop.bicubic:
        inside = (pixel >= start) & (pixel < start + length)
        weight = cubic(distance) * inside[:, :, None, :]
        weight = weight / weight.sum(dim=3, keepdim=True)
    else:
        weight = distance.neg_().add_(1).relu_()
    return resample(images, *weight)


def cubic(distance: Tensor) -> Tensor:
    """Keys' cubic convolution kernel at distances >= 0 in pixels, with a = -1/2 as in PIL and TensorFlow."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < 2, far, 0))


class Cutout(NamedTuple):
    """Corner of the square, (N,) each, its side in pixels, and which images get one, (N,) bool."""

    top: Tensor
    left: Tensor
    side: int
    fires: Tensor


def draw_cutout(settings: config.Cutout, side: int, draws: Draws) -> Cutout:
    """A square wholly inside the image, as in the paper's Figure 4, uniform over its positions."""
    hole = max(1, round(settings.side * side))
    top, left = draws.integers(side - hole + 1), draws.integers(side - hole + 1)
    return Cutout(top, left, hole, draws.fires(settings.p))


def apply_cutout(images: Tensor, cutout: Cutout) -> Tensor:
    """Fill the square with middle gray (the paper's Figure 4 shows 149/255)."""
    pixel = torch.arange(images.shape[-1], device=images.device)
    drawn = torch.stack([cutout.top, cutout.left, cutout.fires]).to(images.device, non_blocking=True)

    def inside(start: Tensor) -> Tensor:
        return (pixel >= start[:, None]) & (pixel < start[:, None] + cutout.side)

    rows = inside(drawn[0]) & drawn[2, :, None].bool()
    hole = rows[:, None, :, None] & inside(drawn[1])[:, None, None, :]
    return images.masked_fill(hole, 0.5)


def draw_rotate(settings: None, side: int, draws: Draws) -> Tensor:
    """(N,) quarter turns in {0, 1, 2, 3}."""
    del settings, side
    return draws.integers(4)


def apply_rotate(images: Tensor, turns: Tensor) -> Tensor:
    """Counter-clockwise quarter turns."""
    out = images.clone()
    for turn in (1, 2, 3):
        chosen = torch.nonzero(turns == turn)[:, 0].to(images.device, non_blocking=True)
        out[chosen] = images[chosen].rot90(turn, dims=(2, 3))
    return out

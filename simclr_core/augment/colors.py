"""Transformations of each pixel's color: color (jitter and grayscale), solarize, equalize."""

from typing import NamedTuple

import torch
from torch import Tensor

from simclr_core import config
from simclr_core.augment.draws import firing, large, uniform, where

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as PIL and torchvision weigh the channels
TINY = torch.finfo(torch.float32).tiny
BRIGHTNESS, CONTRAST, SATURATION, HUE, NOTHING = range(5)  # operations, in the order of a Color's factors


class Color(NamedTuple):
    """jitter, gray: (N,) bool. factor: (N, 4), one per operation below. order: (N, 4), the operation at each place.

    additive: the first factor is added to the image instead of multiplied with it.
    """

    jitter: Tensor
    factor: Tensor
    order: Tensor
    gray: Tensor
    additive: bool


def draw_color(settings: config.Color, n: int, side: int, generator: torch.Generator) -> Color:
    """Strength s: three factors U(max(0, 1 - 0.8 s), 1 + 0.8 s) and a hue shift U(-0.2 s, 0.2 s), in turns.

    With additive brightness the first is U(-0.8 s, 0.8 s).
    """
    del side
    span, turn = 0.8 * settings.strength, 0.2 * settings.strength
    additive = settings.brightness == "add"
    scaled, added = (max(0.0, 1 - span), 1 + span), (-span, span)
    ranges = (added if additive else scaled, scaled, scaled, (-turn, turn))
    factor = torch.stack([uniform(*ends, n, generator) for ends in ranges], dim=1)
    order = torch.rand(n, 4, generator=generator).argsort(dim=1)
    jitter = firing(settings.jitter_p, n, generator)
    gray = firing(settings.gray_p, n, generator)
    return Color(jitter, factor, order, gray, additive)


def apply_color(images: Tensor, color: Color) -> Tensor:
    """Each image's four operations in its own order, clipped after each; then grayscale where drawn.

    Operations are torchvision's ColorJitter, the paper's PyTorch listing; its brightness multiplies. The TensorFlow
    listing that produced the paper's numbers adds it.
    """
    if large(images):
        from simclr_core.augment import pictures  # OpenCV, which small images do without

        chosen = zip(color.order.tolist(), color.jitter.tolist(), strict=True)
        orders = [order if fires else [] for order, fires in chosen]
        return pictures.color(images, color.factor.tolist(), orders, color.gray.tolist(), color.additive, LUMA)
    out = images.clone()
    operation = torch.where(color.jitter[:, None], color.order, NOTHING)  # (N, 4): of each image, at each place
    factor = color.factor.gather(1, color.order)
    blends = blend(operation, factor, color.additive).to(images.device)
    for place in range(4):
        scale, tint, middle, offset = blends[..., place, None, None, None]
        offset = offset + middle * luma(out.mean(dim=(2, 3), keepdim=True))
        gray = luma(out).mul_(tint)
        out.mul_(scale).add_(gray).add_(offset).clamp_(0, 1)
        turning = torch.nonzero(operation[:, place] == HUE)[:, 0]
        if len(turning):
            there = turning.to(images.device)
            turned = out.index_select(0, there)
            hue_(turned, factor[turning, place].to(images.device)[:, None, None, None])
            out.index_copy_(0, there, turned)
    return where(color.gray, out, lambda chosen, _: luma(chosen).expand_as(chosen))


def blend(operation: Tensor, factor: Tensor, additive: bool) -> Tensor:
    """Brightness, contrast and saturation, as one sum, so that one pass over the batch does for all of them:

        scale * pixel + tint * gray pixel + middle * mean gray + offset

    operation, factor: any shape. Returns those four, stacked; 1, 0, 0, 0 where it is another operation or none.
    """
    bright, flat, dull = (operation == which for which in (BRIGHTNESS, CONTRAST, SATURATION))
    one, zero, rest = torch.ones_like(factor), torch.zeros_like(factor), 1 - factor
    scale = torch.where(flat | dull if additive else flat | dull | bright, factor, one)
    offset = torch.where(bright, factor, zero) if additive else zero
    return torch.stack([scale, torch.where(dull, rest, zero), torch.where(flat, rest, zero), offset])


def luma(images: Tensor) -> Tensor:
    """(N, 3, S, S) -> (N, 1, S, S) gray."""
    red, green, blue = images.split(1, dim=1)
    gray: Tensor = LUMA[0] * red
    return gray.add_(LUMA[1] * green).add_(LUMA[2] * blue)


def hue_(images: Tensor, shift: Tensor) -> None:
    """Turn the hue by `shift` in (-1, 1) of a full turn, HSV value and saturation kept.

    Hue in sixths of a turn from red, within [-3, 3]: its sign is that of green - blue, its size
    1 + (green + blue - red - least) / chroma. That needs no choice of the greatest channel, which is slow on a CPU.
    """
    red, green, blue = images.split(1, dim=1)
    value = torch.maximum(red, green).maximum(blue)
    least = torch.minimum(red, green).minimum(blue)
    chroma = value - least
    size = (green + blue).sub_(red).sub_(least).div_(chroma.clamp(min=TINY)).add_(1)
    turned = size.copysign_(green - blue).add_(6 * shift)
    turned.sub_((turned / 6).round_().mul_(6))
    # How far red is below the greatest, green and blue above the least, in parts of the chroma.
    torch.add(turned, turned.new_tensor([0.0, 1.0, -1.0]).view(1, 3, 1, 1), out=images)
    images.abs_().sub_(1).clamp_(0, 1).mul_(chroma)
    torch.sub(value, red, out=red)
    images[:, 1:].add_(least)


class Solarize(NamedTuple):
    """The threshold in [0, 1], and which images are solarized, (N,) bool."""

    threshold: float
    fires: Tensor


def draw_solarize(settings: config.Solarize, n: int, side: int, generator: torch.Generator) -> Solarize:
    del side
    return Solarize(settings.threshold, firing(settings.p, n, generator))


def apply_solarize(images: Tensor, solarize: Solarize) -> Tensor:
    """Invert what is at or above the threshold."""

    def invert(chosen: Tensor, _: Tensor) -> Tensor:
        return torch.where(chosen >= solarize.threshold, 1 - chosen, chosen)

    return where(solarize.fires, images, invert)


def draw_equalize(settings: config.Equalize, n: int, side: int, generator: torch.Generator) -> Tensor:
    """(N,) bool: which images are equalized."""
    del side
    return firing(settings.p, n, generator)


def apply_equalize(images: Tensor, fires: Tensor) -> Tensor:
    """Equalize the histogram of each channel by PIL's method, on pixels rounded to 8 bits.

    It leaves a channel as it is where fewer than 255 pixels are darker than the brightest: always below 16 x 16.
    """
    from torchvision.transforms.v2 import functional as TF  # takes seconds to import, and is rarely needed

    return where(fires, images, lambda chosen, _: TF.equalize((chosen * 255).round().byte()).float() / 255)

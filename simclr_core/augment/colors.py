"""Transformations of each pixel's color: color (jitter and grayscale), solarize, equalize."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torchvision.transforms.v2.functional as TF
from torch import Tensor

from simclr_core import config
from simclr_core.augment.draws import firing, large, uniform, where

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as PIL and torchvision weigh the channels
TINY = torch.finfo(torch.float32).tiny


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
    order = color.order.tolist()
    jittered = torch.nonzero(color.jitter)[:, 0].tolist()
    if large(images):
        from simclr_core.augment import pictures  # OpenCV, which small images do without

        orders = [drawn if fires else [] for drawn, fires in zip(order, color.jitter.tolist(), strict=True)]
        return pictures.color(images, color.factor.tolist(), orders, color.gray.tolist(), color.additive, LUMA)
    out = images.clone()
    first = add_brightness_ if color.additive else brightness_
    for place in range(4):
        for operation, adjust_ in enumerate((first, contrast_, saturation_, hue_)):
            drawn = [i for i in jittered if order[i][place] == operation]
            change_(out, drawn, adjust_, color.factor[:, operation])
    change_(out, torch.nonzero(color.gray)[:, 0].tolist(), gray_)
    return out


def change_(images: Tensor, drawn: list[int], adjust_: Callable[..., None], *factor: Tensor) -> None:
    """Adjust the drawn ones of the images in place, each by its factor of (N,) on the CPU."""
    if drawn:
        index = torch.tensor(drawn)
        there = index.to(images.device)
        chosen = images.index_select(0, there)
        adjust_(chosen, *(each[index].to(images.device)[:, None, None, None] for each in factor))
        images.index_copy_(0, there, chosen)


def luma(images: Tensor) -> Tensor:
    """(N, 3, S, S) -> (N, 1, S, S) gray."""
    red, green, blue = images.split(1, dim=1)
    gray: Tensor = LUMA[0] * red
    return gray.add_(LUMA[1] * green).add_(LUMA[2] * blue)


# Each of these changes the images in place: half of their cost would be new memory. Factors: (N, 1, 1, 1).


def gray_(images: Tensor) -> None:
    images.copy_(luma(images))


def brightness_(images: Tensor, factor: Tensor) -> None:
    images.mul_(factor).clamp_(0, 1)


def add_brightness_(images: Tensor, delta: Tensor) -> None:
    images.add_(delta).clamp_(0, 1)


def contrast_(images: Tensor, factor: Tensor) -> None:
    middle = luma(images.mean(dim=(2, 3), keepdim=True))
    images.mul_(factor).add_((1 - factor) * middle).clamp_(0, 1)


def saturation_(images: Tensor, factor: Tensor) -> None:
    rest = luma(images).mul_(1 - factor)
    images.mul_(factor).add_(rest).clamp_(0, 1)


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
    return where(fires, images, lambda chosen, _: TF.equalize((chosen * 255).round().byte()).float() / 255)

"""Transformations of each pixel's color: color (jitter and grayscale), solarize, equalize."""

from typing import NamedTuple

import torch
from torch import Tensor

from simclr_core import config
from simclr_core.augment.draws import firing, uniform, where

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as PIL and torchvision weigh the channels


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
    out = images.clone()
    first = added_brightness if color.additive else brightness
    for place in range(4):
        for operation, adjust in enumerate((first, contrast, saturation, hue)):
            drawn = torch.nonzero(color.jitter & (color.order[:, place] == operation))[:, 0]
            if len(drawn):
                chosen = drawn.to(images.device)
                factor = color.factor[drawn, operation].to(images.device)[:, None, None, None]
                out[chosen] = adjust(out[chosen], factor)
    chosen = torch.nonzero(color.gray)[:, 0].to(images.device)
    out[chosen] = luma(out[chosen]).expand(-1, 3, -1, -1)
    return out


def luma(images: Tensor) -> Tensor:
    """(N, 3, S, S) -> (N, 1, S, S) gray."""
    red, green, blue = images.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue).unsqueeze(1)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    return (images * factor).clamp(0, 1)


def added_brightness(images: Tensor, delta: Tensor) -> Tensor:
    return (images + delta).clamp(0, 1)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    middle = luma(images).mean(dim=(1, 2, 3), keepdim=True)
    return (middle + factor * (images - middle)).clamp(0, 1)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    gray = luma(images)
    return (gray + factor * (images - gray)).clamp(0, 1)


def hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue by `shift` in (-1, 1) of a full turn, HSV value and saturation kept."""
    value, brightest = images.max(dim=1, keepdim=True)
    chroma = value - images.amin(dim=1, keepdim=True)
    red, green, blue = (images[:, channel, None] for channel in range(3))
    safe = torch.where(chroma > 0, chroma, 1)
    sector = torch.where(
        brightest == 0,
        (green - blue) / safe,
        torch.where(brightest == 1, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )  # hue in sixths of a turn
    turned = sector + 6 * shift + torch.tensor([5.0, 3.0, 1.0], device=images.device).view(1, 3, 1, 1)
    k = turned.remainder(6)
    return value - chroma * torch.minimum(k, 4 - k).clamp(0, 1)


class Solarize(NamedTuple):
    """The threshold in [0, 1], and which images are solarized, (N,) bool."""

    threshold: float
    fires: Tensor


def draw_solarize(settings: config.Solarize, n: int, side: int, generator: torch.Generator) -> Solarize:
    del side
    return Solarize(settings.threshold, firing(settings.p, n, generator))


def apply_solarize(images: Tensor, solarize: Solarize) -> Tensor:
    """Invert what is at or above the threshold."""
    return where(solarize.fires, torch.where(images >= solarize.threshold, 1 - images, images), images)


def draw_equalize(settings: config.Equalize, n: int, side: int, generator: torch.Generator) -> Tensor:
    """(N,) bool: which images are equalized."""
    del side
    return firing(settings.p, n, generator)


def apply_equalize(images: Tensor, fires: Tensor) -> Tensor:
    """Equalize the histogram of each channel by PIL's method, on pixels rounded to 8 bits.

    It leaves a channel as it is where fewer than 255 pixels are darker than the brightest: always below 16 x 16.
    """
    from torchvision.transforms.v2 import functional as TF  # takes seconds to import, and is rarely needed

    return where(fires, TF.equalize((images * 255).round().byte()).float() / 255, images)

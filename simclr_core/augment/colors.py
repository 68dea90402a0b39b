"""Transformations of each pixel's color: color (jitter and grayscale), solarize, equalize."""

from typing import NamedTuple

import torch
from torch import Tensor

from simclr_core import config
from simclr_core.augment.draws import firing, floats, large, uniform, where

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as PIL and torchvision weigh the channels
THIRDS = torch.tensor([0, 1 / 3, -1 / 3]).view(3, 1, 1)  # of a turn: the hues of red, green and blue
TINY = torch.finfo(torch.float32).tiny
BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)  # operations, in the order of a Color's factors
# What each leads to at a factor of 0, of a pixel's channels and the mean gray: black, the mean gray, the pixel's gray.
TOWARD = torch.zeros(4, 3, 4)
TOWARD[CONTRAST, :, 3] = 1
TOWARD[SATURATION, :, :3] = torch.tensor(LUMA)
IDENTITY = torch.eye(3, 4)


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
    turns = color.order == HUE  # (N, 4)
    # Images in the order of their hue's place, those without jitter last: the ones it turns at a place lie together.
    place = torch.where(color.jitter, turns.int().argmax(dim=1), 4)
    ends = [0, *place.bincount(minlength=4).cumsum(0).tolist()]
    by_place = place.argsort()
    factor = color.factor.gather(1, color.order)
    still = turns | ~color.jitter[:, None]
    if color.additive:
        bright = color.order == BRIGHTNESS
        added = torch.where(bright & ~still, factor, 0)[by_place].T.to(images.device)
        still |= bright
    # Brightness, contrast and saturation as one map of a pixel and the image's mean gray, so that one pass over the
    # batch does for all of them.
    maps = torch.lerp(TOWARD[color.order], IDENTITY, torch.where(still, 1, factor)[..., None, None])
    maps = maps[by_place].transpose(0, 1).to(images.device)  # (4, N, 3, 4)
    shift = color.factor[by_place, HUE, None, None, None].to(images.device)
    gray = torch.where(color.gray[by_place, None, None], TOWARD[SATURATION], IDENTITY)[..., :3].to(images.device)
    weights = images.new_tensor(LUMA)

    out = images.index_select(0, by_place.to(images.device)).flatten(2)
    for at, blend in enumerate(maps):
        offset = blend[..., 3:] * (out.mean(dim=2) @ weights)[:, None, None]
        if color.additive:
            offset += added[at, :, None, None]
        out = torch.baddbmm(offset, blend[..., :3], out).clamp_(0, 1)
        turned = slice(ends[at], ends[at + 1])
        hue_(out[turned].view(-1, *images.shape[1:]), shift[turned])
    out = torch.bmm(gray, out).clamp_(0, 1)
    return out.index_select(0, by_place.argsort().to(images.device)).view_as(images)


def luma(images: Tensor) -> Tensor:
    """(N, 3, S, S) -> (N, 1, S, S) gray."""
    red, green, blue = images.split(1, dim=1)
    gray: Tensor = LUMA[0] * red
    return gray.add_(LUMA[1] * green).add_(LUMA[2] * blue)


def hue_(images: Tensor, shift: Tensor) -> None:
    """Turn the hue by `shift` in (-1, 1) of a full turn, HSV value and saturation kept; (N, 3, S, S) and (N, 1, 1, 1).

    Hue in sixths of a turn from red, within [-3, 3]: its sign is that of green - blue, its size
    1 + (green + blue - red - least) / chroma. That needs no choice of the greatest channel, which is slow on a CPU.
    """
    red, green, blue = images.split(1, dim=1)
    value = torch.maximum(red, green).maximum(blue)
    least = torch.minimum(red, green).minimum(blue)
    chroma = value - least
    size = (green + blue).sub_(red).sub_(least).div_(chroma.clamp(min=TINY)).add_(1)
    hue = size.copysign_(green - blue)
    # A channel is above the least by min(max(2 - d, 0), 1) chromas; d is how far the hue is from the channel's own, in
    # sixths. The turn is counted from there; it and the hue lie within [-3, 3], so 2 - d is ||hue + turn| - 3| - 1.
    turn = shift - THIRDS.to(shift.device)
    torch.add(hue, turn.sub_(turn.round()), alpha=6, out=images)
    images.abs_().sub_(3).abs_().clamp_(1, 2)
    torch.addcmul(least.sub_(chroma), images, chroma, out=images)


class Solarize(NamedTuple):
    """The threshold in [0, 1], and which images are solarized, (N,) bool."""

    threshold: float
    fires: Tensor


def draw_solarize(settings: config.Solarize, n: int, side: int, generator: torch.Generator) -> Solarize:
    del side
    return Solarize(settings.threshold, firing(settings.p, n, generator))


def apply_solarize(images: Tensor, solarize: Solarize) -> Tensor:
    """Invert what is at or above the threshold; uint8 images stay uint8."""

    def invert(chosen: Tensor, _: Tensor) -> Tensor:
        if chosen.is_floating_point():
            return torch.where(chosen >= solarize.threshold, 1 - chosen, chosen)
        first = int((torch.arange(256) / 255 < solarize.threshold).sum())  # of the levels at or above the threshold
        return chosen ^ (chosen >= first).view(torch.uint8).mul_(255)  # 255 - x is x with every bit turned

    return where(solarize.fires, images, invert)


def draw_equalize(settings: config.Equalize, n: int, side: int, generator: torch.Generator) -> Tensor:
    """(N,) bool: which images are equalized."""
    del side
    return firing(settings.p, n, generator)


def apply_equalize(images: Tensor, fires: Tensor) -> Tensor:
    """Equalize the histogram of each channel by PIL's method, on pixels rounded to 8 bits; uint8 images stay uint8.

    It leaves a channel as it is where fewer than 255 pixels are darker than the brightest: always below 16 x 16.
    """

    def equalize(chosen: Tensor, _: Tensor) -> Tensor:
        if chosen.is_floating_point():
            return floats(equalize((chosen * 255).round().byte(), _))
        if large(chosen):
            from simclr_core.augment import pictures  # OpenCV, which small images do without

            return pictures.equalize(chosen)
        from torchvision.transforms.v2 import functional as TF  # takes seconds to import, and is rarely needed

        equalized: Tensor = TF.equalize(chosen)
        return equalized

    return where(fires, images, equalize)

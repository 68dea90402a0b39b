"""Transformations of each pixel's color: color (jitter and grayscale), solarize, equalize."""

from typing import NamedTuple

import torch
from torch import Tensor

from simclr_core import config
from simclr_core.augment.draws import Draws, floats, large, where

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


def draw_color(settings: config.Color, side: int, draws: Draws) -> Color:
    """Strength s: three factors U(max(0, 1 - 0.8 s), 1 + 0.8 s) and a hue shift U(-0.2 s, 0.2 s), in turns.

    With additive brightness the first is U(-0.8 s, 0.8 s).
    """
    del side
    span, turn = 0.8 * settings.strength, 0.2 * settings.strength
    additive = settings.brightness == "add"
    scaled, added = (max(0.0, 1 - span), 1 + span), (-span, span)
    ranges = (added if additive else scaled, scaled, scaled, (-turn, turn))
    factor = torch.stack([draws.uniform(*ends) for ends in ranges], dim=1)
    order = draws.uniform(each=4).argsort(dim=1)
    jitter = draws.fires(settings.jitter_p)
    gray = draws.fires(settings.gray_p)
    return Color(jitter, factor, order, gray, additive)


def apply_color(images: Tensor, color: Color) -> Tensor:
    """Each image's four operations in its own order, clipped after each; then grayscale where drawn.

    Operations are torchvision's ColorJitter, the paper's PyTorch listing; its brightness multiplies. The TensorFlow
    listing that produced the paper's numbers adds it. Of other than three channels only brightness and contrast change.
    """
    if images.shape[1] != 3:
        return apply_tone(images, color)
    if large(images):
        from simclr_core.augment import opencv  # OpenCV, which small images do without

        chosen = zip(color.order.tolist(), color.jitter.tolist(), strict=True)
        orders = [order if fires else [] for order, fires in chosen]
        return opencv.color(images, color.factor.tolist(), orders, color.gray.tolist(), color.additive, LUMA)
    # In the order of their hue's place, those without jitter last: the ones whose hue turns at a place lie together.
    place = torch.where(color.jitter, (color.order == HUE).byte().argmax(dim=1), 4)
    by_place, (*ends, moved) = place.argsort(), place.bincount(minlength=4)[:4].cumsum(0).tolist()
    order, factor = color.order[by_place[:moved]], color.factor[by_place[:moved]]  # (M, 4)
    turn = hue_turn(factor[:, HUE, None, None, None]).to(images.device, non_blocking=True)
    # Brightness, contrast and saturation as maps of a pixel and the image's mean gray, so that one pass over the batch
    # does for all of them. (3, M, 3, 4)
    order = order[order != HUE].view(-1, 3)
    factor = factor.gather(1, order)
    if color.additive:
        bright = order == BRIGHTNESS
        added = torch.where(bright, factor, 0).T.to(images.device, non_blocking=True)
        factor = torch.where(bright, 1, factor)
    maps = torch.lerp(TOWARD[order], IDENTITY, factor[..., None, None]).transpose(0, 1)
    maps = maps.to(images.device, non_blocking=True)

    sorted_images = images.index_select(0, by_place.to(images.device, non_blocking=True))
    out = sorted_images[:moved].flatten(2)
    for at, turned in enumerate(map(slice, [0, *ends], [*ends, moved])):
        hue_(out[turned].view(-1, *images.shape[1:]), turn[turned])
        if at < len(maps):
            # A sum over the channels: how a product with the weights is rounded depends on how many images there are.
            offset = maps[at, ..., 3:] * luma(out.mean(dim=2)[..., None, None])[..., 0]
            if color.additive:
                offset += added[at, :, None, None]
            out = torch.baddbmm(offset, maps[at, ..., :3], out).clamp_(0, 1)
    sorted_images[:moved] = out.view(-1, *images.shape[1:])
    jittered = sorted_images.index_select(0, by_place.argsort().to(images.device, non_blocking=True))
    gray = torch.nonzero(color.gray)[:, 0].to(images.device, non_blocking=True)
    grayed = jittered.index_select(0, gray)
    return jittered.index_copy_(0, gray, luma(grayed).clamp_(0, 1).expand_as(grayed))


def apply_tone(images: Tensor, color: Color) -> Tensor:
    """Brightness and contrast alone, in each image's order, clipped after each: of images of any channels."""

    def change(chosen: Tensor, drawn: Tensor) -> Tensor:
        order, factor = color.order[drawn], color.factor[drawn]
        order = order[order <= CONTRAST].view(-1, 2)
        for place in (0, 1):
            toned = order[:, place] == CONTRAST
            one = factor.gather(1, order[:, place, None])[..., None, None].to(chosen.device)
            middle = luma(chosen.flatten(2).mean(dim=2)[..., None, None])
            bright = chosen + one if color.additive else chosen * one
            contrasted = middle + one * (chosen - middle)
            chosen = torch.where(toned[:, None, None, None].to(chosen.device), contrasted, bright).clamp(0, 1)
        return chosen

    return where(color.jitter, images, change)


def luma(images: Tensor) -> Tensor:
    """(N, C, S, S) -> (N, 1, S, S) gray: of red, green and blue as they are seen, else the mean of the channels."""
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    red, green, blue = images.split(1, dim=1)
    gray: Tensor = LUMA[0] * red
    return gray.add_(LUMA[1] * green).add_(LUMA[2] * blue)


def hue_turn(shift: Tensor) -> Tensor:
    """(N, 1, 1, 1) shifts in (-1, 1) of a full turn -> (N, 3, 1, 1): those of each channel in sixths, within [-3, 3].

    A channel is above the least by min(max(2 - d, 0), 1) chromas; d is how far the hue is from the channel's own, in
    sixths. The turn is counted from there; it and the hue lie within [-3, 3], so 2 - d is ||hue + turn| - 3| - 1.
    """
    turn = shift - THIRDS
    return turn.sub_(turn.round()).mul_(6)


def hue_(images: Tensor, turn: Tensor) -> None:
    """Turn the hue, HSV value and saturation kept; (N, 3, S, S) and (N, 3, 1, 1) of `hue_turn`.

    Hue in sixths of a turn from red, within [-3, 3]: its sign is that of green - blue, its size
    1 + (green + blue - red - least) / chroma. That needs no choice of the greatest channel, which is slow on a CPU.
    """
    red, green, blue = images.split(1, dim=1)
    value = torch.maximum(red, green).maximum(blue)
    least = torch.minimum(red, green).minimum(blue)
    chroma = value - least
    size = (green + blue).sub_(red).sub_(least).div_(chroma.clamp(min=TINY)).add_(1)
    hue = size.copysign_(green - blue)
    torch.add(hue, turn, out=images)
    images.abs_().sub_(3).abs_().clamp_(1, 2)
    torch.addcmul(least.sub_(chroma), images, chroma, out=images)


class Solarize(NamedTuple):
    """The threshold in [0, 1], and which images are solarized, (N,) bool."""

    threshold: float
    fires: Tensor


def draw_solarize(settings: config.Solarize, side: int, draws: Draws) -> Solarize:
    del side
    return Solarize(settings.threshold, draws.fires(settings.p))


def apply_solarize(images: Tensor, solarize: Solarize) -> Tensor:
    """Invert what is at or above the threshold; uint8 images stay uint8."""

    def invert(chosen: Tensor, _: Tensor) -> Tensor:
        if chosen.is_floating_point():
            return torch.where(chosen >= solarize.threshold, 1 - chosen, chosen)
        first = int((torch.arange(256) / 255 < solarize.threshold).sum())  # of the levels at or above the threshold
        return chosen ^ (chosen >= first).view(torch.uint8).mul_(255)  # 255 - x is x with every bit turned

    return where(solarize.fires, images, invert)


def draw_equalize(settings: config.Equalize, side: int, draws: Draws) -> Tensor:
    """(N,) bool: which images are equalized."""
    del side
    return draws.fires(settings.p)


def apply_equalize(images: Tensor, fires: Tensor) -> Tensor:
    """Equalize the histogram of each channel by PIL's method, on pixels rounded to 8 bits; uint8 images stay uint8.

    It leaves a channel as it is where fewer than 255 pixels are darker than the brightest: always below 16 x 16.
    """

    def equalize(chosen: Tensor, _: Tensor) -> Tensor:
        if chosen.is_floating_point():
            return floats(equalize((chosen * 255).round().byte(), _))
        if large(chosen):
            from simclr_core.augment import opencv  # OpenCV, which small images do without

            return opencv.equalize(chosen)
        from torchvision.transforms.v2 import functional as TF  # takes seconds to import, and is rarely needed

        equalized: Tensor = TF.equalize(chosen)
        return equalized

    return where(fires, images, equalize)

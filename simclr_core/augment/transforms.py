"""The seven transformations of Figure 5: `draw_*` samples parameters per image, `apply_*` is a pure function of them.

Images are float32 (N, 3, S, S) in [0, 1] and stay there. Parameters are drawn on the CPU, where they also decide which
images an operation touches, so that applying them never makes the host wait for the device; only the noise itself is
drawn on the device. What the paper leaves open (cutout's size, the Sobel variant, the noise level) is set in
`simclr_core.config`; each departure is noted where it happens.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from simclr_core import config

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as PIL and torchvision weigh the channels


def uniform(low: float, high: float, n: int, generator: torch.Generator) -> Tensor:
    """(n,) float32 draws from U(low, high)."""
    return torch.empty(n).uniform_(low, high, generator=generator)


def resample(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Each image times its own (S, S) row matrix from the left and column matrix from the right.

    Crop-and-resize and blur are both separable, so one pair of batched products serves them all.
    images: (N, C, S, S); rows, columns: (N, S, S), a row per output position.
    """
    n, channels, side, _ = images.shape
    wide = torch.bmm(images.reshape(n, channels * side, side), columns.mT).view(n, channels, side, side)
    tall = torch.bmm(wide.mT.reshape(n, channels * side, side), rows.mT).view(n, channels, side, side)
    return tall.mT.clamp(0, 1)  # the weights of a row sum to 1 only up to rounding


class Crop(NamedTuple):
    """Boxes in whole pixels, and which images are mirrored; each (N,)."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    flip: Tensor


def draw_crop(settings: config.Crop, n: int, side: int, generator: torch.Generator) -> Crop:
    """The first of ten candidate boxes that fits, else the whole image; torchvision's RandomResizedCrop, vectorized.

    Area is uniform, the aspect ratio log-uniform (torchvision; the official TensorFlow code draws it uniformly).
    """
    area = uniform(*settings.area, 10 * n, generator).view(n, 10) * side * side
    log_ratio = uniform(math.log(settings.ratio[0]), math.log(settings.ratio[1]), 10 * n, generator).view(n, 10)
    width = (area * log_ratio.exp()).sqrt().round().long()
    height = (area / log_ratio.exp()).sqrt().round().long()
    fits = (width >= 1) & (width <= side) & (height >= 1) & (height <= side)
    first = fits.long().argmax(dim=1, keepdim=True)
    found = fits.any(dim=1)
    width = torch.where(found, width.gather(1, first)[:, 0], side)
    height = torch.where(found, height.gather(1, first)[:, 0], side)
    # Uniform over the side - height + 1 positions.
    top = (torch.rand(n, generator=generator) * (side - height + 1)).long()
    left = (torch.rand(n, generator=generator) * (side - width + 1)).long()
    flip = (torch.rand(n, generator=generator) < 0.5) & torch.tensor(settings.flip)
    return Crop(top, left, height, width, flip)


def apply_crop(images: Tensor, crop: Crop) -> Tensor:
    """Bilinear resize of each box to the full side (the official code is bicubic), then the flip."""
    side, device = images.shape[-1], images.device
    pixel = torch.arange(side, dtype=torch.float32)

    def hat(start: Tensor, length: Tensor) -> Tensor:
        center = ((pixel + 0.5) * (length[:, None] / side) - 0.5).clamp(min=torch.zeros(()), max=length[:, None] - 1.0)
        return F.relu(1 - (start[:, None, None] + center[:, :, None] - pixel).abs())

    columns = hat(crop.left, crop.width)
    columns = torch.where(crop.flip[:, None, None], columns.flip(1), columns)
    return resample(images, hat(crop.top, crop.height).to(device), columns.to(device))


class Cutout(NamedTuple):
    """Corner of the square, (N,) each, and its side in pixels."""

    top: Tensor
    left: Tensor
    side: int


def draw_cutout(settings: config.Cutout, n: int, side: int, generator: torch.Generator) -> Cutout:
    """A square wholly inside the image, as in the paper's Figure 4, uniform over its positions."""
    hole = max(1, round(settings.side * side))
    top, left = (torch.randint(0, side - hole + 1, (n,), generator=generator) for _ in range(2))
    return Cutout(top, left, hole)


def apply_cutout(images: Tensor, cutout: Cutout) -> Tensor:
    """Fill the square with middle gray (the paper's Figure 4 shows 149/255)."""
    pixel = torch.arange(images.shape[-1])

    def inside(start: Tensor) -> Tensor:
        return (pixel >= start[:, None]) & (pixel < start[:, None] + cutout.side)

    hole = inside(cutout.top)[:, None, :, None] & inside(cutout.left)[:, None, None, :]
    return images.masked_fill(hole.to(images.device), 0.5)


class Color(NamedTuple):
    """jitter, gray: (N,) bool. factor: (N, 4), one per operation below. order: (N, 4), the operation at each place."""

    jitter: Tensor
    factor: Tensor
    order: Tensor
    gray: Tensor


def draw_color(settings: config.Color, n: int, side: int, generator: torch.Generator) -> Color:
    """Strength s: three factors U(max(0, 1 - 0.8 s), 1 + 0.8 s) and a hue shift U(-0.2 s, 0.2 s), in turns."""
    del side
    span, turn = 0.8 * settings.strength, 0.2 * settings.strength
    factor = torch.stack(
        [uniform(max(0.0, 1 - span), 1 + span, n, generator) for _ in range(3)] + [uniform(-turn, turn, n, generator)],
        dim=1,
    )
    order = torch.rand(n, 4, generator=generator).argsort(dim=1)
    jitter = torch.rand(n, generator=generator) < settings.jitter_p
    gray = torch.rand(n, generator=generator) < settings.gray_p
    return Color(jitter, factor, order, gray)


def apply_color(images: Tensor, color: Color) -> Tensor:
    """Each image's four operations in its own order, clipped after each; then grayscale where drawn.

    Operations are torchvision's ColorJitter, the paper's PyTorch listing. Brightness is therefore multiplicative; the
    TensorFlow listing that produced the paper's numbers adds it.
    """
    out = images.clone()
    for place in range(4):
        for operation, adjust in enumerate((brightness, contrast, saturation, hue)):
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


def draw_sobel(settings: config.Sobel, n: int, side: int, generator: torch.Generator) -> float:
    """Nothing is random: the scale alone."""
    del n, side, generator
    return settings.scale


def apply_sobel(images: Tensor, scale: float) -> Tensor:
    """Gradient magnitude of the gray image in all three channels, scaled and clipped; edges replicated.

    The paper's Figure 4 shows a signed response per channel on middle gray; magnitude, gray and scale are ours.
    """
    padded = F.pad(luma(images), (1, 1, 1, 1), mode="replicate")
    across = padded[..., 2:] - padded[..., :-2]
    down = padded[..., 2:, :] - padded[..., :-2, :]
    horizontal = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    vertical = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    return (scale * torch.hypot(horizontal, vertical)).clamp(0, 1).repeat(1, 3, 1, 1)


class Noise(NamedTuple):
    """Standard deviation of each image's noise, (N,), and the seed of its pixels."""

    sigma: Tensor
    seed: int


def draw_noise(settings: config.Noise, n: int, side: int, generator: torch.Generator) -> Noise:
    del side
    sigma = uniform(*settings.sigma, n, generator)
    return Noise(sigma, int(torch.randint(0, 2**31, (1,), generator=generator)))


def apply_noise(images: Tensor, noise: Noise) -> Tensor:
    """Add independent Gaussian noise to every pixel and channel, then clip."""
    generator = torch.Generator(images.device).manual_seed(noise.seed)
    grain = torch.randn(images.shape, generator=generator, device=images.device)
    return (images + noise.sigma.to(images.device)[:, None, None, None] * grain).clamp(0, 1)


class Blur(NamedTuple):
    """Standard deviation in pixels, (N,), and which images are blurred, (N,) bool."""

    sigma: Tensor
    fires: Tensor


def draw_blur(settings: config.Blur, n: int, side: int, generator: torch.Generator) -> Blur:
    del side
    return Blur(uniform(*settings.sigma, n, generator), torch.rand(n, generator=generator) < settings.p)


def apply_blur(images: Tensor, blur: Blur) -> Tensor:
    """Gaussian of a tenth of the side, odd, at least 3 pixels wide; edges reflected."""
    side = images.shape[-1]
    reach = max(1, side // 20)
    offset = torch.arange(-reach, reach + 1)
    weight = torch.exp(-(offset**2) / (2 * blur.sigma[:, None] ** 2))
    weight = torch.where(blur.fires[:, None], weight / weight.sum(1, keepdim=True), (offset == 0).float())
    source = (torch.arange(side)[:, None] + offset).abs()
    source = torch.where(source < side, source, 2 * (side - 1) - source)  # reflect without repeating the edge
    placed = F.one_hot(source, side).float()  # (S, K, S)
    band = torch.einsum("nk,iks->nis", weight, placed).to(images.device)
    return resample(images, band, band)


def draw_rotate(settings: None, n: int, side: int, generator: torch.Generator) -> Tensor:
    """(N,) quarter turns in {0, 1, 2, 3}."""
    del settings, side
    return torch.randint(0, 4, (n,), generator=generator)


def apply_rotate(images: Tensor, turns: Tensor) -> Tensor:
    """Counter-clockwise quarter turns."""
    out = images.clone()
    for turn in (1, 2, 3):
        chosen = torch.nonzero(turns == turn)[:, 0].to(images.device)
        out[chosen] = images[chosen].rot90(turn, dims=(2, 3))
    return out


def augment(images: Tensor, name: str, settings: config.Transforms, generator: torch.Generator) -> Tensor:
    """Draw and apply the transformation called `name` (one of config.TRANSFORMATIONS)."""
    draw, apply = REGISTRY[name]
    return apply(images, draw(getattr(settings, name, None), len(images), images.shape[-1], generator))


REGISTRY: dict[str, tuple[Callable[..., Any], Callable[..., Tensor]]] = {
    "crop": (draw_crop, apply_crop),
    "cutout": (draw_cutout, apply_cutout),
    "color": (draw_color, apply_color),
    "sobel": (draw_sobel, apply_sobel),
    "noise": (draw_noise, apply_noise),
    "blur": (draw_blur, apply_blur),
    "rotate": (draw_rotate, apply_rotate),
}

"""Transformations of a pixel by its neighbors, and noise: sobel, noise, blur, motion_blur."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from simclr_core import config
from simclr_core.augment.colors import luma
from simclr_core.augment.draws import Draws, large, where
from simclr_core.augment.geometry import resample


class Sobel(NamedTuple):
    """The scale of all gradients, and which images are replaced by theirs, (N,) bool."""

    scale: float
    fires: Tensor


def draw_sobel(settings: config.Sobel, side: int, draws: Draws) -> Sobel:
    del side
    return Sobel(settings.scale, draws.fires(settings.p))


def apply_sobel(images: Tensor, sobel: Sobel) -> Tensor:
    """Gradient magnitude of the gray image in all three channels, scaled and clipped; edges replicated.

    The paper's Figure 4 shows a signed response per channel on middle gray; magnitude, gray and scale are ours.
    """

    def magnitude(chosen: Tensor, _: Tensor) -> Tensor:
        padded = F.pad(luma(chosen), (1, 1, 1, 1), mode="replicate")
        across = padded[..., 2:] - padded[..., :-2]
        down = padded[..., 2:, :] - padded[..., :-2, :]
        horizontal = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
        vertical = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
        length = torch.hypot(horizontal, vertical)
        return length.mul_(sobel.scale).clamp_(0, 1).expand_as(chosen).contiguous()

    return where(sobel.fires, images, magnitude)


class Noise(NamedTuple):
    """Standard deviation and seed of each image's noise, (N,) each, and which images get it, (N,) bool."""

    sigma: Tensor
    seed: Tensor
    fires: Tensor


def draw_noise(settings: config.Noise, side: int, draws: Draws) -> Noise:
    del side
    return Noise(draws.uniform(*settings.sigma), draws.seeds(), draws.fires(settings.p))


def apply_noise(images: Tensor, noise: Noise) -> Tensor:
    """Add independent Gaussian noise to every pixel and channel, then clip.

    An image's noise is its own seed's, so it is the same in whatever company the image comes.
    """
    generator = torch.Generator(images.device)

    def add(chosen: Tensor, drawn: Tensor) -> Tensor:
        grain = torch.empty(chosen.shape, device=chosen.device)  # however the images lie in memory
        for image, seed in zip(grain, noise.seed[drawn].tolist(), strict=True):
            image.normal_(generator=generator.manual_seed(seed))
        sigma = noise.sigma[drawn, None, None, None].to(chosen.device, non_blocking=True)
        return grain.mul_(sigma).add_(chosen).clamp_(0, 1)

    return where(noise.fires, images, add)


class Blur(NamedTuple):
    """Standard deviation in pixels, (N,), and which images are blurred, (N,) bool."""

    sigma: Tensor
    fires: Tensor


def draw_blur(settings: config.Blur, side: int, draws: Draws) -> Blur:
    del side
    return Blur(draws.uniform(*settings.sigma), draws.fires(settings.p))


def apply_blur(images: Tensor, blur: Blur) -> Tensor:
    """Gaussian of a tenth of the side, odd, at least 3 pixels wide; edges reflected."""
    side = images.shape[-1]
    reach = max(1, side // 20)
    offset = torch.arange(-reach, reach + 1)
    weight = torch.exp(-(offset**2) / (2 * blur.sigma[:, None] ** 2))
    weight = weight / weight.sum(1, keepdim=True)
    if large(images):
        from simclr_core.augment import opencv  # OpenCV, which small images do without

        return opencv.blur(images, weight, blur.fires)

    def smooth(chosen: Tensor, drawn: Tensor) -> Tensor:
        source = (torch.arange(side)[:, None] + offset).abs()
        source = torch.where(source < side, source, 2 * (side - 1) - source)  # reflect without repeating the edge
        placed = F.one_hot(source, side).to(chosen.device, torch.float32, non_blocking=True)  # (S, K, S)
        band = torch.einsum("nk,iks->nis", weight[drawn].to(chosen.device, non_blocking=True), placed)
        return resample(chosen, band, band)

    return where(blur.fires, images, smooth)


class MotionBlur(NamedTuple):
    """reach: (N,) whole pixels >= 1 to either side. angle: (N,) degrees counter-clockwise. fires: (N,) bool.

    longest: no reach is beyond it. Kernels are made for it, so that how sums are rounded depends on no other image.
    """

    reach: Tensor
    angle: Tensor
    fires: Tensor
    longest: int


def draw_motion_blur(settings: config.MotionBlur, side: int, draws: Draws) -> MotionBlur:
    """Lines of 2 reach + 1 pixels, the odd number nearest to a length drawn uniformly; directions U(0, 180)."""
    reach = ((draws.uniform(*settings.length) * side - 1) / 2).round().long().clamp(min=1)
    longest = max(1, round((settings.length[1] * side - 1) / 2))
    return MotionBlur(reach, draws.uniform(0, 180), draws.fires(settings.p), longest)


def apply_motion_blur(images: Tensor, motion: MotionBlur) -> Tensor:
    """Mean of the image at whole steps along the line, read bilinearly; edges reflected.

    The paper names motion blur (Appendix B.2) and leaves it open; this one is ours.
    """
    step = torch.arange(-motion.longest, motion.longest + 1.0)
    on_line = step.abs() <= motion.reach[:, None]
    weight = on_line / on_line.sum(1, keepdim=True)
    # The sine and cosine in float64, and sums rather than a batched product below: in float32 either may differ in its
    # last bit from that of the same image in other company.
    radians = motion.angle.double().deg2rad()[:, None]
    up, across = radians.sin().float(), radians.cos().float()

    def hat(position: Tensor) -> Tensor:
        """(N, steps) positions -> (N, pixels, steps): what each pixel has of each of them."""
        return F.relu(1 - (step[:, None] - position[:, None, :]).abs())

    rows, columns = hat(-step * up) * weight[:, None, :], hat(step * across)
    kernel = (rows[:, :, None] * columns[:, None]).sum(dim=3)

    def smear(chosen: Tensor, drawn: Tensor) -> Tensor:
        padded = F.pad(chosen, (motion.longest,) * 4, mode="reflect").transpose(0, 1)
        kernels = kernel[drawn, None].to(chosen.device, non_blocking=True)
        blurred = F.conv2d(padded, kernels, groups=len(chosen)).transpose(0, 1)
        return blurred.clamp(0, 1)

    return where(motion.fires, images, smear)

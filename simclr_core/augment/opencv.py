"""Crop, color, blur and equalize of large images on the CPU: one picture after the other, (S, S, 3), by OpenCV.

The same arithmetic as the batched operations, to rounding. On small images those are several times faster, since each
call costs more than its pixels; on large ones a picture at a time stays in the cache, and OpenCV goes over it once
where PyTorch needs dozens of passes. Import it only where it is needed: small images and GPUs do without OpenCV.
"""

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simclr_core.augment.draws import floats

Picture = NDArray[Any]  # (S, S, 3), float32 if not said otherwise

cv2.setNumThreads(1)  # a trial has one core
NEGLIGIBLE = 1e-6  # weight of a pixel to be left out: all of them together change a value by some 1e-6


def picture(image: Tensor) -> Picture:
    """(3, S, S) pixels as a (S, S, 3) picture, copied unless they lie that way already."""
    pixels: Picture = image.permute(1, 2, 0).numpy()
    return pixels if pixels.flags["C_CONTIGUOUS"] else cv2.merge(list(image.numpy()))


def blank(images: Tensor) -> tuple[Tensor, Picture]:
    """A new batch in which the channels of a pixel lie together, and the same memory as pictures."""
    out = torch.empty_like(images, dtype=torch.float32, memory_format=torch.channels_last)
    return out, out.permute(0, 2, 3, 1).numpy()


def crop(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, flip: Tensor) -> Tensor:
    """Each image's box, mirrored where drawn, resized to the full side, bilinearly; images: uint8 too.

    Boxes: (N,) whole pixels. What is done to the box rather than to the result is done to half as many pixels.
    """
    out, pictures = blank(images)
    boxes = zip(*(part.tolist() for part in (top, left, height, width, flip)), strict=True)
    for image, made, (y, x, tall, wide, mirrored) in zip(images, pictures, boxes, strict=True):
        box = picture(image[:, y : y + tall, x : x + wide])
        if mirrored:
            box = cv2.flip(box, 1)
        box = floats(torch.from_numpy(box)).numpy()
        cv2.resize(box, made.shape[:2], made, interpolation=cv2.INTER_LINEAR)
        torch.from_numpy(made).clamp_(0, 1)
    return out


def blur(images: Tensor, weights: Tensor, fires: Tensor) -> Tensor:
    """Where it fires, each image times its own weights along rows and columns; edges reflected.

    weights: (N, K), symmetric, K odd. fires: (N,) bool.
    """
    out, pictures = blank(images)
    for image, made, weight, chosen in zip(images, pictures, weights.numpy(), fires.tolist(), strict=True):
        if chosen:
            kernel = weight[weight > NEGLIGIBLE]  # mostly a few of the K
            cv2.sepFilter2D(picture(image), -1, kernel, kernel, made, borderType=cv2.BORDER_REFLECT_101)
            torch.from_numpy(made).clamp_(0, 1)
        else:
            np.copyto(made, picture(image))
    return out


def color(images: Tensor, factors: list[list[float]], orders: list[list[int]], gray: list[bool], additive: bool,
          weights: tuple[float, float, float]) -> Tensor:  # fmt: skip
    """Each image's operations in its own order, then gray where drawn; as `colors.apply_color`, order () for none."""
    out, pictures = blank(images)
    luma = np.array([weights] * 3, dtype=np.float32)
    for image, made, factor, order, grayed in zip(images, pictures, factors, orders, gray, strict=True):
        np.copyto(made, picture(image))
        for operation in order:
            adjust_(made, operation, factor[operation], additive, luma)
        if grayed:
            cv2.transform(made, luma, made)
    return out


def adjust_(made: Picture, operation: int, factor: float, additive: bool, luma: Picture) -> None:
    """Change brightness, contrast, saturation or hue in place. luma: (3, 3), every row the weights of gray."""
    pixels = torch.from_numpy(made)
    if operation == 3:
        turned = cv2.cvtColor(made, cv2.COLOR_RGB2HSV)
        cv2.add(turned, np.array([360 * (factor % 1), 0, 0, 0]), turned)  # hue in degrees
        cv2.cvtColor(turned, cv2.COLOR_HSV2RGB, made)
    elif operation == 2:
        cv2.transform(made, factor * np.eye(3, dtype=np.float32) + (1 - factor) * luma, made)
    elif operation == 1:
        middle = float(luma[0] @ cv2.mean(made)[:3])
        pixels.mul_(factor).add_((1 - factor) * middle)
    elif additive:
        pixels.add_(factor)
    else:
        pixels.mul_(factor)
    pixels.clamp_(0, 1)


def equalize(images: Tensor) -> Tensor:
    """Equalize the histogram of each channel of uint8 images by PIL's method."""
    out = torch.empty_like(images, memory_format=torch.contiguous_format)
    for plane, made in zip(images.flatten(0, 1).numpy(), out.flatten(0, 1).numpy(), strict=True):
        counts = cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel().astype(np.int64)
        step = (plane.size - counts[counts > 0][-1]) // 255
        darker = np.cumsum(counts) - counts
        levels = (darker + step // 2) // step if step else np.arange(256)
        cv2.LUT(plane, levels.clip(max=255).astype(np.uint8), made)
    return out

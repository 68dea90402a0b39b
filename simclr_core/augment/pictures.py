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
    """(3, S, S) -> its pixels, copied unless they lie that way already."""
    pixels: Picture = image.permute(1, 2, 0).numpy()
    return pixels if pixels.flags["C_CONTIGUOUS"] else cv2.merge(list(image.numpy()))


def blank(images: Tensor) -> tuple[Tensor, Picture]:
    """A new batch in which the channels of a pixel lie together, and the same memory as pictures."""
    out = torch.empty_like(images, dtype=torch.float32, memory_format=torch.channels_last)
    return out, out.permute(0, 2, 3, 1).numpy()


def split(images: Tensor, out: Tensor) -> None:
    """Copy the float32 images into `out`, where every channel is a plane."""
    assert images.dtype == out.dtype == torch.float32  # of another type OpenCV would leave `out` as it is
    for image, planes in zip(images, out.numpy(), strict=True):
        cv2.split(picture(image), list(planes))


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
    grayed = np.eye(4)
    grayed[:3, :3] = weights
    for image, made, factor, order, last in zip(images, pictures, factors, orders, gray, strict=True):
        adjust(picture(image), made, [(operation, factor[operation]) for operation in order], last, additive, grayed)
    return out


def adjust(now: Picture, made: Picture, steps: list[tuple[int, float]], last: bool, additive: bool,
           grayed: NDArray[Any]) -> None:  # fmt: skip
    """Brightness, contrast, saturation and hue by their factors, then gray if it comes `last`, from `now` into `made`.

    All but hue are maps of (red, green, blue, 1), (4, 4), as `grayed` is. Those that cannot leave [0, 1] need no
    clipping after them, so they wait, and become one map with the next.
    """
    still = waiting = np.eye(4)
    for operation, factor in steps:
        if operation == 3:
            turned = cv2.cvtColor(now if waiting is still else mapped(now, waiting, made), cv2.COLOR_RGB2HSV)
            cv2.add(turned, np.array([360 * (factor % 1), 0, 0, 0]), turned)  # hue in degrees
            cv2.cvtColor(turned, cv2.COLOR_HSV2RGB, made)
            torch.from_numpy(made).clamp_(0, 1)
            now, waiting = made, still
            continue
        added = additive and operation == 0
        step = np.diag([1.0 if added else factor] * 3 + [1.0])
        if added:
            step[:3, 3] = factor
        elif operation == 1:
            step[:3, 3] = (1 - factor) * (grayed @ waiting @ [*cv2.mean(now)[:3], 1])[0]
        elif operation == 2:
            step[:3, :3] += (1 - factor) * grayed[:3, :3]
        waiting = step @ waiting
        if added or factor > 1:
            now, waiting = mapped(now, waiting, made), still
    if last:
        waiting = grayed @ waiting
    if waiting is not still:
        mapped(now, waiting, made)
    elif now is not made:
        np.copyto(made, now)


def mapped(source: Picture, pixel_map: NDArray[Any], made: Picture) -> Picture:
    """`made`, with each pixel of `source` as the map has it, clipped."""
    cv2.transform(source, pixel_map[:3], made)
    torch.from_numpy(made).clamp_(0, 1)
    return made


def equalize(images: Tensor) -> Tensor:
    """uint8 images, each channel by PIL's method."""
    out = torch.empty_like(images, memory_format=torch.contiguous_format)
    for plane, made in zip(images.flatten(0, 1).numpy(), out.flatten(0, 1).numpy(), strict=True):
        counts = cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel().astype(np.int64)
        step = (plane.size - counts[counts > 0][-1]) // 255
        darker = np.cumsum(counts) - counts
        levels = (darker + step // 2) // step if step else np.arange(256)
        cv2.LUT(plane, levels.clip(max=255).astype(np.uint8), made)
    return out

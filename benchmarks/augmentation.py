"""Augmentation alone, on one core: each transformation and SimCLR's whole policy, at 32 and at 224 pixels.

The task: a batch of uint8 images becomes one float32 batch of views, (N, 3, S, S) in [0, 1], every image with
parameters of its own. The policy is crop (8-100% of the area) and flip, color jitter of strength 1 (p 0.8), gray
(p 0.2), and at 224 pixels blur (p 0.5, a tenth of the side, sigma 0.1 to 2). Images are smooth noise, made here.

The peers are asked for the same distributions. What differs:

- torchvision v2: one image at a time (a batch would share one draw), tensors and PIL images as two contenders. On 8
  bits until the end. Noise of one fixed deviation.
- albumentations: one image at a time, by OpenCV on 8 bits. Equalizes by OpenCV's method, not PIL's.
- kornia: batched float32, a draw per image, but one order of the jitter's operations per batch. Noise of one fixed
  deviation; neither it nor Sobel is clipped.
"""

import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import cv2
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from benchmarks.rounds import ROUNDS, Case, play
from simclr_core.augment.views import one_view
from simclr_core.config import Transforms, Views

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or importing it asks the network for a newer version
import albumentations as A

BATCH = {32: 64, 224: 32}  # images, by side
POLICY = {32: ("crop", "color"), 224: ("crop", "color", "blur")}
TASKS = ("crop", "color", "blur", "sobel", "cutout", "noise", "rotate", "solarize", "equalize", "policy")
SECONDS = 0.12  # of processor time for one figure, and at least one batch
AREA, JITTER, SIGMA = (0.08, 1.0), (0.8, 0.8, 0.8, 0.2), (0.1, 2.0)
OURS, TENSORS, PICTURES, ALBUMENTATIONS, KORNIA = (
    "simclr_core", "torchvision, tensors", "torchvision, PIL", "albumentations", "kornia",
)  # fmt: skip

Run = Callable[[], Tensor]  # one batch of views


def cases(rounds: int = ROUNDS) -> Iterator[Case]:
    """Every transformation at every side."""
    for side in BATCH:
        for task in TASKS:
            yield case(task, side, rounds)


def case(task: str, side: int, rounds: int = ROUNDS) -> Case:
    """One transformation, or the policy, at one side: everyone on one thread."""
    runs, missing = contenders(task, side, images(BATCH[side], side))
    threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    try:
        figures = play({name: clocked(run, BATCH[side]) for name, run in runs.items()}, rounds)
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(cv2_threads)
    return Case("augmentation", f"{task}, {side} px", "images/s", figures, missing=missing)


def images(n: int, side: int) -> Tensor:
    """(n, 3, side, side) uint8: smooth noise."""
    coarse = torch.rand(n, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    return (F.interpolate(coarse, (side, side), mode="bilinear") * 255).byte()


def clocked(run: Run, n: int) -> Callable[[], float]:
    """Images per second of processor time, from as many batches as it takes."""

    def figure() -> float:
        done, began = 0, time.process_time()
        while (passed := time.process_time() - began) < SECONDS:
            run()
            done += n
        return done / passed

    return figure


def contenders(task: str, side: int, batch: Tensor) -> tuple[dict[str, Run], dict[str, str]]:
    """The contenders that can do the task, ours first; and those that cannot, with the reason."""
    chain = POLICY[side] if task == "policy" else (task,)
    kernel = max(3, side // 10 // 2 * 2 + 1)  # odd
    runs, missing = {OURS: ours(chain, batch)}, {}
    for name, (parts, lacks, run) in {
        TENSORS: (torchvision_parts(side, kernel), {"sobel": "no such transform"}, on_tensors),
        PICTURES: (
            torchvision_parts(side, kernel),
            {"sobel": "no such transform", "noise": "not for PIL"},
            on_pictures,
        ),
        ALBUMENTATIONS: (albumentations_parts(side, kernel), {"sobel": "no such transform"}, on_arrays),
        KORNIA: (kornia_parts(side, kernel), {}, on_batch),
    }.items():
        lacking = [lacks[step] for step in chain if step in lacks]
        if lacking:
            missing[name] = lacking[0]
        else:
            runs[name] = run([part for step in chain for part in parts[step]], batch)
    return runs, missing


def ours(chain: tuple[str, ...], batch: Tensor) -> Run:
    views, settings, steps = Views(left=chain, right=chain), Transforms(), count()
    return lambda: one_view(batch, views, settings, seed=0, step=next(steps))


# --- the peers: their parts of each transformation, and how they go over a batch --------------------------------------


def torchvision_parts(side: int, kernel: int) -> dict[str, list[Any]]:
    return {
        "crop": [v2.RandomResizedCrop(side, AREA), v2.RandomHorizontalFlip()],
        "color": [v2.RandomApply([v2.ColorJitter(*JITTER)], 0.8), v2.RandomGrayscale(0.2)],
        "blur": [v2.RandomApply([v2.GaussianBlur(kernel, SIGMA)], 0.5)],
        "cutout": [v2.RandomErasing(1, (0.25, 0.25), (1, 1), 128)],
        "noise": [v2.GaussianNoise(sigma=0.1)],
        "rotate": [v2.RandomChoice([v2.RandomRotation((turn, turn)) for turn in (0, 90, 180, 270)])],
        "solarize": [v2.RandomSolarize(128, 1)],
        "equalize": [v2.RandomEqualize(1)],
    }


def on_tensors(parts: list[Any], batch: Tensor) -> Run:
    transform = v2.Compose([*parts, v2.ToDtype(torch.float32, scale=True)])
    return lambda: torch.stack([transform(image) for image in batch])


def on_pictures(parts: list[Any], batch: Tensor) -> Run:
    pictures = [Image.fromarray(image) for image in batch.permute(0, 2, 3, 1).numpy()]
    transform = v2.Compose([*parts, v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)])
    return lambda: torch.stack([transform(picture) for picture in pictures])


def albumentations_parts(side: int, kernel: int) -> dict[str, list[Any]]:
    *spans, turn = JITTER
    jitter = [*((1 - span, 1 + span) for span in spans), (-turn, turn)]
    return {
        "crop": [A.RandomResizedCrop((side, side), AREA), A.HorizontalFlip()],
        "color": [A.ColorJitter(*jitter, p=0.8), A.ToGray(p=0.2)],
        "blur": [A.GaussianBlur((kernel, kernel), SIGMA, p=0.5)],
        "cutout": [A.CoarseDropout((1, 1), (0.5, 0.5), (0.5, 0.5), fill=128, p=1)],
        "noise": [A.GaussNoise((0.0, 0.2), p=1)],
        "rotate": [A.RandomRotate90(p=1)],
        "solarize": [A.Solarize(p=1)],
        "equalize": [A.Equalize(p=1)],
    }


def on_arrays(parts: list[Any], batch: Tensor) -> Run:
    arrays = [image.copy() for image in batch.permute(0, 2, 3, 1).numpy()]
    transform = A.Compose([*parts, A.ToFloat(255), A.ToTensorV2()], seed=0)
    return lambda: torch.stack([transform(image=array)["image"] for array in arrays])


def kornia_parts(side: int, kernel: int) -> dict[str, list[Any]]:
    import kornia.augmentation as K
    from kornia.color import GrayscaleToRgb, RgbToGrayscale
    from kornia.filters import Sobel

    return {
        "crop": [K.RandomResizedCrop((side, side), AREA, align_corners=False), K.RandomHorizontalFlip()],
        "color": [K.ColorJitter(*JITTER, p=0.8), K.RandomGrayscale(p=0.2)],
        "blur": [K.RandomGaussianBlur((kernel, kernel), SIGMA, p=0.5)],
        "sobel": [RgbToGrayscale(), Sobel(), GrayscaleToRgb()],
        "cutout": [K.RandomErasing((0.25, 0.25), (1.0, 1.0), 0.5, p=1)],
        "noise": [K.RandomGaussianNoise(std=0.1, p=1)],
        "rotate": [K.RandomRotation90((0, 3), p=1)],
        "solarize": [K.RandomSolarize((0.5, 0.5), (0.0, 0.0), p=1)],
        "equalize": [K.RandomEqualize(p=1)],
    }


def on_batch(parts: list[Any], batch: Tensor) -> Run:
    import kornia.augmentation as K

    transform = K.ImageSequential(*parts)
    return lambda: transform(batch.float() / 255)

"""One GPU: ResNet-18 with the CIFAR stem, batch 512, bf16, crop and color on both branches of random 32-pixel images.

A whole step of the trainer stands beside the model's own forward and backward pass on fixed views, and beside what the
card reaches in one large matrix product. Without a GPU nothing is measured and the cases say so.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from benchmarks.rounds import ROUNDS, Case, play
from benchmarks.training import POLICY
from simclr_core.config import Recipe
from simclr_core.data.images import ImageSet
from simclr_core.model import SimCLR
from simclr_core.objective import objective
from simclr_core.pretrain import pretrain
from simclr_core.trial import deterministic

TASK = "ResNet-18, CIFAR stem, batch 512, bf16"
NO_GPU = "no GPU here"
FLOP_PER_VIEW = 3 * 2 * 0.5554e9  # forward, and twice that backward; 0.5554 GMAC forward at 32 pixels, head not counted


def cases(rounds: int = ROUNDS) -> Iterator[Case]:
    """Views a second; then TFLOP/s of the training and of one large bf16 matrix product."""
    if not torch.cuda.is_available():
        for task, unit in ((TASK, "views/s"), ("share of the measured matmul ceiling", "TFLOP/s")):
            yield Case("gpu", task, unit, {}, missing={"simclr_core": NO_GPU})
        return
    recipe = cifar_recipe("resnet18", 512)
    with deterministic("cuda"):
        speed = play({"whole step": whole_step(recipe, 40), "forward and backward": model_step(recipe, 40)}, rounds)
        ceiling = play({"matrix product": matmul}, rounds)
    yield Case("gpu", TASK, "views/s", speed)
    reached = [views * FLOP_PER_VIEW / 1e12 for views in speed["whole step"]]
    figures = {"whole step": reached, "matrix product": ceiling["matrix product"]}
    yield Case("gpu", "share of the measured matmul ceiling", "TFLOP/s", figures)


def cifar_recipe(encoder: str, batch: int, precision: str = "bfloat16") -> Recipe:
    """The paper's policy for CIFAR-10 (B.9) on both branches; one epoch."""
    return Recipe.parse(
        {
            "data": {"size": 32},
            "views": {"left": POLICY, "right": POLICY},
            "transforms": {"color": {"strength": 0.5}},
            "encoder": {"name": encoder},
            "optimizer": {"name": "sgd", "lr": 0.03},
            "schedule": {"epochs": 2, "batch_size": batch, "precision": precision},
        }
    )


def whole_step(recipe: Recipe, steps: int, device: str = "cuda") -> Callable[[], float]:
    """Views a second of the trainer itself in its second epoch of so many steps."""
    shape = (recipe.schedule.batch_size * steps, 3, recipe.data.size, recipe.data.size)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    train = ImageSet(images, np.zeros(len(images), dtype=np.int64))

    def measure() -> float:
        *_, last = pretrain(recipe, SimCLR(recipe), train, device)
        return 2 * len(images) / last.seconds

    return measure


def model_step(recipe: Recipe, steps: int, device: str = "cuda") -> Callable[[], float]:
    """Views a second of the model's forward and backward pass alone, on the same views again and again."""
    batch = torch.zeros(recipe.schedule.batch_size, 3, recipe.data.size, recipe.data.size, dtype=torch.uint8)
    views = objective(recipe).views(batch, 0, 0).to(device)
    model = SimCLR(recipe).to(device).train()
    low = recipe.schedule.precision == "bfloat16"

    def measure() -> float:
        wait(device)
        began = time.perf_counter()
        for _ in range(steps):
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=low):
                _, z = model(views)
            z.float().square().mean().backward()
        wait(device)
        return steps * len(views) / (time.perf_counter() - began)

    return measure


def matmul(side: int = 8192, times: int = 20, device: str = "cuda") -> float:
    """TFLOP/s of bf16 matrix products of that side."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    wait(device)
    began = time.perf_counter()
    for _ in range(times):
        a @ b
    wait(device)
    return times * 2 * side**3 / (time.perf_counter() - began) / 1e12


def wait(device: str) -> None:
    """Block until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()

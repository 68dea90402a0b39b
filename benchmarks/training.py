"""Training on a CPU: as many trials at once as there are cores, here and with lightly; a step against its encoder.

The laptop recipe with crop and color on both branches, in float32, one thread a trial, on the embedded set. Lightly
brings its augmentation (torchvision's on PIL images), its loss, its head and its choice of what is spared from weight
decay; its loader has as many worker processes as serve it best (the contenders show 0, 1 and 2). Encoder, batch and
optimizer are the same. Lightly's users would write the encoder plainly, which is a contender of its own: the same
network in torch's usual memory format, without this project's layer for tiny maps.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ablations.studies.load import load_scale
from ablations.studies.model import Resources
from ablations.sweep.machine import here
from benchmarks.quality import train_lightly, train_ours
from benchmarks.rounds import ROUNDS, Case, play
from simclr_core import data
from simclr_core.config import Recipe
from simclr_core.data.images import ImageSet
from simclr_core.encoders import Encoder, TinyMapConv2d
from simclr_core.model import SimCLR
from simclr_core.objective import objective
from simclr_core.pretrain import pretrain
from simclr_core.trial import deterministic

POLICY = ("crop", "color")
IMAGES = 640  # ten steps an epoch
STEPS, STEP_ROUNDS = 4, 20  # a step is compared in many short turns: the machine's own speed moves within seconds
EPOCHS = 3  # the first of which, with its processes and caches to start, does not count
OURS = "simclr_core"
CONTENDERS: dict[str, tuple[Callable[..., Iterator[float]], bool]] = {  # the trainer, and whether its encoder is ours
    OURS: (train_ours, True),
    **{f"lightly, {n} loader workers": (partial(train_lightly, workers=n), True) for n in (0, 1, 2)},
    "lightly, 0 loader workers, plain encoder": (train_lightly, False),
}


def cases(rounds: int = ROUNDS) -> Iterator[Case]:
    """Image pairs a second of the whole machine; then milliseconds of a whole step and of its encoder alone."""
    recipe, cores = laptop(), max(1, int(here(Resources()).cpus))
    with tempfile.TemporaryDirectory() as cache:
        train = data.load(recipe.data, Path(cache)).train.take(np.arange(IMAGES))
    with team(cores, recipe, train) as run:
        figures = play({name: partial(run, name) for name in CONTENDERS}, rounds)
    yield Case("training", f"the laptop recipe, {cores} trials at once", "image pairs/s", figures)
    with deterministic("cpu"):
        few = train.take(np.arange(STEPS * recipe.schedule.batch_size))
        step = {"whole step": whole_step(recipe, few), "encoder, forward and backward": encoder_step(recipe, few)}
        figures = play(step, STEP_ROUNDS * rounds)
    yield Case("training", "a step of the laptop recipe", "ms", figures, more_is_better=False)


def laptop() -> Recipe:
    """The laptop scale's recipe, both branches alike."""
    return Recipe.parse({**load_scale("laptop").recipe, "views": {"left": POLICY, "right": POLICY}})


@contextmanager
def team(trials: int, recipe: Recipe, train: ImageSet) -> Iterator[Callable[[str], float]]:
    """So many processes, each for one trial at a time; yields what tells them whose, and returns their image pairs/s.

    They stay alive from one contender to the next, so that no import is timed.
    """
    info = multiprocessing.get_context("spawn")
    ready = info.Barrier(trials)
    pipes = [info.Pipe() for _ in range(trials)]
    processes = [info.Process(target=work, args=(recipe, train, theirs, ready)) for _, theirs in pipes]
    for process, (_, theirs) in zip(processes, pipes, strict=True):
        process.start()
        theirs.close()  # so that a process that dies is noticed
    batch = recipe.schedule.batch_size
    pairs = trials * (EPOCHS - 1) * (len(train) // batch) * batch

    def run(name: str) -> float:
        for ours, _ in pipes:
            ours.send(name)
        began, ended = zip(*(ours.recv() for ours, _ in pipes), strict=True)
        return float(pairs / (max(ended) - min(began)))

    try:
        yield run
    finally:
        for process in processes:
            process.terminate()


def work(recipe: Recipe, train: ImageSet, orders: Any, ready: Any) -> None:
    """A process of the team: when the first epoch had ended for all trials, and when the last did for this one."""
    recipe = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"epochs": EPOCHS})})
    while True:
        trainer, our_encoder = CONTENDERS[orders.recv()]
        with deterministic("cpu"):
            model = SimCLR(recipe)
            if not our_encoder:
                plainly(model.encoder)
            epochs = trainer(recipe, model, train)
            next(epochs)
            ready.wait()
            began = time.monotonic()
            for _ in epochs:
                pass
            orders.send((began, time.monotonic()))


def plainly(encoder: Encoder) -> None:
    """Make the network as most people write it: torch's usual memory format and its own convolution everywhere."""
    for module in encoder.modules():
        if isinstance(module, TinyMapConv2d):
            module.__class__ = nn.Conv2d  # type: ignore[assignment]
    encoder.to(memory_format=torch.contiguous_format)
    encoder.forward = lambda images: encoder.network((images - 0.5) / 0.25)  # type: ignore[method-assign]


def whole_step(recipe: Recipe, train: ImageSet) -> Callable[[], float]:
    """Milliseconds of a step of the trainer itself, everything included: the mean over an epoch, each time the next.

    By the epoch's own seconds, which building the model is no part of.
    """
    long = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"epochs": 10_000})})
    epochs = pretrain(long, SimCLR(long), train)
    return lambda: 1e3 * next(epochs).seconds / (len(train) // recipe.schedule.batch_size)


def encoder_step(recipe: Recipe, train: ImageSet) -> Callable[[], float]:
    """Milliseconds of the encoder's forward and backward pass on the views of one batch: the mean over as many."""
    model = SimCLR(recipe).train()
    batch = recipe.schedule.batch_size
    views = objective(recipe).views(torch.from_numpy(np.array(train.images[:batch])), 0, 0)

    def once() -> None:
        model.encoder.zero_grad(set_to_none=True)
        h = model.encoder(views)
        h.backward(torch.full_like(h, 1 / len(h)))

    def measure() -> float:
        began, steps = time.perf_counter(), len(train) // batch
        for _ in range(steps):
            once()
        return 1e3 * (time.perf_counter() - began) / steps

    return measure

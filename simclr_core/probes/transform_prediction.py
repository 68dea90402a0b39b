"""Which transformation was applied to the image? From h and from z = g(h) (Table 3, Section 4.2).

Every image is seen once, through the recipe's own shared and right chains; the transformation in question is one of
them, because the encoder was pretrained with it. The paper leaves the probe open. Ours: one hidden ReLU layer as wide
as its input, on standardized features, AdamW with a cosine to zero.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simclr_core import config
from simclr_core.augment.views import one_view_and_draw
from simclr_core.data.device import pixels
from simclr_core.data.images import ImageSet
from simclr_core.encoders import Encoder
from simclr_core.errors import BadInput
from simclr_core.health import TrialFailed
from simclr_core.optim import lr_factor, optimizer
from simclr_core.probes.finetune import modes_kept
from simclr_core.probes.measured import Measured, hits
from simclr_core.streams import stream

BATCH = 256  # features per step of the probe
VIEWS = 500  # images that go through the encoder at once


class Target(NamedTuple):
    """transformation: its name in a chain. answers: its draw -> (N,), one of `classes` values. p: how often, if set."""

    transformation: str
    answers: Callable[[Any], Tensor]
    classes: int
    p: str | None  # field of recipe.transforms


TARGETS = {
    "gray": Target("color", lambda color: color.gray, 2, "color.gray_p"),
    "rotate": Target("rotate", lambda turns: turns, 4, None),
    "noise": Target("noise", lambda noise: noise.fires, 2, "noise.p"),
    "sobel": Target("sobel", lambda sobel: sobel.fires, 2, "sobel.p"),
}


def transform_prediction(
    encoder: Encoder, head: nn.Module, train: ImageSet, test: ImageSet, recipe: config.Recipe, device: str = "cpu"
) -> dict[str, Measured]:
    """transform_h, transform_z: accuracy in percent on views of the test images; transform_chance: that of a constant.

    The constant is the most frequent answer among the test views. The modules stay as they are, BatchNorm in inference
    mode. `recipe` has passed check_target. Raises TrialFailed on a non-finite loss of the probe.
    """
    asked = recipe.probes.transform_prediction
    assert asked is not None
    target = TARGETS[asked.target]

    @torch.no_grad()
    def seen(images: ImageSet, part: str) -> tuple[dict[str, Tensor], Tensor]:
        """h and z (N, width) of a view of each image, and what was drawn for it, (N,) int64."""
        seed = stream(recipe.seed, f"transform_prediction/{part}").initial_seed()
        fetch, h, answers = pixels(images.recorded(recipe.views), device), [], []
        for step, index in enumerate(torch.arange(len(images)).split(VIEWS)):
            view, drawn = one_view_and_draw(
                fetch(index), recipe.views, recipe.transforms, seed, epoch=0, step=step, target=target.transformation
            )
            h.append(encoder(view))
            answers.append(target.answers(drawn))
        every = torch.cat(h)
        return {"transform_h": every, "transform_z": head(every)}, torch.cat(answers).long()

    with modes_kept(encoder), modes_kept(head):
        encoder.to(device).eval()
        head.to(device).eval()
        (train_x, train_y), (test_x, test_y) = seen(train, "train"), seen(test, "test")
    truth = test_y.numpy()
    constant = np.full_like(truth, np.bincount(truth).argmax())
    return {
        key: hits(mlp_probe(x, train_y, test_x[key], target.classes, asked, recipe.seed).cpu().numpy(), truth)
        for key, x in train_x.items()
    } | {"transform_chance": hits(constant, truth)}


def mlp_probe(
    train_x: Tensor, train_y: Tensor, test_x: Tensor, classes: int, settings: config.TransformPrediction, seed: int
) -> Tensor:
    """(M,) predicted classes. train_x: (N, D), test_x: (M, D), standardized here by the former; train_y: (N,) int64.

    Probes of one seed and width start alike and see their examples in the same order. Raises TrialFailed.
    """
    mean, deviation = train_x.double().mean(dim=0), train_x.double().std(dim=0)
    deviation = deviation.masked_fill(deviation < 1e-8, float("inf"))  # a feature that never varied says nothing
    x, x_test = (((part.double() - mean) / deviation).float() for part in (train_x, test_x))
    y, inputs = train_y.to(x.device), x.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, "transform_prediction/probe").initial_seed())
        probe = nn.Sequential(nn.Linear(inputs, inputs), nn.ReLU(), nn.Linear(inputs, classes)).to(x.device)
    optim = optimizer(config.Optimizer(name="adamw"), probe, settings.lr)
    batches = -(-len(x) // BATCH)
    for epoch in range(settings.epochs):
        order = torch.randperm(len(x), generator=stream(seed, "transform_prediction/order", epoch)).to(x.device)
        total = x.new_zeros(())
        for step, index in enumerate(order.split(BATCH)):
            for group in optim.param_groups:
                group["lr"] = settings.lr * lr_factor(epoch * batches + step, settings.epochs * batches, warmup=0)
            loss = F.cross_entropy(probe(x[index]), y[index])
            optim.zero_grad(set_to_none=True)
            loss.backward()
            optim.step()
            total += loss.detach()
        if not torch.isfinite(total):
            raise TrialFailed(f"transform_prediction: the loss is not finite in epoch {epoch + 1} of {settings.epochs}")
    with torch.no_grad():
        predicted: Tensor = probe(x_test).argmax(dim=1)
    return predicted


def check_target(recipe: config.Recipe) -> None:
    """Raise BadInput where the recipe asks for a prediction that is impossible, trivial, or unfair between h and z."""
    asked = recipe.probes.transform_prediction
    if asked is None:
        return
    where, target = f"probes.transform_prediction.target {asked.target}", TARGETS[asked.target]
    name, chain = target.transformation, recipe.views.shared + recipe.views.right
    if name not in chain:
        raise BadInput(
            f"{where} is drawn by the transformation {name!r}, but views.shared and views.right have only "
            f"{', '.join(chain) or 'none'}; allowed: recipes with {name!r} in one of them."
        )
    if chain.count(name) > 1:
        raise BadInput(
            f"{where} has no single answer: {name!r} occurs {chain.count(name)} times in views.shared and views.right; "
            "allowed: once."
        )
    if target.p is not None:
        part, field = target.p.split(".")
        p = getattr(getattr(recipe.transforms, part), field)
        if p in (0, 1):
            raise BadInput(
                f"{where} leaves nothing to predict with transforms.{target.p} {p:g}; "
                "allowed: a probability between 0 and 1, both excluded."
            )
    if recipe.loss.name == "cross_entropy":
        raise BadInput(
            f"{where} compares h with z = g(h), and loss.name cross_entropy trains no g; allowed: the others."
        )
    if recipe.head.dim != "h" and recipe.head.dim != width(recipe.encoder):
        given = f"dim: {recipe.head.dim}" if recipe.head.dim is not None else f"kind: {recipe.head.kind}"
        raise BadInput(f"{where} compares h with a z = g(h) of the same width, not head.{given}; allowed: head.dim: h.")


def width(encoder: config.Encoder) -> int:
    """Width of an encoder's h, told without making its weights."""
    with torch.device("meta"):
        return Encoder(encoder).width

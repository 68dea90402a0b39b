"""python -m benchmarks.quality --data folder:PATH: does this trainer learn as good an encoder as lightly's parts do?

One recipe, trained for several seeds by simclr_core and by a plain PyTorch loop around lightly. The two share the
images, the encoder, the initial weights of encoder and head, the sizes and rates of the recipe, and the measurements
(linear probe and kNN, ours). Lightly's own are the augmentation (torchvision's, on one PIL image at a time), the loss,
the head's code, the choice of weights spared from decay, and the learning-rate schedule; batches come from a
DataLoader. The policy is the paper's for CIFAR-10: crops of 8-100% of the area, flips, jitter of strength 0.5 with
probability 0.8, gray with probability 0.2, no blur (B.9).

Where lightly's examples differ from the official code, the latter holds for both: both views go through the network in
one forward, so that BatchNorm sees both; pixels are not normalized by ImageNet's statistics (the encoder centers them);
the head's last BatchNorm has no offset.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from ablations.console.arguments import Parser
from ablations.figures import save, style
from ablations.stats.intervals import interval, uncertainty
from ablations.store.files import replace_file
from simclr_core import data
from simclr_core.config import RECIPE_VERSION, Recipe
from simclr_core.data.images import Dataset, ImageSet
from simclr_core.errors import BadInput
from simclr_core.model import SimCLR
from simclr_core.pretrain import pretrain
from simclr_core.probes.features import features
from simclr_core.probes.knn import knn_probe
from simclr_core.probes.linear import linear_probe
from simclr_core.probes.measured import accuracy
from simclr_core.streams import stream
from simclr_core.trial import check, deterministic

OURS, PEER = "simclr_core", "lightly"
COLORS = {OURS: "#d55e00", PEER: "#0072b2"}  # color-blind-safe (Okabe and Ito)
COLUMNS = ("library", "seed", "epoch", "loss", "knn_top1", "linear_top1", "seconds")
MEASURES = {"linear_top1": "linear probe top-1", "knn_top1": "kNN top-1"}
EVERY = 5  # epochs between two measurements
DONE, BAD_INPUT = 0, 2


# --- the two trainers -------------------------------------------------------------------------------------------------


def train_ours(recipe: Recipe, model: SimCLR, train: ImageSet) -> Iterator[float]:
    """Train `model` in place by this trainer; the mean loss of every epoch, in nats."""
    for row in pretrain(recipe, model, train):
        yield row.loss


class Pictures(TorchDataset[list[Tensor]]):
    """The images as PIL pictures through a transform, as from a torchvision data set."""

    def __init__(self, images: NDArray[np.uint8], transform: Any) -> None:
        self.pictures = [Image.fromarray(image) for image in images.transpose(0, 2, 3, 1)]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> list[Tensor]:
        views: list[Tensor] = self.transform(self.pictures[index])
        return views


def train_lightly(recipe: Recipe, model: SimCLR, train: ImageSet, workers: int = 0) -> Iterator[float]:
    """Train by lightly's parts: the encoder of `model` in place, a copy of its head; the mean loss of every epoch.

    workers: how many processes of the loader make views.
    """
    from lightly.loss import NTXentLoss
    from lightly.models.modules import SimCLRProjectionHead
    from lightly.models.utils import get_weight_decay_parameters
    from lightly.transforms.simclr_transform import SimCLRTransform
    from lightly.utils.scheduler import CosineWarmupScheduler

    plan, crop, color = recipe.schedule, recipe.transforms.crop, recipe.transforms.color
    transform = SimCLRTransform(
        input_size=recipe.data.size,
        min_scale=crop.area[0],
        cj_strength=color.strength,
        cj_prob=color.jitter_p,
        random_gray_scale=color.gray_p,
        gaussian_blur=0.0,
        normalize=None,
    )
    width = model.encoder.width
    head = SimCLRProjectionHead(width, width, recipe.head.dim, batch_norm=recipe.head.batch_norm)
    head.layers.load_state_dict(model.head.state_dict())
    if recipe.head.batch_norm:
        head.layers[-1].bias.requires_grad_(False)
    net = nn.Sequential(model.encoder, head)

    decayed, spared = get_weight_decay_parameters([net])
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": spared, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=recipe.peak_lr, weight_decay=recipe.optimizer.weight_decay)
    criterion = NTXentLoss(temperature=recipe.loss.temperature)
    torch.manual_seed(stream(recipe.seed, "lightly").initial_seed())  # order and augmentation
    loader = DataLoader(
        Pictures(train.images, transform),
        batch_size=plan.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,  # also from a process that was spawned
        persistent_workers=workers > 0,
    )
    steps = plan.epochs * len(loader)
    scheduler = CosineWarmupScheduler(
        optimizer, warmup_epochs=round(plan.warmup * steps), max_epochs=steps, end_value=0.0
    )
    for _ in range(plan.epochs):
        net.train()
        total = 0.0
        for views in loader:
            z0, z1 = net(torch.cat(views)).chunk(2)
            loss = criterion(z0, z1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        yield total / len(loader)


TRAINERS = {OURS: train_ours, PEER: train_lightly}


# --- one training and what is measured --------------------------------------------------------------------------------


def measured(library: str, recipe: Recipe, dataset: Dataset) -> Iterator[dict[str, Any]]:
    """One row before training, one every few epochs, one at the end: COLUMNS, accuracies in percent.

    loss: the last epoch's; seconds: of processor time in training, per epoch since the row before.
    """
    model = SimCLR(recipe)
    train_y, test_y = (torch.from_numpy(np.array(part.labels)) for part in (dataset.train, dataset.test))
    classes, asked = len(dataset.class_names), recipe.probes

    def row(epoch: int, loss: float, seconds: float) -> dict[str, Any]:
        train_h, test_h = (features(model.encoder, part.images) for part in (dataset.train, dataset.test))
        linear = float("nan")
        if epoch == recipe.schedule.epochs:
            probed = linear_probe(train_h, train_y, test_h, classes, asked.linear, recipe.seed)
            linear = accuracy(probed.predictions.numpy(), dataset.test.labels).value
        near = knn_probe(train_h, train_y, test_h, test_y, classes, asked.knn).value
        return dict(zip(COLUMNS, (library, recipe.seed, epoch, loss, near, linear, seconds), strict=True))

    yield row(0, float("nan"), float("nan"))
    last, began = 0, time.process_time()
    for number, loss in enumerate(TRAINERS[library](recipe, model, dataset.train), 1):
        if number % EVERY == 0 or number == recipe.schedule.epochs:
            yield row(number, loss, (time.process_time() - began) / (number - last))
            last, began = number, time.process_time()


# --- table, words, figure ---------------------------------------------------------------------------------------------


def final(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The measure after the last epoch: a row per seed that both libraries have finished, a column per library."""
    ends = table[table["linear_top1"].notna()]
    return ends.pivot(index="seed", columns="library", values=measure).reindex(columns=[OURS, PEER]).dropna()


def summary(table: pd.DataFrame) -> list[str]:
    """In words: both libraries after the last epoch, and their difference, paired by seed (the same first weights)."""
    lines = []
    for measure, name in MEASURES.items():
        ends = final(table, measure)
        levels = ", ".join(f"{library} {ends[library].mean():.2f}%" for library in ends)
        difference = (ends[OURS] - ends[PEER]).to_numpy()
        part = uncertainty(difference)
        inside = interval(float(difference.mean()), [part]) if part else None
        if inside is None:
            lines.append(f"{name}: {levels}; no interval from {len(ends)} seed(s), give at least two that differ.")
            continue
        if inside.low > 0 or inside.high < 0:
            better, worse = (OURS, PEER) if inside.low > 0 else (PEER, OURS)
            words = f"{better} is better than {worse}"
        else:
            bound = max(-inside.low, inside.high)
            words = f"no difference can be told; one of more than {bound:.1f} points is unlikely"
        lines.append(
            f"{name}: {levels}; difference {difference.mean():+.2f} points, 95% interval "
            f"[{inside.low:+.2f}, {inside.high:+.2f}] over {len(ends)} seeds: {words}."
        )
    seconds = table.groupby("library")["seconds"].median()
    lines.append("training: " + ", ".join(f"{library} {seconds[library]:.1f} s" for library in seconds.index))
    lines[-1] += " of processor time an epoch (median, one thread)."
    return lines


def draw(table: pd.DataFrame, captions: Sequence[str]) -> Any:
    """Loss and kNN by epoch, the linear probe at the end: every seed thin, the mean of both libraries bold."""
    page = style.Page(9.6, 3.4, "The same recipe here and in lightly: is the encoder as good?", captions)
    names = {library: f"{library} {_version(library)}".strip() for library in (OURS, PEER)}
    panels = (("loss", "training loss, NT-Xent (nats)", 0.65, 3.0), ("knn_top1", "kNN top-1 (%)", 4.25, 3.0))
    for measure, label, left, width in panels:
        axes = page.axes(left, 0.5, width, 2.75)
        for library, color in COLORS.items():
            wide = table[table["library"] == library].pivot(index="epoch", columns="seed", values=measure).dropna()
            axes.plot(wide.index, wide, color=color, linewidth=0.7, alpha=0.55)
            mean = wide.mean(axis=1)
            marker, dashes = ("o", "-") if library == OURS else ("s", "--")
            axes.plot(mean.index, mean, dashes, color=color, linewidth=2.2, marker=marker, markersize=4,
                      label=names[library])  # fmt: skip
        axes.set(xlabel="epoch", ylabel=label, xlim=(0, 1.02 * table["epoch"].max()))
        axes.legend(frameon=False, loc="upper right" if measure == "loss" else "lower right")
        axes.spines[["top", "right"]].set_visible(False)
    axes = page.axes(7.95, 0.5, 1.5, 2.75)
    ends = final(table, "linear_top1")
    for _, pair in ends.iterrows():
        axes.plot([0, 1], pair, color=style.MUTED, linewidth=0.7, alpha=0.7)
    for place, (library, color) in enumerate(COLORS.items()):
        marker = "o" if library == OURS else "s"
        axes.plot([place] * len(ends), ends[library], marker, color=color, markersize=4, alpha=0.7)
        axes.plot([place - 0.2, place + 0.2], [ends[library].mean()] * 2, color=color, linewidth=2.6)
    axes.set(xlim=(-0.5, 1.5), ylabel="linear probe top-1 (%), last epoch")
    axes.set_xticks([0, 1], [OURS, PEER])
    axes.spines[["top", "right"]].set_visible(False)
    return page.figure


def _version(library: str) -> str:
    try:
        return version("simclr-ablations" if library == OURS else library)
    except PackageNotFoundError:  # run from a checkout that is not installed
        return ""


# --- command line -----------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 compared, 2 bad input."""
    try:
        _compare(_arguments(sys.argv[1:] if argv is None else argv))
    except BadInput as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    return DONE


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog="python -m benchmarks.quality", description=(__doc__ or "").split("\n\n")[0], allow_abbrev=False
    )
    add = parser.add_argument
    add("--data", required=True, metavar="SOURCE", help="cifar10 or folder:PATH; decoded to 32 x 32")
    add("--images", type=int, default=5000, metavar="N", help="training images (default: 5000)")
    add("--epochs", type=int, default=30, metavar="N", help="default: 30")
    add("--batch-size", type=int, default=128, metavar="N", help="images (default: 128)")
    add("--seeds", type=int, default=3, metavar="N", help="how many, from 0 (default: 3)")
    add("--out", type=Path, default=Path("reports/quality"), metavar="DIR", help="default: reports/quality")
    return parser.parse_args(argv)


def _compare(args: argparse.Namespace) -> None:
    try:
        import lightly  # noqa: F401
    except ImportError:
        raise BadInput("lightly is not installed; this installs it: pip install -e '.[benchmarks]'.") from None
    if args.seeds < 1 or args.epochs < 1:
        raise BadInput("--seeds and --epochs must be at least 1.")
    recipe = Recipe.parse(
        {
            "data": {"source": args.data, "size": 32, "limit": args.images},
            "transforms": {"color": {"strength": 0.5}},
            "schedule": {"epochs": args.epochs, "batch_size": args.batch_size},
        }
    )
    dataset = data.load(recipe.data, args.out / "cache")
    check(recipe, dataset)
    if dataset.train.channels != 3:
        raise BadInput(
            f"{dataset.title} has {dataset.train.channels} channels; lightly's augmentations take RGB alone."
        )
    table = _kept(args.out, recipe, dataset)
    for seed in range(args.seeds):
        for library in TRAINERS:
            if ((table["library"] == library) & (table["seed"] == seed)).any():
                continue
            rows = []
            with deterministic("cpu"):
                for row in measured(library, recipe.model_copy(update={"seed": seed}), dataset):
                    print(", ".join(f"{key} {_shown(value)}" for key, value in row.items()), flush=True)
                    rows.append(row)
            table = pd.concat([table, pd.DataFrame(rows, columns=COLUMNS)] if len(table) else [pd.DataFrame(rows)])
            replace_file(args.out / "quality.csv", table.to_csv(index=False, lineterminator="\n").encode())
    table = table[table["seed"] < args.seeds]
    lines = summary(table)
    plan = recipe.schedule
    captions = [
        f"{dataset.title}, {len(dataset.train)} training and {len(dataset.test)} test images of 32 x 32 pixels; "
        f"encoder {recipe.encoder.name}, nonlinear head; {plan.epochs} epochs of batches of {plan.batch_size}, "
        f"{recipe.optimizer.name}, temperature {recipe.loss.temperature}.",
        f"{args.seeds} seeds, thin; their means, bold. Both libraries start a seed from the same weights.",
        *lines[: len(MEASURES)],
    ]
    with style.applied():
        figure = draw(table, captions)
    print("\n".join(lines))
    for path in (args.out / "quality.csv", *save(figure, args.out / "quality")):
        print(path)


def _shown(value: str | float) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _kept(out: Path, recipe: Recipe, dataset: Dataset) -> pd.DataFrame:
    """The rows of earlier runs with these settings, whole trainings only. Raises BadInput if DIR has other settings."""
    settings = json.dumps(
        {
            "recipe": recipe.model_dump(mode="json", exclude={"seed": True, "data": {"source"}}),
            "recipe_version": RECIPE_VERSION,
            "data": dataset.fingerprint,
            "versions": {name: version(name) for name in ("torch", "torchvision", "lightly")},
        },
        indent=1,
    )
    path, table = out / "quality.json", out / "quality.csv"
    if table.is_file():
        if not path.is_file() or path.read_text() != settings:
            raise BadInput(f"{table}: made with other settings; another --out keeps them apart.")
        return pd.read_csv(table)
    replace_file(path, settings.encode())
    return pd.DataFrame(columns=COLUMNS)


if __name__ == "__main__":
    sys.exit(main())

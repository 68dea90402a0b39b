"""python -m ablations.explain PICTURE [STUDY]: what a study's choices do to its images, as a picture of these.

views: every chain of augmentations on the same few images. histograms: why color distortion matters (Figure 6 of the
paper). negatives: whose views a view is told apart from. embedding: t-SNE of test images before the projection head and
after it (Figure B.4). weights: what each loss's gradient makes of a negative, by its formula (Table 2); takes no STUDY.
"""

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ablations import study, terminal
from ablations.arguments import Parser
from ablations.ran import flat
from ablations.study import CELL, Scale, Trial
from ablations.training import trained
from simclr_core.config import Probes, Recipe, Views
from simclr_core.errors import BadInput
from simclr_core.sources import SOURCES

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from ablations.figures.negatives import Batch
    from simclr_core.data.images import Dataset

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
PICTURES = ("views", "histograms", "negatives", "embedding", "weights")
IMAGES = 4  # of the gallery
ROWS, MOST_ROWS = 12, 100  # of the gallery: where nothing is chosen with --only, and at all
CROPPED, CROPS = 2, 4  # images of the histograms, and crops of each
BATCH = 8  # images whose views are each other's negatives: as many as can be seen


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 drawn, 1 the training for a picture failed, 2 bad input, 130 interrupted."""
    try:
        args = _arguments(sys.argv[1:] if argv is None else argv)
        return _explain(args)
    except BadInput as error:
        terminal.complain(str(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        terminal.complain("Interrupted; nothing is written.")
        return INTERRUPTED


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="python -m ablations.explain", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("picture", choices=PICTURES, help="what to draw")
    add("study", nargs="?", metavar="STUDY", help="a YAML file, or the name of a shipped study; weights takes none")
    add("--scale", default="laptop", metavar="NAME|FILE", help="data, encoder, schedule (default: laptop)")
    add("--data", metavar="SOURCE", help=f"instead of the scale's: {', '.join(SOURCES)}")
    add(
        "--set",
        action="append",
        default=[],
        metavar="path=value",
        help="a field of the recipe, e.g. schedule.epochs=0",
    )
    add(
        "--only",
        action="append",
        default=[],
        metavar="axis=v1,v2",
        help="these cells; of all but views the first one counts",
    )
    add("--out", type=Path, default=Path(), metavar="DIR", help="where results/ and reports/ are (default: here)")
    return parser.parse_args(argv)


def _explain(args: argparse.Namespace) -> int:
    if args.picture == "weights":
        return _draw_weights(args)
    if args.study is None:
        raise BadInput(f"{args.picture}: give a STUDY, a YAML file or the name of a shipped study.")
    asked, scale = study.load_study(args.study), study.load_scale(args.scale)
    overrides, only = study.parse_overrides(args.set), study.parse_only(args.only)
    trials = study.expand(asked, scale, data=args.data, seeds=1, overrides=overrides, only=only)
    cells = [trial for trial in trials if trial.role == CELL]
    first = cells[0]
    if args.picture == "negatives":
        require_nt_xent(first.recipe)
    if args.picture == "embedding":
        require_head(first.recipe)

    # Mistakes in the study are found above, in a moment; from here on torch, matplotlib and the images are loaded.
    from ablations import figures
    from simclr_core import data
    from simclr_core.stops import TrialFailed

    figures.settle(args.out / "results" / "cache")
    dataset = data.load(first.recipe.data, args.out / "results" / "cache")
    about = about_images(scale, dataset, args.set)
    try:
        if args.picture == "views":
            figure = draw_views(asked.study, cells, dataset, about, ROWS if not only else MOST_ROWS, bool(only))
        elif args.picture == "histograms":
            figure = _draw_histograms(first.recipe, dataset, about)
        elif args.picture == "embedding":
            figure = _draw_embedding(first, dataset, about, _device(scale))
        else:
            figure = _draw_negatives(first, dataset, about, _device(scale))
    except TrialFailed as error:
        terminal.complain(f"{first.label}: the training failed: {error}.")
        return FAILED
    # A run's page shows the gallery of all its cells: some of them are another picture.
    name = "views-only" if args.picture == "views" and only else args.picture
    _save(figure, args.out / "reports" / asked.study / f"{scale.scale}-{name}")
    return DONE


def about_images(scale: Scale, dataset: "Dataset", overrides: Sequence[str]) -> list[str]:
    """The end of every caption."""
    said = [f"Data: {dataset.title}."]
    if overrides:
        said.append(f"Overrides: {', '.join(overrides)}.")
    if scale.stamp:
        said.append(f"Scale {scale.scale}: {scale.about}.")
    return said


def _save(figure: "Figure", stem: Path) -> None:
    """Writes the files and says which."""
    from ablations import figures

    try:
        paths = figures.save(figure, stem)
    except OSError as error:
        raise BadInput(
            f"{error.filename}: cannot be written: {error.strerror}; choose another folder with --out."
        ) from None
    terminal.say("\n".join(map(str, paths)))


# --- views ------------------------------------------------------------------------------------------------------------


def draw_views(
    name: str,
    cells: Sequence[Trial],
    dataset: "Dataset",
    about: Sequence[str],
    most: int = ROWS,
    chosen: bool = False,
) -> "Figure":
    """The gallery of a study's views, at most `most` settings. Raises BadInput for more than that if `chosen`."""
    from ablations.figures import views

    recipes = distinct(cells)
    if chosen and len(recipes) > most:
        raise BadInput(f"--only: {len(recipes)} settings of the views are too many to draw; choose at most {most}.")
    shown = recipes[:most]
    images, names = one_per_class(dataset, IMAGES)
    rows = [views.Row(name, gallery(images, recipe)) for name, recipe in zip(row_names(shown), shown, strict=True)]
    left_out = len(recipes) - len(shown)
    said = [
        "Each row is one setting of the views; a chain acts from left to right, and where there is a shared chain both "
        "views go on from its pixels. Drawn as training draws, with the streams of seed 0 in epoch 1.",
    ]
    if left_out:
        said.append(f"{left_out} of {len(recipes)} settings are left out, none with a shorter chain; --only chooses.")
    title = f"What the augmentations of {name} do to an image"
    return views.draw(as_shown(images), names, rows, title, [*said, *about])


def distinct(cells: Sequence[Trial]) -> list[Recipe]:
    """One recipe per distinct setting of the views, the shortest chains first, else in the cells' order."""
    found: dict[tuple[Views, str], Recipe] = {}
    for cell in cells:
        found.setdefault((cell.recipe.views, repr(_acting(cell.recipe))), cell.recipe)
    return sorted(found.values(), key=lambda recipe: sum(map(len, _chains(recipe.views).values())))


def _chains(views: Views) -> dict[str, tuple[str, ...]]:
    return {"shared": views.shared, "left": views.left, "right": views.right}


def _acting(recipe: Recipe) -> dict[str, Any]:
    """Dotted path -> value: the settings of the transformations that are on a chain."""
    used = {name for chain in _chains(recipe.views).values() for name in chain}
    settings = flat(recipe.transforms.model_dump(mode="json"))
    return {path: value for path, value in settings.items() if path.partition(".")[0] in used}


def row_names(recipes: Sequence[Recipe]) -> list[tuple[str, ...]]:
    """Each recipe's chains, and of the transforms on them those fields that are not the same wherever they act."""
    from ablations.figures.views import WIDEST

    fields = [_acting(recipe) for recipe in recipes]
    values: dict[str, set[str]] = {}
    for path, value in (item for those in fields for item in those.items()):
        values.setdefault(path, set()).add(str(value))
    names = []
    for recipe, those in zip(recipes, fields, strict=True):
        chains = _chains(recipe.views)
        if chains["left"] == chains["right"]:
            chains = {"shared": chains["shared"], "both": chains["right"]}
        lines = [f"{branch}: {' › '.join(chain)}" for branch, chain in chains.items() if chain] or ["nothing"]
        lines += [f"{path} = {those[path]}" for path in those if len(values[path]) > 1]
        names.append(tuple(part for line in lines for part in textwrap.wrap(line, WIDEST, subsequent_indent="  ")))
    return names


def one_per_class(dataset: "Dataset", most: int) -> tuple[NDArray[np.uint8], list[str]]:
    """The first test image of each of the first classes, (k, 3, S, S) uint8 with k <= most, and the classes' names."""
    labels = dataset.test.labels
    classes = np.unique(labels)[:most]
    index = np.array([np.flatnonzero(labels == label)[0] for label in classes])
    return np.array(dataset.test.images[index]), [dataset.class_names[label] for label in classes]


def gallery(images: NDArray[np.uint8], recipe: Recipe) -> NDArray[np.float32]:
    """(k, 3, S, S) uint8 -> (2k, S, S, 3) in [0, 1]: as the first step of training draws the views of such a batch."""
    import torch

    from simclr_core.augment.views import two_views
    from simclr_core.trial import exactly

    with exactly("cpu"):
        return _channels_last(two_views(torch.from_numpy(images), recipe.views, recipe.transforms, recipe.seed))


def as_shown(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 3, S, S) uint8 -> (N, S, S, 3) float32 in [0, 1]."""
    return images.transpose(0, 2, 3, 1).astype(np.float32) / np.float32(255)


def _channels_last(images: "Tensor") -> NDArray[np.float32]:
    """(N, 3, S, S) in [0, 1] -> (N, S, S, 3)."""
    shown: NDArray[np.float32] = images.detach().float().cpu().permute(0, 2, 3, 1).numpy()
    return shown


# --- histograms -------------------------------------------------------------------------------------------------------


def _draw_histograms(recipe: Recipe, dataset: "Dataset", about: Sequence[str]) -> "Figure":
    from ablations.figures import histograms

    images, _ = one_per_class(dataset, CROPPED)
    plain, distorted = crops(images, recipe)
    crop, color = recipe.transforms.crop, recipe.transforms.color
    said = [
        f"{CROPS} random crops of each of {len(images)} test images; below each crop, how often each intensity occurs "
        "in it (three channels pooled, 100 bins from the crop's minimum to its maximum). All axes have the same range, "
        "intensities from 0 to 1; a bar of a crop's darkest or brightest values, where clipping heaps them up, may be "
        "cut off at the top. (b) has the crops of (a).",
        f"Crop area {crop.area[0]:g} to {crop.area[1]:g} of the image; color strength {color.strength:g} (jitter with "
        f"probability {color.jitter_p:g}, gray with {color.gray_p:g}).",
        "Where crops of one image share a histogram that crops of other images lack, it alone solves the contrastive "
        "task.",
    ]
    title = "Do the pixel intensities alone tell which image a crop is from? (Figure 6 of the paper)"
    return histograms.draw(plain, distorted, title, [*said, *about])


def crops(images: NDArray[np.uint8], recipe: Recipe) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The same crops of each image without and with color distortion: (n, 4, S, S, 3) in [0, 1], both.

    images: (n, 3, S, S). A crop draws from a stream of its own, so the boxes do not depend on what follows.
    """
    import torch

    from simclr_core.augment.views import one_view
    from simclr_core.trial import exactly

    repeated = torch.from_numpy(images).repeat_interleave(CROPS, dim=0)
    with exactly("cpu"):
        plain, distorted = (
            _channels_last(one_view(repeated, Views(left=(), right=chain), recipe.transforms, recipe.seed))
            for chain in (("crop",), ("crop", "color"))
        )
    shape = (len(images), CROPS, *plain.shape[1:])
    return plain.reshape(shape), distorted.reshape(shape)


# --- negatives --------------------------------------------------------------------------------------------------------


def require_nt_xent(recipe: Recipe) -> None:
    """Raises BadInput where the loss is no softmax of cosine similarities over all other views of the batch."""
    loss = recipe.loss
    if (loss.name, loss.normalize, loss.negatives) != ("nt_xent", True, "both"):
        raise BadInput(
            f"negatives: the picture is of NT-Xent with negatives from both views, but the recipe has loss.name "
            f"{loss.name}, loss.normalize {str(loss.normalize).lower()}, loss.negatives {loss.negatives}; allowed are "
            "nt_xent, true, both."
        )


def _draw_negatives(cell: Trial, dataset: "Dataset", about: Sequence[str], device: str) -> "Figure":
    from ablations.figures import negatives

    recipe = cell.recipe
    batch = contrast(recipe, dataset, device, cell.label)
    views, others = 2 * batch.images, 2 * batch.images - 2
    said = [
        f"The negatives of a view are the {others} views, left and right, of the other {batch.images - 1} images of "
        "the same batch, whatever their classes: there is no memory bank. Framed: each row's positive, the other view "
        "of its image; hatched: a view and itself, which is no candidate.",
        f"The mean loss of the {views} anchors is {batch.losses.mean():.2f} nats, which is NT-Xent of this batch; if "
        f"all views were alike it would be ln {views - 1} = {np.log(views - 1):.2f}.",
        f"Recipe: {cell.label}, {_length(recipe)} in batches of {recipe.schedule.batch_size} images "
        f"(here {batch.images} test images drawn at random, BatchNorm with its running statistics).",
    ]
    return negatives.draw(batch, 0, "Where do the negatives of contrastive learning come from?", [*said, *about])


def _length(recipe: Recipe) -> str:
    epochs = recipe.schedule.epochs
    return f"trained for {epochs} epoch{'s' if epochs > 1 else ''}" if epochs else "untrained"


def _device(scale: Scale) -> str:
    import torch

    return "cuda" if torch.cuda.is_available() and scale.resources.gpus != 0 else "cpu"


def contrast(recipe: Recipe, dataset: "Dataset", device: str = "cpu", label: str = "") -> "Batch":
    """Train the recipe, then let its loss look at the views of a few test images, drawn with its seed.

    Says on stderr how far it is where that takes long. Raises BadInput (see trial.check) or TrialFailed.
    """
    import torch
    import torch.nn.functional as F

    from ablations.figures.negatives import Batch
    from simclr_core import trial
    from simclr_core.augment.views import two_views
    from simclr_core.losses import anchor_losses
    from simclr_core.streams import stream

    recipe = recipe.model_copy(update={"probes": Probes()})  # they change nothing in the training
    trial.check(recipe, dataset, device)
    with trial.exactly(device):
        model = trained(recipe, dataset, device, label)
        index = torch.randperm(len(dataset.test), generator=stream(recipe.seed, "negatives"))[:BATCH]
        images = torch.from_numpy(dataset.test.images[index.numpy()]).to(device)
        views = two_views(images, recipe.views, recipe.transforms, recipe.seed)
        with torch.no_grad():
            z = model.eval()(views)[1].double()
            losses = anchor_losses(z, recipe.loss)
            unit = F.normalize(z, dim=1)
            similarity = (unit @ unit.T).fill_diagonal_(-torch.inf)
            probability = (similarity / recipe.loss.temperature).softmax(dim=1)
            similarity.fill_diagonal_(torch.nan)
    return Batch(
        views=_channels_last(views),
        similarity=similarity.cpu().numpy(),
        probability=probability.cpu().numpy(),
        losses=losses.cpu().numpy(),
        temperature=recipe.loss.temperature,
    )


# --- embedding --------------------------------------------------------------------------------------------------------


def require_head(recipe: Recipe) -> None:
    """Raises BadInput where there is no z beside h."""
    if recipe.head.kind == "none" or recipe.loss.name == "cross_entropy":
        why = "head.kind is none, so z is h" if recipe.head.kind == "none" else "loss.name cross_entropy has no head"
        raise BadInput(f"embedding: the picture compares h with z = g(h), but {why}; choose another cell with --only.")


def _draw_embedding(cell: Trial, dataset: "Dataset", about: Sequence[str], device: str) -> "Figure":
    from ablations.embedding import embed
    from ablations.figures import embedding

    recipe = cell.recipe
    found = embed(recipe, dataset, device, cell.label)
    some = "" if len(found.names) == len(dataset.class_names) else f" of {len(dataset.class_names)}"
    said = [
        f"t-SNE (perplexity {found.perplexity:g}, seed {recipe.seed}) of {len(found.labels):,} test images of "
        f"{len(found.names)}{some} classes, by the directions of h and of z, which are what the loss compares. "
        "Distances between clusters and their sizes mean little; the accuracies above the panels are of probes in "
        f"all dimensions, on all {len(dataset.test):,} test images.",
        f"Recipe: {cell.label}, {_length(recipe)}; head {recipe.head.kind}, from {found.widths[0]} to "
        f"{found.widths[1]} dimensions.",
    ]
    return embedding.draw(found, "Are classes better apart before the projection head than after it?", [*said, *about])


# --- weights ----------------------------------------------------------------------------------------------------------


def _draw_weights(args: argparse.Namespace) -> int:
    if args.study is not None or args.data is not None or args.set or args.only:
        raise BadInput("weights: is drawn from formulas alone; leave out STUDY, --data, --set and --only.")
    from ablations import figures

    figures.settle(args.out / "results" / "cache")
    from ablations.figures import weights

    _save(weights.draw(), args.out / "reports" / "weights")
    return DONE


if __name__ == "__main__":
    sys.exit(main())

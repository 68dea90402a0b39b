"""The gallery of a study's views: every chain of augmentations on the same few images."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ablations.studies.fields import flat
from ablations.studies.model import Trial
from simclr_core.config import Recipe, Views
from simclr_core.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from simclr_core.data.images import Dataset, ImageSet

IMAGES = 4  # of the gallery
ROWS, MOST_ROWS = 12, 100  # of the gallery: where nothing is chosen with --only, and at all


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
    return views.draw(as_shown(images.images), names, rows, title, [*said, *about])


def distinct(cells: Sequence[Trial]) -> list[Recipe]:
    """One recipe per distinct setting of the views, the shortest chains first, else in the cells' order."""
    by_views: dict[tuple[Views, str], Recipe] = {}
    for cell in cells:
        by_views.setdefault((cell.recipe.views, repr(_acting(cell.recipe))), cell.recipe)
    return sorted(by_views.values(), key=lambda recipe: sum(map(len, _chains(recipe.views).values())))


def _chains(views: Views) -> dict[str, tuple[str, ...]]:
    return {"shared": views.shared, "left": views.left, "right": views.right}


def _acting(recipe: Recipe) -> dict[str, Any]:
    """Settings of the transformations that are on a chain: dotted path -> value."""
    used = {name for chain in _chains(recipe.views).values() for name in chain}
    settings = flat(recipe.transforms.model_dump(mode="json"))
    return {path: value for path, value in settings.items() if path.partition(".")[0] in used}


def row_names(recipes: Sequence[Recipe]) -> list[tuple[str, ...]]:
    """Names of rows: each recipe's chains, and those fields of their transforms that are not everywhere the same."""
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
        lines += ["right: of the other recording"] if recipe.views.recordings == "both" else []
        lines += [f"{path} = {those[path]}" for path in those if len(values[path]) > 1]
        names.append(tuple(part for line in lines for part in textwrap.wrap(line, WIDEST, subsequent_indent="  ")))
    return names


def one_per_class(dataset: "Dataset", most: int) -> tuple["ImageSet", list[str]]:
    """The first test image of each of the first classes, at most so many, and the classes' names.

    Without labels the first test images, nameless.
    """
    labels = dataset.test.labels
    if not dataset.labeled:
        return dataset.test.take(slice(most)), [""] * min(most, len(labels))
    classes = np.unique(labels)[:most]
    index = np.array([np.flatnonzero(labels == label)[0] for label in classes])
    return dataset.test.take(index), [dataset.class_names[label] for label in classes]


def gallery(images: "ImageSet", recipe: Recipe) -> NDArray[np.float32]:
    """Views of k images as the first step of training draws them, (2k, S, S, 3) in [0, 1]. Raises BadInput."""
    import torch

    from simclr_core.augment.views import two_views
    from simclr_core.trial import deterministic

    with deterministic("cpu"):
        recorded = torch.from_numpy(images.recorded(recipe.views)[:])
        return channels_last(two_views(recorded, recipe.views, recipe.transforms, recipe.seed))


def as_shown(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert (N, C, S, S) uint8 images to (N, S, S, 3) float32 in [0, 1]."""
    return drawable(images.transpose(0, 2, 3, 1).astype(np.float32) / np.float32(255))


def channels_last(images: "Tensor") -> NDArray[np.float32]:
    """Convert (N, C, S, S) images in [0, 1] to (N, S, S, 3)."""
    return drawable(images.detach().float().cpu().permute(0, 2, 3, 1).numpy())


def drawable(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, S, S, 3) of (N, S, S, C): the first three channels; of one or two the first, as gray."""
    return images[..., :3] if images.shape[-1] >= 3 else images[..., [0, 0, 0]]

"""Test images before the projection head and after it, in two dimensions (Figure B.4), with what probes say of both."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ablations.pictures.captions import trained_for
from ablations.pictures.training import notice, trained
from ablations.studies.model import Trial
from simclr_core.config import Probes, Recipe
from simclr_core.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from ablations.figures.embedding import Embedding
    from simclr_core.data.images import Dataset

CLASSES = 10  # at most, as in the paper's figure; which ones is random where there are more
IMAGES = 1000  # at most
PERPLEXITY = 30.0  # scikit-learn's own; less where there are few images


def embed(recipe: Recipe, dataset: "Dataset", device: str = "cpu", label: str = "") -> "Embedding":
    """Train the recipe, then look at test images, without augmentation. Raises BadInput (trial.check) or TrialFailed.

    A recipe gives one picture: images, classes and t-SNE are drawn with its seed.
    """
    import torch

    from ablations.figures.embedding import Embedding
    from simclr_core import trial
    from simclr_core.probes.features import features
    from simclr_core.probes.knn import knn_probe
    from simclr_core.probes.linear import linear_probe
    from simclr_core.probes.suite import groups
    from simclr_core.probes.suite import labels as labels_of

    asked, classes = recipe.probes, len(dataset.class_names)
    recipe = recipe.model_copy(update={"probes": Probes()})  # those that are not shown need not run
    trial.check(recipe, dataset, device)
    chosen = choose(dataset, recipe.seed)
    parts = [part for part in (dataset.probe_train, dataset.test, dataset.validation) if part is not None]
    linear, knn, points = {}, {}, {}
    with trial.deterministic(device):
        model = trained(recipe, dataset, device, label)
        with notice("Computing h and z"), torch.no_grad():
            h = tuple(features(model.encoder, part.images, device) for part in parts)
            model.eval()
            z = tuple(model.head(each) for each in h)
        train_y, test_y, *validation_y = (labels_of(part) for part in parts)
        perplexity = min(PERPLEXITY, (len(chosen) - 1) / 3)
        for name, (train_x, test_x, *validation_x) in (("h", h), ("z", z)):
            with notice(f"Probing {name}"):
                own = (*validation_x, *validation_y) if validation_x else None
                known = groups(dataset.probe_train)
                probed = linear_probe(train_x, train_y, test_x, classes, asked.linear, recipe.seed, known, own)
                answers = probed.predictions
                linear[name] = 100 * (answers.cpu() == test_y).double().mean().item()
                knn[name] = knn_probe(train_x, train_y, test_x, test_y, classes, asked.knn).value
            with notice(f"t-SNE of {name}, {len(chosen)} images"):
                points[name] = tsne(test_x[torch.from_numpy(chosen).to(test_x.device)], perplexity, recipe.seed)
    present, labels = np.unique(dataset.test.labels[chosen], return_inverse=True)
    names = tuple(dataset.class_names[one] for one in present)
    return Embedding(points, labels, names, linear, knn, (h[0].shape[1], z[0].shape[1]), perplexity)


def choose(dataset: "Dataset", seed: int) -> NDArray[np.int64]:
    """Indices of at most IMAGES random test images of at most CLASSES random classes."""
    import torch

    from simclr_core.streams import stream

    random, labels = stream(seed, "embedding"), torch.from_numpy(np.array(dataset.test.labels))
    present = labels.unique()
    classes = present[torch.randperm(len(present), generator=random)[:CLASSES]]
    order = torch.randperm(len(labels), generator=random)
    index: NDArray[np.int64] = order[torch.isin(labels[order], classes)][:IMAGES].numpy()
    return index


def tsne(x: "Tensor", perplexity: float, seed: int) -> NDArray[np.float64]:
    """Embed (n, D) vectors' directions in (n, 2). On one thread: sums over several differ from run to run."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    from simclr_core.probes.geometry import unit

    with threadpool_limits(1):
        model = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed)
        points: NDArray[np.float64] = model.fit_transform(unit(x.cpu()).numpy())
    return points


def require_head(recipe: Recipe) -> None:
    """Raise BadInput where there is no z beside h."""
    if recipe.head.kind == "none" or recipe.loss.name == "cross_entropy":
        why = "head.kind is none, so z is h" if recipe.head.kind == "none" else "loss.name cross_entropy has no head"
        raise BadInput(f"embedding: the picture compares h with z = g(h), but {why}; choose another cell with --only.")


def draw_embedding(cell: Trial, dataset: "Dataset", about: Sequence[str], device: str) -> "Figure":
    from ablations.figures import embedding

    if not dataset.labeled:
        raise BadInput(f"embedding: the picture shows classes, and {dataset.title} has no labels.")
    recipe = cell.recipe
    shown = embed(recipe, dataset, device, cell.label)
    some = "" if len(shown.names) == len(dataset.class_names) else f" of {len(dataset.class_names)}"
    said = [
        f"t-SNE (perplexity {shown.perplexity:g}, seed {recipe.seed}) of {len(shown.labels):,} test images of "
        f"{len(shown.names)}{some} classes, by the directions of h and of z, which are what the loss compares. "
        "Distances between clusters and their sizes mean little; the accuracies above the panels are of probes in "
        f"all dimensions, on all {len(dataset.test):,} test images.",
        f"Recipe: {cell.label}, {trained_for(recipe)}; head {recipe.head.kind}, from {shown.widths[0]} to "
        f"{shown.widths[1]} dimensions.",
    ]
    return embedding.draw(shown, "Are classes better apart before the projection head than after it?", [*said, *about])

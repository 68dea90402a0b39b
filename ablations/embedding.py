"""Test images before the projection head and after it, in two dimensions (Figure B.4), with what probes say of both."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ablations.training import notice, trained
from simclr_core.config import Probes, Recipe

if TYPE_CHECKING:
    from torch import Tensor

    from simclr_core.data.images import Dataset

CLASSES = 10  # at most, as in the paper's figure; which ones is random where there are more
IMAGES = 1000  # at most
PERPLEXITY = 30.0  # scikit-learn's own; less where there are few images


@dataclass(frozen=True)
class Embedding:
    """n images. points: "h" and "z" -> (n, 2), without unit. labels: (n,) indices into `names`. linear, knn: "h" and
    "z" -> accuracy in percent over all test images of all classes. widths: of h and of z.
    """

    points: dict[str, NDArray[np.float64]]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    linear: dict[str, float]
    knn: dict[str, float]
    widths: tuple[int, int]
    perplexity: float


def embed(recipe: Recipe, dataset: "Dataset", device: str = "cpu", label: str = "") -> Embedding:
    """Train the recipe, then look at test images, without augmentation. Raises BadInput (trial.check) or TrialFailed.

    The same recipe gives the same picture: images, classes and t-SNE are drawn with its seed.
    """
    import torch

    from simclr_core import trial
    from simclr_core.probes.features import features
    from simclr_core.probes.knn import knn_probe
    from simclr_core.probes.linear import linear_probe

    asked, classes = recipe.probes, len(dataset.class_names)
    recipe = recipe.model_copy(update={"probes": Probes()})  # those that are not shown need not run
    trial.check(recipe, dataset, device)
    chosen = choose(dataset, recipe.seed)
    linear, knn, points = {}, {}, {}
    with trial.exactly(device):
        model = trained(recipe, dataset, device, label)
        with notice("Computing h and z"), torch.no_grad():
            h = tuple(features(model.encoder, part.images, device) for part in (dataset.train, dataset.test))
            model.eval()
            z = tuple(model.head(each) for each in h)
        train_y, test_y = (torch.from_numpy(np.array(part.labels)) for part in (dataset.train, dataset.test))
        perplexity = min(PERPLEXITY, (len(chosen) - 1) / 3)
        for name, (train_x, test_x) in (("h", h), ("z", z)):
            with notice(f"Probing {name}"):
                answers = linear_probe(train_x, train_y, test_x, classes, asked.linear, recipe.seed).predictions
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
    """(n, 2) of (n, D) vectors' directions. On one thread: sums over several would differ from run to run."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    from simclr_core.probes.geometry import unit

    with threadpool_limits(1):
        model = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed)
        points: NDArray[np.float64] = model.fit_transform(unit(x.cpu()).numpy())
    return points

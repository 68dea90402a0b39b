"""A batch as its loss sees it: similarities, and whose views each view is told apart from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ablations.pictures.captions import trained_for
from ablations.pictures.training import trained
from ablations.pictures.views import channels_last
from ablations.studies.model import Trial
from simclr_core.config import Probes, Recipe
from simclr_core.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ablations.figures.negatives import Batch
    from simclr_core.data.images import Dataset


BATCH = 8  # images whose views are each other's negatives: as many as can be seen


def require_nt_xent(recipe: Recipe) -> None:
    """Raise BadInput where the loss is no softmax of cosine similarities over all other views of the batch."""
    loss = recipe.loss
    if (loss.name, loss.normalize, loss.negatives) != ("nt_xent", True, "both"):
        raise BadInput(
            f"negatives: the picture is of NT-Xent with negatives from both views, but the recipe has loss.name "
            f"{loss.name}, loss.normalize {str(loss.normalize).lower()}, loss.negatives {loss.negatives}; allowed are "
            "nt_xent, true, both."
        )


def draw_negatives(cell: Trial, dataset: "Dataset", about: Sequence[str], device: str) -> "Figure":
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
        f"Recipe: {cell.label}, {trained_for(recipe)} in batches of {recipe.schedule.batch_size} images "
        f"(here {batch.images} test images drawn at random, BatchNorm with its running statistics).",
    ]
    return negatives.draw(batch, 0, "Where do the negatives of contrastive learning come from?", [*said, *about])


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
    with trial.deterministic(device):
        model = trained(recipe, dataset, device, label)
        index = torch.randperm(len(dataset.test), generator=stream(recipe.seed, "negatives"))[:BATCH]
        images = torch.from_numpy(dataset.test.recorded(recipe.views)[index.numpy()]).to(device)
        views = two_views(images, recipe.views, recipe.transforms, recipe.seed)
        with torch.no_grad():
            z = model.eval()(views)[1].double()
            losses = anchor_losses(z, recipe.loss)
            unit = F.normalize(z, dim=1)
            similarity = (unit @ unit.T).fill_diagonal_(-torch.inf)
            probability = (similarity / recipe.loss.temperature).softmax(dim=1)
            similarity.fill_diagonal_(torch.nan)
    return Batch(
        views=channels_last(views),
        similarity=similarity.cpu().numpy(),
        probability=probability.cpu().numpy(),
        losses=losses.cpu().numpy(),
        temperature=recipe.loss.temperature,
    )

"""What a step minimizes: the contrastive task between two views, or, for the supervised twin, the labels of one."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from simclr_core.augment.views import one_view, two_views
from simclr_core.config import Recipe
from simclr_core.losses import contrastive, contrastive_task


class Contrastive:
    """Two views per image, told apart from all others by z."""

    branches: ClassVar[int] = 2

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def views(self, images: Tensor, epoch: int, step: int, steps: int = 1) -> Tensor:
        """(N, 3, S, S) uint8 -> (2N, 3, S, S); of several steps step after step."""
        return two_views(images, self._recipe.views, self._recipe.transforms, self._recipe.seed, epoch, step, steps)

    def loss(self, z: Tensor, labels: Tensor) -> Tensor:
        """The contrastive loss of z, a scalar; the labels are not looked at."""
        del labels
        return contrastive(z, self._recipe.loss)

    def task(self, z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """How well the task is solved: share of right answers in [0, 1], entropy of the answers in nats (Table 5)."""
        del labels
        return contrastive_task(z, self._recipe.loss)

    def embeddings(self, h: Tensor, z: Tensor) -> Tensor:
        """The embeddings z, which must not collapse."""
        del h
        return z


class Supervised:
    """The right view of each image and its label; z are the logits of a linear classifier (Table 1, Figure 7, B.3)."""

    branches: ClassVar[int] = 1

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def views(self, images: Tensor, epoch: int, step: int, steps: int = 1) -> Tensor:
        """(N, 3, S, S) uint8 -> (N, 3, S, S): those that the contrastive twin has on its right branch."""
        return one_view(images, self._recipe.views, self._recipe.transforms, self._recipe.seed, epoch, step, steps)

    def loss(self, z: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of the logits z, a scalar in nats."""
        return F.cross_entropy(z if z.dtype == torch.float64 else z.float(), labels)

    def task(self, z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Training accuracy in [0, 1], entropy of the predicted classes in nats."""
        with torch.no_grad():
            log_p = z.float().log_softmax(dim=1)
            return (log_p.argmax(dim=1) == labels).float().mean(), -(log_p.exp() * log_p).sum(dim=1).mean()

    def embeddings(self, h: Tensor, z: Tensor) -> Tensor:
        """What is watched for collapse: the representations h, since z are the logits of a classifier."""
        del z
        return h


def objective(recipe: Recipe) -> Contrastive | Supervised:
    """The objective that the recipe's loss asks for."""
    return Supervised(recipe) if recipe.loss.name == "cross_entropy" else Contrastive(recipe)

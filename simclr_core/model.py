"""The network of a recipe: an encoder f, a head g, and, where asked for, an online probe."""

import torch
from torch import Tensor, nn

from simclr_core.config import Recipe
from simclr_core.data.images import Dataset
from simclr_core.encoders import Encoder
from simclr_core.heads import head
from simclr_core.online import OnlineProbe
from simclr_core.streams import stream


class SimCLR(nn.Module):
    """h = f(x), z = g(h). Encoder and head are initialized from streams of their own, so all heads of a seed share f.

    The supervised twin has a linear classifier for g. `classes` is needed there and by the online probe. channels: of
    the images. statistics: see Encoder.
    """

    def __init__(
        self,
        recipe: Recipe,
        classes: int | None = None,
        channels: int = 3,
        statistics: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream(recipe.seed, "encoder").initial_seed())
            self.encoder = Encoder(recipe.encoder, channels, statistics)
            torch.manual_seed(stream(recipe.seed, "head").initial_seed())
            if recipe.loss.name == "cross_entropy":
                assert classes is not None
                self.head: nn.Module = nn.Linear(self.encoder.width, classes)
            else:
                self.head = head(recipe.head, self.encoder.width)
        self.online: OnlineProbe | None = None
        if recipe.probes.online:
            assert classes is not None
            self.online = OnlineProbe(self.encoder.width, classes, recipe.schedule.batch_size)

    @classmethod
    def of(cls, recipe: Recipe, dataset: Dataset) -> "SimCLR":
        """The network of a recipe for these images."""
        statistics = None
        if recipe.data.normalize == "set":
            mean, deviation = map(torch.from_numpy, dataset.train.statistics())
            statistics = mean, deviation.clamp(min=1 / 255)  # a channel may be the same everywhere
        return cls(recipe, len(dataset.class_names), dataset.train.channels, statistics)

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, S, S) -> h (N, width), z (N, dim)."""
        h = self.encoder(views)
        return h, self.head(h)

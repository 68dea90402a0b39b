"""A training for a picture of it, saying on stderr how far it is where that takes long."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simclr_core.config import Recipe

if TYPE_CHECKING:
    from simclr_core.data.images import Dataset
    from simclr_core.model import SimCLR

PATIENCE = 2.0  # seconds until work says that it goes on


@contextmanager
def notice(doing: str) -> Iterator[None]:
    """Say what is being done if it is not done soon."""
    timer = threading.Timer(PATIENCE, print, [f"{doing} ..."], {"file": sys.stderr})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def trained(recipe: Recipe, dataset: "Dataset", device: str, label: str) -> "SimCLR":
    """Train the recipe; the model after its last epoch, in float32. Raises TrialFailed."""
    from simclr_core.model import SimCLR
    from simclr_core.pretrain import pretrain
    from simclr_core.trial import trained_on

    recipe = recipe if dataset.labeled else recipe.without_labels()
    model, epochs, began = SimCLR.of(recipe, dataset), recipe.schedule.epochs, time.monotonic()
    with notice(f"Training {label}"):
        for row in pretrain(recipe, model, trained_on(recipe, dataset), device):
            if time.monotonic() - began > PATIENCE:
                print(f"epoch {row.epoch} of {epochs}, loss {row.loss:.3f}", file=sys.stderr)
    return model.to(device).float()

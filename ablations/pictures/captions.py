"""Sentences of pictures' captions on the images and on the training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ablations.studies.model import Scale
from simclr_core.config import Recipe

if TYPE_CHECKING:
    from simclr_core.data.images import Dataset


def about_images(scale: Scale, dataset: "Dataset", overrides: Sequence[str]) -> list[str]:
    """Sentences on the data set, with which every caption ends."""
    said = [f"Data: {dataset.title}."]
    if overrides:
        said.append(f"Overrides: {', '.join(overrides)}.")
    if scale.stamp:
        said.append(f"Scale {scale.scale}: {scale.about}.")
    return said


def trained_for(recipe: Recipe) -> str:
    epochs = recipe.schedule.epochs
    return f"trained for {epochs} epoch{'s' if epochs > 1 else ''}" if epochs else "untrained"

"""A scale that only proves the path takes what images there are, where another would refuse too few."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from ablations.studies.model import Scale, Trial
from simclr_core import data
from simclr_core.config import Recipe


def fit_images(trials: Sequence[Trial], scale: Scale, given: Collection[str], cache: Path) -> list[Trial]:
    """The trials with a batch, and a number of neighbors, that their training images allow; see `given` for which.

    Only at a scale whose numbers are stamped as meaning nothing, only what neither the command line has `given` (dotted
    paths) nor an axis, and only where it costs no download to know how many images there are. Raises BadInput.
    """
    if not scale.stamp:
        return list(trials)
    batch = Recipe.parse(scale.recipe, scale.scale).schedule.batch_size
    fitted = []
    for trial in trials:
        recipe = trial.recipe
        images = known = recipe.data.limit
        if data.is_folder(recipe.data):
            dataset = data.load(recipe.data, cache)
            images, known = len(dataset.train), len(dataset.probe_train)
        if images is not None and batch == recipe.schedule.batch_size > images and "schedule.batch_size" not in given:
            recipe = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"batch_size": images})})
        if known is not None and recipe.probes.knn.k > known and "probes.knn.k" not in given:
            knn = recipe.probes.knn.model_copy(update={"k": known})
            recipe = recipe.model_copy(update={"probes": recipe.probes.model_copy(update={"knn": knn})})
        fitted.append(replace(trial, recipe=recipe))
    return fitted

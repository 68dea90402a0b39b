"""A smoke run takes what images there are."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study
from ablations.sweep.fit import fit_images
from simclr_core import data, trial


@pytest.fixture
def few(tmp_path) -> str:
    for i in range(20):
        path = tmp_path / "few" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8)).save(path)
    return f"folder:{tmp_path / 'few'}"


def fitted(scale: str, source: str | None, overrides: dict, cache: Path) -> list[tuple[int, int]]:
    """Batch size and neighbors of the trials of `heads`."""
    asked = load_scale(scale)
    trials = expand(load_study("heads"), asked, data=source, overrides=overrides)
    found = fit_images(trials, asked, overrides, cache)
    assert [one.axes for one in found] == [one.axes for one in trials]
    return sorted({(one.recipe.schedule.batch_size, one.recipe.probes.knn.k) for one in found})


def test_a_batch_and_the_neighbors_are_at_most_the_training_images(few, tmp_path):
    assert fitted("smoke", few, {}, tmp_path) == [(16, 10)]
    assert fitted("smoke", few, {"data.limit": 8}, tmp_path) == [(8, 8)]
    assert fitted("smoke", None, {"data.limit": 40}, tmp_path) == [(40, 10)]
    assert fitted("smoke", None, {}, tmp_path) == [(64, 10)]


def test_what_was_asked_for_is_left_to_be_refused(few, tmp_path):
    assert fitted("smoke", few, {"schedule.batch_size": 50}, tmp_path) == [(50, 10)]
    assert fitted("smoke", few, {"data.limit": 8, "probes.knn.k": 9}, tmp_path) == [(8, 9)]


def test_a_scale_whose_numbers_count_is_not_touched(few, tmp_path):
    asked = load_scale("laptop")
    trials = expand(load_study("heads"), asked, data=few)
    assert fit_images(trials, asked, {}, tmp_path) == trials


def test_what_is_fitted_can_be_trained(few, tmp_path):
    asked = load_scale("smoke")
    (first, *_) = fit_images(expand(load_study("heads"), asked, data=few), asked, {}, tmp_path)
    trial.check(first.recipe, data.load(first.recipe.data, tmp_path))

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import ttest_rel

from benchmarks import quality
from simclr_core.augment.views import two_views
from simclr_core.config import Recipe
from simclr_core.data.images import Dataset, ImageSet
from simclr_core.losses import nt_xent
from simclr_core.model import SimCLR
from simclr_core.optim import lr_factor
from simclr_core.streams import stream

LEVELS = np.array([50.0, 51.0, 49.5])


def table(difference):
    """Three seeds, two measurements each; ours ends that much above lightly's."""
    rows = [
        (library, seed, epoch, 4.0, 40.0 if epoch == 0 else end, np.nan if epoch == 0 else end, 7.0)
        for library, levels in ((quality.OURS, LEVELS + difference), (quality.PEER, LEVELS))
        for seed, end in enumerate(levels)
        for epoch in (0, 5)
    ]
    return pd.DataFrame(rows, columns=quality.COLUMNS)


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (np.array([2.0, 2.1, 1.9]), "simclr_core is better than lightly"),
        (np.array([-2.0, -2.1, -1.9]), "lightly is better than simclr_core"),
        (np.array([0.5, -0.7, 0.3]), "no difference can be told; one of more than 1.6 points is unlikely"),
    ],
)
def test_the_summary_tells_a_difference_where_a_paired_t_test_does(difference, words):
    linear, near, seconds = quality.summary(table(difference))
    expected = ttest_rel(LEVELS + difference, LEVELS).confidence_interval(0.95)
    assert f"[{expected.low:+.2f}, {expected.high:+.2f}] over 3 seeds: {words}." in linear
    assert f"difference {difference.mean():+.2f} points" in near
    assert "simclr_core 7.0 s" in seconds


def test_a_seed_that_only_one_library_has_finished_is_not_compared():
    frame = table(np.array([0.5, 1.5, 30.0]))
    frame = frame[~((frame["library"] == quality.PEER) & (frame["seed"] == 2))]
    assert "difference +1.00 points" in quality.summary(frame)[0]
    assert "over 2 seeds" in quality.summary(frame)[0]


def tiny():
    """Two epochs of four batches."""
    recipe = Recipe.parse(
        {
            "data": {"size": 16},
            "optimizer": {"weight_decay": 50.0},
            "schedule": {"epochs": 2, "batch_size": 8},
            "probes": {"knn": {"k": 3}},
        }
    )
    pixels = np.random.default_rng(0).integers(0, 256, (32, 3, 16, 16), dtype=np.uint8)
    images = ImageSet(pixels, np.arange(32) % 2)
    return recipe, Dataset(images, images, ("even", "odd"), "noise", "noise")


class OurBatches:
    """Pairs of views as `pretrain` makes them, in its order, as a data loader gives them."""

    def __init__(self, recipe, train):
        self.recipe, self.train, self.epoch = recipe, train, 0

    def __len__(self):
        return len(self.train) // self.recipe.schedule.batch_size

    def __iter__(self):
        recipe, epoch = self.recipe, self.epoch
        self.epoch += 1
        order = torch.randperm(len(self.train), generator=stream(recipe.seed, "order", epoch))
        for step, index in enumerate(order.split(recipe.schedule.batch_size)):
            images = torch.from_numpy(self.train.images[index.numpy()])
            yield two_views(images, recipe.views, recipe.transforms, recipe.seed, epoch, step).chunk(2)


def test_a_measurement_leaves_the_training_as_it_was(monkeypatch):
    """BatchNorm goes on learning after each: the encoder ends as it does when nothing is measured on the way."""
    recipe, dataset = tiny()
    monkeypatch.setattr(quality, "EVERY", 1)
    ends = []
    monkeypatch.setattr(quality, "SimCLR", lambda recipe: ends.append(SimCLR(recipe)) or ends[-1])
    rows = list(quality.measured(quality.OURS, recipe, dataset))
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert [np.isfinite(row["linear_top1"]) for row in rows] == [False, False, True]
    undisturbed = SimCLR(recipe)
    losses = list(quality.train_ours(recipe, undisturbed, dataset.train))
    assert losses == [row["loss"] for row in rows[1:]]
    for name, value in undisturbed.encoder.state_dict().items():
        torch.testing.assert_close(ends[0].encoder.state_dict()[name], value, rtol=0, atol=0)


def test_lightly_does_the_same_arithmetic_as_we_do(monkeypatch):
    """Given our views in our order it takes the same course: loss, head, decay, schedule and the forward agree."""
    pytest.importorskip("lightly")
    recipe, dataset = tiny()

    monkeypatch.setattr(quality, "DataLoader", lambda *_, **__: OurBatches(recipe, dataset.train))
    # One schedule for both: lightly's reaches zero one step earlier, which only matters in a training this short.
    monkeypatch.setattr("lightly.utils.scheduler.cosine_warmup_schedule", lambda step, **_: lr_factor(step, 8, 0.1))
    ours, theirs = SimCLR(recipe), SimCLR(recipe)
    expected = list(quality.train_ours(recipe, ours, dataset.train))
    with torch.random.fork_rng(devices=[]):
        got = list(quality.train_lightly(recipe, theirs, dataset.train))
    assert got == pytest.approx(expected, rel=2e-4)


def test_the_two_schedules_and_losses_agree():
    pytest.importorskip("lightly")
    from lightly.loss import NTXentLoss
    from lightly.utils.scheduler import cosine_warmup_schedule

    steps = 1000
    theirs = [cosine_warmup_schedule(step, steps, 1.0, 0.0, 100, 0.0) for step in range(steps)]
    assert theirs == pytest.approx([lr_factor(step, steps, 0.1) for step in range(steps)], abs=2 / steps)
    z = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(NTXentLoss(0.5)(*z.chunk(2)), nt_xent(z, 0.5))

"""The golden curve: ten steps of a tiny recipe, recorded. Whoever changes it raises RECIPE_VERSION and records anew.

In float64 on one thread; the augmentations are float32, which is what the tolerance is for: code paths with and
without AVX2 were seen to differ by a tenth of it.
"""

import numpy as np
import pytest

from simclr_core.config import RECIPE_VERSION, Recipe
from simclr_core.data.images import ImageSet
from simclr_core.model import SimCLR
from simclr_core.pretrain import pretrain
from simclr_core.trial import deterministic

GOLDEN_VERSION = 3
GOLDEN = (  # NT-Xent in nats of steps 1 to 10
    *(4.359241121729, 4.280690650933, 4.134495442832, 4.180230990507, 4.207521659308),
    *(4.568912998671, 4.203211053280, 4.355054007830, 4.214601991297, 4.118829539880),
)

RECIPE = Recipe.parse(
    {
        "data": {"size": 16},
        "views": {"shared": [], "left": ["crop", "color"], "right": ["crop", "color"]},
        "encoder": {"name": "small"},
        "head": {"dim": 16},
        "loss": {"temperature": 0.5},
        "optimizer": {"name": "sgd", "lr": 0.003, "weight_decay": 1e-4},
        "schedule": {"epochs": 10, "batch_size": 32, "warmup": 0.2, "precision": "float64"},
        "seed": 1,
    }
)


def curve() -> list[float]:
    images = np.random.default_rng(0).integers(0, 256, (32, 3, 4, 4), dtype=np.uint8).repeat(4, 2).repeat(4, 3)
    with deterministic("cpu"):  # an epoch is one step
        rows = pretrain(RECIPE, SimCLR(RECIPE), ImageSet(images, np.zeros(32, dtype=np.int64)))
        return [row.loss for row in rows]


def test_the_curve_is_the_recorded_one() -> None:
    assert RECIPE_VERSION == GOLDEN_VERSION
    assert curve() == pytest.approx(GOLDEN, rel=2e-6)

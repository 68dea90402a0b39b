from copy import deepcopy

import pytest
import torch

from benchmarks.quality import TRAINERS
from benchmarks.training import laptop, plainly, team
from simclr_core.data.embedded import generate
from simclr_core.encoders import TinyMapConv2d
from simclr_core.model import SimCLR


def test_the_plain_encoder_is_the_same_network_in_the_usual_format():
    encoder = SimCLR(laptop()).encoder.train()
    plain = deepcopy(encoder)
    plainly(plain)
    images = torch.rand(8, 3, 24, 24)
    torch.testing.assert_close(plain(images), encoder(images), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(module, TinyMapConv2d) for module in plain.modules())
    assert plain.network.stem(images).is_contiguous()


@pytest.mark.parametrize("library", TRAINERS)
def test_both_train_the_laptop_recipe(library):
    if library == "lightly":
        pytest.importorskip("lightly")
    recipe = laptop()
    recipe = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"epochs": 3})})
    losses = list(TRAINERS[library](recipe, SimCLR(recipe), generate(128, 0)))
    assert len(losses) == 3
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_two_at_once():
    with team(2, laptop(), generate(128, 0)) as run:
        first, second = run("simclr_core"), run("simclr_core")
    assert 0 < first < 100 * second
    assert second > 0

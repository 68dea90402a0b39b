import sys

import numpy as np
import pytest
import torch
from toy import small, some_data

from simclr_core import cost, trial


def estimated(**schedule):
    return cost.estimated_bytes(small(schedule=schedule), 4, 100)


def test_the_measured_seconds_are_of_the_right_order():
    data, recipe = some_data(640), small(schedule={"epochs": 6, "batch_size": 32})
    found = cost.measure(recipe, data)
    *_, result = trial.run(recipe, data)
    seconds = result.seconds
    assert seconds / 4 < found.seconds < seconds * 4
    assert 10**8 < found.peak_bytes < 10**10


def test_without_training_only_the_probe_counts():
    data = some_data(640)
    trained, untrained = (cost.measure(small(schedule={"epochs": n, "batch_size": 32}), data) for n in (200, 0))
    assert untrained.seconds < trained.seconds / 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak cannot be forgotten")
def test_the_peak_is_of_what_was_held_since_it_was_forgotten():
    big = np.ones(25_000_000)  # 200 MB
    cost.forget_peak("cpu")
    before = cost.peak_bytes("cpu")
    assert before > big.nbytes
    del big
    assert cost.peak_bytes("cpu") > before - 50_000_000  # give or take what the process itself holds
    cost.forget_peak("cpu")
    assert cost.peak_bytes("cpu") < before - 150_000_000


def test_activations_grow_with_the_batch_and_not_beyond_a_chunk():
    one, two, four = (estimated(batch_size=64 * n, epochs=1) - cost.BASE for n in (1, 2, 4))
    assert 1.5 < (four - two) / (two - one) < 3
    assert estimated(batch_size=256, chunk=64, epochs=1) < estimated(batch_size=256, epochs=1)
    assert estimated(batch_size=256, epochs=0) < estimated(batch_size=64, epochs=1)


def test_what_a_linear_layer_keeps_is_counted(monkeypatch):
    class Toy(torch.nn.Module):
        """Keeps its input and, of the ReLU, its output; each once."""

        def __init__(self, *_):
            super().__init__()
            self.encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 24 * 24, 1000), torch.nn.ReLU())
            self.encoder.width = 1

        def forward(self, views):
            return self.encoder(views).sum()

    monkeypatch.setattr(cost, "SimCLR", Toy)
    rows, weights = 2 * 512, 4 * (3 * 24 * 24 * 1000 + 1000)
    kept = 4 * rows * (3 * 24 * 24 + 1000)
    expected = cost.BASE + 4 * weights + cost.SLACK * kept + 16 * rows**2
    assert cost.estimated_bytes(small(schedule={"epochs": 1, "batch_size": 512}, data={"size": 24}), 4, 0) == int(
        expected
    )

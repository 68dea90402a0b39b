import mmap
import sys

import pytest
import torch
from builders.toy import small, some_data

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


def test_a_probe_that_trains_again_is_timed_over_an_epoch_and_not_run_to_its_end(monkeypatch):
    """Three of them, and as long as each asks for."""
    data, there, seen, clock = some_data(64), some_data(32), [], [0.0]

    def descend(_encoder, _classifier, frozen, task, chosen, settings, *_):
        seen.append((frozen, len(task.train), len(chosen), settings.epochs))
        clock[0] += 1000

    monkeypatch.setattr(cost, "descend", descend)
    monkeypatch.setattr(cost.time, "perf_counter", lambda: clock[0])
    settings = {"epochs": 90}
    probes = {
        "augmented_linear": settings,
        "finetune": {"shares": {0.25: 8, 1.0: 2}},
        "transfer": {"source": "folder:elsewhere"},
        "transfer_finetune": {"epochs": 5},
    }
    found = cost.measure(small(schedule={"epochs": 0}, probes=probes), data, transfer=there)
    assert seen == [(True, 64, 64, 1), (False, 64, 16, 1), (False, 64, 64, 1), (False, 32, 32, 1)]
    assert found.seconds == 1000 * (90 + 8 + 2 + 5)


def test_memory_is_that_of_the_larger_of_pretraining_and_of_training_on():
    def bytes_of(batch, size):
        transfer = {"source": "folder:elsewhere", "size": size}
        probes = {"transfer": transfer, "transfer_finetune": {"batch_size": batch}}
        return cost.estimated_bytes(small(probes=probes, schedule={"epochs": 1, "batch_size": 64}), 4, 100)

    plain = estimated(batch_size=64, epochs=1)
    assert bytes_of(8, 24) == plain
    assert bytes_of(512, 24) > plain
    assert 3 < (bytes_of(2048, 48) - cost.BASE) / (bytes_of(2048, 24) - cost.BASE) < 5  # four times the pixels


def test_without_training_only_the_probe_counts():
    data = some_data(640)
    trained, untrained = (cost.measure(small(schedule={"epochs": n, "batch_size": 32}), data) for n in (200, 0))
    assert untrained.seconds < trained.seconds / 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak cannot be forgotten")
def test_the_peak_is_of_what_was_held_since_it_was_forgotten():
    big = mmap.mmap(-1, 200_000_000)  # given back when closed; what malloc frees may stay with the process
    big.write(b"1" * len(big))
    cost.forget_peak("cpu")
    before = cost.peak_bytes("cpu")
    assert before > len(big)
    big.close()
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

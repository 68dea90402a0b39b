"""The neighbors' vote against scikit-learn and against a loop over Wu et al.'s formula."""

import math
from collections import defaultdict

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from simclr_core.config import KNNProbe
from simclr_core.probes import knn
from simclr_core.probes.knn import knn_probe
from simclr_core.streams import stream

SETTINGS = [
    KNNProbe(),
    KNNProbe(k=1),
    KNNProbe(k=40, temperature=0.07),
    KNNProbe(k=200, temperature=1.0),
    KNNProbe(k=300, temperature=0.5),
]


def clusters(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Four overlapping classes off the origin, in dimensions of different scales, with lengths of 0.1 to 10."""
    g = stream(seed, "clusters")
    y = torch.randint(0, 4, (n,), generator=g)
    centers = torch.randn(4, 6, generator=stream(0, "centers")) + 0.5
    x = (centers[y] + torch.randn(n, 6, generator=g)) * torch.tensor([0.3, 0.5, 1, 1, 2, 3])
    return x * 10 ** (2 * torch.rand(n, 1, generator=g) - 1), y


def looped(train: Tensor, train_y: Tensor, test: Tensor, settings: KNNProbe) -> list[int]:
    answers = []
    for query in test.double().tolist():
        near = []
        for row, label in zip(train.double().tolist(), train_y.tolist(), strict=True):
            cosine = sum(a * b for a, b in zip(query, row, strict=True)) / (math.hypot(*query) * math.hypot(*row))
            near.append((cosine, label))
        votes: dict[int, float] = defaultdict(float)
        for cosine, label in sorted(near, reverse=True)[: settings.k]:
            votes[label] += math.exp(cosine / settings.temperature)
        answers.append(max(votes, key=lambda label: votes[label]))
    return answers


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_predictions_are_those_of_the_formula_and_of_scikit_learn(settings: KNNProbe) -> None:
    (x, y), (x_test, y_test) = clusters(300, 1), clusters(100, 2)
    measured = knn_probe(x, y, x_test, y_test, 4, settings)
    assert measured.outcome.tolist() == looped(x, y, x_test, settings)

    def weights(distance: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp((1 - distance) / settings.temperature)

    reference = KNeighborsClassifier(settings.k, metric="cosine", weights=weights).fit(x.double().numpy(), y.numpy())
    assert measured.outcome.tolist() == reference.predict(x_test.double().numpy()).tolist()
    assert measured.value == pytest.approx(100 * reference.score(x_test.double().numpy(), y_test.numpy()))
    assert measured.outcome.dtype == np.int16
    assert measured.n == 100


def test_a_low_temperature_follows_the_nearest_a_high_one_the_many() -> None:
    angles = torch.tensor([0.1, 0.5, 0.6])
    train, labels = torch.stack([angles.cos(), angles.sin()], dim=1), torch.tensor([2, 0, 0])
    query, label = torch.tensor([[3.0, 0.0]]), torch.tensor([2])
    assert knn_probe(train, labels, query, label, 3, KNNProbe(k=3, temperature=0.05)).outcome.tolist() == [2]
    assert knn_probe(train, labels, query, label, 3, KNNProbe(k=3, temperature=1.0)).outcome.tolist() == [0]
    # exp(1 / 0.001) is beyond float64
    assert knn_probe(train, labels, query, label, 3, KNNProbe(k=3, temperature=0.001)).value == 100


def test_equal_sums_go_to_the_first_class() -> None:
    train = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    for labels in ([1, 2], [2, 1]):
        measured = knn_probe(train, torch.tensor(labels), torch.tensor([[1.0, 0]]), torch.tensor([1]), 3, KNNProbe(k=2))
        assert measured.outcome.tolist() == [1]


def test_few_similarities_are_held_at_a_time_and_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    (x, y), (x_test, y_test) = clusters(300, 1), clusters(101, 2)
    whole, shapes, vote = knn_probe(x, y, x_test, y_test, 4, KNNProbe()), [], knn.vote

    def watched(cosines: Tensor, *rest: object) -> Tensor:
        shapes.append(tuple(cosines.shape))
        return vote(cosines, *rest)

    monkeypatch.setattr(knn, "vote", watched)
    monkeypatch.setattr(knn, "ENTRIES", 300 * 25)
    assert knn_probe(x, y, x_test, y_test, 4, KNNProbe()).outcome.tolist() == whole.outcome.tolist()
    assert shapes == [(25, 300)] * 4 + [(1, 300)]


def test_representations_that_collapsed_still_get_an_answer() -> None:
    y = torch.arange(20) % 2
    for x in (torch.zeros(20, 3), torch.ones(20, 3)):
        measured = knn_probe(x, y, x, y, 2, KNNProbe())
        assert measured.value == 50
        assert len(set(measured.outcome.tolist())) == 1

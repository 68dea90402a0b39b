"""Measures without labels against slow versions of themselves, scikit-learn, and features whose answer is known."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from torch import Tensor, nn

from simclr_core.config import Transforms, Views
from simclr_core.probes import geometry
from simclr_core.probes.geometry import view_pairs, viewed
from simclr_core.probes.label_free import clusters, kmeans, label_free, power_law, retrieval
from simclr_core.streams import stream

CROP = Views(left=("crop",), right=("crop",))


class Means(nn.Module):
    """The mean color of each quarter of an image, (N, 12)."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)


class Constant(nn.Module):
    """The same representation of every image."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.full((len(x), 7), 0.3)


def scenes(n: int, side: int = 16) -> NDArray[np.uint8]:
    """A random color per image, with noise."""
    g = stream(2, "scenes")
    noisy = torch.randint(20, 236, (n, 3, 1, 1), generator=g) + torch.randint(-20, 21, (n, 3, side, side), generator=g)
    array: NDArray[np.uint8] = noisy.to(torch.uint8).numpy()
    return array


def with_spectrum(eigenvalues: NDArray[np.float64], n: int = 400) -> Tensor:
    """(n, D) centered features whose covariance has exactly these eigenvalues."""
    x = np.random.default_rng(0).normal(size=(n, len(eigenvalues)))
    q, _ = np.linalg.qr(x - x.mean(axis=0))
    turned, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(len(eigenvalues),) * 2))
    return torch.from_numpy(q * np.sqrt(n * eigenvalues) @ turned + 5.0)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.5])
def test_the_power_law_of_a_known_spectrum_is_its_exponent(exponent: float) -> None:
    assert power_law(with_spectrum(np.arange(1, 129.0) ** -exponent)) == pytest.approx(exponent, abs=1e-6)


def test_the_power_law_is_numpys_weighted_fit() -> None:
    x = torch.randn(300, 64, generator=stream(0, "x")) @ torch.randn(64, 64, generator=stream(1, "x"))
    eigenvalues = np.linalg.eigvalsh(np.cov(x.double().numpy().T, bias=True))[::-1]
    ranks = np.arange(11, 65)
    slope, _ = np.polyfit(np.log(ranks), np.log(eigenvalues[10:]), 1, w=np.sqrt(1 / ranks))
    assert power_law(x) == pytest.approx(-slope, rel=1e-9)


@pytest.mark.parametrize("x", [torch.zeros(5, 8), torch.ones(5, 8), torch.randn(2, 8), torch.randn(9, 1)])
def test_a_spectrum_without_two_eigenvalues_has_no_power_law(x: Tensor) -> None:
    assert power_law(x) is None


def test_rounding_is_no_eigenvalue() -> None:
    """64 dimensions of which 20 vary: of the others there is rounding, which would make the law steep."""
    eigenvalues = np.zeros(64)
    eigenvalues[:20] = np.arange(1, 21.0) ** -1
    assert power_law(with_spectrum(eigenvalues)) == pytest.approx(1.0, abs=1e-6)


def test_retrieval_is_that_of_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "BATCH", 30)  # also across batches
    images, encoder = scenes(70), Means()
    batches = [both.chunk(2) for both in view_pairs(images, 2000, CROP, Transforms(), 5, "retrieval", "cpu")]
    left, right = (torch.cat(side).double() for side in zip(*batches, strict=True))
    h, others = encoder(left).numpy(), encoder(right).numpy()
    expected = []
    for i, one in enumerate(h):
        cosines = [one @ other / np.linalg.norm(one) / np.linalg.norm(other) for other in others]
        expected.append(all(cosines[i] > cosine for j, cosine in enumerate(cosines) if j != i))
    measured = retrieval(encoder, images, CROP, 5)
    assert measured.outcome.tolist() == expected
    assert measured.value == pytest.approx(100 * np.mean(expected))
    assert 50 < measured.value < 100
    assert measured.examples is not None
    assert measured.examples.tolist() == viewed(70, 2000, 5, "retrieval").tolist()


def test_collapsed_features_retrieve_nothing_and_explain_nothing() -> None:
    images = scenes(25)
    measured, whole = label_free(Constant(), images, Constant()(torch.empty(25)), 0)
    values = {name: answer.value for name, answer in measured.items()}
    assert values == {"crop_retrieval": 0.0, "policy_retrieval": 0.0, "clusters_h": 0.0}
    assert whole == {}


def test_two_equal_images_are_not_told_apart() -> None:
    images = scenes(30)
    images[1] = images[0] = 77
    order = viewed(30, 2000, 0, "retrieval")
    outcome = retrieval(Means(), images, CROP, 0).outcome[torch.argsort(order).numpy()]
    assert outcome[:2].tolist() == [0, 0]


def test_clusters_explain_as_much_as_scikit_learns() -> None:
    g = stream(0, "blobs")
    centers = torch.randn(20, 16, generator=g)
    x = centers.repeat(30, 1) + 0.2 * torch.randn(600, 16, generator=g)
    points = nn.functional.normalize(x.double(), dim=1).numpy()
    fitted = KMeans(20, n_init=3, random_state=0).fit(points)
    total = ((points - points.mean(axis=0)) ** 2).sum()
    measured = clusters(x, 0)
    assert measured.value == pytest.approx(100 * (1 - fitted.inertia_ / total), abs=3)
    within = sum(
        ((points[measured.outcome == c] - points[measured.outcome == c].mean(axis=0)) ** 2).sum() for c in range(20)
    )
    assert measured.value == pytest.approx(100 * (1 - within / total), rel=1e-6)


def test_from_the_same_centers_k_means_is_scikit_learns() -> None:
    points = torch.randn(200, 3, dtype=torch.float64, generator=stream(3, "points"))
    within, assigned = kmeans(points, points[:4])
    fitted = KMeans(4, init=points[:4].numpy(), n_init=1, tol=0).fit(points.numpy())
    assert within == pytest.approx(fitted.inertia_)
    assert assigned.tolist() == fitted.labels_.tolist()


@pytest.mark.parametrize("n", [2, 3, 25])
def test_the_smallest_sets_give_finite_numbers(n: int) -> None:
    images = scenes(n)
    h = Means()(torch.from_numpy(images) / 255)
    measured, whole = label_free(Means(), images, h, 0)
    assert all(np.isfinite(answer.value) for answer in measured.values())
    assert all(np.isfinite(value) for value in whole.values())
    assert measured["clusters_h"].n == n


def test_the_measures_are_the_same_for_every_recipe_and_another_for_another_seed() -> None:
    images = scenes(60)
    once, again, other = (retrieval(Means(), images, CROP, seed).outcome for seed in (0, 0, 1))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)

"""Alignment, uniformity and RankMe against loops over the papers' formulas and against closed forms."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from torch import Tensor, nn

from simclr_core.augment.views import two_views
from simclr_core.config import Recipe
from simclr_core.probes import geometry
from simclr_core.probes.geometry import alignment, geometry_probe, rankme, uniformity, view_pairs
from simclr_core.streams import stream


def cloud(n: int, d: int = 5, seed: int = 0) -> Tensor:
    """Points around a center off the origin, of very different lengths."""
    g = stream(seed, "cloud")
    return (torch.randn(n, d, generator=g) + 0.5) * 10 ** (2 * torch.rand(n, 1, generator=g) - 1)


def unit(row: list[float]) -> list[float]:
    return [value / math.hypot(*row) for value in row]


def squared(one: list[float], other: list[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(unit(one), unit(other), strict=True))


def test_alignment_is_the_mean_squared_distance_of_normalized_pairs() -> None:
    left, right = cloud(30, seed=1), cloud(30, seed=2)
    expected = [squared(a, b) for a, b in zip(left.double().tolist(), right.double().tolist(), strict=True)]
    measured = alignment(left, right)
    assert measured.value == pytest.approx(sum(expected) / 30, rel=1e-12)
    np.testing.assert_allclose(measured.outcome, expected, rtol=1e-6)
    assert measured.outcome.dtype == np.float32


def test_alignment_of_known_pairs() -> None:
    x = cloud(7)
    assert alignment(x, 3 * x).value == pytest.approx(0, abs=1e-12)
    assert alignment(x, -x).value == pytest.approx(4)
    assert alignment(torch.eye(4), torch.eye(4).roll(1, 0)).value == pytest.approx(2)


def test_uniformity_is_the_log_of_the_mean_gaussian_potential_over_distinct_pairs() -> None:
    x = cloud(40)
    rows = x.double().tolist()
    own = [sum(math.exp(-2 * squared(a, b)) for j, b in enumerate(rows) if j != i) / 39 for i, a in enumerate(rows)]
    measured = uniformity(x)
    assert measured.value == pytest.approx(math.log(sum(own) / 40), rel=1e-9)
    np.testing.assert_allclose(measured.outcome, own, rtol=1e-6)
    assert measured.outcome.dtype == np.float32
    # Wang and Isola's listing: pdist(x).pow(2).mul(-t).exp().mean().log()
    distances = pdist(np.array([unit(row) for row in rows]))
    assert measured.value == pytest.approx(np.log(np.exp(-2 * distances**2).mean()), rel=1e-9)


def test_uniformity_of_known_sets() -> None:
    assert uniformity(torch.ones(9, 3) * torch.arange(1, 10)[:, None]).value == pytest.approx(0, abs=1e-9)
    assert uniformity(5 * torch.eye(6)).value == pytest.approx(-4)
    assert uniformity(torch.tensor([[1.0, 0], [-2, 0]])).value == pytest.approx(-8)


def test_uniformity_holds_few_distances_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    x, shapes, cdist = cloud(40), [], torch.cdist
    whole = uniformity(x)

    def watched(some: Tensor, points: Tensor) -> Tensor:
        shapes.append((len(some), len(points)))
        return cdist(some, points)

    monkeypatch.setattr(torch, "cdist", watched)
    monkeypatch.setattr(geometry, "ENTRIES", 40 * 11)
    parts = uniformity(x)
    assert shapes == [(11, 40)] * 3 + [(7, 40)]
    assert parts.value == pytest.approx(whole.value, rel=1e-9)
    np.testing.assert_allclose(parts.outcome, whole.outcome, rtol=1e-6)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_rankme_is_the_exponential_of_the_entropy_of_singular_values(shape: tuple[int, int]) -> None:
    x = cloud(*shape)
    rows = x.double().numpy()
    # By another road: the singular values are roots of the eigenvalues of the smaller Gram matrix.
    gram = rows.T @ rows if shape[0] > shape[1] else rows @ rows.T
    singular = np.sqrt(np.linalg.eigvalsh(gram)).tolist()
    shares = [value / sum(singular) + 1e-7 for value in singular]
    assert rankme(x) == pytest.approx(math.exp(-sum(p * math.log(p) for p in shares)), rel=1e-9)


def test_rankme_of_known_sets() -> None:
    assert rankme(7 * torch.eye(9)) == pytest.approx(9, rel=1e-5)
    assert rankme(torch.ones(50, 6)) == pytest.approx(1, abs=1e-4)  # not centered: a constant has rank 1, not 0
    assert rankme(torch.zeros(50, 6)) == pytest.approx(1, abs=1e-4)
    # Shares 3/4 and 1/4; had the rows been normalized it would be 2.
    shares = (0.75, 0.25)
    expected = math.exp(-sum(p * math.log(p) for p in shares))
    assert rankme(torch.diag(torch.tensor([3.0, 1.0]))) == pytest.approx(expected, rel=1e-5)
    # The 1e-7 of the paper shows where most shares are zero: 299 times -1e-7 log(1e-7).
    assert math.log(rankme(torch.ones(300, 300))) == pytest.approx(-299e-7 * math.log(1e-7) - 1e-7, rel=1e-3)


# The probe as a whole, on a network small enough to follow.


class Tiny(nn.Module):
    """Pixels, mixed and normalized: differs between training and inference mode."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3 * 8 * 8, 6)
        self.norm = nn.BatchNorm1d(6)
        with torch.no_grad():
            self.mix.weight.copy_(torch.randn(6, 192, generator=stream(0, "mix")))
            self.norm.running_mean += 0.3

    def forward(self, images: Tensor) -> Tensor:
        h: Tensor = self.norm(self.mix(images.flatten(1)))
        return h


def photos(n: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return torch.randint(0, 256, (n, 3, 8, 8), dtype=torch.uint8, generator=stream(3, "photos")).numpy()


def recipe(**fields: Any) -> Recipe:
    return Recipe.parse({"probes": {"geometry": {"pairs": 20}}, **fields})


def tiny() -> tuple[Tiny, nn.Module]:
    head = nn.Linear(6, 4, bias=False)
    nn.init.orthogonal_(head.weight, generator=stream(0, "head"))
    return Tiny(), head


def test_the_probe_puts_its_parts_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "BATCH", 8)
    encoder, head = tiny()
    images, asked = photos(50), recipe(seed=3)
    test_h, test_z = cloud(50, 6), cloud(50, 4)
    measured, whole = geometry_probe(encoder, head, images, test_h, test_z, asked)

    # The same by hand: 20 of the 50 images in batches of 8, 8 and 4, drawn from streams that training does not use.
    random = stream(3, "alignment")
    chosen, seed = torch.randperm(50, generator=random)[:20], stream(3, "alignment").initial_seed()
    h: tuple[list[Tensor], list[Tensor]] = ([], [])
    for step, start in enumerate((0, 8, 16)):
        batch = torch.from_numpy(images[chosen[start : start + 8]])
        views = two_views(batch, asked.views, asked.transforms, seed, epoch=0, step=step)
        mixed = (views.flatten(1) @ encoder.mix.weight.T + encoder.mix.bias - 0.3) / math.sqrt(1 + 1e-5)
        for side, part in zip(h, mixed.detach().chunk(2), strict=True):
            side.append(part)
    left, right = torch.cat(h[0]), torch.cat(h[1])
    weight = head.weight.detach()
    expected = {
        "alignment_h": alignment(left, right),
        "alignment_z": alignment(left @ weight.T, right @ weight.T),
        "uniformity_h": uniformity(test_h),
        "uniformity_z": uniformity(test_z),
    }
    assert measured.keys() == expected.keys()
    for name, answer in expected.items():
        assert measured[name].value == pytest.approx(answer.value, rel=1e-4), name
        np.testing.assert_allclose(measured[name].outcome, answer.outcome, rtol=1e-3, atol=1e-6)
    assert {name: answer.n for name, answer in measured.items()} == {
        "alignment_h": 20,
        "alignment_z": 20,
        "uniformity_h": 50,
        "uniformity_z": 50,
    }
    assert whole == {"rankme_h": rankme(test_h), "rankme_z": rankme(test_z)}


def test_inference_mode_whatever_came_before_and_nothing_is_learned() -> None:
    encoder, linear = tiny()
    head = nn.Sequential(linear, nn.BatchNorm1d(4))
    model = nn.ModuleDict({"encoder": encoder, "head": head})
    before = {name: value.clone() for name, value in model.state_dict().items()}
    answers = []
    for mode in (False, True):
        model.train(mode)
        answers.append(geometry_probe(encoder, head, photos(30), cloud(30, 6), cloud(30, 4), recipe())[0])
    for name in ("alignment_h", "alignment_z"):
        assert answers[0][name].outcome.tolist() == answers[1][name].outcome.tolist()
    assert not encoder.training
    assert not head.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_without_z_only_h_is_measured() -> None:
    encoder, head = tiny()
    measured, whole = geometry_probe(encoder, head, photos(30), cloud(30, 6), None, recipe())
    assert measured.keys() == {"alignment_h", "uniformity_h"}
    assert whole.keys() == {"rankme_h"}


def test_views_without_transformations_are_aligned_and_few_images_give_few_pairs() -> None:
    encoder, head = tiny()
    asked = recipe(views={"shared": ["crop"], "left": [], "right": []})
    measured, _ = geometry_probe(encoder, head, photos(9), cloud(9, 6), cloud(9, 4), asked)
    assert measured["alignment_h"].outcome.tolist() == [0.0] * 9


def test_the_images_chosen_depend_on_seed_and_purpose_but_not_on_the_views() -> None:
    def left(seed: int, purpose: str, *right: str) -> Tensor:
        views = recipe(views={"left": [], "right": right})
        batches = view_pairs(photos(50), 20, views.views, views.transforms, seed, purpose, "cpu")
        return torch.cat([both.chunk(2)[0] for both in batches])

    base = left(0, "alignment", "color")
    assert torch.equal(base, left(0, "alignment", "crop", "noise"))
    assert len(torch.unique(base.flatten(1), dim=0)) == 20
    assert not torch.equal(base, left(1, "alignment", "color"))
    assert not torch.equal(base, left(0, "histograms", "color"))

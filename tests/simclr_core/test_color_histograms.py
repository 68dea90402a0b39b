"""Retrieval by histograms against numpy's, and on pictures whose answer is known."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from simclr_core.config import Transforms, Views
from simclr_core.probes import geometry
from simclr_core.probes.color_histograms import histogram_retrieval, histograms
from simclr_core.probes.geometry import view_pairs
from simclr_core.streams import stream

CROP = Views(left=("crop",), right=("crop",))
SETTINGS = Transforms()


def scenes(n: int, side: int = 16) -> NDArray[np.uint8]:
    """Two random colors per image, the halves noisy: crops of one image have much the same intensities."""
    g = stream(2, "scenes")
    halves = torch.randint(20, 236, (n, 3, 2, 1), generator=g).repeat_interleave(side // 2, dim=2)
    noisy = halves + torch.randint(-20, 21, (n, 3, side, side), generator=g)
    array: NDArray[np.uint8] = noisy.to(torch.uint8).numpy()
    return array


def constants(*levels: int) -> NDArray[np.uint8]:
    return np.stack([np.full((3, 16, 16), level, np.uint8) for level in levels])


@pytest.mark.parametrize("bins", [100, 7])
def test_histograms_are_numpys(bins: int) -> None:
    x = torch.rand(6, 3, 16, 16, generator=stream(0, "pixels"))
    x[0] = 1.0
    x[1] = 0.0
    x[2, :, :8] = 0.5
    expected = [np.histogram(image.double(), bins=bins, range=(0, 1))[0] for image in x]
    assert histograms(x, bins).tolist() == np.array(expected).tolist()


@pytest.mark.parametrize("chain", [("crop",), ("crop", "color")])
def test_retrieval_is_that_of_a_loop(chain: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "BATCH", 30)  # also across batches
    views = Views(left=chain, right=chain)
    batches = [both.chunk(2) for both in view_pairs(scenes(100), 80, views, SETTINGS, 5, "histograms", "cpu")]
    assert [len(left) for left, _ in batches] == [30, 30, 20]
    left, right = (
        [np.histogram(image.numpy().astype(float), bins=100, range=(0, 1))[0] for part in side for image in part]
        for side in zip(*batches, strict=True)
    )
    expected = []
    for i, query in enumerate(left):
        distances = [int(np.abs(query - candidate).sum()) for candidate in right]
        expected.append(float(all(distances[i] < distance for j, distance in enumerate(distances) if j != i)))
    measured = histogram_retrieval(scenes(100), views, SETTINGS, 5, limit=80)
    assert 0 < sum(expected) < 80
    assert measured.outcome.tolist() == expected
    assert measured.value == pytest.approx(100 * sum(expected) / 80)
    assert measured.outcome.dtype == np.float32
    assert measured.n == 80


def test_images_of_one_gray_each_are_always_found_under_crops() -> None:
    assert histogram_retrieval(constants(*range(4, 256, 8)), CROP, SETTINGS, 0).value == 100


def test_images_that_look_the_same_are_never_found() -> None:
    assert histogram_retrieval(constants(100, 100, 100, 100), CROP, SETTINGS, 0).value == 0
    # Two twins among four: only the others can be told apart.
    outcome = histogram_retrieval(constants(30, 100, 100, 200), CROP, SETTINGS, 0).outcome
    assert sorted(outcome.tolist()) == [0, 0, 1, 1]


def test_color_distortion_takes_the_shortcut_away() -> None:
    def found(*chain: str) -> float:
        return histogram_retrieval(scenes(200), Views(left=chain, right=chain), SETTINGS, 0).value

    assert found("crop") > 50
    assert found("crop", "color") < 25


@pytest.mark.parametrize(("given", "n"), [({}, 40), ({"limit": 15}, 15)])
def test_the_number_of_candidates_is_that_of_the_images_at_most_the_limit(given: dict[str, Any], n: int) -> None:
    one, other = (histogram_retrieval(scenes(40), CROP, SETTINGS, seed, **given) for seed in (0, 1))
    assert one.n == other.n == n
    again = histogram_retrieval(scenes(40), CROP, SETTINGS, 0, **given)
    assert one.outcome.tolist() == again.outcome.tolist()
    assert one.outcome.tolist() != other.outcome.tolist()

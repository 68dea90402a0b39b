"""The printed tiles: balanced, the same every time, and silent about the class but for the pattern."""

import colorsys
import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from simclr_core.config import Data
from simclr_core.data import embedded, fingerprint, load
from simclr_core.data.images import ImageSet
from simclr_core.errors import BadInput

NO_CACHE = Path("nothing is written here")
NAMES = ("stripes", "checks", "dots", "rings", "bricks", "zigzag", "lattice", "plus", "scales", "flowers")


@pytest.fixture(scope="module")
def tiles() -> ImageSet:
    return embedded.generate(4000, seed=77)


def test_the_whole_set_is_balanced_and_train_and_test_share_no_image(tmp_path, monkeypatch):
    whole = load(Data(), tmp_path)
    monkeypatch.setattr(embedded, "generate", None)  # from now on the cache has it
    again = embedded.load(24, tmp_path)
    for one, other in ((whole.train, again.train), (whole.test, again.test)):
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.labels, other.labels)
        assert isinstance(other.images, np.memmap)
    assert whole.train.images.shape == (5000, 3, 24, 24)
    assert whole.test.images.shape == (4000, 3, 24, 24)
    assert whole.train.images.dtype == np.uint8
    assert np.bincount(whole.train.labels).tolist() == [500] * 10
    assert np.bincount(whole.test.labels).tolist() == [400] * 10
    assert not {image.tobytes() for image in whole.train.images} & {image.tobytes() for image in whole.test.images}
    assert whole.class_names == NAMES
    assert whole.fingerprint == fingerprint(Data(), NO_CACHE) == "embedded-tiles-v1"


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    monkeypatch.setattr(
        embedded, "generate", lambda n, _: ImageSet(np.zeros((n, 3, 24, 24), np.uint8), np.zeros(n, int))
    )
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert len(embedded.load(24, tmp_path / "cache").train) == 5000


def test_the_seeds_are_not_those_that_the_set_was_designed_on():
    assert not {embedded.TRAIN_SEED, embedded.TEST_SEED} & {0, 1, 2, 10, 11}
    assert embedded.TRAIN_SEED != embedded.TEST_SEED


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others():
    once, again, other = (embedded.generate(60, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(once.images, again.images)
    np.testing.assert_array_equal(once.labels, again.labels)
    assert not {image.tobytes() for image in once.images} & {image.tobytes() for image in other.images}


def test_class_sizes_differ_by_at_most_one():
    counts = np.bincount(embedded.generate(37, seed=3).labels, minlength=10)
    assert set(counts.tolist()) == {3, 4}


def test_another_size_is_refused_in_one_sentence():
    with pytest.raises(BadInput, match=r"^data.size: the embedded set is drawn at 24 pixels, got 32; allowed: 24\.$"):
        load(Data(size=32), NO_CACHE)


# The slow, obvious versions, one number at a time, straight from the description.


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def slow_dots(u: float, v: float) -> float:
    distance = math.hypot(u - math.floor(u) - 0.5, v - math.floor(v) - 0.5)
    return sigmoid(25 * (0.30 - distance))


def slow_bricks(u: float, v: float) -> float:
    row = 1.2 * v
    along = 0.65 * u + (0.5 if math.floor(row) % 2 == 1 else 0)
    x, y = abs(along % 1 - 0.5), abs(row % 1 - 0.5)
    return sigmoid(40 * (0.41 - x)) * sigmoid(30 * (0.34 - y))


def slow_flowers(u: float, v: float) -> float:
    x, y = (0.8 * u) % 1 - 0.5, (0.8 * v) % 1 - 0.5
    return sigmoid(25 * (0.20 + 0.17 * math.cos(5 * math.atan2(y, x)) - math.hypot(x, y)))


def slow_scales(u: float, v: float) -> float:
    row = 1.1 * v
    x = (1.1 * u + 0.5 * (math.floor(row) % 2)) % 1 - 0.5
    return sigmoid(25 * (0.12 - abs(math.hypot(x, row % 1) - 0.52)))


@pytest.mark.parametrize("slow", [slow_dots, slow_bricks, slow_flowers, slow_scales])
def test_a_pattern_equals_its_slow_version(slow):
    fast = embedded.PATTERNS[slow.__name__.removeprefix("slow_")]
    u, v = np.random.default_rng(0).uniform(0, 12, (2, 300))
    expected = [slow(float(a), float(b)) for a, b in zip(u, v, strict=True)]
    np.testing.assert_allclose(fast(u, v), expected, atol=1e-9)


@pytest.mark.parametrize("name", embedded.PATTERNS)
def test_every_pattern_has_figure_and_ground(name):
    u, v = np.random.default_rng(1).uniform(8, 20, (2, 5000))
    values = embedded.PATTERNS[name](u, v)
    assert values.min() >= 0
    assert values.max() <= 1
    assert 0.1 < np.mean(values > 0.5) < 0.9


def test_hsv_to_rgb_agrees_with_the_standard_library():
    hsv = np.random.default_rng(2).random((3, 50, 1, 1))
    expected = [colorsys.hsv_to_rgb(*point) for point in hsv[:, :, 0, 0].T]
    np.testing.assert_allclose(embedded.hsv_to_rgb(*hsv)[:, :, 0, 0], expected, atol=1e-12)


def test_a_picture_has_one_tint_inside_the_palette(tiles):
    """Grain averages out over a picture, so the mean color keeps the tint's hue and saturation, drawn uniformly."""
    red, green, blue = tiles.images.mean((2, 3), dtype=np.float64).T + 0.5  # pixels were rounded down
    hue = (green - blue) / (red - blue) / 6
    saturation = 1 - blue / red
    shares = np.linspace(0.05, 0.95, 10)
    np.testing.assert_allclose(np.quantile(hue, shares), 0.035 + shares * (0.10 - 0.035), atol=0.004)
    np.testing.assert_allclose(np.quantile(saturation, shares), 0.35 + shares * (0.52 - 0.35), atol=0.01)


def linear_probe(features: np.ndarray, labels: np.ndarray) -> float:
    """Percent right on the second half, fitted on the first."""
    half = len(labels) // 2
    probe = make_pipeline(StandardScaler(), LogisticRegression()).fit(features[:half], labels[:half])
    return 100 * probe.score(features[half:], labels[half:])


def test_color_gives_the_class_away_to_no_linear_probe(tiles):
    rgb = tiles.images.mean((2, 3), dtype=np.float64)
    chromaticity = rgb / rgb.sum(1, keepdims=True)
    assert linear_probe(chromaticity, tiles.labels) < 14  # chance is 10, its standard error here 0.7
    assert linear_probe(rgb, tiles.labels) < 15  # lightness says a little, as patterns differ in how much they ink


def test_the_leak_check_can_fail(tiles):
    rgb = tiles.images.mean((2, 3), dtype=np.float64)
    leaky = rgb + 20 * np.eye(10)[tiles.labels][:, :3]
    assert linear_probe(leaky, tiles.labels) > 30

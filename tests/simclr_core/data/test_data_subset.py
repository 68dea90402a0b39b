"""Limits: as balanced as classes allow, fixed, nested."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from simclr_core.config import Data
from simclr_core.data import load
from simclr_core.data.images import ImageSet
from simclr_core.data.subset import balanced
from simclr_core.errors import BadInput

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def numbered(counts: tuple[int, ...]) -> ImageSet:
    """Images of one pixel, or rather two: the number of the image, in mixed order of class."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    numbers = np.zeros((len(labels), 3, 1, 1), np.uint8)
    numbers[:, 0, 0, 0], numbers[:, 1, 0, 0] = np.arange(len(labels)) // 256, np.arange(len(labels)) % 256
    return ImageSet(numbers, labels.astype(np.int64))


def numbers(images: ImageSet) -> list[int]:
    return (images.images[:, 0, 0, 0].astype(int) * 256 + images.images[:, 1, 0, 0]).tolist()


@pytest.mark.parametrize("limit", [3, 30, 31, 32, 300])
def test_classes_differ_by_at_most_one_and_not_at_all_where_the_limit_divides(limit):
    counts = np.bincount(balanced(numbered((100, 100, 100)), limit, NAMES, "data.limit").labels)
    assert counts.sum() == limit
    assert counts.max() - counts.min() == (limit % 3 > 0)


def test_a_smaller_limit_takes_a_part_of_what_a_larger_one_takes():
    whole = numbered((90, 20, 70))
    taken = [set(numbers(balanced(whole, limit, NAMES, "data.limit"))) for limit in range(3, 181)]
    assert all(smaller < larger for smaller, larger in pairwise(taken))


def test_labels_stay_with_their_images_and_the_order_is_kept():
    whole = numbered((50, 50, 50))
    part = balanced(whole, 20, NAMES, "data.limit")
    assert numbers(part) == sorted(numbers(part))
    assert part.labels.tolist() == whole.labels[numbers(part)].tolist()


def test_the_same_images_are_taken_every_time_and_not_simply_the_first_ones():
    whole = numbered((50, 50, 50))
    first, second = (numbers(balanced(whole, 30, NAMES, "data.limit")) for _ in range(2))
    assert first == second
    assert max(first) > 100


def test_only_the_rows_taken_leave_a_memory_map(tmp_path):
    whole = numbered((50, 50, 50))
    np.save(tmp_path / "whole.npy", whole.images)
    mapped = np.load(tmp_path / "whole.npy", mmap_mode="r")
    part = balanced(ImageSet(mapped, whole.labels), 9, NAMES, "data.limit")
    assert part.images.shape == (9, 3, 1, 1)
    assert part.images.base is None or len(part.images.base) == 9


@pytest.mark.parametrize(
    ("counts", "limit", "taken"),
    [
        ((50, 4, 50), 30, [13, 4, 13]),
        ((50, 4, 7), 30, [19, 4, 7]),
        ((3, 3, 50), 7, [2, 2, 3]),
        *(((*few, 2, *many), 7, [2, 2, 3]) for few, many in (((), (50, 50)), ((50,), (50,)), ((50, 50), ()))),
        ((5, 5, 5), 15, [5, 5, 5]),
        ((5, 5, 5), 1000, [5, 5, 5]),
    ],
)
def test_a_class_with_few_images_gives_all_it_has_and_the_others_fill_up(counts, limit, taken):
    found = np.bincount(balanced(numbered(counts), limit, NAMES, "data.limit").labels)
    assert sorted(found) == sorted(taken)
    assert (found <= np.array(counts)).all()


def test_a_limit_that_leaves_a_class_with_none_is_refused():
    with pytest.raises(
        BadInput, match=r"^data.limit: 2 leaves some of the 3 classes with no image: --set data.limit=6 or more"
    ):
        balanced(numbered((5, 5, 5)), 2, NAMES, "data.limit")


def test_load_applies_both_limits_and_says_which_one_is_wrong(cache):
    part = load(Data(limit=40, test_limit=20), cache)
    assert np.bincount(part.train.labels).tolist() == [4] * 10
    assert np.bincount(part.test.labels).tolist() == [2] * 10
    assert part.fingerprint == "embedded-tiles-v1"
    with pytest.raises(
        BadInput,
        match=r"^data.test_limit: 9 leaves some of the 10 classes with no image: --set data.test_limit=20 or more",
    ):
        load(Data(test_limit=9), cache)


def test_load_keeps_what_it_has_loaded(cache):
    assert load(Data(limit=40), cache) is load(Data(limit=40), cache)

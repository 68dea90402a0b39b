"""Which images are held out: a fifth of every class, whole units, none torn apart."""

from collections import Counter

import numpy as np
import pytest

from simclr_core.data.hold_out import hold_out, units

FIFTH = 1 / 5


def of_classes(held: set[int], counted: list[Counter]) -> Counter:
    return sum((counted[unit] for unit in held), Counter())


@pytest.mark.parametrize("n", [*range(2, 41), 100, 997])
def test_of_single_images_the_first_ones_of_each_class_and_within_one_of_a_fifth(n):
    labels = np.random.default_rng(n).permutation(np.arange(2 * n) % 2).tolist()
    held = hold_out([Counter([label]) for label in labels], FIFTH)
    for label in (0, 1):
        places = [place for place, own in enumerate(labels) if own == label]
        taken = [place for place in places if place in held]
        assert abs(len(taken) - n / 5) < 1
        assert len(taken) >= 1
        assert taken == places[: len(taken)]


def test_units_are_joined_along_chains_of_shared_keys():
    assert units([["x", "p"], ["y", "q"], ["z", "p"], ["y", "r"], ["w", "r"], ["v"]]) == [0, 1, 0, 1, 1, 2]
    assert units([["x"], ["y"], ["x"]]) == [0, 1, 0]


def test_of_forty_equal_patients_eight_are_held_out_four_of_each_class():
    counted = [Counter({patient % 2: 8}) for patient in range(40)]
    held = hold_out(counted, FIFTH)
    assert len(held) == 8
    assert of_classes(held, counted) == {0: 32, 1: 32}


@pytest.mark.parametrize("seed", range(50))
def test_groups_of_any_size_and_any_classes_give_at_least_a_fifth_and_every_class_both_sides(seed):
    rng = np.random.default_rng(seed)
    classes, n_groups = int(rng.integers(2, 5)), int(rng.integers(15, 40))
    counted = []
    for group in range(n_groups):
        own = rng.choice(classes, 1 + int(rng.uniform() < 0.3), replace=False)  # some groups span two classes
        counted.append(Counter({int(label): int(rng.integers(1, 30)) for label in {*own.tolist(), group % classes}}))
    held = hold_out(counted, FIFTH)
    whole, taken = sum(counted, Counter()), of_classes(held, counted)
    largest = max(own.total() for own in counted)
    assert FIFTH * whole.total() <= taken.total() <= FIFTH * whole.total() + largest + classes
    for label in whole:
        assert 0 < taken[label] < whole[label]
        assert abs(taken[label] - FIFTH * whole[label]) <= max(own[label] for own in counted) + 1


def test_a_class_whose_images_are_one_unit_loses_none():
    counted = [Counter({0: 5}), Counter({1: 5}), Counter({1: 5})]
    assert hold_out(counted, FIFTH) == {1}


def test_of_large_units_the_one_is_added_that_overshoots_least():
    counted = [Counter({0: 30}), Counter({0: 60}), Counter({0: 25}), Counter({0: 5})]  # a fifth is 24
    assert hold_out(counted, FIFTH) == {3, 2}


@pytest.mark.parametrize("seed", range(20))
def test_beside_a_giant_two_units_of_each_class_stay(seed):
    """Six patients of four images and one of a hundred: the six are a fifth, and all but the giant."""
    rng = np.random.default_rng(seed)
    counted = [Counter({label: n}) for label in (0, 1) for n in (*[4] * 6, 100)]
    counted = [counted[i] for i in rng.permutation(len(counted))]
    held = hold_out(counted, FIFTH, stay=2)
    assert of_classes(held, counted) == {0: 20, 1: 20}
    chosen_on = hold_out([own for unit, own in enumerate(counted) if unit not in held], FIFTH)
    assert len(chosen_on) == 2  # and one more of each class is fitted


@pytest.mark.parametrize("stay", [1, 2])
def test_what_one_class_cannot_give_is_not_taken_from_another(stay):
    counted = [Counter({0: n}) for n in (1, 1, 98)] + [Counter({1: n}) for n in (30, 40, 30)]
    taken = of_classes(hold_out(counted, FIFTH, stay), counted)
    assert taken == {0: 3 - stay, 1: 30}
    of_35 = [*counted[:3], *[Counter({1: 1})] * 35]  # of which a fifth is 7, and 0.2 * 35 a little more
    assert of_classes(hold_out(of_35, FIFTH, stay), of_35) == {0: 3 - stay, 1: 7}


@pytest.mark.parametrize(("units_of_each", "held"), [(1, 0), (2, 1), (3, 1), (4, 1), (5, 1), (10, 2)])
def test_two_units_stay_where_there_are_three_and_one_where_there_are_two(units_of_each, held):
    counted = [Counter({i % 2: 7}) for i in range(2 * units_of_each)]
    assert len(hold_out(counted, FIFTH, stay=2)) == 2 * held

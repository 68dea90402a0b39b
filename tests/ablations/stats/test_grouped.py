"""Intervals of values that come in groups, such as images of patients."""

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp

from ablations.stats.intervals import bounded_uncertainty, grouped_uncertainty, interval

RNG = np.random.default_rng(4)


def half(values, groups):
    return interval(0.0, [grouped_uncertainty(values, groups, -100, 100)]).high


def test_of_groups_alike_in_size_it_is_the_t_interval_of_their_means():
    means = RNG.normal(0, 20, size=8)
    values = np.repeat(means, 8) + RNG.normal(0, 1, size=64)
    groups = np.repeat(RNG.permutation(8), 8)
    of_groups = [values[groups == group].mean() for group in range(8)]
    low, high = ttest_1samp(of_groups, 0).confidence_interval()
    assert half(values, groups) == pytest.approx((high - low) / 2)


def test_eight_patients_all_right_or_all_wrong_are_eight_values_however_many_images_they_have():
    right = np.array([100.0, 100, 100, 100, 0, 0, 0, 0])
    for images in (1, 8, 500):
        found = grouped_uncertainty(np.repeat(right, images), np.repeat(np.arange(8), images), 0, 100)
        assert found.df == 7
        assert found.variance >= right.var(ddof=1) / 8 * (1 - 1e-9)
        if images > 1:
            assert found.variance == pytest.approx(right.var(ddof=1) / 8)


def test_of_unequal_groups_it_is_the_sandwich_written_as_matrices():
    sizes = RNG.integers(1, 20, size=12)
    groups = RNG.permutation(np.repeat(np.arange(12) * 7, sizes))  # any numbers, in any order
    values = RNG.normal(0, 30, size=84)[groups] + RNG.normal(0, 5, size=len(groups))
    ones, residuals = np.ones((len(values), 1)), values - values.mean()
    bread = np.linalg.inv(ones.T @ ones)
    together = groups[:, None] == groups[None, :]
    meat = ones.T @ (together * np.outer(residuals, residuals)) @ ones
    found = grouped_uncertainty(values, groups, -100, 100)
    assert (found.variance, found.df) == (pytest.approx((bread @ meat @ bread).item() * 12 / 11), 11)


def test_it_is_never_less_than_of_independent_values():
    values = np.tile([100.0, -100.0], 32)  # groups cancel: each has a mean of zero
    groups = np.repeat(np.arange(8), 8)
    alone = bounded_uncertainty(values, -100, 100)
    found = grouped_uncertainty(values, groups, -100, 100)
    assert (found.variance, found.df) == (alone.variance, 7)


def test_where_nothing_varies_it_is_what_so_many_groups_exclude():
    found = half(np.zeros(64), np.repeat(np.arange(8), 8))
    assert found == pytest.approx(t.ppf(0.975, 9) * 100 * np.sqrt(2) / 10)
    assert found > 25  # the rule of three would say 3 / 8


def test_one_group_tells_nothing_of_others():
    assert grouped_uncertainty(np.array([0.0, 100.0]), np.zeros(2, int), 0, 100) is None

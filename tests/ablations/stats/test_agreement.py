from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr
from scipy.stats import t as student

from ablations.stats.agreement import rank_agreement
from ablations.tables.pairs import pair_table
from ablations.tables.published import published

PAPER = published("fig5_aug_pairs")
assert PAPER is not None
MAP = pair_table(PAPER.frame, PAPER.axes).to_numpy(dtype=float)
NOISE = np.random.default_rng(5).normal(size=(7, 7))


def test_rho_is_that_of_scipy_ties_included():
    ours = np.round(MAP / 10 + 2 * NOISE)
    found = rank_agreement(ours, MAP)
    assert found is not None
    assert found.rho == pytest.approx(spearmanr(ours.ravel(), MAP.ravel()).statistic, abs=1e-12)
    assert (found.cells, found.relabelings) == (49, 5040)


@pytest.mark.parametrize("seed", range(4))
def test_p_is_the_share_of_relabelings_found_by_brute_force(seed):
    ours, theirs = np.random.default_rng(seed).integers(0, 6, size=(2, 3, 3)).astype(float)
    rhos = [spearmanr(ours[np.ix_(names, names)].ravel(), theirs.ravel()).statistic for names in permutations(range(3))]
    found = rank_agreement(ours, theirs)
    assert found is not None
    assert found.p == np.mean([abs(rho) >= abs(rhos[0]) - 1e-9 for rho in rhos])


def test_p_is_two_sided():
    found, reversed_ = rank_agreement(MAP + NOISE, MAP), rank_agreement(-MAP - NOISE, MAP)
    assert found is not None
    assert reversed_ is not None
    assert reversed_.rho == pytest.approx(-found.rho)
    assert reversed_.p == found.p


def test_the_identical_map_agrees_wholly_and_no_other_relabeling_does():
    found = rank_agreement(MAP, MAP)
    assert found is not None
    assert found.rho == pytest.approx(1.0)
    assert found.p == 1 / 5040


def test_its_interval_is_the_jackknife_over_names():
    ours = MAP + 20 * NOISE
    found = rank_agreement(ours, MAP)
    assert found is not None
    rhos = []
    for left_out in range(7):
        kept = [i for i in range(7) if i != left_out]
        rhos.append(spearmanr(ours[np.ix_(kept, kept)].ravel(), MAP[np.ix_(kept, kept)].ravel()).statistic)
    # Its textbook form, in terms of the values left out instead of pseudo-values.
    error = np.sqrt(6 / 7 * sum((rho - np.mean(rhos)) ** 2 for rho in rhos))
    middle = 7 * found.rho - 6 * np.mean(rhos)
    assert (found.low, found.high) == pytest.approx(
        (max(-1, middle - student.ppf(0.975, 6) * error), min(1, middle + student.ppf(0.975, 6) * error))
    )


def test_three_names_are_too_few_for_an_interval():
    found = rank_agreement(MAP[:3, :3] + NOISE[:3, :3], MAP[:3, :3])
    assert found is not None
    assert np.isnan(found.low)


def test_without_a_complete_map_or_any_order_nothing_is_said():
    hole = MAP.copy()
    hole[2, 3] = np.nan
    assert rank_agreement(hole, MAP) is None
    assert rank_agreement(np.ones((7, 7)), MAP) is None
    assert rank_agreement(MAP[:6, :6], MAP) is None


def test_unrelated_maps_are_rarely_called_alike():
    rng = np.random.default_rng(0)
    found = [rank_agreement(rng.normal(size=(5, 5)), MAP[:5, :5]) for _ in range(200)]
    assert np.mean([one is not None and one.p <= 0.1 for one in found]) == pytest.approx(0.1, abs=0.06)

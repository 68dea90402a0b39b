"""Against oracles that are slow and written another way: least squares, the classical formulas, limma's moments."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import polygamma, psi
from scipy.stats import f, ttest_rel

from ablations.stats.spread import TINY, Spread, between_seeds, beyond_shared_seeds

RNG = np.random.default_rng(5)
NOTHING = float("nan")


def values(cells, seeds, sd=1.0, missing=0.0, rng=RNG, level=3.0):
    table = rng.normal(size=(cells, seeds)) * np.reshape(sd, (-1, 1)) + rng.normal(size=(1, seeds)) * level
    table += rng.normal(size=(cells, 1)) * 10
    table[rng.uniform(size=table.shape) < missing] = np.nan
    return table


def additive(table):
    """Residual sums of squares by cell and what they have in degrees of freedom, of cell + seed by least squares."""
    known = np.isfinite(table)
    known &= known.sum(axis=1, keepdims=True) > 1
    cells, seeds = np.nonzero(known)
    design = np.zeros((len(cells), sum(table.shape)))
    design[np.arange(len(cells)), cells] = 1
    design[np.arange(len(cells)), table.shape[0] + seeds] = 1
    y = table[known]
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    kept = 1 - np.diag(design @ np.linalg.pinv(design))
    rank = np.linalg.matrix_rank(design) if len(cells) else 0
    by_cell = [np.bincount(cells, weights=part, minlength=len(table)) for part in (rest**2, kept)]
    return *by_cell, len(cells) - rank


def smyth(squares, df):
    """Moderated variances and the prior's degrees of freedom, cell by cell; infinite where they do not differ.

    A cell whose variance has a chance below 1% under the typical one, or under the others' where all are pooled, keeps
    its own.
    """
    least = TINY * np.median(squares / df)
    z = [np.log(max(square / d, least)) - psi(d / 2) + np.log(d / 2) for square, d in zip(squares, df, strict=True)]
    average = sum(z) / len(z)
    excess = sum((one - average) ** 2 for one in z) / (len(z) - 1) - sum(polygamma(1, d / 2) for d in df) / len(df)
    if excess <= 0:
        found = np.full(len(df), sum(squares) / sum(df))
        for i, (square, d) in enumerate(zip(squares, df, strict=True)):
            others = (sum(squares) - square) / (sum(df) - d)
            found[i] = square / d if len(df) > 2 and 1 - f.cdf(square / d / others, d, sum(df) - d) < 0.01 else found[i]
        return found, np.inf
    found = minimize_scalar(
        lambda log: (polygamma(1, np.exp(log)) - excess) ** 2,
        bounds=(-8, 12),
        method="bounded",
        options={"xatol": 1e-12},
    )
    prior = 2 * np.exp(found.x)
    typical = np.exp(average + psi(prior / 2) - np.log(prior / 2))
    return np.array(
        [
            square / d if 1 - f.cdf(square / d / typical, d, prior) < 0.01 else (prior * typical + square) / (prior + d)
            for square, d in zip(squares, df, strict=True)
        ]
    ), prior


# --- the two-way residual ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [0.0, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (4, 4), (7, 3), (49, 3), (12, 5)])
def test_what_is_left_of_the_seeds_is_what_least_squares_leaves(shape, missing):
    for _ in range(5):
        table = values(*shape, missing=missing)
        squares, df, whole = additive(table)
        found = beyond_shared_seeds(table)
        assert found.whole == pytest.approx(whole, abs=1e-6)
        if whole < 0.5:
            assert found.of(np.ones(shape[0]), 3) is None
        else:
            known = df > 1e-6
            assert found.variances[known] == pytest.approx(smyth(squares[known], df[known])[0], rel=1e-3)


def test_the_seeds_own_level_and_the_cells_do_not_matter():
    table = values(6, 4)
    moved = table + RNG.normal(size=(6, 1)) * 100 + RNG.normal(size=(1, 4)) * 100
    found, other = beyond_shared_seeds(table), beyond_shared_seeds(moved)
    assert other.variances == pytest.approx(found.variances)
    assert between_seeds(moved).variances[0] > 10 * found.variances[0]


def test_pooled_it_is_the_classical_variance_with_its_degrees_of_freedom():
    table = values(5, 4, rng=np.random.default_rng(0))
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    rest *= np.sqrt(0.9 + 0.2 * np.random.default_rng(0).uniform(size=(5, 1))) / rest.std(axis=1, keepdims=True)
    table = rest - rest.mean(axis=0)  # cells that vary alike
    found, alone = beyond_shared_seeds(table + np.arange(4) * 10), between_seeds(table)
    assert (found.prior, found.whole) == (np.inf, pytest.approx(4 * 3))
    assert found.variances == pytest.approx(np.full(5, (table**2).sum() / 12))
    assert (alone.prior, alone.whole) == (np.inf, 5 * 3)
    assert alone.variances == pytest.approx(np.full(5, (table**2).sum() / 15))


def test_of_two_cells_it_is_the_paired_t_test():
    table = values(2, 5)
    part = beyond_shared_seeds(table).of(np.array([1.0, -1.0]), 5)
    assert part is not None
    assert part.df == pytest.approx(4)
    assert np.diff(table.mean(axis=1))[0] / np.sqrt(part.variance) == pytest.approx(
        -ttest_rel(table[0], table[1]).statistic
    )


def test_of_two_cells_a_seed_that_one_lacks_adds_nothing():
    table = values(2, 4)
    lacking = np.vstack([table[0], [*table[1, :3], np.nan]])
    found, whole = beyond_shared_seeds(lacking), beyond_shared_seeds(table[:, :3])
    assert found.whole == pytest.approx(2)
    assert found.variances == pytest.approx(whole.variances)


# --- moderation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_moderated_variances_are_smyths(seed):
    rng = np.random.default_rng(seed)
    sd = rng.choice([0.3, 1.0, 3.0], size=20)
    table = values(20, 4, sd, rng=rng)
    squares = ((table - table.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    wanted, prior = smyth(squares, np.full(20, 3.0))
    found = between_seeds(table)
    assert found.prior == pytest.approx(prior, rel=1e-3)
    assert found.variances == pytest.approx(wanted, rel=1e-3)


def test_cells_with_unlike_numbers_of_seeds_are_moderated_by_their_own():
    rng = np.random.default_rng(4)
    table = values(15, 5, np.geomspace(0.1, 10, 15), rng=rng, level=0)
    table[:5, 3:] = np.nan
    table[14, 1:] = np.nan
    n = np.isfinite(table).sum(axis=1)
    known = n > 1
    squares = np.nansum((table - np.nanmean(table, axis=1, keepdims=True)) ** 2, axis=1)
    wanted, prior = smyth(squares[known], n[known] - 1.0)
    found = between_seeds(table)
    assert found.prior == pytest.approx(prior, rel=1e-3)
    assert found.variances[known] == pytest.approx(wanted, rel=1e-3)
    typical = (found.variances[0] * (prior + 2) - squares[0]) / prior
    assert found.variances[14] == pytest.approx(typical, rel=1e-3)  # of a cell with one seed nothing else is known


@pytest.mark.parametrize("spread", [between_seeds, beyond_shared_seeds])
def test_a_single_wild_cell_has_its_own_variance_and_degrees_of_freedom(spread):
    sd = np.ones(40)
    sd[7] = 10.0
    table = values(40, 3, sd, rng=np.random.default_rng(6), level=0)
    found = spread(table)
    assert np.flatnonzero(found.wild).tolist() == [7]
    assert found.variances[7] == pytest.approx(table[7].var(ddof=1), rel=0.2)
    assert np.delete(found.variances, 7).max() < 4
    against = np.zeros(40)
    against[[7, 8]] = 1, -1
    part, tame = found.of(against, 3), found.of(np.roll(against, 5), 3)
    assert part.df == pytest.approx(2, abs=0.5)
    assert tame.df > 10


def test_hardly_any_cell_is_wild_where_all_vary_alike():
    rng = np.random.default_rng(7)
    assert sum(beyond_shared_seeds(values(49, 3, rng=rng)).wild.sum() for _ in range(40)) < 0.02 * 49 * 40


def test_moderated_variances_lie_between_a_cells_own_and_the_typical_one():
    table = values(30, 4, np.geomspace(0.2, 5, 30), rng=np.random.default_rng(8), level=0)
    own, found = table.var(axis=1, ddof=1), between_seeds(table)
    typical = ((found.variances * (found.prior + 3) - 3 * own) / found.prior)[~found.wild]
    assert typical == pytest.approx(np.full(len(typical), typical[0]))
    for a, b in zip(own[~found.wild], found.variances[~found.wild], strict=True):
        assert min(a, typical[0]) - 1e-9 <= b <= max(a, typical[0]) + 1e-9


# --- a contrast's share -----------------------------------------------------------------------------------------------


def spread_of(variances, prior, whole, wild=()):
    return Spread(np.array(variances), 2, prior, whole, np.isin(np.arange(len(variances)), wild))


def test_a_contrast_has_the_sum_of_its_cells_variances_over_the_seeds():
    part = spread_of([1.0, 4.0, NOTHING], 3, 100).of(np.array([1.0, -0.5, 0.0]), 4)
    assert part is not None
    assert (part.variance, part.df) == (pytest.approx((1 + 0.25 * 4) / 4), 5)
    assert spread_of([1.0], np.inf, 100).of(np.ones(1), 1).df == 100
    assert spread_of([1.0], 30, 12).of(np.ones(1), 1).df == 12


def test_wild_cells_add_their_own_uncertainty_about_their_variance():
    part = spread_of([1.0, 4.0, 9.0], 3, 100, wild=[1, 2]).of(np.array([1.0, 1.0, 2.0]), 2)
    assert part.variance == pytest.approx((1 + 4 + 36) / 2)
    assert part.df == pytest.approx((41 / 2) ** 2 / (0.5**2 / 5 + 2**2 / 2 + 18**2 / 2))


# --- nearly nothing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [between_seeds, beyond_shared_seeds])
@pytest.mark.parametrize(
    "table",
    [
        np.zeros((0, 0)),
        np.zeros((0, 3)),
        np.zeros((3, 0)),
        np.ones((1, 1)),
        np.ones((7, 1)),
        np.full((4, 3), NOTHING),
        np.array([[1.0, NOTHING], [NOTHING, 2.0]]),
        np.array([[1.0, NOTHING, NOTHING], [2.0, NOTHING, NOTHING]]),
    ],
)
def test_where_no_cell_has_two_seeds_nothing_is_known(spread, table):
    found = spread(table)
    assert found.whole == 0
    assert len(found.variances) == len(table)
    assert found.of(np.ones(len(table)), 3) is None


def test_one_cell_varies_by_itself_but_against_nothing_else():
    table = values(1, 4)
    part = between_seeds(table).of(np.ones(1), 4)
    assert part is not None
    assert (part.variance, part.df) == (pytest.approx(table.var(ddof=1) / 4), 3)
    assert beyond_shared_seeds(table).of(np.ones(1), 4) is None


@pytest.mark.parametrize("spread", [between_seeds, beyond_shared_seeds])
def test_no_variance_at_all_is_none(spread):
    found = spread(np.full((5, 3), 7.0))
    assert found.variances == pytest.approx(np.zeros(5))
    assert found.of(np.ones(5), 3).variance == 0


@pytest.mark.parametrize("spread", [between_seeds, beyond_shared_seeds])
def test_a_cell_that_never_varies_is_no_error_and_not_taken_for_certain(spread):
    table = values(8, 3, rng=np.random.default_rng(3))
    table -= table.mean(axis=0)
    table[2] = 4.0
    found = spread(table)
    assert np.isfinite(found.variances).all()
    assert (found.variances > 0).all()


def test_rows_of_nothing_change_nothing():
    table = values(6, 3)
    holed = np.insert(table, 3, NOTHING, axis=0)
    for spread in (between_seeds, beyond_shared_seeds):
        found, wanted = spread(holed), spread(table)
        assert np.delete(found.variances, 3) == pytest.approx(wanted.variances)
        assert (found.prior, found.whole) == (pytest.approx(wanted.prior), pytest.approx(wanted.whole))

"""Against oracles that are slow and written another way: least squares, the classical formulas, limma's moments."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import polygamma, psi
from scipy.stats import f, ttest_rel

from ablations.stats.intervals import Uncertainty, uncertainty
from ablations.stats.spread import CAUTION, TINY, WILD, Spread, between_seeds, typical_variance

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


def smyth(squares, df, caution=CAUTION):
    """Moderated variances with their degrees of freedom, and the prior's; infinite where the cells do not differ.

    A cell whose variance has a chance below 10% under the typical one, or under the others' where all are pooled, keeps
    its own.
    """
    least = TINY * (np.median(squares / df) or np.median((squares / df)[squares > 0]))
    z = [np.log(max(square / d, least)) - psi(d / 2) + np.log(d / 2) for square, d in zip(squares, df, strict=True)]
    n, average = len(z), sum(z) / len(z)
    chance, fourth = (sum(polygamma(order, d / 2) for d in df) / n for order in (1, 3))
    error = np.sqrt((fourth + 3 * chance**2 - chance**2 * (n - 3) / (n - 1)) / n)  # of a sample variance
    excess = sum((one - average) ** 2 for one in z) / (n - 1) - chance + caution * error
    whole = sum(df)
    if excess <= 0:
        found, own = np.full(n, sum(squares) / whole), np.full(n, whole)
        for i, (square, d) in enumerate(zip(squares, df, strict=True)):
            others = (sum(squares) - square) / (whole - d)
            if n > 2 and 1 - f.cdf(square / d / others, d, whole - d) < WILD:
                found[i], own[i] = square / d, d
        return found, own, np.inf
    found = minimize_scalar(
        lambda log: (polygamma(1, np.exp(log)) - excess) ** 2,
        bounds=(-8, 12),
        method="bounded",
        options={"xatol": 1e-12},
    )
    prior = 2 * np.exp(found.x)
    typical = np.exp(average + psi(prior / 2) - np.log(prior / 2))
    wild = [1 - f.cdf(square / d / typical, d, prior) < WILD for square, d in zip(squares, df, strict=True)]
    variances = np.where(wild, squares / df, (prior * typical + squares) / (prior + df))
    return variances, np.where(wild, df, np.minimum(prior + df, whole)), prior


# --- the two-way residual ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [0.0, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (4, 4), (7, 3), (49, 3), (12, 5)])
def test_what_is_left_of_the_seeds_is_what_least_squares_leaves(shape, missing):
    for _ in range(5):
        table = values(*shape, missing=missing)
        squares, df, whole = additive(table)
        found = between_seeds(table)
        if whole < 0.5:
            assert found.of(np.eye(shape[0])[0] - np.eye(shape[0])[1], 3) == ()
        else:
            known = df > 1e-6
            if known.sum() > 2:
                variances, own, _ = smyth(squares[known], df[known])
                assert found.variances[known] == pytest.approx(variances, rel=1e-3)
                assert found.df[known] == pytest.approx(own, rel=1e-3)
            else:
                assert found.variances[known] == pytest.approx(squares.sum() / whole)
                assert found.df[known] == pytest.approx(whole)


def test_the_seeds_own_level_and_the_cells_do_not_matter():
    table = values(6, 4)
    moved = table + RNG.normal(size=(6, 1)) * 100 + RNG.normal(size=(1, 4)) * 100
    found, other = between_seeds(table), between_seeds(moved)
    assert other.variances == pytest.approx(found.variances)
    assert other.level.variance > 10 * found.level.variance


def test_a_mean_over_all_cells_has_the_t_interval_of_the_seeds_means():
    """However much the cells of a seed have in common."""
    table = values(6, 4)
    found = between_seeds(table)
    assert (found.level.variance, found.level.df) == (pytest.approx(table.mean(axis=0).var(ddof=1)), 3)
    (part,) = found.of(np.full(6, 1 / 6), 4)
    wanted = uncertainty(table.mean(axis=0))
    assert (part.variance, part.df) == (pytest.approx(wanted.variance), 3)


def test_a_cells_level_is_that_of_the_study_and_what_it_is_beyond():
    table = values(6, 4)
    found = between_seeds(table)
    beyond = np.eye(6)[2] - 1 / 6
    parts, wanted = found.of(np.eye(6)[2], 4), (*found.of(np.full(6, 1 / 6), 4), *found.of(beyond, 4))
    assert [(one.variance, one.df) for one in parts] == [pytest.approx((one.variance, one.df)) for one in wanted]


def test_pooled_it_is_the_classical_variance(monkeypatch):
    """Where nothing is added to what the cells differ by, which is less than chance has it."""
    monkeypatch.setattr("ablations.stats.spread.typical_variance", lambda own, df: typical_variance(own, df, 0.0))
    table = values(5, 4, rng=np.random.default_rng(0))
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    rest *= np.sqrt(0.9 + 0.2 * np.random.default_rng(0).uniform(size=(5, 1))) / rest.std(axis=1, keepdims=True)
    table = rest - rest.mean(axis=0)  # cells that vary alike
    found = between_seeds(table + np.arange(4) * 10)
    assert found.df == pytest.approx(np.full(5, 4 * 3))
    assert found.variances == pytest.approx(np.full(5, (table**2).sum() / 12))


def test_of_two_cells_it_is_the_paired_t_test():
    table = values(2, 5)
    (part,) = between_seeds(table).of(np.array([1.0, -1.0]), 5)
    assert part.df == pytest.approx(4)
    assert np.diff(table.mean(axis=1))[0] / np.sqrt(part.variance) == pytest.approx(
        -ttest_rel(table[0], table[1]).statistic
    )


def test_of_two_cells_a_seed_that_one_lacks_adds_nothing():
    table = values(2, 4)
    lacking = np.vstack([table[0], [*table[1, :3], np.nan]])
    found, whole = between_seeds(lacking), between_seeds(table[:, :3])
    assert found.df == pytest.approx([2, 2])
    assert found.variances == pytest.approx(whole.variances)


# --- moderation -------------------------------------------------------------------------------------------------------


def test_the_typical_variance_is_limmas():
    """What limma's fitFDist gives: df.prior and s2.prior, with cells of no variance at all."""
    prior, typical = typical_variance(np.array([0, 0, 1.2, 0.8, 2, 0.5, 3]), np.full(7, 2.0), caution=0.0)
    assert (prior, typical) == (pytest.approx(0.357, abs=5e-4), pytest.approx(0.0011, abs=5e-5))


def test_a_cell_with_fewer_seeds_has_fewer_degrees_of_freedom():
    """limma's own printed test, where cells of 6 degrees of freedom have 15.31 in all, and one of 4 has 13.31."""
    rng = np.random.default_rng(4)
    table = values(40, 7, np.geomspace(0.5, 2, 40), rng=rng, level=0)
    table[3, 5:] = np.nan
    found = between_seeds(table)
    assert not found.wild[[3, 4]].any()
    assert found.df[4] - found.df[3] == pytest.approx(2, abs=0.1)
    (part,) = found.of(np.eye(40)[3] - np.eye(40)[4], 5)
    assert part.df == found.df[3]


@pytest.mark.parametrize("seed", range(8))
def test_moderated_variances_are_smyths(seed):
    rng = np.random.default_rng(seed)
    table = values(20, 4, rng.choice([0.3, 1.0, 3.0], size=20), rng=rng)
    squares, df, _ = additive(table)
    wanted, own, _ = smyth(squares, df)
    found = between_seeds(table)
    assert found.variances == pytest.approx(wanted, rel=1e-3)
    assert found.df == pytest.approx(own, rel=1e-3)


def test_caution_takes_cells_to_differ_more_than_they_seem_to():
    own = np.random.default_rng(1).chisquare(2, size=12) / 2
    df = np.full(12, 2.0)
    assert typical_variance(own, df)[0] < typical_variance(own, df, 0.0)[0]


def test_a_single_wild_cell_has_its_own_variance_and_degrees_of_freedom():
    sd = np.ones(40)
    sd[7] = 10.0
    table = values(40, 3, sd, rng=np.random.default_rng(6), level=0)
    found = between_seeds(table)
    assert found.wild[7]
    assert found.variances[7] == pytest.approx(table[7].var(ddof=1), rel=0.2)
    assert found.df[7] == pytest.approx(2, abs=0.1)
    tame = np.flatnonzero(~found.wild)[0]
    parts = found.of(np.eye(40)[7] - np.eye(40)[tame], 3)
    assert [part.variance for part in parts] == pytest.approx(found.variances[[tame, 7]] / 3)
    assert [part.df for part in parts] == [found.df[tame], found.df[7]]
    assert found.df[tame] > 4


def test_hardly_any_cell_is_wild_where_all_vary_alike():
    rng = np.random.default_rng(7)
    assert sum(between_seeds(values(49, 3, rng=rng)).wild.sum() for _ in range(40)) < 1.2 * WILD * 49 * 40


# --- a contrast's share -----------------------------------------------------------------------------------------------


def spread_of(variances, df, wild=(), level=None):
    return Spread(np.array(variances), np.array(df), np.isin(np.arange(len(variances)), wild), level)


def test_a_difference_has_the_sum_of_its_cells_variances_over_the_seeds():
    """With the fewest degrees of freedom of its cells; others do not matter, known or not."""
    found = spread_of([1.0, 4.0, NOTHING, 9.0], [7.0, 5.0, 2.0, 2.0])
    assert found.of(np.array([1.0, -1.0, 0.0, 0.0]), 4) == (Uncertainty((1 + 4) / 4, 5.0),)
    assert found.of(np.array([1.0, 0.0, -1.0, 0.0]), 4) == ()


def test_wild_cells_are_sources_of_their_own():
    found = spread_of([1.0, 4.0, 9.0], [7.0, 2.0, 2.0], wild=[1, 2])
    assert found.of(np.array([1.0, 1.0, -2.0]), 2) == (
        Uncertainty(0.5, 7.0),
        Uncertainty(2.0, 2.0),
        Uncertainty(18.0, 2.0),
    )


def test_a_level_has_the_seeds_own_besides():
    found = spread_of([1.0, 4.0], [7.0, 5.0], level=Uncertainty(10.0, 2))
    assert found.of(np.array([3.0, 1.0]), 2) == (Uncertainty(16 * 10 / 2, 2), Uncertainty((1 + 4) / 2, 5.0))
    assert spread_of([1.0, 4.0], [7.0, 5.0]).of(np.array([1.0, 0.0]), 2) == ()


# --- nearly nothing ---------------------------------------------------------------------------------------------------


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
def test_where_no_cell_has_two_seeds_nothing_is_known(table):
    found = between_seeds(table)
    assert found.level is None
    assert np.isnan(found.variances).all()
    assert len(found.variances) == len(table)
    assert found.of(np.ones(len(table)), 3) == ()


def test_one_cell_varies_by_itself_alone():
    table = values(1, 4)
    (part,) = between_seeds(table).of(np.ones(1), 4)
    assert (part.variance, part.df) == (pytest.approx(table.var(ddof=1) / 4), 3)


def test_cells_that_share_no_seed_have_no_level_in_common():
    table = np.array([[1.0, 3.0, NOTHING, NOTHING], [NOTHING, NOTHING, 10.0, 14.0]])
    assert between_seeds(table).level == Uncertainty(pytest.approx((2 + 8) / 2), 2)


def test_no_variance_at_all_is_none():
    found = between_seeds(np.full((5, 3), 7.0))
    assert found.variances == pytest.approx(np.zeros(5))
    assert {part.variance for part in found.of(np.ones(5), 3)} == {0.0}


def test_a_cell_that_never_varies_is_no_error_and_not_taken_for_certain():
    table = values(8, 3, rng=np.random.default_rng(3))
    table -= table.mean(axis=0)
    table[2] = 4.0
    found = between_seeds(table)
    assert np.isfinite(found.variances).all()
    assert (found.variances > 0).all()


def test_rows_of_nothing_change_nothing():
    table = values(6, 3)
    holed = np.insert(table, 3, NOTHING, axis=0)
    found, wanted = between_seeds(holed), between_seeds(table)
    assert np.delete(found.variances, 3) == pytest.approx(wanted.variances)
    assert np.delete(found.df, 3) == pytest.approx(wanted.df)

"""How often verdicts err, by simulation through the same code that judges a study. The tables are in docs/verdicts.md.

Every setting has seeds of its own level (sd 2), cells around it (sd 2, unless said), and where there are test images,
images of their own difficulty. What is printed with `-s` is the table.
"""

import numpy as np
import pandas as pd
import pytest
from builders.made import CLAIM, cell
from builders.simulated import BARS, MAP, ONE, OTHER, Numbers, at_most_of, simulated, told

from ablations.verdicts.judge import judge
from ablations.verdicts.statement import All, Best, Correlation, Most, above, at_most, increasing, within

pytestmark = pytest.mark.slow


def outcomes(runs, statement, make, seed):
    rng = np.random.default_rng(seed)
    found = [judge(CLAIM, statement, make(rng), "s").outcome for _ in range(runs)]
    return (
        pd.Series(found).value_counts(normalize=True).reindex(["holds", "does not hold", "undecided"], fill_value=0.0)
    )


def levels(names=BARS, base=50.0, **changes):
    return [changes.get(name, base) for name in names]


def test_numbers_without_a_frame_are_judged_as_those_of_a_frame():
    for statement, names in ((PAIRS, MAP), (ORDER, BARS), (HALF, BARS)):
        made = [simulated(np.random.default_rng(1), levels(names), 3, names=names, whole=whole) for whole in (0, 1)]
        assert judge(CLAIM, statement, made[0], "s") == judge(CLAIM, statement, made[1], "s")


# --- false verdicts ---------------------------------------------------------------------------------------------------

ORDER = All(increasing([cell(f"c{i}") for i in range(5)]))
STEPS = {f"c{i}": 50.0 + 20 * i for i in range(5)}
PAIRS = Best(
    tuple(cell(name) for name in MAP if name[0] != name[1]), tuple(cell(name) for name in MAP if name[0] == name[1])
)
DIFFERENCES = tuple(cell(f"c{2 * i}") - cell(f"c{2 * i + 1}") for i in range(5))
HALF = Most(tuple(map(above, DIFFERENCES)))
NULLS = {
    "All: one step of an order of five is nothing": (ORDER, BARS, levels(**STEPS | {"c2": 70.0})),
    "All: all equal": (ORDER, BARS, levels()),
    "Most of five: two true, three nothing": (HALF, BARS, levels(c0=90.0, c2=90.0)),
    "Most of five: all equal": (HALF, BARS, levels()),
    "Best of 42 pairs over 7 singles: all equal": (PAIRS, MAP, levels(MAP)),
    "Best: one single equals one pair, all others worse": (PAIRS, MAP, levels(MAP, 20.0, ab=50.0, aa=50.0)),
    "Best: all singles equal one pair, other pairs worse": (
        PAIRS,
        MAP,
        levels(MAP, 20.0, ab=50.0, **dict.fromkeys([i + i for i in "abcdefg"], 50.0)),
    ),
    "within 5: the difference is 5": (All((within(ONE - OTHER, 5.0),)), BARS, levels(c0=55.0)),
    "at most 5: the difference is 5": (All((at_most(ONE - OTHER, 5.0),)), BARS, levels(c0=55.0)),
    "above 10: the difference is 10": (All((above(ONE - OTHER, 10.0),)), BARS, levels(c0=60.0)),
}


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("name", NULLS)
def test_at_the_boundary_neither_verdict_is_given_in_more_than_5_percent(name, seeds):
    statement, names, truth = NULLS[name]
    runs = 400 if names is MAP else 800
    found = outcomes(runs, statement, lambda rng: simulated(rng, truth, seeds, names=names), 4)
    for outcome in ("holds", "does not hold"):
        share = told(f"false “{outcome}”, {name}, {seeds} seeds", found[outcome])
        assert at_most_of(share, 0.05, runs)


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_correlation_at_its_bound_is_seldom_decided(seeds):
    """Five cells in two metrics; r of what is measured is 0.9 on average over seeds, as Fisher's z."""
    names = tuple(f"c{i}" for i in range(5))
    r = Correlation(tuple(map(cell, names)), tuple(cell(name, "probe_validation_top1") for name in names), "r")

    def make(rng, rho=0.9):
        x = rng.normal(size=(5, seeds))
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=(5, seeds))
        return Numbers(names, top1=x.T, probe_validation_top1=y.T)

    rng = np.random.default_rng(6)
    many = [make(rng).estimate(r).mean for _ in range(3000)]
    bound = float(np.tanh(np.mean(many)))
    found = outcomes(600, All((above(r, bound, unit=""),)), make, 7)
    for outcome in ("holds", "does not hold"):
        assert at_most_of(
            told(f"false “{outcome}”, correlation at its bound, {seeds} seeds", found[outcome]), 0.05, 600
        )


def test_without_a_seed_that_only_chooses_a_maximum_would_hold_by_itself():
    """What the best of 42 pairs over 7 singles comes to, of equal cells, on one and the same seeds."""
    rng, wins = np.random.default_rng(8), []
    for _ in range(2000):
        values = rng.normal(size=49)
        wins.append(values[:42].max() > values[42:].max())
    assert 0.8 < told("best of 42 beats best of 7, equal cells, nothing left out", np.mean(wins)) < 0.9


# --- power ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("effect", "seeds", "least"), [(5.0, 3, 0.6), (5.0, 5, 0.9), (10.0, 3, 0.95), (10.0, 5, 0.99)])
def test_what_is_there_is_found_often_enough(effect, seeds, least):
    runs = 300
    one = outcomes(runs, All((above(ONE - OTHER),)), lambda rng: simulated(rng, levels(c0=50 + effect), seeds), 9)
    told(f"right, one difference of {effect:g} points, {seeds} seeds", one["holds"])
    steps = {f"c{i}": 50 + effect * i for i in range(5)}
    order = outcomes(runs, ORDER, lambda rng: simulated(rng, levels(**steps), seeds), 10)
    told(f"right, an order of five by {effect:g} points each, {seeds} seeds", order["holds"])
    swapped = steps | {"c2": steps["c1"], "c1": steps["c2"]}
    wrong = outcomes(runs, ORDER, lambda rng: simulated(rng, levels(**swapped), seeds), 11)
    told(f"right, an order with one step wrong by {effect:g} points, {seeds} seeds", wrong["does not hold"])
    best = outcomes(100, PAIRS, lambda rng: simulated(rng, levels(MAP, ab=50 + effect), seeds, names=MAP), 12)
    told(f"right, a best pair {effect:g} points above all others, {seeds} seeds", best["holds"])
    assert one["holds"] > least
    assert order["does not hold"] < 0.05
    assert wrong["holds"] < 0.05
    assert best["does not hold"] < 0.05

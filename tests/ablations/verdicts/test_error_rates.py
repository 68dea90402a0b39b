"""How often verdicts err, by simulation through the same code that judges a study. The table is in docs/verdicts.md.

Every setting has seeds of its own level (sd 2), cells around it (sd 2, unless said), and where there are test images,
images of their own difficulty. What is printed with `-s` is the table.
"""

import functools

import numpy as np
import pandas as pd
import pytest
from builders.made import CLAIM, RANKED, Answers, cell, frame, ranked_info, trial_id

from ablations.stats.intervals import interval, part_of
from ablations.stats.spread import beyond_shared_seeds
from ablations.verdicts.contrasts import mean
from ablations.verdicts.evidence import Evidence
from ablations.verdicts.judge import judge
from ablations.verdicts.ranking import rankings
from ablations.verdicts.statement import All, Best, Correlation, Most, above, at_most, increasing, within

pytestmark = pytest.mark.slow

SD = 2.0  # of a cell from seed to seed, in points
BARS = tuple(f"c{i}" for i in range(12))
MAP = tuple(i + j for i in "abcdefg" for j in "abcdefg")
ONE, OTHER = cell("c0"), cell("c1")


def told(text, share):
    print(f"\n{text}: {100 * share:.1f}%")
    return share


def at_least(share, of, runs):
    """Within Monte Carlo error: three standard deviations."""
    return share >= of - 3 * np.sqrt(of * (1 - of) / runs)


def at_most_of(share, of, runs):
    return share <= of + 3 * np.sqrt(of * (1 - of) / runs)


@functools.cache
def blank(names, seeds):
    return frame({name: [50.0] * seeds for name in names})


class Numbers(Evidence):
    """Evidence of these numbers, metric -> (seeds, cells), without a frame to read them from, which takes longest."""

    def __init__(self, names, **metrics):
        super().__init__({})
        self._numbers = {
            metric: {
                (("cell", name),): dict(enumerate(column)) for name, column in zip(names, table.T.tolist(), strict=True)
            }
            for metric, table in metrics.items()
        }
        self._count = len(next(iter(metrics.values())))

    def seeds(self, study):
        assert study == "made"
        return list(range(self._count))

    def _values(self, study, metric):
        assert study == "made"
        return self._numbers[metric]


def simulated(rng, levels, seeds, sd=SD, names=BARS, whole=False):
    """The evidence of a study whose cells truly have these levels. The validation split is as noisy, on its own."""
    truth = np.asarray(levels) + rng.normal(0, SD, size=(seeds, 1)) + rng.normal(size=(seeds, len(names))) * sd
    split = truth + rng.normal(0, 0.5, size=truth.shape)
    if not whole:
        return Numbers(names, top1=truth, probe_validation_top1=split)
    return Evidence({"made": blank(names, seeds).assign(top1=truth.ravel(), probe_validation_top1=split.ravel())})


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


# --- coverage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("names", [BARS, MAP])
def test_intervals_of_contrasts_cover_as_often_as_they_say(names, seeds):
    rng, runs, covered = np.random.default_rng(1), 1000, []
    truth = rng.normal(50, 10, size=len(names))
    for _ in range(runs):
        i, j, k, m = rng.choice(len(names), 4, replace=False)
        contrast = (
            cell(names[i]) - cell(names[j])
            if rng.uniform() < 0.5
            else mean([cell(names[i]), cell(names[k])], "") - mean([cell(names[j]), cell(names[m])], "")
        )
        wanted = sum(weight * truth[names.index(one.axes[0][1])] for one, weight in contrast.weights)
        found = simulated(rng, truth, seeds, names=names).estimate(contrast).interval()
        covered.append(found.low <= wanted <= found.high)
    share = told(f"coverage, {len(names)} cells, {seeds} seeds, equal variances", np.mean(covered))
    assert at_least(share, 0.95, runs)
    assert at_most_of(share, 0.97, runs)


@pytest.mark.parametrize("seeds", [3, 5])
def test_with_test_images_intervals_are_never_narrow(seeds):
    """Twelve bars, 400 images: image difficulty, cell by image, and cell by seed; the truth is of all images."""
    rng, runs, images, covered = np.random.default_rng(2), 300, 400, []
    labels = np.zeros(images, dtype=np.int16)
    for _ in range(runs):
        store, table = Answers(), {name: [] for name in BARS}
        hard = rng.normal(size=images)
        for name in BARS:
            taste = hard + rng.normal(0, 0.5, size=images)
            for seed in range(seeds):
                ok = taste + rng.normal(0, 0.06) + rng.normal(0, 0.5, size=images) < 0.2
                table[name].append(100 * ok.mean())
                store.put(trial_id(name, seed), (~ok).astype(np.int16), labels)
        made = blank(BARS, seeds).assign(top1=np.array(list(table.values())).T.ravel())
        found = Evidence({"made": made}, store).estimate(ONE - OTHER)
        assert found.images == images
        low_high = found.interval()
        covered.append(low_high.low <= 0 <= low_high.high)
    share = told(f"coverage, 12 cells, {seeds} seeds, {images} test images", np.mean(covered))
    assert at_least(share, 0.95, runs)


@pytest.mark.parametrize(
    ("name", "sds"),
    [
        ("spread fourfold", np.geomspace(1, 4, 12)),
        ("one fourfold", np.array([1.0] * 11 + [4.0])),
        ("one tenfold", np.array([1.0] * 11 + [10.0])),
    ],
)
@pytest.mark.parametrize("seeds", [3, 5])
def test_with_unlike_variances_the_wildest_cells_are_covered_better_than_by_pooling(name, sds, seeds):
    rng, runs = np.random.default_rng(3), 1200
    wildest, random, pooled = [], [], []
    for _ in range(runs):
        values = rng.normal(size=(12, seeds)) * sds[:, None] + rng.normal(size=seeds)
        found = beyond_shared_seeds(values)
        rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
        plain = (rest**2).sum() / (11 * (seeds - 1))
        for pair, into in (((10, 11), wildest), (tuple(rng.choice(12, 2, replace=False)), random)):
            weights = np.zeros(12)
            weights[list(pair)] = 1, -1
            half = interval(0.0, [found.of(weights, seeds)]).high
            into.append(abs((weights @ values).mean()) <= half)
            if into is wildest:
                part = type(found.of(weights, seeds))(2 * plain / seeds, 11 * (seeds - 1))
                pooled.append(abs((weights @ values).mean()) <= interval(0.0, [part]).high)
    told(f"coverage, sds {name}, {seeds} seeds, random contrast", np.mean(random))
    told(f"coverage, sds {name}, {seeds} seeds, wildest two, plain pooling", np.mean(pooled))
    share = told(f"coverage, sds {name}, {seeds} seeds, wildest two", np.mean(wildest))
    assert np.mean(random) > 0.9
    assert share > np.mean(pooled) + 0.05
    assert share > 0.8


POLICIES = ("full", *(f"c{i}" for i in range(10)))
SPREADS = {  # standard deviations of the reference and of the ten others -> the least coverage
    "all alike": ([SD] * 11, 0.945),
    "five of eleven vary a quarter as much": ([SD] * 6 + [SD / 4] * 5, 0.9),
    "the reference varies a quarter as much": ([SD / 4] + [SD] * 10, 0.945),
    "the reference varies twice as much": ([2 * SD] + [SD] * 10, 0.85),
    "one other varies four times as much": ([SD] * 10 + [4 * SD], 0.85),
}


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("name", SPREADS)
def test_all_ten_differences_to_a_reference_are_covered_together(name, seeds):
    (sds, least), rng, runs = SPREADS[name], np.random.default_rng(14), 1200
    truth = rng.normal(50, 10, size=len(POLICIES))
    gaps = dict(zip(POLICIES, truth - truth[0], strict=True))
    asked = ranked_info(dict.fromkeys(POLICIES), RANKED)
    covered = []
    for _ in range(runs):
        (found,) = rankings(simulated(rng, truth, seeds, np.array(sds), POLICIES, whole=True), asked)
        assert len(found.differences) == 10
        covered.append(all(one.interval.low <= gaps[one.value] <= one.interval.high for one in found.differences))
    assert told(f"coverage of ten differences together, {name}, {seeds} seeds", np.mean(covered)) >= least


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


def test_a_plain_t_interval_of_three_seeds_is_what_moderation_spares():
    """Its half-width is more than twice that of the cells together."""
    rng, ratio = np.random.default_rng(13), []
    for _ in range(200):
        values = rng.normal(size=(12, 3))
        weights = np.array([1.0, -1.0] + [0.0] * 10)
        alone = interval(0.0, [part_of(values[0] - values[1])]).high
        ratio.append(alone / interval(0.0, [beyond_shared_seeds(values).of(weights, 3)]).high)
    assert told("median half-width of a paired t interval over ours, 3 seeds", np.median(ratio) / 100) > 0.01

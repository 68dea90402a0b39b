"""How often intervals cover the truth and how wide they are, by simulation. The tables are in docs/verdicts.md.

What is printed with `-s` is in these tables. A share is held to its bound within three standard errors of its own.
"""

from itertools import pairwise

import numpy as np
import pytest
from builders.made import Answers, cell, trial_id
from builders.simulated import BARS, MAP, ONE, OTHER, SD, Numbers, at_least, at_most_of, blank, simulated, told
from scipy.optimize import linprog
from scipy.stats import chi2, norm
from scipy.stats import t as student

from ablations.stats.intervals import bounded_part, interval, part_of
from ablations.stats.spread import between_seeds
from ablations.tables.cells import _half_widths
from ablations.verdicts.contrasts import mean
from ablations.verdicts.evidence import Evidence

pytestmark = pytest.mark.slow

GOAL = 0.945
FIRST_TWO = np.array([1.0, -1.0] + [0.0] * 10)


# --- seeds and images -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("images", [26, 400, 10_000])
@pytest.mark.parametrize("cells", [2, 12])
def test_seeds_and_images_are_covered_in_any_proportion(seeds, images, cells):
    """A tenth of the images are right on one side alone. ratio: variance of the mean by images over that by seeds."""
    rng, runs = np.random.default_rng([seeds, images, cells]), 700
    for ratio in (0.0, 0.05, 0.2, 1.0, 5.0):
        discordant = 0.1 if ratio else 0.0
        error = 100 * np.sqrt(discordant / images)
        sd = np.sqrt(seeds / 2) * (error / np.sqrt(ratio) if ratio else 2.0)  # of a cell, so that a difference has it
        covered = []
        for _ in range(runs):
            one, other, _ = rng.multinomial(images, [discordant / 2, discordant / 2, 1 - discordant])
            each = np.repeat([100.0, -100.0, 0.0], [one, other, images - one - other])
            values = rng.normal(0, sd, size=(cells, seeds)) + rng.normal(0, 3, size=seeds)
            found = (values[0] - values[1]).mean() + each.mean()
            parts = between_seeds(values).of(FIRST_TWO[:cells], seeds)
            inside = interval(found, [*parts, bounded_part(each, -100, 100)])
            covered.append(inside.low <= 0 <= inside.high)
        share = told(f"coverage, {cells} cells, {seeds} seeds, {images} images, ratio {ratio:g}", np.mean(covered))
        assert at_least(share, GOAL, runs)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(("images", "right"), [(26, 0.97), (400, 0.5)])
def test_with_test_images_intervals_are_never_narrow(seeds, images, right):
    """Six cells through all the code: image difficulty, cell by image, cell by seed; the truth is of all images."""
    rng, runs, covered, widths = np.random.default_rng([2, seeds, images]), 150, [], []
    labels, threshold = np.zeros(images, dtype=np.int16), norm.ppf(right) * np.sqrt(1.5)
    for _ in range(runs):
        store, table = Answers(), {name: [] for name in BARS[:6]}
        hard = rng.normal(size=images)
        for name in table:
            taste = hard + rng.normal(0, 0.5, size=images)
            for seed in range(seeds):
                ok = taste + rng.normal(0, 0.06) + rng.normal(0, 0.5, size=images) < threshold
                table[name].append(100 * ok.mean())
                store.put(trial_id(name, seed), (~ok).astype(np.int16), labels)
        made = blank(BARS[:6], seeds).assign(top1=np.array(list(table.values())).T.ravel())
        found = Evidence({"made": made}, store).estimate(ONE - OTHER)
        inside = found.interval()
        covered.append(inside.low <= 0 <= inside.high)
        widths.append(inside.high - inside.low)
    share = told(f"coverage, 6 cells, {seeds} seeds, {images} images, {100 * right:g}% right", np.mean(covered))
    told("   median half-width in points, over 100", np.median(widths) / 200)
    assert at_least(share, GOAL, runs)
    assert min(widths) > 2 * 100 / images


# --- differences of cells ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("names", [BARS, MAP])
def test_intervals_of_contrasts_cover_as_often_as_they_say(names, seeds):
    rng, runs, covered = np.random.default_rng(1), 400, []
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
    assert at_least(share, GOAL, runs)
    assert at_most_of(share, 0.985, runs)


UNLIKE = {  # standard deviations of twelve cells -> the least coverage of differences to the last, with 2, 3, 5 seeds
    "all alike": (np.ones(12), (0.945, 0.945, 0.945)),
    "spread fourfold": (np.geomspace(1, 4, 12), (0.93, 0.91, 0.92)),
    "one twofold": (np.array([1.0] * 11 + [2.0]), (0.93, 0.90, 0.92)),
    "one fourfold": (np.array([1.0] * 11 + [4.0]), (0.86, 0.88, 0.935)),
    "one tenfold": (np.array([1.0] * 11 + [10.0]), (0.84, 0.92, 0.94)),
    "five a quarter": (np.array([0.25] * 5 + [1.0] * 7), (0.945, 0.93, 0.935)),
}


@pytest.mark.parametrize("name", UNLIKE)
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_cells_that_vary_unlike_the_others_are_covered_as_far_as_a_few_seeds_can_tell(name, seeds):
    """Differences of the cells to the last one, and of the first eight to each other; widths over those of pooling."""
    (sds, least), rng, runs = UNLIKE[name], np.random.default_rng(3), 500
    last, others, widths, own = [], [], [], []
    pairs = [(11, i) for i in range(10)], list(pairwise(range(9)))
    for _ in range(runs):
        values = rng.normal(size=(12, seeds)) * sds[:, None] + rng.normal(size=seeds)
        spread, means = between_seeds(values), values.mean(axis=1)
        rest = values - means[:, None] - values.mean(axis=0) + values.mean()
        pooled = student.ppf(0.975, 11 * (seeds - 1)) * np.sqrt(2 * (rest**2).sum() / (11 * (seeds - 1)) / seeds)
        for into, those in ((last, pairs[0]), (others, pairs[1])):
            for i, j in those:
                half = interval(0.0, spread.of(np.eye(12)[i] - np.eye(12)[j], seeds)).high
                into.append(abs(means[i] - means[j]) <= half)
                if into is others:
                    widths.append(half / pooled)
                    own.append(interval(0.0, [part_of(values[i] - values[j])]).high / pooled)
    told(f"coverage, {name}, {seeds} seeds, among the first", np.mean(others))
    told("   half-width over pooled, mean", np.mean(widths) / 100)
    told("   half-width over pooled, median", np.median(widths) / 100)
    told("   half-width of a paired t interval over pooled, mean", np.mean(own) / 100)
    share = told(f"coverage, {name}, {seeds} seeds, with the last", np.mean(last))
    assert at_least(np.mean(others), GOAL, runs)
    assert share >= least[(2, 3, 5).index(seeds)] - 0.01


@pytest.mark.parametrize(("seeds", "least"), [(3, 1.8), (5, 1.25)])
def test_no_interval_that_covers_any_cell_is_much_narrower_than_its_own_t_interval(seeds, least):
    """The least mean width among all rules, were the others' variance known: a linear program over half-widths.

    h(s) is what a rule answers to the difference's own deviation s, of seeds - 1 degrees of freedom. It is to cover
    94.5% whether the true deviation is half the others' or 13 times it; its mean width counts where it is as theirs.
    """
    df, truths = seeds - 1, np.array([0.5, 1, 1.5, 2, 3, 4, 6, 9, 13])
    seen, halves = np.geomspace(0.03, 40, 70), np.geomspace(1, 250, 110)
    edges = np.concatenate([[0], np.sqrt(seen[1:] * seen[:-1]), [np.inf]])
    chances = np.array([np.diff(chi2.cdf(df * (edges / truth) ** 2, df)) for truth in truths])
    covers = 2 * norm.cdf(halves / truths[:, None]) - 1
    best = linprog(
        np.outer(chances[1], halves).ravel(),
        A_ub=-np.array([np.outer(chance, cover).ravel() for chance, cover in zip(chances, covers, strict=True)]),
        b_ub=np.full(len(truths), -GOAL),
        A_eq=np.kron(np.eye(len(seen)), np.ones(len(halves))),
        b_eq=np.ones(len(seen)),
    )
    assert told(f"least mean width over pooled, {seeds} seeds", best.fun / norm.ppf(0.975) / 100) > least / 100


SPREADS = {  # standard deviations of the reference and of the ten others -> the least coverage of all ten differences
    "all alike": ([SD] * 11, 0.945),
    "five of eleven vary a quarter as much": ([SD] * 6 + [SD / 4] * 5, 0.945),
    "the reference varies a quarter as much": ([SD / 4] + [SD] * 10, 0.945),
    "the reference varies twice as much": ([2 * SD] + [SD] * 10, 0.945),
    "one other varies four times as much": ([SD] * 10 + [4 * SD], 0.93),
}


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("name", SPREADS)
def test_all_ten_differences_to_a_reference_are_covered_together(name, seeds):
    """With Bonferroni's correction, as answers that rank have it."""
    (sds, least), rng, runs, covered, widths = SPREADS[name], np.random.default_rng(14), 600, [], []
    for _ in range(runs):
        values = rng.normal(size=(11, seeds)) * np.reshape(sds, (-1, 1)) + rng.normal(0, SD, size=seeds)
        spread, gaps = between_seeds(values), (values[1:] - values[0]).mean(axis=1)
        halves = [
            interval(0.0, spread.of(np.eye(11)[i] - np.eye(11)[0], seeds), 1 - 0.05 / 10).high for i in range(1, 11)
        ]
        covered.append(bool((np.abs(gaps) <= halves).all()))
        widths += halves
    share = told(f"coverage of ten differences together, {name}, {seeds} seeds", np.mean(covered))
    told("   median half-width over SD", np.median(widths) / SD / 100)
    assert at_least(share, least, runs)


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_cell_with_fewer_seeds_is_covered(seeds):
    """Half of twelve cells lack the last seed or two; one has two."""
    rng, runs, covered = np.random.default_rng(5), 500, []
    for _ in range(runs):
        values = rng.normal(0, SD, size=(12, seeds)) + rng.normal(0, SD, size=seeds)
        values[:6, 2 + (seeds == 5) :] = np.nan
        values[0, 2:] = np.nan
        common = np.isfinite(values[0]) & np.isfinite(values[11])
        weights = np.eye(12)[0] - np.eye(12)[11]
        half = interval(0.0, between_seeds(values).of(weights, int(common.sum()))).high
        covered.append(abs((values[0] - values[11])[common].mean()) <= half)
    assert at_least(told(f"coverage, a cell with 2 of {seeds} seeds", np.mean(covered)), GOAL, runs)


# --- where seeds have a level of their own ----------------------------------------------------------------------------

SHARES = (0.0, 0.5, 1.0, 2.0, 4.0)  # the standard deviation of the seeds' level over that of a cell around it


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("cells", [3, 12])
def test_differences_of_metrics_averaged_over_cells_are_covered(seeds, cells):
    """All twelve of a study, or three of them."""
    rng, runs = np.random.default_rng(7), 300
    contrast = mean([cell(name, "knn") - cell(name) for name in BARS[:cells]], "")
    for shared in SHARES:
        covered = []
        for _ in range(runs):
            gap = rng.normal(0, shared, size=(seeds, 1)) + rng.normal(size=(seeds, 12))
            top1 = rng.normal(50, 3, size=(seeds, 12))
            inside = Numbers(BARS, top1=top1, knn=top1 + gap).estimate(contrast).interval()
            covered.append(inside.low <= 0 <= inside.high)
        share = told(f"coverage, two metrics over {cells} cells, {seeds} seeds, shared {shared:g}", np.mean(covered))
        assert at_least(share, GOAL, runs)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_bars_are_covered(seeds):
    rng, runs = np.random.default_rng(8), 200
    for shared in SHARES:
        covered, widths = [], []
        for _ in range(runs):
            values = rng.normal(0, shared, size=seeds) + rng.normal(size=(12, seeds))
            halves = np.array(_half_widths(values))
            covered.append(np.mean(np.abs(values.mean(axis=1)) <= halves))
            widths.append(halves.mean())
        share = told(f"coverage, a bar of twelve, {seeds} seeds, shared {shared:g}", np.mean(covered))
        told("   mean half-width in deviations of a cell", np.mean(widths) / 100)
        assert at_least(share, GOAL, runs)

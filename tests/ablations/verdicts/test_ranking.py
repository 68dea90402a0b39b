"""Answers that rank all values against a reference: by hand, and against scipy's t quantile."""

from math import sqrt

import numpy as np
import pytest
from builders.made import RANKED, frame, ranked_info, right
from scipy import stats

from ablations.stats.spread import between_seeds
from ablations.studies.plot import Plot
from ablations.verdicts.answer import answer
from ablations.verdicts.evidence import Evidence
from ablations.verdicts.ranking import rankings

# Residuals over three seeds whose rows and columns sum to 0, each row with a sum of squares of 2.
THREE = ((1.0, -1.0, 0.0), (-1.0, 0.0, 1.0), (0.0, 1.0, -1.0))
TWO = ((1.0, -1.0, 0.0), (-1.0, 1.0, 0.0))
END = "; where two overlap, the order of these two is open."
SEEDS = f"over 3 seeds, but not over test images, whose answers are not at hand{END}"


def spread(levels, residuals=THREE):
    """{name: level} -> {name: top1 by seed}; the seeds have levels of their own, which pairing takes away."""
    return {
        name: [level + noise + common for noise, common in zip(row, (-9.0, 2.0, 7.0), strict=True)]
        for (name, level), row in zip(levels.items(), residuals, strict=True)
    }


def half_width(table, comparisons):
    """Half the interval of a difference of two of these cells, which vary alike: Student's t, at 5% by their number."""
    (part,) = between_seeds(np.array(list(table.values()))).of(np.eye(len(table))[0] - np.eye(len(table))[1], 3)
    return stats.t.ppf(1 - 0.05 / comparisons / 2, part.df) * sqrt(part.variance)


def said(table, figure=RANKED, axes=("cell",), store=None, **more):
    return answer(frame(table, axes, **more), ranked_info(table, figure, axes), store)


def test_every_value_is_said_with_its_difference_to_the_reference_the_largest_loss_first():
    table = spread({"a": 51.0, "full": 50.0, "b": 40.0})
    half = half_width(table, 2)
    assert half > stats.t.ppf(1 - 0.05 / 4, 4) * sqrt(2 * (6 / 4) / 3)  # were it known that they vary alike
    assert said(table) == (
        f"Against “full” at 50.0% linear probe on h, the lowest first. Below it: “b” −10.0 (−{10 + half:.1f} to "
        f"−{10 - half:.1f}). Not to be told from it: “a” +1.0 (−{half - 1:.1f} to +{half + 1:.1f}). "
        f"In points, with 95% intervals (paired, Bonferroni over 2 comparisons) {SEEDS}"
    )


def test_losses_and_gains_are_each_in_order():
    levels = {"full": 50.0, "a": 60.0, "b": 44.0, "c": 30.0, "d": 70.0, "e": 51.0}
    found = said(spread(levels, THREE + THREE))
    order = ["Below it: “c” −20.0", "“b” −6.0", "Not to be told from it: “e” +1.0", "Above it: “a” +10.0", "“d” +20.0"]
    assert sorted(order, key=found.index) == order
    assert "Bonferroni over 5 comparisons" in found


@pytest.mark.parametrize("comparisons", [1, 2, 10])
def test_each_interval_is_at_5_percent_divided_by_the_number_of_comparisons(comparisons):
    """Residuals are equally wide in every cell, so that its variance is that of all."""
    residuals = {1: TWO, 2: THREE, 10: THREE + TWO * 4}[comparisons]
    levels = {"full": 50.0, **{f"c{i}": 50.0 - 3 * i for i in range(comparisons)}}
    table = spread(levels, residuals)
    (found,) = rankings(Evidence({"made": frame(table)}), ranked_info(table))
    half = half_width(table, comparisons)
    assert [one.value for one in found.differences] == [f"c{i}" for i in reversed(range(comparisons))]
    for one in found.differences:
        wanted = levels[one.value] - 50.0
        assert one.estimate.effect == pytest.approx(wanted)
        assert (one.interval.low, one.interval.high) == pytest.approx((wanted - half, wanted + half))


def test_several_metrics_share_the_correction():
    table = spread({"full": 50.0, "a": 40.0, "b": 45.0})
    figure = Plot(kind="bars", x="cell", hue="metric", metrics=("top1", "knn_top1"), compare="cell", reference="full")
    knn = spread({"full": 30.0, "a": 31.0, "b": 10.0})
    found = said(table, figure, knn_top1=knn)
    half = half_width(table, 4)
    assert f"“a” −10.0 (−{10 + half:.1f} to −{10 - half:.1f}), “b” −5.0 (" in found.replace(
        ". Not to be told from it:", ","
    )
    assert f"Against “full” at 30.0% cosine kNN, the lowest first. Below it: “b” −20.0 (−{20 + half:.1f} to " in found
    assert found.count("Bonferroni over 4 comparisons") == 1


def test_one_comparison_needs_no_correction():
    found = said(spread({"full": 50.0, "a": 40.0}, TWO))
    half = stats.t.ppf(0.975, 2) * sqrt(2 * 2 / 3)
    assert (
        f"Below it: “a” −10.0 (−{10 + half:.1f} to −{10 - half:.1f}). In points, with 95% intervals (paired)" in found
    )


def test_a_difference_within_half_a_point_for_sure_is_a_tie():
    residuals = np.array(THREE) / 20
    found = said(spread({"full": 50.0, "a": 50.1, "b": 49.0}, residuals))
    assert "Below it: “b” −1.0 (−1.2 to −0.8). A tie, within ±0.5 points: “a” +0.1 (−0.1 to +0.3). In" in found
    figure = Plot(kind="bars", x="cell", metrics=("entropy",), compare="cell", reference="full")
    nats = spread({"full": 5.0, "a": 5.1, "b": 4.0}, residuals)
    half = half_width(nats, 2)
    wanted = f"Not to be told from it: “a” +0.10 (−{half - 0.1:.2f} to +{half + 0.1:.2f}). With 95%"
    assert wanted in said(nats, figure, entropy=nats)


def test_cells_that_are_all_right_are_not_said_to_tie():
    """None of so few test images tells them apart; others may, as far as 80 cannot exclude."""
    store, table = right({name: np.ones((3, 80), dtype=bool) for name in ("full", "a", "b")})
    assert " Not to be told from it: “a” 0.0 (−3.9 to +3.9), “b” 0.0 (−3.9 to +3.9). In" in said(table, store=store)
    store, table = right({name: np.ones((3, 1000), dtype=bool) for name in ("full", "a", "b")})
    assert " A tie, within ±0.5 points: “a” 0.0 (−0.3 to +0.3), “b” 0.0 (−0.3 to +0.3)." in said(table, store=store)


def test_what_does_not_vary_is_not_told_apart_without_images():
    assert said({"full": [50.0, 51.0, 52.0], "a": [60.0, 61.0, 62.0]}) == (
        "Against “full” at 51.0% linear probe on h, the lowest first. Not to be told from it: “a” +10.0."
    )


def test_baselines_stand_beside_the_reference():
    made = frame(spread({"full": 50.0, "a": 40.0, "b": 45.0}))
    made.loc[len(made)] = {"role": "untrained", "seed": 0, "status": "done", "trial_id": "u", "top1": 20.04}
    found = answer(made, ranked_info({"full": None, "a": None, "b": None}))
    assert found.startswith("Against “full” at 50.0% linear probe on h (untrained 20.0), the lowest first. Below")


def test_test_images_are_paired_and_said():
    rng = np.random.default_rng(3)
    hard = rng.uniform(size=400)
    shares = {"full": 0.7, "a": 0.3, "b": 0.68}
    store, table = right({name: rng.uniform(size=(3, 400)) * 0.2 + hard < share for name, share in shares.items()})
    found = said(table, store=store)
    assert "over 3 seeds and 400 test images; where" in found
    ours, seeds_alone = (
        rankings(Evidence({"made": frame(table)}, each), ranked_info(table))[0].differences for each in (store, None)
    )
    assert all(one.interval.high - one.interval.low > other.interval.high - other.interval.low
               for one, other in zip(ours, seeds_alone, strict=True))  # fmt: skip


def lost_answers(images=400):
    """Three cells: their store, one that has lost the answers of one trial of "a", their top1."""
    rng = np.random.default_rng(3)
    hard = rng.uniform(size=images)
    shares = {"full": 0.7, "a": 0.3, "b": 0.68}
    answers = {name: rng.uniform(size=(3, images)) * 0.2 + hard < share for name, share in shares.items()}
    whole, table = right(answers)
    part, _ = right(answers)
    del part.trials["a-1"]
    return whole, part, table


def test_a_trial_whose_answers_are_lost_narrows_no_interval_and_is_named():
    whole, part, table = lost_answers()
    made, info = frame(table), ranked_info(table)
    with_all, without = (
        {one.value: one for one in rankings(Evidence({"made": made}, each), info)[0].differences}
        for each in (whole, part)
    )
    assert without["b"] == with_all["b"]
    wide, paired = (one["a"].interval for one in (without, with_all))
    assert wide.low < paired.low < paired.high < wide.high
    said = answer(made, info, part)
    assert "over 3 seeds and 400 test images; where" in said
    assert said.endswith("Not all answers of “a” are at hand: intervals with these are as wide as accuracies allow.")


def test_where_nobody_knows_how_many_images_there_were_that_value_is_named():
    """Both sides of "a" lack answers, and the table does not say what it was measured on."""
    _, part, table = lost_answers()
    del part.trials["full-1"]
    said = answer(frame(table), ranked_info(table), part)
    assert "3 seeds and 400 test images, but not over test images of “a”, whose answers are not at hand; where" in said
    assert said.endswith("Not all answers of “full” are at hand: intervals with these are as wide as accuracies allow.")


def test_one_seed_ranks_and_gives_no_verdict():
    assert said({"full": [50.0], "a": [55.0], "b": [40.0]}) == (
        "Against “full” at 50.0% linear probe on h, the lowest first. No verdict from one seed: “b” −10.0, “a” +5.0."
    )


def test_a_trial_that_failed_costs_the_other_comparisons_no_seed():
    table = spread({"full": 50.0, "a": 40.0, "b": 30.0})
    table["a"] = [table["a"][0], None, None]
    found = said(table)
    assert "Below it: “b” −20.0 (" in found
    assert "No verdict from one seed: “a” −12.0." in found
    assert "Bonferroni over 2 comparisons) over 3 seeds" in found
    table["a"][1] = 41.0
    assert "over 2 to 3 seeds" in said(table)


def test_what_is_not_measured_is_named():
    table = spread({"full": 50.0, "a": 40.0, "b": 30.0}) | {"c": [None] * 3}
    assert " No pair measured: “c”. In points, with" in said(table)
    assert said({"full": [None], "a": [40.0]}) == ("“full”, which all others are compared with, is not measured yet.")
    assert said({"full": [50.0], "a": [None]}) == "Nothing is measured yet to compare with “full”."


def test_the_reference_may_be_a_number_and_stand_anywhere_in_its_axis():
    figure = Plot(kind="bars", x="lr", compare="lr", reference=1)
    table = {(0.5,): [40.0], (1,): [50.0], (2,): [52.0]}
    assert said(table, figure, ("lr",)).startswith(
        "Against “lr 1.0” at 50.0% linear probe on h, the lowest first. "
        "No verdict from one seed: “lr 0.5” −10.0, “lr 2.0” +2.0"
    )


def test_the_reference_may_be_a_metric():
    figure = Plot(
        kind="bars", x="cell", hue="metric", metrics=("top1", "knn_top1"), compare="metric", reference="knn_top1"
    )
    found = said({"a": [50.0], "b": [40.0]}, figure, knn_top1={"a": [46.0], "b": [38.0]})
    assert found == (
        "Against “cosine kNN” at 42.0%, over the cells that both have (up to 2), the lowest first. "
        "No verdict from one seed: “linear probe on h” +3.0."
    )


def test_over_other_axes_a_value_is_paired_with_the_reference_cell_by_cell():
    """The wide cells are far better, and "a" has none of them: its own mean would say nothing."""
    figure = Plot(kind="bars", x="cell", hue="width", compare="cell", reference="full")
    table = {("full", 1): [40.0], ("full", 2): [80.0], ("a", 1): [45.0], ("a", 2): [None], ("b", 3): [90.0]}
    assert said(table, figure, ("cell", "width")) == (
        "Against “full” at 60.0% linear probe on h, over the cells that both have (up to 2), the lowest first. "
        "No verdict from one seed: “a” +5.0. No pair measured: “b”."
    )

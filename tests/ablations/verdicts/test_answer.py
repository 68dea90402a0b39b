import re

import pytest
from builders.made import frame, info_of

from ablations.studies.plot import Plot
from ablations.tables import frame as frames
from ablations.verdicts.answer import answer

BARS = Plot(kind="bars", x="cell")


def said(table, figure=BARS, axes=("cell",), baselines=(), **more):
    made = table if hasattr(table, "columns") else frame(table, axes, **more)
    if baselines:
        rows = made.astype(object).where(made.notna(), None).to_dict("records")
        rows += [
            {"role": role, "seed": 0, "status": "done", "trial_id": role, "top1": top1} for role, top1 in baselines
        ]
        made = frames.study_frame(list(axes), rows)
    return answer(made, info_of(figure, axes))


def test_with_three_seeds_the_best_is_judged_against_all_others_on_the_two_that_did_not_choose():
    assert said({"a": [60.0, 50.0, 51.0], "b": [50.0, 40.1, 40.9], "c": [40.0, 30.0, 31.1]}) == (
        "Chosen on the first seed, “a” reaches 50.5% linear probe on the 2 others: "
        "ahead of all 2 other cells (95% for all 2 together)."
    )


def test_what_won_by_luck_on_the_first_seed_is_not_praised_for_it():
    assert said({"a": [60.0, 40.0, 41.0], "b": [55.0, 60.0, 61.0], "c": [55.0, 60.1, 60.9]}) == (
        "Chosen on the first seed, “a” reaches 40.5% linear probe on the 2 others: "
        "not to be told from “b” and “c” (95% for all 2 together)."
    )


def test_a_cell_that_is_better_on_the_others_is_said_to_be():
    table = {"a": [60.0, 50.0, 50.0], "b": [59.9, 60.0, 60.0], "c": [40.0, 40.1, 40.0], "d": [30.0, 30.0, 30.1]}
    table = {name: [values[0] - 10 * (name == "a"), *values[1:]] for name, values in table.items()}
    split = {name: [90.0 if name == "a" else 10.0] * 3 for name in table}
    assert said(table, probe_validation_top1=split) == (
        "Chosen on the first seed by the probe's validation split, “a” reaches 50.0% linear probe on the 2 others: "
        "ahead of 2 of 3 other cells and behind “b” (95% for all 3 together)."
    )


def test_a_gap_that_may_be_nothing_is_not_told():
    found = said({"a": [60.0, 50.0, 53.0], "b": [55.0, 50.5, 51.0]})
    assert found.endswith("on the 2 others: not to be told from “b” (95%).")


def test_equal_cells_are_not_to_be_told_apart():
    assert said({"a": [50.0] * 3, "b": [50.0] * 3}) == (
        "Chosen on the first seed, “a” reaches 50.0% linear probe on the 2 others: not to be told from “b” (95%)."
    )


def test_of_many_that_are_not_told_apart_three_are_named():
    table = {name: [50.0 + place, 50.0, 50.0] for name, place in zip("fedcba", range(6), strict=True)}
    found = said(table)
    assert "“a” reaches 50.0%" in found
    assert re.search(r"not to be told from “.”, “.”, “.” and 2 more \(95% for all 5 together\)", found)


def test_with_two_seeds_there_is_no_interval():
    assert said({"a": [60.0, 50.0], "b": [55.0, 48.0]}) == (
        "Chosen on the first seed, “a” reaches 50.0% linear probe on the other; one seed gives no verdict."
    )


def test_of_one_seed_the_highest_is_named_whatever_the_validation_split_says():
    split = {"a": [10.0], "b": [20.0]}
    assert said({"a": [60.0], "b": [55.0]}, probe_validation_top1=split).startswith("“a” is highest, 60.0%")


def test_with_one_seed_there_is_no_verdict():
    assert said({"a": [60.0], "b": [55.0]}) == (
        "“a” is highest, 60.0% linear probe, but no verdict follows from one seed."
    )


def test_baselines_stand_beside():
    assert said({"a": [60.0], "b": [55.0]}, baselines=[("untrained", 30.04), ("pixels", 20.0)]) == (
        "“a” is highest, 60.0% linear probe (untrained 30.0, pixels 20.0), but no verdict follows from one seed."
    )


def test_one_cell_alone_has_no_next():
    assert said({"a": [60.0, 50.0, 52.0]}) == (
        "Chosen on the first seed, “a” reaches 51.0% linear probe on the 2 others, the only cell measured there."
    )


NOTHING = [
    BARS,
    Plot(kind="bars", x="cell", metrics=("finetune_1_top1",)),
    Plot(kind="bars", x="cell", compare="cell"),
    Plot(kind="bars", x="cell", hue="metric", metrics=("top1", "knn_top1"), compare="metric"),
]


@pytest.mark.parametrize("figure", NOTHING)
def test_nothing_is_measured_yet(figure):
    assert said({"a": [None, None], "b": [None, None]}, figure) == "Nothing is measured yet."


def test_without_the_first_seed_nothing_is_chosen():
    assert said({"a": [None, 50.0], "b": [None, 40.0]}) == "Nothing is measured yet on the first seed, which chooses."


def test_a_next_one_that_failed_elsewhere_is_said():
    assert said({"a": [60.0, 50.0, 51.0], "b": [55.0, None, None]}, failed={("b", 1)}) == (
        "Chosen on the first seed, “a” reaches 50.5% linear probe on the 2 others, the only cell measured there."
    )


def test_the_validation_split_chooses():
    split = {"a": [10.0, 0.0, 0.0], "b": [20.0, 0.0, 0.0]}
    assert said({"a": [60.0, 60.0, 60.0], "b": [50.0, 50.0, 50.0]}, probe_validation_top1=split).startswith(
        "Chosen on the first seed by the probe's validation split, “b” reaches"
    )


def test_a_single_metric_other_than_top1_is_of_cells_too():
    """Which is best is still the question, in its own digits and unit."""
    figure = Plot(kind="bars", x="cell", metrics=("entropy",))
    table = {"a": [50.0] * 3, "b": [50.0] * 3}
    found = said(table, figure, entropy={"a": [1.0, 1.5, 1.25], "b": [0.5, 1.0, 0.74]})
    assert found == (
        "Chosen on the first seed, “a” reaches 1.38 entropy (nats) on the 2 others: ahead of 1 of 1 other cells (95%)."
    )


LR = ("cell", "lr")


def test_averages_are_over_whole_groups():
    figure = Plot(kind="bars", x="cell", average=("lr",))
    table = {("a", 1): [50.0] * 3, ("a", 2): [60.0] * 3, ("b", 1): [58.0] * 3, ("b", 2): [None] * 3}
    assert said(table, figure, LR).startswith(
        "Chosen on the first seed, “a” reaches 55.0% linear probe on the 2 others,"
    )


def test_averages_are_chosen_by_the_validation_split_too():
    figure = Plot(kind="bars", x="cell", average=("lr",))
    table = {("a", 1): [90.0] * 3, ("a", 2): [90.0] * 3, ("b", 1): [50.0] * 3, ("b", 2): [52.0] * 3}
    split = {key: [80.0 if key[0] == "b" else 10.0] * 3 for key in table}
    assert said(table, figure, LR, probe_validation_top1=split).startswith(
        "Chosen on the first seed by the probe's validation split, “b” reaches 51.0%"
    )


def test_tuned_axes_are_chosen_on_the_first_seed():
    figure = Plot(kind="bars", x="cell", choose=("lr",))
    table = {("a", 1): [50.0, 40.0, 40.0], ("a", 2): [49.0, 70.0, 70.0], ("b", 1): [30.0] * 3, ("b", 2): [20.0] * 3}
    assert said(table, figure, LR).startswith(
        "Chosen on the first seed, “a” reaches 40.0% linear probe on the 2 others: "
    )


def test_tuned_first_and_averaged_then():
    figure = Plot(kind="bars", x="cell", choose=("lr",), average=("width",))
    table = {
        (name, lr, width): [level + 10 * (lr == best) + width] * 3
        for name, level in (("a", 50.0), ("b", 30.0))
        for width, best in ((1, 1), (2, 2))
        for lr in (1, 2)
    }
    assert said(table, figure, ("cell", "lr", "width")).startswith(
        "Chosen on the first seed, “a” reaches 61.5% linear probe"
    )


def test_a_cell_without_a_value_on_an_axis_goes_by_the_others():
    table = {("none", None): [60.0] * 3, ("linear", 64): [50.0] * 3}
    figure = Plot(kind="bars", x="dim", hue="head")
    assert said(table, figure, ("head", "dim")).startswith(
        "Chosen on the first seed, “none” reaches 60.0% linear probe"
    )
    assert said({**table, ("linear", 64): [60.0] * 3}, figure, ("head", "dim")).endswith("from “linear dim 64” (95%).")


def test_pairs_are_called_as_in_the_map():
    table = {("crop", "color"): [60.0, 60.1, 59.9], ("crop", "crop"): [50.0] * 3}
    found = said(table, Plot(kind="pairs"), ("first", "second"))
    assert found.startswith("Chosen on the first seed, “crop > color” reaches")
    assert found.endswith("ahead of 1 of 1 other cells (95%).")

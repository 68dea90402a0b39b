"""Answers that compare the values of an axis, or metrics: by hand, and against scipy's paired t interval."""

import numpy as np
import pytest
from builders.made import frame, info_of
from scipy import stats

from ablations.studies.plot import Plot
from ablations.verdicts.answer import answer

METRICS = Plot(kind="bars", x="cell", hue="metric", metrics=("top1", "knn_top1"), compare="metric")
SIDES = Plot(kind="bars", x="set", hue="method", compare="method")


def said(figure, table, axes=("cell",), **more):
    return answer(frame(table, axes, **more), info_of(figure, axes))


def test_metrics_are_compared_over_the_cells_with_their_interval():
    top1 = {"a": [50.0, 52.0, 54.0], "b": [40.0, 41.0, 39.0]}
    knn = {"a": [49.0, 52.5, 51.0], "b": [41.0, 40.0, 37.0]}
    gaps = np.array([[knn[name][seed] - top1[name][seed] for name in "ab"] for seed in range(3)])
    found = said(METRICS, top1, knn_top1=knn)
    assert found.startswith("Averaged over cells: linear probe on h at 46.0%, cosine kNN at 45.1% (−0.9, ")
    assert found.endswith("(in brackets the difference to “linear probe on h” and its 95% interval).")
    own = stats.ttest_1samp(gaps.mean(axis=1), 0).confidence_interval()
    low, high = (float(bound.replace("−", "-")) for bound in found.split("(−0.9, ")[1].split(")")[0].split(" to "))
    assert (low, high) == pytest.approx((own.low, own.high), abs=0.05)  # cells share a seed: its mean is one value


def test_the_values_of_an_axis_are_compared_over_what_both_have():
    """The first set is far easier, and "labels" was not measured on it: its own mean would say nothing."""
    table = {
        ("SimCLR", "easy"): [90.0],
        ("SimCLR", "hard"): [30.0],
        ("labels", "easy"): [None],
        ("labels", "hard"): [35.0],
        ("nothing", "easy"): [50.0],
        ("nothing", "hard"): [20.0],
    }
    assert said(SIDES, table, ("method", "set")) == (
        "Averaged over cells: linear probe on h: SimCLR at 30.0%, labels at 35.0% (+5.0), nothing at 20.0% (−10.0) "
        "– of the 2 cells those 1 that all have (in brackets the difference to “SimCLR”); one seed gives no verdict."
    )


def test_each_metric_is_said_and_all_differences_share_the_level():
    figure = Plot(kind="bars", x="set", hue="method", panel="metric", metrics=("top1", "knn_top1"), compare="method")
    table = {
        (method, place): [level + offset + seed for seed, offset in enumerate(noise)]
        for method, level, noise in (("a", 50.0, (0.0, 0.3, 0.6)), ("b", 60.0, (0.5, 0.0, 0.2)))
        for place in ("x", "y")
    }
    knn = {key: [1.0, 2.0, 3.0 + 0.1 * place] for place, key in enumerate(table)}
    found = said(figure, table, ("method", "set"), knn_top1=knn)
    assert "linear probe on h: a at 51.3%, b at 61.2% (+9.9, +" in found
    assert "; cosine kNN: a at 2.0%, b at 2.1% (+0.1, −" in found
    assert found.endswith("and its 95% interval, for all 2 together).")


def test_a_number_is_said_with_its_axis():
    figure = Plot(kind="bars", x="epochs", compare="epochs")
    assert said(figure, {(1,): [50.0], (2,): [40.0]}, ("epochs",)) == (
        "Averaged over cells: linear probe on h: epochs 1 at 50.0%, epochs 2 at 40.0% (−10.0) "
        "(in brackets the difference to “epochs 1”); one seed gives no verdict."
    )


def test_what_was_not_measured_is_said():
    figure = Plot(kind="bars", x="cell", hue="metric", metrics=("top1", "layer_3_top1", "knn_top1"), compare="metric")
    found = said(figure, {"a": [50.0]}, knn_top1={"a": [45.0]})
    assert found.startswith(
        "Averaged over cells: linear probe on h at 50.0%, cosine kNN at 45.0% (−5.0) – no such cell of layer 3 of g (in"
    )


def test_levels_and_differences_are_of_the_same_seeds():
    """Cell a failed on the first seed, so the second has more: what b had on the first is not set against it."""
    table = {"a": [None, 50.0], "b": [40.0, 41.0]}
    figure = Plot(kind="bars", x="cell", compare="cell")
    assert said(figure, table) == (
        "Averaged over cells: linear probe on h: a at 50.0%, b at 41.0% (−9.0) (in brackets the difference to “a”); "
        "one seed gives no verdict."
    )


def test_levels_and_differences_are_of_the_same_cells():
    table = {
        (name, width): [level + width + seed for seed in range(3)]
        for name, level in (("a", 50.0), ("b", 60.0))
        for width in (1, 20)
    }
    table["a", 20] = [None, 71.0, 72.1]
    figure = Plot(kind="bars", x="cell", hue="width", compare="cell")
    found = said(figure, table, ("cell", "width"))
    assert "a at 62.0%, b at 72.0% (+10.0, +9.9 to +10.1) (in brackets" in found  # of both widths, on two seeds


def test_what_does_not_vary_has_no_interval():
    table = {"a": [50.0, 51.0, 52.0], "b": [40.0, 41.0, 42.0]}
    found = said(Plot(kind="bars", x="cell", compare="cell"), table)
    assert "a at 51.0%, b at 41.0% (−10.0) (in brackets" in found


def test_a_value_with_nothing_beside_the_others_is_named():
    table = {("a", 1): [50.0], ("b", 1): [40.0], ("c", 1): [None], ("c", 2): [None]}
    found = said(Plot(kind="bars", x="cell", hue="width", compare="cell"), table, ("cell", "width"))
    assert found.startswith("Averaged over cells: linear probe on h: a at 50.0%, b at 40.0% (−10.0) (in brackets")
    table = {("a", 1): [50.0], ("b", 2): [40.0]}
    found = said(Plot(kind="bars", x="cell", hue="width", compare="cell"), table, ("cell", "width"))
    assert found == (
        "Averaged over cells: linear probe on h: a at 50.0% – no such cell of b; one seed gives no verdict."
    )


def test_without_the_first_seed_the_others_are_compared():
    table = {"a": [None, 50.0, 52.0], "b": [None, 40.0, 43.0]}
    found = said(Plot(kind="bars", x="cell", compare="cell"), table)
    assert found.startswith("Averaged over cells: linear probe on h: a at 51.0%, b at 41.5% (−9.5, −")


def test_points_correlate():
    figure = Plot(kind="scatter", x="top1", hue="metric", metrics=("knn_top1", "online_top1"))
    top1 = {name: [10.0 * place, 10.0 * place + 1, 9.0 * place] for place, name in enumerate("abcd")}
    knn = {"a": [3.0, 2.0, 2.5], "b": [9.0, 9.0, 8.0], "c": [21.0, 18.0, 19.0], "d": [30.0, 33.0, 31.0]}
    z = [
        np.arctanh(np.corrcoef([top1[name][seed] for name in "abcd"], [knn[name][seed] for name in "abcd"])[0, 1])
        for seed in range(3)
    ]
    interval = stats.ttest_1samp(z, 0).confidence_interval()
    assert said(figure, top1, knn_top1=knn) == (
        f"Correlation with linear probe on h: cosine kNN {np.tanh(np.mean(z)):.2f}, {np.tanh(interval.low):.2f} to "
        f"{np.tanh(interval.high):.2f} over 4 cells (Pearson's r; 95% interval over seeds, each by itself)."
    )


def test_two_points_always_correlate_and_so_say_nothing():
    figure = Plot(kind="scatter", x="top1", hue="metric", metrics=("knn_top1",))
    found = said(figure, {"a": [1.0], "b": [2.0]}, knn_top1={"a": [1.0], "b": [2.0]})
    assert found == "Nothing to correlate yet: a correlation needs 3 cells that differ."


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"compare": "width"}, "compare: there is no axis 'width'; allowed: cell"),
        ({"compare": "metric"}, "compare: there is no axis 'metric'; allowed: cell"),
        ({"compare": "metric", "metrics": ("top1", "loss")}, "compare: top1, loss have no unit in common"),
        ({"compare": "cell", "choose": ("cell",)}, "cannot also choose"),
    ],
)
def test_what_is_compared_must_be_there(more, message):
    with pytest.raises(ValueError, match=message):
        Plot(kind="bars", x="cell", **more).check(["cell"])

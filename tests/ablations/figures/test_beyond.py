"""The figures beyond the paper's: synergy and order, cost, curves."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from builders.drawings import FULL, HEADS, NAMES, PAIRS, PART, heads_frame, pairs_frame, row
from matplotlib.text import Text

from ablations import figures
from ablations.figures import curves
from ablations.figures.cost import costs
from ablations.figures.curves import chosen
from ablations.studies.plot import Plot
from ablations.tables.findings import Findings
from ablations.tables.frame import study_frame
from ablations.tables.pairs import is_square, order_table, pair_table, synergy_table

MAP = pd.DataFrame([[20.0, 35.0, 50.0], [30.0, 25.0, 10.0], [np.nan, 12.0, 40.0]], index=NAMES, columns=NAMES)


def drawn(name, frame, info, seconds=None, epochs=lambda _: []):
    drawing = figures.more(Findings(frame, info), seconds or {}, epochs)[name]
    return drawing()


def texts(axes):
    return [text.get_text() for text in axes.findobj(Text) if text.get_text() and text.get_visible()]


def test_synergy_is_the_pair_minus_the_better_of_its_singles():
    expected = [[np.nan, 10.0, 10.0], [5.0, np.nan, -30.0], [np.nan, -28.0, np.nan]]
    np.testing.assert_allclose(synergy_table(MAP).to_numpy(), expected)


def test_a_pair_without_one_of_its_singles_has_no_synergy():
    lacking = MAP.copy()
    lacking.iloc[1, 1] = np.nan
    found = synergy_table(lacking)
    assert found.loc["crop", "color"] == 10.0
    assert found.loc["crop", "cutout"] != found.loc["crop", "cutout"]
    assert found.loc["cutout", "color"] != found.loc["cutout", "color"]


def test_the_order_map_is_first_then_second_minus_the_other_way_round_and_stands_above_the_diagonal():
    expected = [[np.nan, 5.0, np.nan], [np.nan, np.nan, -2.0], [np.nan] * 3]
    np.testing.assert_allclose(order_table(MAP).to_numpy(), expected)


def test_the_tables_leave_the_map_as_it_was():
    before = MAP.copy()
    synergy_table(MAP)
    order_table(MAP)
    pd.testing.assert_frame_equal(MAP, before)


def test_the_synergy_figure_has_ours_and_the_papers_with_limits_symmetric_about_zero():
    figure = drawn("synergy", FULL, PAIRS)
    ours, order, bar, papers, *_ = figure.axes
    assert "+24.1" in texts(ours)  # crop > color: 47.0 - max(21.0, 22.9)
    assert "-0.2" in texts(order)  # 47.0 - 47.2
    low, high = bar.get_ylim()
    assert (low, high) == pytest.approx((-24.3, 24.3))  # color > crop: 47.2 - 22.9
    assert papers.get_title(loc="left").startswith("synergy; paper: ResNet-50")
    assert "+23.2" in texts(papers)  # the paper's 56.3 - 33.1


def test_cells_that_are_not_there_are_hatched_on_the_synergy_map():
    axes = drawn("synergy", PART, PAIRS).axes[0]
    measured = synergy_table(pair_table(PART, PAIRS.axes)).notna().to_numpy().sum()
    assert len([text for text in texts(axes) if text.startswith(("+", "-"))]) == measured
    assert [patch for patch in axes.patches if patch.get_hatch()]


def test_a_map_of_other_names_down_than_across_has_no_synergy():
    assert not is_square(MAP.iloc[:2])
    axes = {"first": ("crop",), "second": NAMES}
    assert drawn("synergy", FULL, replace(PAIRS, axes=axes)) is None


COSTS = study_frame(
    ["head", "dim"],
    [
        row("cell", {"head": head, "dim": dim}, top1, seed)
        for head, dim, top1 in (("a", 1, 40.0), ("b", 1, 50.0), ("c", 1, 45.0), ("d", 1, 50.0))
        for seed in (0, 1)
    ],
)
SECONDS = {
    f"cell-{head}-1-{seed}": spent + seed for head, spent in zip("abcd", (1, 3, 5, 7), strict=True) for seed in (0, 1)
}


def test_the_front_is_what_nothing_beats_at_less_cost():
    found = costs(COSTS, SECONDS)
    assert found["name"].tolist() == ["a dim 1", "b dim 1", "c dim 1", "d dim 1"]
    assert found["seconds"].tolist() == [1.5, 3.5, 5.5, 7.5]
    assert found["front"].tolist() == [True, True, False, False]  # d costs more than b and is no better


def test_of_two_at_the_same_cost_the_better_one_is_on_the_front():
    same = dict.fromkeys(SECONDS, 2.0)
    assert costs(COSTS, same)["front"].tolist() == [False, True, False, False]


def test_a_trial_without_seconds_is_left_out_of_the_costs():
    found = costs(COSTS, {name: spent for name, spent in SECONDS.items() if "-b-" not in name})
    assert found["name"].tolist() == ["a dim 1", "c dim 1", "d dim 1"]
    assert costs(COSTS, {}).empty


def test_the_cost_figure_names_the_front():
    figure = drawn("cost", COSTS, replace(HEADS, axes={"head": tuple("abcd"), "dim": (1,)}), SECONDS)
    said = texts(figure.axes[0])
    assert {"a dim 1", "b dim 1"} <= set(said)
    assert "c dim 1" not in said
    assert figure.axes[0].get_xscale() == "log"
    assert drawn("cost", COSTS, HEADS) is None


def test_names_of_neighbors_on_the_front_do_not_overlap():
    spent = {name: {"a": 10.0, "b": 10.1, "c": 9.0, "d": 10.2}[name.split("-")[1]] for name in SECONDS}
    close = COSTS.assign(top1=COSTS["head"].map({"a": 40.0, "b": 40.3, "c": 30.0, "d": 40.6}).astype(float))
    axes = drawn("cost", close, replace(HEADS, axes={"head": tuple("abcd"), "dim": (1,)}), spent).axes[0]
    renderer = axes.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert len(boxes) == 4
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_study_of_other_metrics_has_no_cost_figure():
    plot = Plot(kind="bars", x="dim", hue="head", metrics=("loss",))
    assert "cost" not in figures.more(Findings(COSTS, replace(HEADS, figure=plot)), {}, lambda _: [])


def test_curves_are_of_cells_spread_over_the_ranks():
    cells = [row("cell", {"first": "a", "second": f"v{i}"}, float(i)) for i in range(30)]
    names = list(chosen(study_frame(["first", "second"], cells), "top1"))
    assert len(names) == curves.MOST
    assert (names[0], names[-1]) == ("a > v29 (29.0)", "a > v0 (0.0)")
    assert chosen(heads_frame(), "top1")
    assert not chosen(pairs_frame([["missing"] * 3] * 3), "top1")


def test_a_curve_is_the_mean_over_seeds_as_far_as_all_have_come():
    frame = study_frame(["head", "dim"], [row("cell", {"head": "a", "dim": 1}, 40.0, seed) for seed in (0, 1)])
    stored = {
        "cell-a-1-0": [{"epoch": 1, "loss": 4.0, "accuracy": 10.0}, {"epoch": 2, "loss": 3.0, "accuracy": 20.0}],
        "cell-a-1-1": [{"epoch": 1, "loss": 2.0, "accuracy": 30.0}],
    }
    figure = drawn("curves", frame, HEADS, epochs=stored.get)
    loss, accuracy = figure.axes
    thick = [line for line in loss.lines if line.get_linewidth() > 1]
    assert [line.get_ydata().tolist() for line in thick] == [[3.0]]
    assert [line.get_ydata().tolist() for line in accuracy.lines if line.get_linewidth() > 1] == [[20.0]]
    assert len(loss.lines) == 3
    assert all(float(tick).is_integer() for tick in loss.get_xticks())  # there is no half an epoch


@pytest.mark.parametrize("name", ["curves", "cost"])
def test_without_training_there_is_nothing_to_draw(name):
    assert drawn(name, heads_frame(), HEADS) is None

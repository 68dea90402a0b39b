from dataclasses import replace

import numpy as np
import pytest
from builders import repeated
from builders.drawings import caption_of, texts
from matplotlib.colors import to_hex

from ablations import figures
from ablations.figures.budget import MARKS
from ablations.tables.budgets import FAILS, HOLDS, OPEN, UNDECIDED, cut
from ablations.tables.cells import cell_table, long_table
from ablations.tables.findings import Findings
from ablations.verdicts import budgets


def drawn(made, **changes):
    frame, info = made
    verdicts = budgets.table(budgets.judge(frame, info, None), info)
    return figures.draw(Findings(frame, replace(info, **changes), verdicts))


def marks(axes, outcome):
    """(image pairs, row) of the marks of an outcome."""
    (line,) = [line for line in axes.lines if line.get_label() == outcome]
    return {(int(x), int(y)) for x, y in line.get_xydata()}


def test_a_line_per_head_stands_at_its_means_over_a_logarithmic_axis_of_image_pairs():
    frame, info = repeated.heads()
    levels, claims = drawn((frame, info)).axes
    assert levels.get_xscale() == claims.get_xscale() == "log"
    assert levels.get_xlim() == claims.get_xlim()
    lines = {bar.get_label(): bar for bar in levels.containers}
    assert list(lines) == ["linear", "nonlinear", "none"]
    assert lines["none"].lines[0].get_xdata().tolist() == [10_000, 25_000, 50_000, 100_000]
    table = cell_table(long_table(cut(frame, info, 10), info.figure)).set_index("head")
    assert lines["linear"].lines[0].get_ydata()[2] == table.loc["linear", "mean"]
    low, high = lines["linear"].lines[2][0].get_segments()[2][:, 1]
    assert (low, high) == pytest.approx(tuple(table.loc["linear", ["low", "high"]]))
    assert len({bar.lines[0].get_marker() for bar in lines.values()}) == 3
    assert [text.get_text() for text in claims.get_xticklabels()] == [
        "10,000\n2 epochs", "25,000\n5 epochs", "50,000\n10 epochs", "100,000\n20 epochs",
    ]  # fmt: skip
    assert claims.get_xlabel() == "image pairs that a cell is trained on: epochs × 5,000 images"
    (untrained,) = [line for line in levels.lines if line.get_linestyle() == "--"]
    assert untrained.get_label().startswith("untrained 20.")


def test_every_claim_has_a_row_with_a_mark_per_budget():
    _, claims = drawn(repeated.heads()).axes
    assert [label.get_text() for label in claims.get_yticklabels()][1] == "a linear head beats none"
    assert {(10_000, 1), (25_000, 1)} <= marks(claims, FAILS)
    assert {(50_000, 1), (100_000, 1)} <= marks(claims, HOLDS)
    assert marks(claims, UNDECIDED)
    assert OPEN not in [line.get_label() for line in claims.lines]
    joined = [line for line in claims.lines if line.get_linewidth() == 3]
    assert [[*line.get_xdata()] for line in joined if line.get_ydata()[0] == 1] == [[50_000, 100_000]]


def test_marks_are_told_apart_by_shape_as_well_as_by_color():
    assert len({(marker, filled) for marker, _, filled in MARKS.values()}) == len(MARKS)
    assert len({to_hex(color) for _, color, _ in MARKS.values()}) == len(MARKS)


def test_a_missing_budget_is_a_gap_in_the_lines_and_an_empty_mark_in_the_rows():
    levels, ranks, claims = drawn(repeated.pairs(missing={(10, 0), (10, 1)})).axes
    assert all(np.isnan(bar.lines[0].get_ydata()[2]) for bar in levels.containers)
    assert {(50_000, row) for row in range(5)} == marks(claims, OPEN)
    (line,) = [line for line in claims.lines if line.get_label() == OPEN]
    assert line.get_markerfacecolor() == "white"
    assert ranks.containers[0].lines[0].get_xdata().tolist() == [10_000, 25_000, 100_000]
    assert len([text for text in texts(ranks) if text.startswith("p 0") or text.startswith("p 1")]) == 6


def test_the_rank_agreement_of_a_map_has_its_interval_and_its_p():
    frame, info = repeated.pairs()
    _, ranks, _ = drawn((frame, info)).axes
    found = Findings(frame, info).agreements
    for bar, (over, rows) in zip(ranks.containers, found.groupby("over", sort=False), strict=True):
        assert bar.get_label() == over
        assert bar.lines[0].get_ydata().tolist() == rows["rho"].tolist()
        ends = np.array([segment[:, 1] for segment in bar.lines[2][0].get_segments()])
        np.testing.assert_allclose(ends[:, 0], np.minimum(rows["low"], rows["rho"]))
        np.testing.assert_allclose(ends[:, 1], np.maximum(rows["high"], rows["rho"]))
        assert all(f"p {p:.2g}" in texts(ranks) for p in rows["p"])
    assert ranks.get_ylabel() == "Spearman's rho"


def test_a_map_without_the_papers_has_no_panel_of_ranks():
    levels, claims = drawn(repeated.pairs(), paper="").axes
    assert [bar.get_label() for bar in levels.containers] == [
        "crop > color", "color > crop", "crop alone", "best single", "mean of all pairs",
    ]  # fmt: skip
    assert len(claims.get_yticklabels()) == 5


def test_nothing_measured_yet_is_drawn_with_every_mark_empty():
    nothing = {(epochs, seed) for epochs in (2, 5, 10, 20) for seed in range(2)}
    figure = drawn(repeated.pairs(missing=nothing))
    assert len(marks(figure.axes[2], OPEN)) == 4 * 5
    assert not marks(figure.axes[2], HOLDS)


def test_without_verdicts_there_are_no_rows_of_claims():
    assert len(figures.draw(Findings(*repeated.heads())).axes) == 1


def test_the_smoke_figure_is_stamped_and_the_caption_says_what_holding_first_means():
    figure = drawn(repeated.heads(), scale="smoke", about="proves the path only", stamp=True)
    assert "SMOKE: proves the path only" in texts(figure)
    caption = caption_of(figure)
    assert "from where it first holds: there and at every larger budget that is judged" in caption
    assert "3 seeds, 2 to 20 epochs" in caption
    assert "data: printed tiles; encoder: small" in caption
    assert "test set of 4,000 images" in caption


@pytest.mark.parametrize("epochs", [(2, 5, 10, 20), (1, 10, 11, 300), (7, 8, 9, 10)])
def test_names_of_budgets_and_ps_do_not_lie_on_each_other(epochs):
    frame, info = repeated.pairs()
    frame["epochs"] = frame["epochs"].map(dict(zip((2, 5, 10, 20), epochs, strict=True))).astype("Int64")
    figure = drawn((frame, replace(info, axes={**info.axes, "epochs": epochs})))
    figure.draw_without_rendering()  # a legend has its place only then
    for axes in figure.axes:
        written = [*axes.get_xticklabels(), *axes.texts, *axes.get_legend().get_texts(), *axes.get_yticklabels()]
        boxes = [text.get_window_extent() for text in written if text.get_text()]
        for i, box in enumerate(boxes):
            assert not box.shrunk(0.95, 0.95).count_overlaps(boxes[i + 1 :]), written[i].get_text()


def test_a_single_budget_is_drawn():
    frame, info = repeated.heads()
    one = frame[(frame["epochs"] == 10).fillna(True)].reset_index(drop=True)
    levels, claims = drawn((one, replace(info, axes={**info.axes, "epochs": (10,)}))).axes
    assert levels.get_xlim()[0] < 50_000 < levels.get_xlim()[1]
    assert marks(claims, HOLDS)

from dataclasses import replace

import numpy as np
import pytest
from builders.drawings import HEADS, TEMPERATURE, full_bars, hatched, heads_frame, row, temperature_frame, texts
from matplotlib.colors import to_rgba

from ablations import figures
from ablations.figures import style
from ablations.studies.plot import Plot
from ablations.tables.findings import Findings
from ablations.tables.frame import study_frame


def bars(axes):
    return {
        round(patch.get_x() + patch.get_width() / 2, 2): patch.get_y() + patch.get_height()
        for patch in axes.patches
        if not patch.get_hatch()
    }


def test_bars_are_grouped_by_dimension_and_none_stands_alone():
    axes = full_bars().axes[0]
    heights = bars(axes)
    assert heights == {-0.2: 45.0, 0.2: 48.0, 0.8: 45.0, 1.2: 48.0, 2.0: 48.0}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["16", "32", "none"]


def test_error_bars_are_t_intervals_over_seeds():
    axes = full_bars().axes[0]
    ends = [line.get_ydata() for bar in axes.containers if hasattr(bar, "has_yerr") for line in bar.lines[1]]
    half = 4.302653 * 1.0 / np.sqrt(3)  # each cell is x, x + 1, x + 2: seeds have levels, sd 1, that all cells share
    assert len(ends) == 10
    assert float(ends[0][0]) == pytest.approx(45 - half, abs=1e-4)
    assert float(ends[1][0]) == pytest.approx(45 + half, abs=1e-4)


def test_single_seeds_are_dots():
    axes = full_bars().axes[0]
    dots = [sorted(line.get_ydata()) for line in axes.lines if line.get_marker() == "o"]
    assert len(dots) == 5
    assert dots[0] == [44.0, 45.0, 46.0]


def test_one_seed_has_neither_dots_nor_error_bars():
    frame = heads_frame()
    axes = figures.draw(Findings(frame[frame["seed"] == 0].reset_index(drop=True), replace(HEADS, seeds=1))).axes[0]
    assert not [bar for bar in axes.containers if hasattr(bar, "has_yerr")]
    assert not [line for line in axes.lines if line.get_marker() == "o"]


def test_the_untrained_level_is_a_dashed_line_with_its_number():
    axes = full_bars().axes[0]
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [20.6]
    assert "untrained 20.6" in texts(axes.get_legend())


def test_the_level_of_the_reference_is_a_line_where_one_bar_alone_has_it():
    levels = {"a": 41.0, "full": 53.0}
    table = study_frame(["policy"], [row("cell", {"policy": name}, top1) for name, top1 in levels.items()])
    plot = Plot(kind="bars", x="policy", compare="policy", reference="full")
    info = replace(HEADS, paper="", figure=plot, axes={"policy": (*levels,)}, labels={})
    axes = figures.draw(Findings(table, info)).axes[0]
    assert [line.get_ydata()[0] for line in axes.lines] == [53.0]
    assert texts(axes.get_legend()) == ["full 53.0"]
    missing = table.assign(top1=float("nan"), status="missing")
    assert not figures.draw(Findings(missing, info)).axes[0].lines
    several = Plot(kind="bars", x="head", hue="dim", compare="dim", reference=16)
    axes = figures.draw(Findings(heads_frame(), replace(HEADS, paper="", figure=several))).axes[0]
    assert [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [20.6]
    assert not [line for line in axes.lines if line.get_linestyle() == ":"]


def test_an_axis_that_does_not_start_at_zero_says_so():
    ours, papers = full_bars().axes
    assert ours.get_ylim() == (15.0, 55.0)
    assert ours.get_ylabel() == "linear probe top-1 (%); axis from 15"
    assert papers.get_ylim() == (45.0, 70.0)
    assert papers.get_ylabel() == "linear probe top-1 (%); axis from 45"


def test_the_papers_bars_stand_beside_ours():
    papers = full_bars().axes[1]
    assert papers.get_title(loc="left") == "paper: ResNet-50, ImageNet, 100 epochs"
    heights = sorted(bars(papers).values())
    assert len(heights) == 15
    assert heights[0] == pytest.approx(50.2)
    assert heights[-1] == pytest.approx(64.9)


def test_a_missing_bar_is_a_hatched_stub_and_a_failed_one_is_crossed():
    axes = figures.draw(Findings(heads_frame(missing={("linear", 16), ("none", None)}), HEADS)).axes[0]
    assert len(hatched(axes)) == 2
    assert [text.get_text() for text in axes.texts] == ["×", "×"]
    assert len(bars(axes)) == 3


def test_heads_with_nothing_in_them_yet_are_drawn():
    frame = study_frame(["head", "dim"], [row("cell", {"head": "none", "dim": None}, "missing")])
    axes = figures.draw(Findings(frame, HEADS)).axes[0]
    assert len(hatched(axes)) == 1
    assert axes.get_ylim() == (0.0, 100.0)


def test_small_multiples_have_the_papers_below_and_an_axis_of_their_own_each():
    figure = figures.draw(Findings(temperature_frame(), TEMPERATURE))
    ours = [axes for axes in figure.axes if "this run" in axes.get_title(loc="left")]
    papers = [axes for axes in figure.axes if "paper: " in axes.get_title(loc="left")]
    assert len(figure.axes) == 4
    assert ours[0].get_position().y0 > papers[0].get_position().y0
    assert sorted(bars(ours[0]).values()) == [37.0, 47.0, 48.0]
    entropies = [axes for axes in figure.axes if axes.get_ylabel() == "entropy (nats)"]
    heights = sorted((sorted(bars(axes).values()) for axes in entropies), key=len)
    assert heights[0] == pytest.approx([3.0, 3.7, 3.9])
    assert heights[1] == pytest.approx([0.5, 0.5, 1.0, 4.5, 8.2, 8.3])
    assert all(axes.get_ylim()[0] == 0 for axes in entropies)


def test_panels_over_an_axis_share_their_limits():
    plot = Plot(kind="bars", x="dim", panel="head")
    figure = figures.draw(Findings(heads_frame(), replace(HEADS, paper="", figure=plot)))
    assert [axes.get_title(loc="left").split(";")[0] for axes in figure.axes] == [
        "head linear",
        "head nonlinear",
        "head none",
    ]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_a_legend_of_numbers_says_what_they_are_and_shades_them_in_order():
    plot = Plot(kind="bars", x="head", hue="dim")
    axes = figures.draw(Findings(heads_frame(), replace(HEADS, paper="", figure=plot))).axes[0]
    assert [text for text in texts(axes.get_legend()) if "untrained" not in text] == [
        "output dimension of the head: 16",
        "32",
        "–",
    ]
    shades = style.hues([16, 32, 64])
    lightness = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b, _ in map(to_rgba, shades.values())]
    assert lightness == sorted(lightness)


@pytest.mark.parametrize(("x", "hue"), [("head", None), (None, "head"), ("head", "head")])
def test_values_of_an_axis_are_drawn_as_they_are_and_baselines_with_a_blank(x, hue):
    """Also those that are called like a metric, or differ in a blank alone."""
    names = ("a b", "a_b", "top1", "transform_h", "_")
    cells = [row("cell", {"head": name}, 40.0) for name in names]
    frame = study_frame(["head"], [*cells, row("identical_views", {"head": None}, 20.0)])
    plot = Plot(kind="bars", x=x, hue=hue, compare="head", reference="top1")
    info = replace(HEADS, paper="", figure=plot, axes={"head": names})
    axes = figures.draw(Findings(frame, info)).axes[0]
    drawn = [label.get_text() for label in axes.get_xticklabels()] if x else texts(axes.get_legend())
    assert [name for name in drawn if name in names] == list(names)
    assert {"identical views 20.0", "top1 40.0"} <= set(texts(axes.get_legend()))


def test_metrics_are_drawn_as_words():
    plot = Plot(kind="bars", x="metric", metrics=("top1", "knn_top1"))
    frame = study_frame(["head"], [row("cell", {"head": "a"}, 40.0) | {"knn_top1": 30.0}])
    axes = figures.draw(Findings(frame, replace(HEADS, paper="", figure=plot, axes={"head": ("a",)}))).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["linear probe on h", "cosine kNN"]


def test_a_name_has_one_color_in_every_figure():
    assert style.hues(["supervised", "x"])["supervised"] == style.hues(["SimCLR", "supervised"])["supervised"]
    many = style.hues([*"abcdefg"])
    assert len(set(many.values())) == 7

import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from ablations import figures
from ablations.figures import style
from ablations.figures.context import Context
from ablations.figures.pairs import _apart
from ablations.frame import study_frame
from ablations.paper import published
from ablations.paper.__main__ import context as paper_context
from ablations.plot import Plot
from ablations.tables import pair_table

NAMES = ("crop", "cutout", "color")
PAIRS = Context(
    study="aug_pairs",
    question="Which composition?",
    paper="fig5_aug_pairs",
    figure=Plot(kind="pairs"),
    scale="laptop",
    about="small",
    stamp=False,
    data="Printed tiles",
    encoder="small",
    epochs=(10,),
    batch_size=(64,),
    seeds=1,
    views="asymmetric",
    overrides=(),
    axes={"first": NAMES, "second": NAMES},
    labels={"first": "first transformation", "second": "second transformation"},
)
DIMS = (16, 32)
HEADS = replace(
    PAIRS,
    study="heads",
    paper="fig8_projection_heads",
    figure=Plot(kind="bars", x="dim", hue="head"),
    seeds=3,
    views="symmetric",
    labels={"dim": "output dimension of the head"},
    axes={"head": ("linear", "nonlinear", "none"), "dim": (*DIMS, None)},
)
SMOKE = "SMOKE: proves the path only"


def row(role, axes, top1, seed=0):
    """A trial that is done with that top1, or "failed" or "missing" instead."""
    status = top1 if isinstance(top1, str) else "done"
    name = "-".join(map(str, (role, *axes.values(), seed)))
    fields = {"role": role, **axes, "seed": seed, "status": status, "trial_id": name}
    return fields | ({"top1": top1, "n_test": 4000} if status == "done" else {})


def pairs_frame(levels, untrained=20.6, identical=24.1):
    cells = [
        row("cell", {"first": a, "second": b}, levels[i][j]) for i, a in enumerate(NAMES) for j, b in enumerate(NAMES)
    ]
    none = {"first": None, "second": None}
    return study_frame(
        ["first", "second"], [*cells, row("untrained", none, untrained), row("identical_views", none, identical)]
    )


FULL = pairs_frame([[21.0, 33.5, 47.0], [30.0, 33.6, 29.0], [47.2, 28.0, 22.9]])
PART = pairs_frame([[21.0, "missing", 47.0], ["failed", 33.6, 29.0], ["missing"] * 3])
EMPTY = pairs_frame([["missing"] * 3] * 3, "missing", "missing")


def heads_frame(missing=()):
    rows = [
        row(
            "cell",
            {"head": head, "dim": dim},
            "failed" if (head, dim) in missing else 44.0 + 3 * (head != "linear") + seed,
            seed,
        )
        for head, dim in [*((head, dim) for head in ("linear", "nonlinear") for dim in DIMS), ("none", None)]
        for seed in range(3)
    ]
    return study_frame(["head", "dim"], [*rows, row("untrained", {"head": None, "dim": None}, 20.6)])


def texts(where):
    return [text.get_text() for text in where.findobj(Text) if text.get_text() and text.get_visible()]


def hatched(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_hatch()]


def caption_of(figure):
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


@cache
def full_map():
    """Drawn once, for tests that only look at it."""
    return figures.draw(FULL, PAIRS)


@cache
def full_bars():
    return figures.draw(heads_frame(), HEADS)


# --- pairs ------------------------------------------------------------------------------------------------------------


def test_a_map_of_many_cells_keeps_its_size_and_leaves_numbers_out():
    names = tuple(f"v{i}" for i in range(60))
    cells = [row("cell", {"first": a, "second": b}, 20.0 + i) for i, a in enumerate(names) for b in names[: 60 - i]]
    figure = figures.draw(
        study_frame(["first", "second"], cells), replace(PAIRS, paper="", axes={"first": names, "second": names})
    )
    assert max(figure.get_size_inches()) < 16
    cells_axes = figure.axes[0]
    assert not cells_axes.texts
    assert not cells_axes.patches  # no hatch in each of the cells that are missing: they are gray
    named = [text.get_text() for text in cells_axes.get_yticklabels()]
    assert 20 <= len(named) <= 60
    assert set(named) <= set(names)
    assert to_rgba(cells_axes.get_facecolor()) == to_rgba(style.ABSENT)


def test_every_cell_shows_its_number_with_the_first_transformation_down():
    cells = full_map().axes[0]
    numbers = {text.get_position(): text.get_text() for text in cells.texts}
    assert numbers[(2.5, 0.5)] == "47.0"  # crop, then color
    assert numbers[(0.5, 2.5)] == "47.2"
    assert len(numbers) == 9
    assert [label.get_text() for label in cells.get_yticklabels()] == list(NAMES)
    assert [label.get_text() for label in cells.get_xticklabels()] == list(NAMES)
    assert (cells.get_ylabel(), cells.get_xlabel()) == ("first transformation", "second transformation")


def test_the_row_average_stands_apart_from_the_map():
    cells, average = full_map().axes[:2]
    assert [text.get_text() for text in average.texts] == ["33.8", "30.9", "32.7"]
    assert average.get_position().x0 - cells.get_position().x1 > 0.01
    assert average.get_position().y0 == pytest.approx(cells.get_position().y0)
    assert average.get_position().height == pytest.approx(cells.get_position().height)


def test_our_limits_are_those_of_our_cells_and_baselines_and_the_papers_are_its_own():
    figure = full_map()
    meshes = [
        axes.collections[0].get_clim() for axes in (figure.axes[0], figure.axes[1], figure.axes[3], figure.axes[4])
    ]
    assert meshes == [(20.6, 47.2), (20.6, 47.2), (2.6, 56.3), (2.6, 56.3)]
    assert [figure.axes[i].get_ylim() for i in (2, 5)] == [(20.6, 47.2), (2.6, 56.3)]


def test_the_baselines_are_marked_and_named_on_our_color_bar_only():
    figure = full_map()
    ours, papers = figure.axes[2], figure.axes[5]
    assert [text.get_text() for text in ours.texts] == ["untrained\n20.6", "identical views\n24.1"]
    assert {line.get_ydata()[0] for line in ours.lines} == {20.6, 24.1}
    assert not papers.texts
    assert ours.get_ylabel() == papers.get_ylabel() == "linear probe top-1 (%)"


def test_the_papers_panel_is_labelled_and_shows_its_numbers():
    figure = full_map()
    assert figure.axes[3].get_title(loc="left") == "paper: ResNet-50, ImageNet, 100 epochs"
    assert {"56.3", "55.8", "18.8"} <= set(texts(figure.axes[3]))
    assert figure.axes[4].texts[0].get_text() == "39.2"


def test_without_published_numbers_our_panel_stands_alone():
    assert len(figures.draw(FULL, replace(PAIRS, paper="")).axes) == 3


def test_missing_and_failed_cells_are_hatched_without_a_number_and_failed_ones_crossed():
    cells = figures.draw(PART, PAIRS).axes[0]
    assert {(round(patch.get_x()), round(patch.get_y())) for patch in hatched(cells)} == {
        (1, 0), (0, 1), (0, 2), (1, 2), (2, 2)
    }  # fmt: skip
    assert {patch.get_facecolor() for patch in hatched(cells)} == {to_rgba(style.ABSENT)}
    written = {text.get_position(): text.get_text() for text in cells.texts}
    assert written.pop((0.5, 1.5)) == "×"
    assert sorted(written.values()) == ["21.0", "29.0", "33.6", "47.0"]


def test_an_incomplete_row_has_no_average():
    average = figures.draw(PART, PAIRS).axes[1]
    assert len(hatched(average)) == 3
    assert not average.texts


def test_a_map_with_nothing_in_it_yet_is_drawn():
    figure = figures.draw(EMPTY, PAIRS)
    assert len(hatched(figure.axes[0])) == 9
    assert not figure.axes[0].texts
    assert not figure.axes[2].texts
    assert "Nothing is measured yet." in caption_of(figure)


def test_one_single_cell_is_drawn():
    only = study_frame(["first", "second"], [row("cell", {"first": "crop", "second": "crop"}, 20.0)])
    figure = figures.draw(only, PAIRS)
    assert [text.get_text() for text in figure.axes[0].texts] == ["20.0"]


def test_the_caption_says_what_must_be_known():
    caption = caption_of(figures.draw(PART, replace(PAIRS, overrides=("schedule.epochs=3",))))
    for part in (
        "Which composition?",
        "1 seed, 10 epochs, batch size 64; data: Printed tiles; encoder: small; asymmetric views.",
        "Each cell ± 1.4 points: 95% interval of the test set of 4,000 images; no verdict follows from one seed.",
        "Of 9 cells: 4 missing, 1 failed (×).",
        "The paper's setting is another (ResNet-50, ImageNet, 100 epochs)",
        "Overrides: schedule.epochs=3.",
    ):
        assert part in caption


def test_the_papers_own_map_gets_rho_one_in_the_caption():
    paper = published("fig5_aug_pairs")
    assert paper is not None
    table = pair_table(paper.frame, paper.axes)
    names = tuple(table.index)
    rows = [row("cell", {"first": a, "second": b}, float(table.loc[a, b])) for a in names for b in names]
    figure = figures.draw(
        study_frame(["first", "second"], rows), replace(PAIRS, axes={"first": names, "second": names})
    )
    assert "Spearman's rho with the paper's map: 1.00 over all cells (49; two-sided p = 0.0002" in caption_of(figure)
    assert [text.get_text() for text in figure.axes[0].texts] == [text.get_text() for text in figure.axes[3].texts]


@pytest.mark.parametrize("places", [[0.1, 0.12], [0.12, 0.1], [0.99, 1.0], [0.0, 0.5], [0.9, 0.95, 0.97]])
def test_labels_of_close_levels_are_moved_apart_and_keep_their_order(places):
    moved = _apart(places, 0.1)
    assert np.argsort(moved).tolist() == np.argsort(places).tolist()
    assert np.diff(sorted(moved)).min() >= 0.1 - 1e-12
    assert max(moved) <= 1


# --- heads ------------------------------------------------------------------------------------------------------------


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


def test_error_bars_are_t_intervals_with_the_pooled_seed_deviation():
    axes = full_bars().axes[0]
    ends = [line.get_ydata() for bar in axes.containers if hasattr(bar, "has_yerr") for line in bar.lines[1]]
    half = 2.228139 * 1.0 / np.sqrt(3)  # each cell is x, x + 1, x + 2: sd 1; t with 5 x 2 degrees of freedom
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
    axes = figures.draw(frame[frame["seed"] == 0].reset_index(drop=True), replace(HEADS, seeds=1)).axes[0]
    assert not [bar for bar in axes.containers if hasattr(bar, "has_yerr")]
    assert not [line for line in axes.lines if line.get_marker() == "o"]


def test_the_untrained_level_is_a_dashed_line_with_its_number():
    axes = full_bars().axes[0]
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [20.6]
    assert "untrained 20.6" in texts(axes.get_legend())


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
    axes = figures.draw(heads_frame(missing={("linear", 16), ("none", None)}), HEADS).axes[0]
    assert len(hatched(axes)) == 2
    assert [text.get_text() for text in axes.texts] == ["×", "×"]
    assert len(bars(axes)) == 3


def test_heads_with_nothing_in_them_yet_are_drawn():
    frame = study_frame(["head", "dim"], [row("cell", {"head": "none", "dim": None}, "missing")])
    axes = figures.draw(frame, HEADS).axes[0]
    assert len(hatched(axes)) == 1
    assert axes.get_ylim() == (0.0, 100.0)


TEMPERATURE = replace(
    HEADS,
    paper="table5_norm_temperature",
    figure=Plot(kind="bars", x="temperature", hue="similarity", panel="metric", metrics=("top1", "entropy")),
    labels={},
    axes={"similarity": ("cosine", "dot product"), "temperature": (0.1, 0.5, 10.0)},
)


def temperature_frame():
    cells = [("cosine", 0.1, 47.0, 3.0), ("cosine", 0.5, 46.0, 3.7), ("dot product", 10.0, 36.0, 3.9)]
    return study_frame(
        ["similarity", "temperature"],
        [
            row("cell", {"similarity": name, "temperature": tau}, top1 + seed, seed) | {"entropy": entropy}
            for name, tau, top1, entropy in cells
            for seed in range(3)
        ],
    )


def test_small_multiples_have_the_papers_below_and_an_axis_of_their_own_each():
    figure = figures.draw(temperature_frame(), TEMPERATURE)
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
    figure = figures.draw(heads_frame(), replace(HEADS, paper="", figure=plot))
    assert [axes.get_title(loc="left").split(";")[0] for axes in figure.axes] == [
        "head linear",
        "head nonlinear",
        "head none",
    ]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_a_legend_of_numbers_says_what_they_are_and_shades_them_in_order():
    plot = Plot(kind="bars", x="head", hue="dim")
    axes = figures.draw(heads_frame(), replace(HEADS, paper="", figure=plot)).axes[0]
    assert [text for text in texts(axes.get_legend()) if "untrained" not in text] == [
        "output dimension of the head: 16",
        "32",
        "–",
    ]
    shades = style.hues([16, 32, 64])
    lightness = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b, _ in map(to_rgba, shades.values())]
    assert lightness == sorted(lightness)


def test_a_name_has_one_color_in_every_figure():
    assert style.hues(["supervised", "x"])["supervised"] == style.hues(["SimCLR", "supervised"])["supervised"]
    many = style.hues([*"abcdefg"])
    assert len(set(many.values())) == 7


POINTS = replace(
    HEADS,
    paper="fig7_model_size",
    figure=Plot(kind="scatter", x="parameters", hue="method"),
    axes={"method": ("SimCLR", "supervised"), "depth": (18, 50), "width": (1, 2)},
)


def points_frame():
    cells = [("SimCLR", 18, 1, 50.0, 11.2), ("SimCLR", 50, 2, 60.0, 94.0), ("supervised", 18, 1, 70.0, 11.2)]
    return study_frame(
        ["method", "depth", "width"],
        [
            row("cell", {"method": method, "depth": depth, "width": width}, top1 + seed, seed) | {"parameters": size}
            for method, depth, width, top1, size in cells
            for seed in (-1, 0, 1)
        ]
        + [row("cell", {"method": "supervised", "depth": 50, "width": 2}, "failed")],
    )


def test_points_stand_at_their_metric_with_their_interval_and_name():
    figure = figures.draw(points_frame(), POINTS)
    ours, papers = figure.axes
    lines = {bar.get_label(): bar.lines[0] for bar in ours.containers}
    np.testing.assert_allclose(lines["SimCLR"].get_xydata(), [[11.2, 50.0], [94.0, 60.0]])
    np.testing.assert_allclose(lines["supervised"].get_xydata(), [[11.2, 70.0]])
    assert {"18 1x", "50 2x"} <= set(texts(ours))
    assert ours.get_xscale() == "log"
    assert ours.get_xlabel() == "encoder parameters (millions)"
    assert sum(len(bar.lines[0].get_xdata()) for bar in papers.containers) == 19


@pytest.mark.parametrize("item", ["fig7_model_size", "fig_b6_correlation_architectures"])
def test_names_of_points_do_not_lie_on_each_other(item):
    paper = published(item)
    (axes,) = figures.draw(paper.frame, paper_context(paper)).axes
    boxes = [name.get_window_extent() for name in axes.texts]
    assert len(boxes) == {"fig7_model_size": 19}.get(item, 13)
    for i, box in enumerate(boxes):
        others = [other.shrunk(0.9, 0.9) for j, other in enumerate(boxes) if j != i]
        assert not box.count_overlaps(others), axes.texts[i].get_text()


def test_points_with_nothing_in_them_yet_are_drawn():
    rows = [row("cell", {"method": "SimCLR", "depth": 18, "width": 1}, "missing")]
    assert figures.draw(study_frame(["method", "depth", "width"], rows), POINTS).axes


# --- spectrum ---------------------------------------------------------------------------------------------------------


SPECTRUM = replace(
    HEADS,
    study="head_spectrum",
    paper="figB3_head_spectrum",
    figure=Plot(kind="spectrum", hue="epochs", metrics=("head_eigen_rank", "top1")),
    labels={},
    axes={"epochs": (0, 2, 6)},
)
VALUES = np.array([4.0, 1.0, 0.05, 0.03, 0.0], np.float32)


def spectrum_frame():
    cells = [row("cell", {"epochs": epochs}, 44.0, seed) for epochs in (0, 2) for seed in range(3)]
    return study_frame(
        ["epochs"],
        [
            *cells,
            row("cell", {"epochs": 2}, "failed", 3),
            row("cell", {"epochs": 6}, "failed"),
            row("untrained", {"epochs": None}, 20.0),
        ],
    )


def spectra(trial_id):
    return {"head_eigen_rank": VALUES * (1 + int(trial_id[-1]))}


def lines_of(axes):
    return [line for line in axes.lines if len(line.get_xdata())]


def test_a_spectrum_has_a_line_per_seed_from_rank_one_on_both_scales():
    figure = figures.draw(spectrum_frame(), SPECTRUM, spectra)
    linear, log, *papers = figure.axes
    assert (linear.get_yscale(), log.get_yscale()) == ("linear", "log")
    for axes in (linear, log):
        assert len(lines_of(axes)) == 7  # 2 x 3 seeds and the baseline
        assert lines_of(axes)[1].get_xdata().tolist() == [1, 2, 3, 4, 5]
        assert lines_of(axes)[1].get_ydata() == pytest.approx(2 * VALUES)
        assert lines_of(axes)[6].get_linestyle() == "--"
        assert {tuple(line.get_markevery()) for line in lines_of(axes)} == {(2,)}  # 0.05 is above 1% of 4, 0.03 below
        assert axes.get_xlabel() == "rank (1: the largest)"
    assert len({line.get_color() for line in lines_of(linear)}) == 3
    assert texts(linear.get_legend()) == ["epochs: 0", "2", "6 (failed ×)", "untrained"]
    assert len(papers) == 2
    assert lines_of(papers[0])[0].get_xydata()[0].tolist() == [1, 15.6]
    assert papers[0].get_title(loc="left").startswith("paper: ResNet-50")
    assert "its dot at the last one above 1% of the largest" in caption_of(figure)


def test_the_powers_of_a_logarithmic_axis_are_plain_text():
    figure = figures.draw(spectrum_frame(), SPECTRUM, lambda _: {"head_eigen_rank": np.array([1, 0.1, 1e-3], "f4")})
    ticks = [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    assert "10⁻²" in ticks
    assert not [tick for tick in ticks if "$" in tick]


def test_a_spectrum_with_nothing_in_it_yet_is_drawn():
    frame = study_frame(["epochs"], [row("cell", {"epochs": epochs}, "missing") for epochs in (0, 2, 6)])
    axes = figures.draw(frame, SPECTRUM, spectra).axes[0]
    assert not lines_of(axes)
    assert texts(axes.get_legend())[:2] == ["epochs: 0 (missing)", "2 (missing)"]


def test_done_trials_without_a_spectrum_and_heads_of_zeros_are_drawn():
    zeros = figures.draw(spectrum_frame(), SPECTRUM, lambda _: {"head_eigen_rank": np.zeros(4, np.float32)})
    assert {tuple(line.get_markevery()) for line in lines_of(zeros.axes[0])} == {()}
    assert not lines_of(figures.draw(spectrum_frame(), SPECTRUM, lambda _: {}).axes[0])


def test_the_papers_spectrum_is_drawn_alone():
    paper = published("figB3_head_spectrum")
    assert paper is not None
    figure = figures.draw(paper.frame, paper_context(paper))
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "log"]
    assert all(len(lines_of(axes)[0].get_xdata()) == 8 for axes in figure.axes)


# --- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("frame", "context"), [(FULL, PAIRS), (heads_frame(), HEADS)], ids=["pairs", "heads"])
def test_a_smoke_figure_is_stamped_large_and_across(frame, context):
    smoke = figures.draw(frame, replace(context, scale="smoke", about="proves the path only", stamp=True))
    stamps = [text for text in smoke.texts if text.get_text() == SMOKE]
    assert len(stamps) == 1
    assert stamps[0].get_size() > 1.25 * style.TITLE_SIZE
    assert stamps[0].get_rotation() > 10
    assert stamps[0].get_alpha() < 1
    assert SMOKE not in texts(figures.draw(frame, context))


@pytest.mark.parametrize(("frame", "context"), [(PART, PAIRS), (heads_frame(), HEADS)], ids=["pairs", "heads"])
def test_drawing_and_saving_twice_gives_identical_files(frame, context, tmp_path):
    first = figures.save(figures.draw(frame, context), tmp_path / "a" / "laptop")
    second = figures.save(figures.draw(frame, context), tmp_path / "b" / "laptop")
    assert [path.name for path in first] == ["laptop.png", "laptop.svg", "laptop.pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted((tmp_path / "a").iterdir()) == sorted(first)


@pytest.mark.parametrize(
    ("frame", "context"),
    [
        (FULL, PAIRS),
        (PART, PAIRS),
        (heads_frame(), HEADS),
        (temperature_frame(), TEMPERATURE),
        (points_frame(), POINTS),
        (spectrum_frame(), SPECTRUM),
    ],
    ids=["full", "part", "heads", "multiples", "points", "spectrum"],
)
def test_nothing_written_is_cut_off_at_the_edge(frame, context):
    figure = figures.draw(frame, replace(context, overrides=("data.source=folder:" + "images/" * 12,)))
    whole = figure.bbox
    box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 * figure.dpi <= whole.x1
    assert box.y1 * figure.dpi <= whole.y1


def test_a_scale_whose_name_has_a_dot_keeps_it(tmp_path):
    paths = figures.save(figures.draw(EMPTY, PAIRS), tmp_path / "v1.5")
    assert [path.name for path in paths] == ["v1.5.png", "v1.5.svg", "v1.5.pdf"]


def test_figures_leave_matplotlib_as_it_was():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    figures.draw(FULL, PAIRS)
    assert dict(mpl.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_redrawing_needs_neither_torch_nor_ray_and_the_context_no_plotting():
    probe = (
        "import sys; import ablations.figures.context, ablations.tables, ablations.compare; early = set(sys.modules)\n"
    )
    probe += "from ablations.figures import bars, pairs, scatter, spectrum; print(*early); print(*sys.modules)"
    early, late = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert not set(early.split()) & {"torch", "ray", "matplotlib", "seaborn"}
    assert not set(late.split()) & {"torch", "ray"}
    assert "matplotlib" in late.split()

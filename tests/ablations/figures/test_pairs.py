from dataclasses import replace

import numpy as np
import pytest
from builders.drawings import EMPTY, FULL, NAMES, PAIRS, PART, caption_of, full_map, hatched, row, texts
from matplotlib.colors import to_rgba

from ablations import figures
from ablations.figures import style
from ablations.figures.pairs import _apart
from ablations.tables.findings import Findings
from ablations.tables.frame import study_frame
from ablations.tables.pairs import pair_table
from ablations.tables.published import published


def test_a_map_of_many_cells_keeps_its_size_and_leaves_numbers_out():
    names = tuple(f"v{i}" for i in range(60))
    cells = [row("cell", {"first": a, "second": b}, 20.0 + i) for i, a in enumerate(names) for b in names[: 60 - i]]
    figure = figures.draw(
        Findings(
            study_frame(["first", "second"], cells), replace(PAIRS, paper="", axes={"first": names, "second": names})
        )
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
    assert len(figures.draw(Findings(FULL, replace(PAIRS, paper=""))).axes) == 3


def test_missing_and_failed_cells_are_hatched_without_a_number_and_failed_ones_crossed():
    cells = figures.draw(Findings(PART, PAIRS)).axes[0]
    assert {(round(patch.get_x()), round(patch.get_y())) for patch in hatched(cells)} == {
        (1, 0), (0, 1), (0, 2), (1, 2), (2, 2)
    }  # fmt: skip
    assert {patch.get_facecolor() for patch in hatched(cells)} == {to_rgba(style.ABSENT)}
    written = {text.get_position(): text.get_text() for text in cells.texts}
    assert written.pop((0.5, 1.5)) == "×"
    assert sorted(written.values()) == ["21.0", "29.0", "33.6", "47.0"]


def test_an_incomplete_row_has_no_average():
    average = figures.draw(Findings(PART, PAIRS)).axes[1]
    assert len(hatched(average)) == 3
    assert not average.texts


def test_a_map_with_nothing_in_it_yet_is_drawn():
    figure = figures.draw(Findings(EMPTY, PAIRS))
    assert len(hatched(figure.axes[0])) == 9
    assert not figure.axes[0].texts
    assert not figure.axes[2].texts
    assert "Nothing is measured yet." in caption_of(figure)


def test_one_single_cell_is_drawn():
    only = study_frame(["first", "second"], [row("cell", {"first": "crop", "second": "crop"}, 20.0)])
    figure = figures.draw(Findings(only, PAIRS))
    assert [text.get_text() for text in figure.axes[0].texts] == ["20.0"]


def test_the_caption_says_what_must_be_known():
    caption = caption_of(figures.draw(Findings(PART, replace(PAIRS, overrides=("schedule.epochs=3",)))))
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
        Findings(study_frame(["first", "second"], rows), replace(PAIRS, axes={"first": names, "second": names}))
    )
    assert "Spearman's rho with the paper's map: 1.00 over all cells (49; two-sided p = 0.0002" in caption_of(figure)
    assert [text.get_text() for text in figure.axes[0].texts] == [text.get_text() for text in figure.axes[3].texts]


@pytest.mark.parametrize("places", [[0.1, 0.12], [0.12, 0.1], [0.99, 1.0], [0.0, 0.5], [0.9, 0.95, 0.97]])
def test_labels_of_close_levels_are_moved_apart_and_keep_their_order(places):
    moved = _apart(places, 0.1)
    assert np.argsort(moved).tolist() == np.argsort(places).tolist()
    assert np.diff(sorted(moved)).min() >= 0.1 - 1e-12
    assert max(moved) <= 1

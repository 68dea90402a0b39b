import pytest

from ablations.paper import published

ORDER = ["crop", "cutout", "color", "sobel", "noise", "blur", "rotate"]


def test_figure_5_has_its_known_cells():
    paper = published("fig5_aug_pairs", "pairs")
    assert paper is not None
    assert list(paper.table.index) == list(paper.table.columns) == ORDER
    assert paper.table.loc["crop", "color"] == 56.3
    assert paper.table.loc["color", "crop"] == 55.8
    assert paper.table.loc["crop", "crop"] == 33.1
    assert paper.table.loc["noise", "color"] == 7.5
    assert paper.confidence == "exact"


def test_the_printed_row_averages_are_those_of_the_printed_cells():
    """A slip in copying a cell by more than half a point would show here; 0.06 is the rounding of the cells."""
    paper = published("fig5_aug_pairs", "pairs")
    assert paper is not None
    assert paper.row_average is not None
    assert (paper.table.mean(axis=1) - paper.row_average).abs().max() < 0.06


def test_figure_8_has_its_known_bars_and_says_they_are_read_off():
    paper = published("fig8_projection_heads", "heads")
    assert paper is not None
    assert paper.table.loc[2048].to_dict() == {"linear": 60.6, "nonlinear": 64.8, "none": 50.2}
    assert paper.table["none"].notna().sum() == 1
    gain = paper.table["nonlinear"] - paper.table["linear"]
    assert gain.mean() == pytest.approx(3.79, abs=0.005)
    assert "read off" in paper.confidence


def test_an_unknown_item_or_another_kind_of_figure_has_no_numbers():
    assert published("", "pairs") is None
    assert published("fig5_aug_pairs", "heads") is None

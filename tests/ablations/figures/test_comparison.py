"""The figure of a paired comparison, by its artists."""

import numpy as np
import pytest
from builders.heads import heads_frame, store_of
from matplotlib.figure import Figure

from ablations import compare
from ablations.figures import comparison
from ablations.figures.comparison import Mean
from ablations.verdicts.evidence import Evidence


@pytest.fixture
def pairing():
    return compare.pair(Evidence({"heads": heads_frame()}), "heads", "head", "linear", "nonlinear", "top1")


def run(out):
    return compare.main(["heads", "--axis", "head", "--values", "linear", "nonlinear", "--out", str(out)])


def drawn(rows, mean):
    return comparison.draw_differences(Figure().add_subplot(), rows, mean, 0.5)


def test_every_pair_is_a_dot_on_its_levels_line(pairing):
    rows = comparison.levels(pairing.pairs, pairing.others)
    assert list(rows) == ["dim 16", "dim 32", "dim 64"]
    axes = drawn(rows, Mean(1.0, 0.0, 2.0))
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert sorted(x for line in dots for x in line.get_xdata()) == sorted(pairing.pairs["difference"])
    assert [line.get_ydata()[0] for line in dots] == [0, -1, -2]
    ticks = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "|"][:3]  # then the caps
    assert ticks == pytest.approx(pairing.pairs.groupby("level")["difference"].mean().tolist())


def test_the_mean_has_its_interval_below_and_zero_and_the_tie_are_marked():
    axes = drawn({"a": [1.0, 3.0]}, Mean(2.0, -0.5, 4.5))
    (bar,) = axes.containers[0].lines[2]
    assert bar.get_segments()[0][:, 0].tolist() == [-0.5, 4.5]
    assert axes.get_yticklabels()[-1].get_text() == "mean"
    assert any(np.array_equal(line.get_xdata(), [0, 0]) for line in axes.lines)
    assert (axes.patches[0].get_x(), axes.patches[0].get_width()) == (-0.5, 1.0)


def test_without_an_interval_the_mean_is_a_diamond_alone():
    axes = drawn({"a": [1.0]}, Mean(1.0, None, None))
    assert not axes.containers
    assert [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"] == [1.0]


def test_very_many_levels_share_a_line_and_no_other_axis_is_one(pairing):
    many = pairing.pairs.loc[np.zeros(40, dtype=int)].assign(level=range(40))
    assert list(comparison.levels(many, ["dim"])) == ["all pairs"]
    assert list(comparison.levels(pairing.pairs, [])) == ["all pairs"]


def test_the_command_draws_to_a_file_named_by_what_is_compared(tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    assert run(tmp_path) == 0
    stem = tmp_path / "reports" / "heads" / "laptop-compare-head-linear-nonlinear"
    assert capsys.readouterr().out.splitlines()[-3:] == [f"{stem}{end}" for end in (".png", ".svg", ".pdf")]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    store_of(heads_frame(), tmp_path)
    (tmp_path / "reports").write_text("in the way")
    assert run(tmp_path) == 2
    assert "cannot be written" in capsys.readouterr().err

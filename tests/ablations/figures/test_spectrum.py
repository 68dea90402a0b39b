import numpy as np
import pytest
from builders.drawings import SPECTRUM, VALUES, caption_of, row, spectra, spectrum_frame, texts

from ablations import figures
from ablations.paper import study_info as paper_info
from ablations.store.trials import Lost
from ablations.tables.findings import Findings
from ablations.tables.frame import study_frame
from ablations.tables.published import published


def lines_of(axes):
    return [line for line in axes.lines if len(line.get_xdata())]


def test_a_spectrum_has_a_line_per_seed_from_rank_one_on_both_scales():
    figure = figures.draw(Findings(spectrum_frame(), SPECTRUM), spectra)
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
    figure = figures.draw(
        Findings(spectrum_frame(), SPECTRUM), lambda _: {"head_eigen_rank": np.array([1, 0.1, 1e-3], "f4")}
    )
    ticks = [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    assert "10⁻²" in ticks
    assert not [tick for tick in ticks if "$" in tick]


def test_a_spectrum_with_nothing_in_it_yet_is_drawn():
    frame = study_frame(["epochs"], [row("cell", {"epochs": epochs}, "missing") for epochs in (0, 2, 6)])
    axes = figures.draw(Findings(frame, SPECTRUM), spectra).axes[0]
    assert not lines_of(axes)
    assert texts(axes.get_legend())[:2] == ["epochs: 0 (missing)", "2 (missing)"]


def test_done_trials_without_a_spectrum_and_heads_of_zeros_are_drawn():
    zeros = figures.draw(Findings(spectrum_frame(), SPECTRUM), lambda _: {"head_eigen_rank": np.zeros(4, np.float32)})
    assert {tuple(line.get_markevery()) for line in lines_of(zeros.axes[0])} == {()}
    assert not lines_of(figures.draw(Findings(spectrum_frame(), SPECTRUM), lambda _: {}).axes[0])


@pytest.mark.parametrize(("count", "said"), [(3, "2 (lost)"), (1, "2 (of some seeds lost)")])
def test_a_spectrum_whose_file_is_lost_is_said_and_the_others_are_drawn(count, said):
    frame = spectrum_frame()
    gone = frame.loc[frame["epochs"].eq(2) & frame["status"].eq("done"), "trial_id"].tolist()[:count]

    def outcomes(trial):
        if trial in gone:
            raise Lost("outcomes.npz is damaged.")
        return spectra(trial)

    axes = figures.draw(Findings(frame, SPECTRUM), outcomes).axes[0]
    assert [name for name in texts(axes.get_legend()) if "lost" in name] == [said]
    whole = figures.draw(Findings(frame, SPECTRUM), spectra).axes[0]
    assert len(lines_of(axes)) == len(lines_of(whole)) - count


def test_the_papers_spectrum_is_drawn_alone():
    paper = published("figB3_head_spectrum")
    assert paper is not None
    figure = figures.draw(Findings(paper.frame, paper_info(paper)))
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "log"]
    assert all(len(lines_of(axes)[0].get_xdata()) == 8 for axes in figure.axes)

import math

import pandas as pd
import pytest
import yaml
from builders.reference import REFERENCE

from ablations.figures import spectrum
from ablations.paper import draw, main
from ablations.paper import study_info as paper_info
from ablations.published.numbers import items
from ablations.studies.load import GRIDS, load_study
from ablations.studies.plot import METRIC
from ablations.tables import pairs, render
from ablations.tables.findings import Findings
from ablations.tables.published import as_ours, published


def cells(item):
    """Axis values -> metrics."""
    paper = published(item)
    assert paper is not None
    return {
        tuple(None if pd.isna(row[axis]) else row[axis] for axis in paper.axes): [
            row[metric] for metric in paper.metrics
        ]
        for _, row in paper.frame.iterrows()
    }


def test_figure_5_has_its_known_cells():
    found = cells("fig5_aug_pairs")
    assert len(found) == 49
    assert found["crop", "color"] == [56.3]
    assert found["color", "crop"] == [55.8]
    assert found["crop", "crop"] == [33.1]
    assert found["noise", "color"] == [7.5]


def test_the_printed_row_averages_are_those_of_the_printed_cells():
    """A slip in copying a cell by more than half a point would show here; 0.06 is the rounding of the cells."""
    paper = published("fig5_aug_pairs")
    assert paper is not None
    assert paper.row_average is not None
    assert (pairs.pair_table(paper.frame, paper.axes).mean(axis=1) - paper.row_average).abs().max() < 0.06


def test_figure_8_has_its_known_bars_and_says_they_are_read_off():
    paper, found = published("fig8_projection_heads"), cells("fig8_projection_heads")
    assert paper is not None
    assert (found["linear", 2048], found["nonlinear", 2048], found["none", None]) == ([60.6], [64.8], [50.2])
    gain = [found["nonlinear", dim][0] - found["linear", dim][0] for dim in (32, 64, 128, 256, 512, 1024, 2048)]
    assert sum(gain) / 7 == pytest.approx(3.79, abs=0.005)
    assert "read off" in paper.confidence


def test_numbers_printed_twice_agree():
    """Table B.1 prints what Figure 9 draws, and Figure B.8 averages Figure B.7: a slip in either would show."""
    drawn, printed = cells("fig9_batch_epochs"), cells("table_b1_lr_scaling")
    shared = [(batch, epochs) for scaling, batch, epochs in printed if scaling == "linear"]
    assert len(shared) == 24
    assert all(abs(drawn[key][0] - printed["linear", *key][0]) < 0.06 for key in shared)
    longer = cells("fig_b2_sqrt_longer")
    assert all(abs(longer[key][0] - printed["sqrt", *key][0]) < 0.06 for key in shared)
    bars, averages = cells("fig_b7_cifar_batch_epochs"), cells("fig_b8_cifar_temperature")
    for batch in (256, 512, 1024, 2048, 4096):
        for name, epochs in (("100 to 300", range(100, 301, 100)), ("400 to 1000", range(400, 1001, 100))):
            mean = sum(bars[batch, e][0] for e in epochs) / len(epochs)
            assert mean == pytest.approx(averages[name, 0.5, batch][0], abs=0.011)


def test_every_number_is_the_references():
    if not REFERENCE.is_file():
        pytest.skip("the reference is not part of the project")
    there = {item["id"]: item for item in yaml.safe_load(REFERENCE.read_text(encoding="utf-8"))["items"]}

    def value(item):
        return there[item]["values"]

    for item in ("fig9_batch_epochs", "fig_b1_top5", "fig_b2_sqrt_longer"):
        epochs = there[item]["axes"]["epochs"]
        wanted = {(int(b), e): [v] for b, line in value(item).items() for e, v in zip(epochs, line, strict=True)}
        assert cells(item) == wanted
    strengths = cells("table1_color_strength")
    assert [v[0] for v in strengths.values()] == [
        *value("table1_color_strength")["simclr"],
        *value("table1_color_strength")["supervised"],
    ]
    assert [v[0] for v in cells("table4_losses").values()] == value("table4_losses")
    norms = [[row[4], row[3], row[2]] for row in value("table5_norm_temperature")]
    assert list(cells("table5_norm_temperature").values()) == norms
    assert list(cells("table3_transform_prediction").values()) == list(value("table3_transform_prediction").values())
    wanted = [row[3:5] for rows in list(value("fig7_model_size").values())[1:] for row in rows]
    assert sorted(cells("fig7_model_size").values()) == sorted([float(a), b] for a, b in wanted)
    assert [[*key, *found] for key, found in cells("fig_b5_correlation_epochs").items()] == value(
        "fig_b5_correlation_epochs"
    )
    assert list(cells("fig_b6_correlation_architectures").values()) == [
        row[1:] for row in value("fig_b6_correlation_architectures")
    ]
    for item in ("table8_transfer_r50_4x", "table_b5_transfer_r50"):
        found, tuned = cells(item), value(item)["finetuned"]
        assert [found["SimCLR", key[1]][0] for key in found if key[0] == "SimCLR"] == value(item)["linear"]["simclr"]
        assert [v[1] for key, v in found.items() if key[0] == "random init"] == tuned["random_init"]
        assert all(math.isnan(v[0]) for key, v in found.items() if key[0] == "random init")


def test_an_unknown_item_has_no_numbers():
    assert published("") is None
    assert published("fig4") is None


@pytest.mark.parametrize("item", items())
def test_every_item_goes_through_our_table(item):
    """All its numbers are there, none twice and none averaged away."""
    paper = published(item)
    assert paper is not None
    about = paper_info(paper)
    table = Findings(paper.frame, about).cells
    shown = table.groupby(METRIC, sort=False)["mean"].apply(lambda values: sorted(values.dropna().round(9)))
    for metric in about.figure.metrics:
        assert shown[metric] == sorted(paper.frame[metric].dropna().round(9)), metric
    assert render.text_table(Findings(paper.frame, about)).size > 0


@pytest.mark.parametrize("study", [path.stem for path in sorted(GRIDS.glob("*.yaml")) if load_study(path).paper])
def test_the_papers_item_of_a_study_has_its_axes_and_spells_their_values_alike(study):
    """So that what is drawn beside ours is laid out like ours."""
    asked = load_study(study)
    paper = published(asked.paper)
    assert paper is not None
    if asked.figure.kind == "spectrum":  # ranks take the place of axes
        assert set(paper.metrics) == {spectrum.RANK, spectrum.VALUE}
        return
    assert set(paper.axes) <= set(asked.axes) | {"width"}
    assert {asked.figure.x, *asked.figure.metrics} & {*paper.axes, *paper.metrics}
    for axis, values in paper.axes.items():
        ours = {str(value) for scale in asked.scales for value in asked.values(axis, scale)}
        assert ours & {str(value) for value in values} or axis in ("epochs", "temperature", "batch"), axis


def test_an_item_is_laid_out_as_its_own_study_and_not_as_one_that_repeats_it():
    for item, study in (("fig5_aug_pairs", "aug_pairs"), ("fig8_projection_heads", "heads")):
        paper = published(item)
        assert paper is not None
        assert paper_info(paper).figure == load_study(study).figure


def test_the_command_draws_what_is_asked_and_refuses_the_rest(tmp_path, capsys):
    assert main(["appA_flip", "--out", str(tmp_path)]) == 0
    folder = tmp_path / "reports" / "paper"
    written = sorted(path.name for path in folder.iterdir())
    assert written == ["appA_flip.md", "appA_flip.pdf", "appA_flip.png", "appA_flip.svg"]
    assert "64.5" in (folder / "appA_flip.md").read_text()
    assert main(["fig5_aug_pair", "--out", str(tmp_path)]) == 2
    assert "nearest: fig5_aug_pairs" in capsys.readouterr().err


@pytest.mark.slow
def test_every_item_is_drawn(tmp_path):
    for item in items():
        assert all(path.stat().st_size > 1000 or path.suffix == ".md" for path in draw(item, tmp_path))


def test_a_layout_without_a_place_in_the_paper_is_left_out():
    paper = published("table_b3_supervised_longer")
    assert paper is not None
    asked = paper_info(paper)
    ours = as_ours(paper, asked)
    assert (ours.figure.x, ours.figure.hue, ours.figure.panel) == ("policy", "epochs", "width")
    assert list(ours.axes) == ["width", "epochs", "policy"]


def test_what_the_paper_averages_in_parts_is_in_panels_beside_our_average():
    paper = published("fig_b8_cifar_temperature")
    assert paper is not None
    plot = as_ours(paper, paper_info(paper)).figure
    assert (plot.x, plot.hue, plot.panel, plot.average) == ("batch", "temperature", "epochs", ())
    table = Findings(paper.frame, as_ours(paper, paper_info(paper))).cells
    early = table[(table["epochs"] == "100 to 300") & (table["batch"] == 2048)]
    assert dict(zip(early["temperature"], early["mean"], strict=True)) == {0.1: 90.09, 0.5: 89.19, 1.0: 86.27}

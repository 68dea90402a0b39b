import numpy as np
import pytest
from builders.drawings import POINTS, points_frame, row, texts

from ablations import figures
from ablations.paper import study_info as paper_info
from ablations.tables.findings import Findings
from ablations.tables.frame import study_frame
from ablations.tables.published import published


def test_points_stand_at_their_metric_with_their_interval_and_name():
    figure = figures.draw(Findings(points_frame(), POINTS))
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
    (axes,) = figures.draw(Findings(paper.frame, paper_info(paper))).axes
    boxes = [name.get_window_extent() for name in axes.texts]
    assert len(boxes) == {"fig7_model_size": 19}.get(item, 13)
    for i, box in enumerate(boxes):
        others = [other.shrunk(0.9, 0.9) for j, other in enumerate(boxes) if j != i]
        assert not box.count_overlaps(others), axes.texts[i].get_text()


def test_points_with_nothing_in_them_yet_are_drawn():
    rows = [row("cell", {"method": "SimCLR", "depth": 18, "width": 1}, "missing")]
    assert figures.draw(Findings(study_frame(["method", "depth", "width"], rows), POINTS)).axes

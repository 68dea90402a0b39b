"""Figures of studies whose images have no labels."""

import pytest
from builders.drawings import (
    FULL,
    HEADS,
    PAIRS,
    POINTS,
    TEMPERATURE,
    heads_frame,
    points_frame,
    temperature_frame,
    texts,
)
from builders.unlabeled import unlabeled, without_labels

from ablations import figures
from ablations.figures.cost import costs
from ablations.figures.curves import chosen
from ablations.studies.metrics import LABEL_FREE, label
from ablations.tables.findings import Findings

EPOCHS = [{"epoch": 1, "loss": 4.0, "accuracy": 10.0}]
KINDS = ((FULL, PAIRS), (heads_frame(), HEADS), (temperature_frame(), TEMPERATURE), (points_frame(), POINTS))


@pytest.mark.parametrize(("frame", "info"), KINDS)
def test_every_figure_names_the_headline_where_it_would_name_the_accuracy(frame, info):
    findings = Findings(unlabeled(frame), without_labels(info))
    shown = " ".join(texts(figures.draw(findings)))
    assert label(LABEL_FREE) in shown or "retrieval of the image's other crop" in shown
    assert "linear probe" not in " ".join(texts(figures.draw(Findings(findings.frame, alone(findings.info)))))
    seconds = dict.fromkeys(findings.frame["trial_id"], 2.0)
    for drawing in figures.more(Findings(findings.frame, alone(findings.info)), seconds, lambda _: EPOCHS).values():
        drawn = drawing()
        assert drawn is not None
        assert "linear probe" not in " ".join(texts(drawn))


def alone(info):
    """Without the paper's numbers, which are accuracies."""
    return info.__class__(**{**vars(info), "paper": ""})


def test_costs_and_curves_rank_by_the_headline():
    frame = unlabeled(heads_frame())
    seconds = dict.fromkeys(frame["trial_id"], 2.0)
    assert costs(frame, seconds, LABEL_FREE)["value"].tolist() == costs(heads_frame(), seconds)["value"].tolist()
    assert list(chosen(frame, LABEL_FREE)) == list(chosen(heads_frame(), "top1"))

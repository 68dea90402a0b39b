"""Claims and answers where the images have no labels."""

from builders.drawings import HEADS, heads_frame
from builders.unlabeled import unlabeled, without_labels

from ablations.studies.plot import Plot
from ablations.verdicts.answer import answer
from ablations.verdicts.judge_all import judge_alone

FRAME, INFO = unlabeled(heads_frame()), without_labels(HEADS)


def test_claims_about_accuracies_are_not_measured_in_one_sentence():
    verdicts = judge_alone("heads", FRAME, None, "laptop")
    assert verdicts
    for verdict in verdicts:
        assert verdict.outcome == "not asked"
        assert verdict.why == "The images of heads have no labels, so that linear probe top-1 is not measured."


def test_claims_about_accuracies_are_asked_as_before_of_images_with_labels():
    assert {one.outcome for one in judge_alone("heads", heads_frame(), None, "laptop")} - {"not asked"}


def test_the_answer_is_of_the_headline():
    said = answer(FRAME, INFO)
    assert said.startswith(
        "Chosen on the first seed, “nonlinear dim 16” reaches 48.5% retrieval of the image's other crop"
    )


def test_the_ranking_is_of_the_headline():
    figure = Plot(kind="bars", x="dim", hue="head", compare="head", reference="linear").without_labels(["head", "dim"])
    said = answer(FRAME, INFO.__class__(**{**vars(INFO), "figure": figure}))
    assert said.startswith("Against “linear” at 45.0% retrieval of the image's other crop")

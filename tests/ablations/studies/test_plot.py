import pytest
from builders.studies import SHIPPED

from ablations.studies.load import load_study
from ablations.studies.metrics import LABEL_FREE, LABELS, needs_labels
from ablations.studies.plot import METRIC, Plot

AXES = ["batch", "epochs", "temperature", "lr"]


def plot(**fields):
    return Plot(**({"kind": "bars"} | fields))


def refusal(axes, **fields):
    with pytest.raises(ValueError, match=r".") as caught:
        plot(**fields).check(axes)
    return str(caught.value)


def test_a_word_is_the_kind_alone():
    assert Plot.model_validate("pairs") == Plot(kind="pairs")
    Plot(kind="pairs").check(["first", "second"])


def test_every_axis_has_one_place():
    plot(x="batch", hue="epochs", panel="temperature", average=("lr",)).check(AXES)
    plot(x="batch", hue="epochs", panel="temperature", choose=("lr",)).check(AXES)
    assert "must place each of batch, epochs once, got ['batch']" in refusal(["batch", "epochs"], x="batch")
    assert "must place each of batch once" in refusal(["batch"], x="batch", hue="batch")
    assert "there is no axis 'lt'" in refusal(AXES, x="batch", average=("lt",))
    assert "needs x" in refusal(["batch"])


def test_several_metrics_need_a_place_and_one_metric_has_none():
    plot(x="batch", hue="metric", metrics=("top1", "loss")).check(["batch"])
    assert "batch, metric once" in refusal(["batch"], x="batch", metrics=("top1", "loss"))
    assert "each of batch once" in refusal(["batch"], x="batch", hue="metric")
    with pytest.raises(ValueError, match="at least one metric, each once"):
        plot(x="batch", metrics=("top1", "top1"))


def test_a_reference_is_a_value_of_what_is_compared():
    plot(x="batch", compare="batch", reference=64).check(["batch"])
    several = {"x": "batch", "hue": "metric", "metrics": ("top1", "knn_top1"), "compare": "metric"}
    plot(**several, reference="top1").check(["batch"])
    assert refusal(["batch"], x="batch", reference=64) == (
        "reference: it is a value of the axis that is compared; name that as compare"
    )
    assert "there is no metric 'loss'; allowed: top1, knn_top1" in refusal(["batch"], **several, reference="loss")


def test_a_map_shows_top1_over_two_axes():
    for fields, axes in (({}, ["a"]), ({"x": "a"}, ["a", "b"]), ({"metrics": ("loss",)}, ["a", "b"])):
        assert "over exactly 2 axes" in refusal(axes, kind="pairs", **fields)


def test_points_take_a_metric_along_x_and_an_axis_or_the_metrics_as_colors():
    plot(kind="scatter", x="parameters", hue="method").check(["method", "depth"])
    plot(kind="scatter", x="top1", hue="metric", metrics=("a", "b")).check(["epochs"])
    assert "'metod' has no place" in refusal(["method"], kind="scatter", x="parameters", hue="metod")


def test_budgets_are_of_lines_in_colors_or_of_a_map():
    plot(kind="budget", x="epochs", hue="head", average=("dim",)).check(["epochs", "head", "dim"])
    plot(kind="budget", x="epochs").check(["epochs", "first", "second"])
    for fields in (
        {"panel": "b"},
        {"metrics": ("loss",)},
        {"choose": ("b",)},
        {"x": "c"},
        {"average": ("a",)},
        {"compare": "b"},
    ):
        assert "shows top1 along an axis as x" in refusal(["a", "b"], **({"kind": "budget", "x": "a"} | fields))
    assert "'c' has no place in the figure; allowed: b" in refusal(["a", "b"], kind="budget", x="a", hue="c")
    assert "without hue is of a map, x and 2 other axes, got a, b" in refusal(["a", "b"], kind="budget", x="a")
    assert "needs x" in refusal(["a", "b"], kind="budget", hue="b")


def test_a_spectrum_has_one_axis_in_colors():
    plot(kind="spectrum", hue="epochs", metrics=("head_eigen_rank", "top1")).check(["epochs"])
    for fields, axes in (({}, ["a"]), ({"x": "a"}, ["a"]), ({"hue": "a"}, ["a", "b"]), ({"hue": "b"}, ["a"])):
        assert "has one axis, as hue, got a" in refusal(axes, kind="spectrum", **fields)
    assert "has one axis" in refusal(["a", "b"], kind="spectrum", hue="a", average=("b",))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_figure_can_be_drawn_without_labels(name):
    study = load_study(name)
    plot, axes = study.figure.without_labels([*study.axes]), [*study.axes]
    assert not any(map(needs_labels, plot.metrics))
    assert plot.x is None or not needs_labels(plot.x)
    if plot.kind in ("pairs", "budget"):
        assert plot == study.figure.model_copy(update={"metrics": (LABEL_FREE,)})
    else:
        plot.check(axes)


def test_without_labels_several_metrics_become_one_and_the_axes_move_up():
    layers = plot(x="metric", hue="depth", metrics=("top1", "layer_1_top1"), compare="metric", reference="top1")
    assert layers.without_labels(["depth"]) == plot(x="depth", metrics=(LABEL_FREE,))
    shares = plot(x="metric", hue="method", panel="width", metrics=("finetune_1_top1", "finetune_10_top1"))
    assert shares.without_labels(["width", "method"]) == plot(x="method", hue="width", metrics=(LABEL_FREE,))


def test_without_labels_a_metric_that_needs_none_stays_beside_the_other():
    both = plot(x="temperature", panel="metric", metrics=("top1", "entropy"), compare="metric", reference="entropy")
    changed = both.without_labels(["temperature"])
    assert changed == both.model_copy(update={"metrics": (LABEL_FREE, "entropy")})
    assert METRIC in changed.placed


def test_points_along_an_accuracy_become_bars_and_those_along_a_size_stay_points():
    ranks = plot(kind="scatter", x="top1", hue="metric", metrics=("finetune_1_top1", "finetune_10_top1"))
    assert ranks.without_labels(["depth", "width"]) == plot(x="depth", hue="width", metrics=(LABEL_FREE,))
    sizes = plot(kind="scatter", x="parameters", hue="method")
    assert sizes.without_labels(["method", "depth"]) == sizes.model_copy(update={"metrics": (LABEL_FREE,)})


def test_what_needs_labels_is_known_of_every_metric():
    names = [
        *LABELS,
        "probe_l2",
        "probe_validation_top1",
        "layer_2_top1",
        "finetune_10_top1",
        "training_top1",
        "n_test",
    ]
    assert {name for name in names if needs_labels(name)} == {
        *("top1", "top5", "balanced_accuracy", "knn_top1", "classifier_top1", "online_top1", "augmented_linear_top1"),
        *("probe_l2", "probe_validation_top1", "layer_2_top1", "finetune_10_top1", "training_top1"),
    }

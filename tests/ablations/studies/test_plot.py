import pytest

from ablations.studies.plot import Plot

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

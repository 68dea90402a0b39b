"""Studies that repeat another at several budgets."""

import pytest
from builders.studies import OFFERED, SHIPPED, sentence

from ablations.studies.expand import expand
from ablations.studies.load import GRIDS, load_scale, load_study
from ablations.studies.model import Study

REPEATING = {name: load_study(name).repeats for name in SHIPPED if load_study(name).repeats}


@pytest.mark.parametrize(("name", "scale"), [(name, scale) for name, scale in OFFERED if name in REPEATING])
def test_a_study_that_repeats_another_trains_its_cells_at_every_value_and_shares_their_trials(name, scale):
    study, other = load_study(name), load_study(REPEATING[name])
    assert study.scales == other.scales
    trials = expand(study, load_scale(scale), seeds=1)
    for epochs in study.axes["epochs"].listed(scale):
        here = [trial for trial in trials if trial.axes["epochs"] == epochs]
        cut = [({axis: value for axis, value in one.axes.items() if axis != "epochs"}, one.recipe) for one in here]
        there = expand(other, load_scale(scale), seeds=1, overrides={"schedule.epochs": epochs})
        assert cut == [(trial.axes, trial.recipe) for trial in there if trial.role == "cell"]
    own = expand(other, load_scale(scale), seeds=1)
    baselines = [(trial.role, trial.recipe) for trial in trials if trial.role != "cell"]
    assert baselines == [(trial.role, trial.recipe) for trial in own if trial.role != "cell"]


def test_the_budgets_are_those_that_are_said_and_the_scales_own_is_among_them():
    assert set(REPEATING) == {"budget_pairs", "budget_heads", "budget_temperature"}
    for name in REPEATING:
        for scale in load_study(name).scales:
            listed = load_study(name).axes["epochs"].listed(scale)
            assert load_scale(scale).recipe["schedule"]["epochs"] in listed
            assert list(listed) == sorted(listed)


BUDGET = """
study: longer
question: At which length?
repeats: heads
figure: {kind: budget, x: epochs, hue: head, average: [dim]}
axes:
  epochs: {set: schedule.epochs, values: [1, 2]}
"""


def longer(tmp_path, text=BUDGET):
    (tmp_path / "longer.yaml").write_text(text)
    return load_study(tmp_path / "longer.yaml")


def test_a_study_of_ones_own_may_repeat_a_shipped_one_or_one_by_its_path(tmp_path):
    study = longer(tmp_path)
    assert (study.repeats, study.along, list(study.axes)) == ("heads", "epochs", ["epochs", "head", "dim"])
    assert study.seeds == load_study("heads").seeds
    assert Study.model_validate(study.model_dump()) == study
    nones = [trial.axes for trial in expand(study, load_scale("smoke"), seeds=1) if trial.axes["head"] == "none"]
    assert nones == [{"epochs": epochs, "head": "none", "dim": None} for epochs in (1, 2)]
    by_path = longer(tmp_path, BUDGET.replace("repeats: heads", f"repeats: {GRIDS / 'heads.yaml'}"))
    assert by_path == study
    bars = longer(tmp_path, BUDGET.replace("kind: budget, x: epochs, hue: head", "kind: bars, x: epochs, hue: head"))
    assert bars.figure.kind == "bars"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("repeats: heads", "repeats: head", "longer.yaml: repeats: Unknown study 'head'; nearest: heads"),
        ("repeats: heads", "repeats: [heads]", "repeats: give the name of a study, or a path to its file"),
        ("repeats: heads", "repeats: budget_heads", "repeats: budget_heads repeats another study itself."),
        ("repeats: heads", "repeats: LONGER", "longer.yaml repeats another study itself."),
        ("axes:", "recipe: {}\naxes:", "recipe: a study that repeats another has the other's; leave it out."),
        ("axes:", "scales: [smoke]\naxes:", "scales: a study that repeats another has the other's; leave it out."),
        ("axes:", "sead: 3\naxes:", "unknown key 'sead'; nearest: seeds"),
        ("  epochs:", "  dim:", "has one axis of its own, and beside it the other's: head, dim."),
        ("  epochs:", "  b: {set: seed, values: [1]}\n  epochs:", "has one axis of its own"),
        ("set: schedule.epochs", "set: schedule.batch_size", "repeats another along x, which sets schedule.epochs"),
        ("x: epochs, hue: head", "x: head, hue: epochs", "repeats another along x, which sets schedule.epochs"),
        ("[1, 2]", "[0, 2]", "starts at 1 epoch; untrained is a baseline"),
        ("repeats: heads", "scales: [smoke]", "kind 'budget' is for a study that repeats another"),
    ],
)
def test_a_mistake_in_what_is_repeated_is_one_sentence(tmp_path, old, new, said):
    assert old in BUDGET
    text = BUDGET.replace(old, new.replace("LONGER", str(tmp_path / "longer.yaml")), 1)
    if "repeats:" not in text:
        text = text.replace(", hue: head, average: [dim]", ", hue: head").replace(
            "axes:", "axes:\n  head: {set: head.kind, values: [linear]}"
        )
    assert said in sentence(lambda: longer(tmp_path, text))

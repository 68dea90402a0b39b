"""What a study may say: a mistake is one sentence, with the place and what is allowed."""

import pytest
from builders import tiny
from builders.studies import NAMED, named, one_axis, sentence, tiny_trials

from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study
from ablations.studies.metrics import COLUMNS
from ablations.studies.model import Axis, Study
from ablations.tables import frame


def test_every_figure_kind_can_be_drawn_and_column_names_are_the_tables():
    assert set(frame.METRICS) <= set(COLUMNS)
    assert set(frame.study_frame([], []).columns) == set(COLUMNS)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("question:", "qestion:", ["study.yaml: unknown key 'qestion'", "nearest: question"]),
        ("question: Does the path work?", "", ["study.yaml: the key 'question' is missing"]),
        (
            "{append: views.right, values: [crop, color]}",
            "{apend: views.right, values: [crop]}",
            ["axes.first", "nearest: append"],
        ),
        ("values: [crop, color]}", "values: [crop, colr]}", ["first = ", "'colr'", "nearest: color"]),
        ("values: [crop, color]}", "values: [crop, crop]}", ["axes.first", "'crop' twice"]),
        ("append: views.right, ", "append: views.rihgt, ", ["axes.first.append: views.rihgt is no list field"]),
        ("append: views.right, ", "append: loss.temperature, ", ["loss.temperature is no list field"]),
        ("first: {append: views.right, ", "first: {set: views.colour, ", ["views.colour", "unknown key"]),
        ("schedule.epochs: 0", "schedule.epoch: 0", ["baselines.untrained", "schedule.epoch", "nearest: epochs"]),
        ("left: []", "left: 3", ["recipe: views.left", "got 3"]),
        ("study: tiny", "study: ../tiny", ["letters, digits, _ and - only"]),
        ("study: tiny", "study: [", ["study.yaml, line", "invalid YAML"]),
        ("study: tiny", "study: " + 5000 * "[", ["study.yaml", "nested too deeply"]),
        ("study: tiny", "study: " + 5000 * "9", ["study.yaml", "4300 digits"]),
        ("figure: pairs", "figure: pie", ["figure", "'pairs'", "got 'pie'"]),
        ("figure: pairs", "figure: pairs\nfigure: heads", ["line 5", "'figure' is given twice"]),
        ("  first:", "  top1:", ["axes.top1", "column"]),
        ("  first:", "  third: {set: seed, values: [1]}\n  first:", ["2 axes, got 3"]),
        ("right: []}", "right: []}\n  seed: 3", ["seed: seeds are given by"]),
        ("untrained:", "cell:", ["'cell' is the name of ordinary trials"]),
        ("baselines:", "extra: [{first: blur}]\nbaselines:", ["extra.0", "'second' has no value"]),
        ("baselines:", "extra: [{first: crop, second: color}]\nbaselines:", ["extra.0", "there already"]),
        ("scales: [tiny]", "scales: [tiny]\nseeds: 0", ["seeds", "at least 1"]),
    ],
)
def test_a_mistake_in_a_study_is_one_sentence(tmp_path, old, new, said):
    assert old in tiny.STUDY
    message = sentence(lambda: tiny_trials(tmp_path, tiny.STUDY.replace(old, new)))
    assert all(part in message for part in said), message


def test_a_study_cannot_be_changed():
    study = load_study("heads")
    with pytest.raises(ValueError, match="frozen"):
        study.seeds = 4
    assert Study.model_validate(study.model_dump()) == study


def test_two_axes_that_set_the_same_field_are_refused(tmp_path):
    twice = tiny.STUDY.replace(
        "append: views.right, values: [crop, color]", "set: loss.temperature, values: [0.1, 0.5]"
    )
    said = sentence(lambda: tiny_trials(tmp_path, twice))
    assert "axes.second: loss.temperature is set by axis 'first' already" in said


def test_a_paper_item_without_numbers_is_refused_with_those_there_are(tmp_path):
    said = sentence(lambda: tiny_trials(tmp_path, tiny.STUDY + "paper: fig5_aug_pair\n"))
    assert "nearest: fig5_aug_pairs" in said


REFERRING = NAMED.replace("hue: epochs}", "hue: epochs, compare: policy, reference: plain}").replace("null", "2")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "reference: plain",
            "reference: plane",
            "no value 'plane'; nearest: plain; allowed: plain, strong",
        ),
        (
            "at: {smoke: [plain, strong]}",
            "at: {smoke: [strong]}",
            "policy' has no value 'plain' at scale 'smoke'",
        ),
        (
            "compare: policy, reference: plain",
            "compare: epochs, reference: 3",
            "epochs' has no value 3; allowed: 1",
        ),
        ("compare: policy, reference", "reference", "it is a value of the axis that is compared"),
        ("reference: plain", "reference: [plain]", "figure.reference"),
        ("reference: plain", "refrence: plain", "nearest: reference"),
    ],
)
def test_a_mistake_in_a_reference_is_one_sentence(tmp_path, old, new, said):
    named(tmp_path, REFERRING)
    assert old in REFERRING
    assert said in sentence(lambda: named(tmp_path, REFERRING.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("values: [1, 2]", "values: {one: {schedule.epochs: 1}}", "a mapping from names to fields without them"),
        ("{set: schedule.epochs, values", "{values", "a list with set or append"),
        ("[plain, strong]", "[plain, storng]", "unknown value 'storng'; nearest: strong"),
        ("smoke: {optimizer", "smok: {optimizer", "at: unknown scale 'smok'; nearest: smoke"),
        ("smoke: {optimizer: {lr: 0.5}}", "smoke: {optimizer: {lrr: 0.5}}", "unknown key 'lrr'; nearest: lr"),
        ("refuses: {laptop", "refuses: {smoke", "'smoke' is one of scales"),
        ("x: policy, hue: epochs", "x: policy", "must place each of policy, epochs once"),
        ("kind: bars", "kind: pie", "figure.kind"),
        ("values: [1, 2]", "values: []", "at least 1 item"),
        ("set: schedule.epochs", "set: transforms.color.strength", "transforms.color.strength is set by axis 'policy'"),
    ],
)
def test_a_mistake_in_an_axis_or_a_figure_is_one_sentence(tmp_path, old, new, said):
    text = NAMED.replace("epochs: null", "epochs: 2")
    assert old in text
    assert said in sentence(lambda: named(tmp_path, text.replace(old, new)))


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ("{values: {off: {}, on: {schedule.epochs: 2}}}", ["off", "on"]),
        ("{values: {2: {schedule.epochs: 2}, 3: {}}}", [2, 3]),
        ("{values: {'1.1': {schedule.epochs: 2}, '1.10': {}}}", ["1.1", "1.10"]),
        ("{values: {null: {}, some: {schedule.epochs: 2}}}", ["null", "some"]),
        ("{set: head.width, values: [null, 16]}", ["null", 16]),
        ("{set: loss.normalize, values: [true, false]}", [True, False]),
        ("{set: transforms.crop.area, values: [[0.08, 1.0], [0.5, 1]]}", ["0.08 1", "0.5 1"]),
        ("{set: views.right, values: [[], [crop, color]]}", ["[]", "crop color"]),
    ],
)
def test_a_value_keeps_its_type_and_null_and_lists_have_a_name(tmp_path, axis, values):
    found = one_axis(tmp_path, axis)
    assert found == values
    assert list(map(type, found)) == list(map(type, values))


def test_null_and_a_list_reach_the_recipe_as_they_are(tmp_path):
    one_axis(tmp_path, "{set: head.width, values: [null, 16]}")
    widths = [trial.recipe.head.width for trial in expand(load_study(tmp_path / "one.yaml"), load_scale("smoke"))]
    assert widths == [None, 16]
    one_axis(tmp_path, "{set: views.right, values: [[], [crop, color]]}")
    chains = [trial.recipe.views.right for trial in expand(load_study(tmp_path / "one.yaml"), load_scale("smoke"))]
    assert chains == [(), ("crop", "color")]


def test_values_that_people_tell_apart_are_two():
    names = ["a", "A", "a b", "a_b", "a  b", "1.0.0", "1.00", "1.1", "true", 1, 10, 0.1, "ｅ", "e", "é"]
    assert list(Axis(values={name: {} for name in names}).values) == names


@pytest.mark.parametrize("extra", ["[{a: 'b '}]", "[{a: 1}, {a: '1.0'}]"])
def test_values_of_extra_cells_that_read_like_others_are_refused(tmp_path, extra):
    axis = f"{{set: head.name, values: [b]}}\nextra: {extra}"
    assert "which reads the same" in sentence(lambda: one_axis(tmp_path, axis))


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ("{set: loss.temperature, values: [0.05, 5e-2]}", "lists 0.05 twice"),
        ("{values: {1.1: {}, '1.1': {schedule.epochs: 2}}}", "lists '1.1' beside 1.1, which reads the same"),
        ("{values: {a: {}, 'a ': {}}}", "lists 'a ' beside 'a', which reads the same"),
        ("{values: {' a': {}, 'a ': {}}}", "lists 'a ' beside ' a', which reads the same"),
        ("{values: {'\u00e9': {}, 'e\u0301': {}}}", "lists 'e\u0301' beside '\u00e9', which reads the same"),
        ("{values: {1.0: {}, '1': {}}}", "lists '1' beside 1.0, which reads the same"),
        ("{values: {'1.0': {}, 1: {}}}", "lists 1 beside '1.0', which reads the same"),
        ("{values: {1: {}, 1.0: {schedule.epochs: 2}}}", "key '1.0' is given twice"),
        (
            "{values: {'': {}, b: {schedule.epochs: 2}}}",
            "lists ''; a name of printable characters on one line is needed",
        ),
        ('{values: {"a\\nb": {}, c: {schedule.epochs: 2}}}', "of printable characters on one line"),
        ("{values: {b: , c: {schedule.epochs: 2}}}", "b: a mapping from fields to values is needed, got None"),
        ("{set: loss.temperature, values: 3}", "a list of values is needed"),
        ("{set: loss.temperature, values: [{x: 1}]}", "null or a list of these is needed, got {'x': 1}"),
        ("{set: loss.temperature, values: [.inf]}", "a finite number"),
        ("{set: loss.temperature, values: [1], at: {smoke: 3}}", "a list of values is needed"),
        ("{values: {18: {}}, at: {smoke: ['18']}}", "unknown value '18'; nearest: 18"),
    ],
)
def test_values_that_cannot_be_told_apart_or_are_none_are_refused(tmp_path, axis, said):
    assert said in sentence(lambda: one_axis(tmp_path, axis))


@pytest.mark.parametrize("name", ["n", "value", "mean", "metric", "parameters", "seed", "number", "layer_2_top1"])
def test_an_axis_with_the_name_of_a_column_of_ours_is_refused(tmp_path, name):
    study = tiny.STUDY.replace("  first:", f"  {name}:")
    assert f"axes.{name}: tables have a column {name!r}" in sentence(lambda: tiny_trials(tmp_path, study))


@pytest.mark.parametrize("name", ["cache", "Cache", "trials", "set_aside", "claims", "runs", "gallery", "paper"])
def test_a_study_with_the_name_of_a_folder_of_ours_is_refused(tmp_path, name):
    said = sentence(lambda: tiny_trials(tmp_path, tiny.STUDY.replace("study: tiny", f"study: {name}")))
    assert f"study: {name!r} cannot name a study" in said

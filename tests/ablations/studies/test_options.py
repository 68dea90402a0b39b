"""What --set, --only, --data and --seeds may say."""

import pytest
from builders import tiny
from builders.studies import one_axis, sentence, tiny_trials

from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study
from ablations.studies.options import parse_overrides


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"overrides": {"optimizer.l": 1}}, ["--set", "optimizer.l", "nearest: lr"]),
        ({"overrides": {"schedule.batch_size": "many"}}, ["--set: schedule.batch_size", "got 'many'"]),
        ({"data": "imagenet"}, ["--data", "'imagenet'", "folder:PATH"]),
        ({"overrides": parse_overrides(["data.source=folder:"])}, ["data.source: unknown data source 'folder:'"]),
        ({"only": {"frist": ["crop"]}}, ["--only frist", "nearest: first"]),
        ({"only": {"first": ["corp"]}}, ["--only first", "'corp'", "nearest: crop"]),
        ({"seeds": 0}, ["--seeds", "at least 1"]),
    ],
)
def test_a_mistake_in_an_option_is_one_sentence(tmp_path, options, said):
    message = sentence(lambda: tiny_trials(tmp_path, **options))
    assert all(part in message for part in said), message


def test_seeds_are_no_field_to_set():
    for given in ("seed=1", "seeds=3"):
        assert sentence(lambda given=given: parse_overrides([given])).startswith(f"--set {given}: seeds are given by")


def test_an_override_of_what_an_axis_sets_is_refused_because_it_would_do_nothing():
    message = sentence(lambda: expand(load_study("heads"), load_scale("smoke"), overrides={"head.dim": 64}))
    assert "--only dim=VALUE" in message


def test_seeds_beyond_reason_are_refused_at_once(tmp_path):
    assert "at most 1000" in sentence(lambda: tiny_trials(tmp_path, seeds=10**14))
    assert "at most 1000" in sentence(lambda: tiny_trials(tmp_path, tiny.STUDY + "seeds: 100000000\n"))


@pytest.mark.parametrize(
    ("axis", "given", "values"),
    [
        ("{set: loss.temperature, values: [1.0, 0.05]}", "a=1,5e-2", [1.0, 0.05]),
        ("{set: loss.normalize, values: [true, false]}", "a=true", [True]),
        ("{set: loss.normalize, values: [true, false]}", "a=True", [True]),
        ("{set: head.width, values: [null, 16]}", "a=~,0x10", ["null", 16]),
        ("{values: {'1.1': {schedule.epochs: 2}, '1.10': {}}}", "a=1.10", ["1.10"]),
        ("{values: {'b, c': {}, d: {schedule.epochs: 2}}}", 'a="b, c"', ["b, c"]),
        ("{set: transforms.crop.area, values: [[0.08, 1], [0.5, 1]]}", "a=[5e-1, 1.0]", ["0.5 1"]),
    ],
)
def test_only_matches_by_value_and_a_name_with_a_comma_is_quoted(tmp_path, axis, given, values):
    assert one_axis(tmp_path, axis, [given]) == values


def test_an_unknown_value_is_refused_with_those_there_are_as_they_are_to_be_typed(tmp_path):
    axis = "{values: {'b, c': {}, '1.10': {schedule.epochs: 2}}}"
    assert 'allowed: "b, c", "1.10".' in sentence(lambda: one_axis(tmp_path, axis, ["a=b"]))
    assert "no value '1.1'" in sentence(lambda: one_axis(tmp_path, axis, ["a=1.1"]))
    assert "no value '1'" in sentence(lambda: one_axis(tmp_path, "{set: loss.normalize, values: [true]}", ["a=1"]))

"""What --set, --only, --data and --seeds may say."""

import pytest
from builders import tiny
from builders.studies import sentence, tiny_trials

from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study
from ablations.studies.options import parse_overrides


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"overrides": {"optimizer.l": 1}}, ["--set", "optimizer.l", "nearest: lr"]),
        ({"overrides": {"schedule.batch_size": "many"}}, ["--set: schedule.batch_size", "got 'many'"]),
        ({"data": "imagenet"}, ["--data", "'imagenet'", "folder:PATH"]),
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

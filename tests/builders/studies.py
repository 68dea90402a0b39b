"""Studies in YAML, expanded, and the sentences that refuse them."""

from collections.abc import Callable

import pytest

from ablations.studies.expand import expand
from ablations.studies.load import GRIDS, load_scale, load_study
from ablations.studies.options import parse_only
from builders import tiny
from simclr_core.errors import BadInput

SHIPPED = sorted(path.stem for path in GRIDS.glob("*.yaml"))
OFFERED = [(name, scale) for name in SHIPPED for scale in load_study(name).scales]


def tiny_trials(tmp_path, study=tiny.STUDY, scale=tiny.SCALE, **options):
    tiny.write(tmp_path, study, scale)
    return expand(load_study(tmp_path / "study.yaml"), load_scale(tmp_path / "scale.yaml"), **options)


def cell(trials, **axes):
    return next(trial for trial in trials if trial.axes == axes)


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(BadInput) as caught:
        call()
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    return said


NAMED = """
study: named
question: Are axes of named values understood?
figure: {kind: bars, x: policy, hue: epochs}
scales: [smoke]
refuses: {laptop: it would take too long}
recipe: {views: {left: [crop], right: [crop]}}
at:
  smoke: {optimizer: {lr: 0.5}}
axes:
  policy:
    label: augmentation policy
    values:
      plain: {}
      strong: {views.left: [crop, color], views.right: [crop, color], transforms.color.strength: 0.25}
      blurred: {views.right: [crop, blur]}
    at: {smoke: [plain, strong]}
  epochs: {set: schedule.epochs, values: [1, 2]}
extra:
  - {policy: blurred, epochs: null}
"""


def named(tmp_path, text=NAMED, scale="smoke"):
    (tmp_path / "named.yaml").write_text(text)
    study = load_study(tmp_path / "named.yaml")
    return study, expand(study, load_scale(scale))


def one_axis(tmp_path, axis, only=()):
    """The values of the cells of a study with the one axis `a`."""
    text = f"study: one\nquestion: Which?\nfigure: {{kind: bars, x: a}}\nscales: [smoke]\naxes:\n  a: {axis}\n"
    (tmp_path / "one.yaml").write_text(text)
    chosen = parse_only(only) if only else None
    return [trial.axes["a"] for trial in expand(load_study(tmp_path / "one.yaml"), load_scale("smoke"), only=chosen)]

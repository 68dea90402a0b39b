"""A study and a scale small enough for tests: two axes over the seven transformations, 40 images, one epoch."""

from pathlib import Path

STUDY = """
study: tiny
question: Does the path work?
figure: pairs
scales: [tiny]
recipe:
  views: {shared: [crop], left: [], right: []}
axes:
  first: {append: views.right, values: [crop, color]}
  second: {append: views.right, values: [crop, color]}
baselines:
  untrained: {schedule.epochs: 0}
"""

SCALE = """
scale: tiny
about: proves the path only
stamp: true
recipe:
  data: {source: embedded, size: 24, limit: 40, test_limit: 20}
  head: {dim: 16}
  schedule: {epochs: 1, batch_size: 20}
  probes: {linear: {l2: [0.01]}}
resources: {cpus: 1, gpus: 0}
"""


def write(folder: Path, study: str = STUDY, scale: str = SCALE) -> list[str]:
    """The two files in `folder`, and the arguments of ablations.run that use them and write there."""
    (folder / "study.yaml").write_text(study)
    (folder / "scale.yaml").write_text(scale)
    return [str(folder / "study.yaml"), "--scale", str(folder / "scale.yaml"), "--out", str(folder)]

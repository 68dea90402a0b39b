"""Frames and stores made by hand: what a study with these numbers would have left."""

from dataclasses import replace

import numpy as np

from ablations.studies.plot import Plot
from ablations.tables.cells import VALIDATION
from ablations.tables.frame import study_frame
from ablations.verdicts.contrasts import CellMetric, Contrast
from ablations.verdicts.verdict import Claim
from builders import shelf

RANKED = Plot(kind="bars", x="cell", compare="cell", reference="full")
CLAIM = Claim("made", "group", "A statement.", "Section 0", "a > b", ("made",))


def frame(cells, axes=("cell",), failed=(), **more):
    """cells: axis values (one, or a tuple) -> top1 by seed, None where it is not done. more: other metrics likewise.

    Without probe_validation_top1 among these, top1 stands in for it where a cell is chosen.
    """
    records = []
    seeds = max(map(len, cells.values()))
    for seed in range(seeds):
        for key, values in cells.items():
            name = key if isinstance(key, tuple) else (key,)
            value = values[seed] if seed < len(values) else None
            row = {"role": "cell", **dict(zip(axes, name, strict=True)), "seed": seed}
            row |= {"trial_id": trial_id(key, seed), "status": "missing"}
            if (key, seed) in failed:
                row["status"] = "failed"
            elif value is not None:
                row |= {"status": "done", "top1": float(value)}
                row |= {metric: float(table[key][seed]) for metric, table in more.items()}
            records.append(row)
    return study_frame(list(axes), records)


def trial_id(key, seed):
    return f"{key}-{seed}"


def cell(name, metric="top1", study="made", axis="cell"):
    """A cell of a study with one axis, as a contrast."""
    return Contrast(((CellMetric(study, ((axis, name),), metric), 1.0),), str(name))


def published(frame):
    """The same frame as if the paper had printed it: no validation split."""
    return frame.drop(columns=VALIDATION)


class Answers:
    """A store in memory: trial -> predicted classes, labels, and other probes' outcomes; by_metric: their groups."""

    def __init__(self, **by_metric):
        self.trials, self.by_metric = {}, by_metric

    def put(self, trial, predicted, labels, **outcomes):
        self.trials[trial] = (predicted, labels, outcomes)

    def predictions(self, trial):
        return self.trials[trial][:2]

    def outcomes(self, trial):
        return self.trials[trial][2]

    def groups(self, _):
        return self.by_metric


def right(cells):
    """(Answers, top1 by cell and seed) of {cell: (seeds, images) bool, whether it was right}."""
    store = Answers()
    for key, table in cells.items():
        for seed, row in enumerate(np.asarray(table)):
            labels = np.arange(len(row), dtype=np.int16) % 5
            store.put(trial_id(key, seed), np.where(row, labels, (labels + 1) % 5).astype(np.int16), labels)
    return store, {key: [100 * float(np.mean(row)) for row in np.asarray(table)] for key, table in cells.items()}


def info_of(figure, axes):
    return shelf.study_info(
        study="made", question="Which?", paper="", figure=figure, seeds=3, axes=dict.fromkeys(axes, ()), labels={}
    )


def ranked_info(table, figure=RANKED, axes=("cell",)):
    """The study whose cells are the keys of a table, ranked against the one called full."""
    keys = [key if isinstance(key, tuple) else (key,) for key in table]
    values = {axis: tuple(dict.fromkeys(key[i] for key in keys)) for i, axis in enumerate(axes)}
    return replace(info_of(figure, axes), axes=values)

"""Studies that repeat another at several training budgets, as they would be left behind with made-up numbers."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ablations.studies.expand import expand
from ablations.studies.info import study_info
from ablations.studies.load import load_scale, load_study
from ablations.tables.frame import study_frame

IMAGES = 5_000


def leave(name, scale, top1, seeds=3, missing=()):
    """Frame and context of a shipped study. top1: (epochs, its other axes) -> percent; noise of 0.3 points is added.

    missing: (epochs, seed) of the trials that are not done. Contrastive accuracy falls and entropy rises with top1.
    """
    study, at = load_study(name), load_scale(scale)
    trials, records = expand(study, at, seeds=seeds), []
    rng = np.random.default_rng(1)
    for trial in trials:
        axes = dict(trial.axes)
        record = {"role": trial.role, **axes, "seed": trial.seed, "trial_id": trial.label, "status": "missing"}
        epochs = axes.pop("epochs")
        value = (20.0 if trial.role != "cell" else top1(epochs, axes)) + 0.3 * rng.normal()
        if (epochs, trial.seed) not in missing:
            record |= {"status": "done", "top1": value, "probe_validation_top1": value, "n_test": 4000}
            record |= {"contrastive_accuracy": 100 - value, "entropy": value / 50}
        records.append(record)
    return study_frame(list(study.axes), records), replace(
        study_info(study, at, trials, {trial.recipe.data: ("printed tiles", IMAGES) for trial in trials}, ()),
        images=IMAGES,
    )


def heads(missing=(), seeds=3):
    """At the scale laptop a linear head beats none from 10 epochs on, and a nonlinear one is a point above it."""

    def top1(epochs, axes):
        return {"none": 40.0, "linear": 45.0 if epochs >= 10 else 35.0, "nonlinear": 46.0 if epochs >= 10 else 36.0}[
            axes["head"]
        ]

    return leave("budget_heads", "laptop", top1, seeds, missing)


def pairs(missing=(), seeds=2):
    """At the scale laptop crop with color, in both orders, is above all else from 5 epochs on, below it at 2."""

    def top1(epochs, axes):
        if {axes["first"], axes["second"]} == {"crop", "color"}:
            return 50.0 if epochs >= 5 else 20.0
        return 30.0 + sum(map(len, axes.values())) / 4

    return leave("budget_pairs", "laptop", top1, seeds, missing)


def verdicts(**claims):
    """claim=outcomes at 2, 5, 10, 20 epochs."""
    rows = [
        (claim, epochs, one)
        for claim, outcomes in claims.items()
        for epochs, one in zip((2, 5, 10, 20), outcomes, strict=True)
    ]
    return pd.DataFrame(rows, columns=["claim", "epochs", "outcome"])

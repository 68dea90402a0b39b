"""The paper's claims at each training budget: a study that repeats another, judged at every budget as the other is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite

import pandas as pd

from ablations.console import text
from ablations.store.trials import Store
from ablations.studies.info import StudyInfo
from ablations.tables import captions
from ablations.tables.budgets import OPEN, budgets, cut
from ablations.verdicts.judge_all import Again, judge_alone
from ablations.verdicts.verdict import Verdict

FEWEST = 2  # seeds that a verdict needs
Judged = Mapping[int, Sequence[Verdict]]  # number of epochs -> the claims that the repeated study alone answers


def judge(frame: pd.DataFrame, info: StudyInfo, store: Store | None, again: Again | None = None) -> Judged:
    """The verdicts at each budget, those not asked included; empty for a figure of another kind than budget.

    store: for the answers image by image. again: the command that trains the study with more seeds.
    """
    if info.figure.kind != "budget":
        return {}
    return {
        epochs: judge_alone(
            info.repeats,
            cut(frame, info, epochs),
            store,
            info.scale,
            captions.budget(replace(info, epochs=(epochs,))),
            again,
        )
        for epochs in budgets(info)
    }


def table(judged: Judged, info: StudyInfo) -> pd.DataFrame | None:
    """One row per claim and budget: claim (in a few words), epochs, outcome; without the claims that cannot be asked.

    None for a figure of another kind than budget.

    outcome: holds, undecided, does not hold; not measured where it is undecided because a cell is missing, or a seed
    that the claim has at another budget.
    """
    if info.figure.kind != "budget":
        return None
    seeds: dict[str, int] = {}
    for verdict in (verdict for verdicts in judged.values() for verdict in verdicts):
        seeds[verdict.claim.key] = max(seeds.get(verdict.claim.key, FEWEST), verdict.seeds + verdict.chosen_on)
    rows = [
        (
            verdict.claim.short or verdict.claim.statement,
            epochs,
            _outcome(verdict, min(info.seeds, seeds[verdict.claim.key])),
        )
        for epochs, verdicts in judged.items()
        for verdict in verdicts
        if verdict.outcome != "not asked"
    ]
    return pd.DataFrame(rows, columns=["claim", "epochs", "outcome"])


def listed(judged: Judged, info: StudyInfo) -> list[Verdict]:
    """Verdicts of all budgets, with the budget in the name of their group."""
    pairs = budgets(info)
    return [
        replace(
            verdict,
            claim=replace(verdict.claim, group=f"{pairs[epochs]:,} image pairs, {text.counted(epochs, 'epoch')}"),
        )
        for epochs, verdicts in judged.items()
        for verdict in verdicts
    ]


def _outcome(verdict: Verdict, seeds: int) -> str:
    """The outcome of a claim that is to have so many seeds. What some of them decide already is decided."""
    measured = bool(verdict.parts) and all(isfinite(part.effect) for part in verdict.parts)
    complete = measured and verdict.seeds + verdict.chosen_on >= seeds
    return OPEN if verdict.outcome == "undecided" and not complete else verdict.outcome

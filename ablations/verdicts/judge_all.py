"""Every claim that a results folder's studies can answer, judged; and whether the paper's own numbers fulfill it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pandas as pd

from ablations.console.commands import command
from ablations.store.trials import Store
from ablations.studies.load import GRIDS, load_study
from ablations.tables.published import published
from ablations.verdicts.claims import CLAIMS, Entry
from ablations.verdicts.contrasts import NotAsked
from ablations.verdicts.evidence import Evidence
from ablations.verdicts.judge import holds, judge
from ablations.verdicts.statement import All, Best, Comparison, Most, Quantity, Statement
from ablations.verdicts.verdict import Verdict

Budget = Callable[[str], str]  # study -> on what its cells were trained, in words
Again = Callable[[str, int], str]  # study, number of seeds (0: its own) -> the command that trains it so
STUDIES = tuple(dict.fromkeys(study for entry in CLAIMS.values() for study in entry.claim.studies))


def judge_frames(
    frames: Mapping[str, pd.DataFrame],
    store: Store | None,
    scale: str,
    budget: Budget = lambda _: "",
    again: Again | None = None,
) -> list[Verdict]:
    """Judge all claims, by group, from frames by study. store: for the answers image by image.

    budget: study -> a sentence printed with its verdicts; again: what names the command that trains a study.
    """
    evidence, again = Evidence(frames, store), again or partial(trains, Path(), scale)
    return [_judged(entry, evidence, scale, budget, again) for entry in CLAIMS.values()]


def judge_alone(
    study: str, frame: pd.DataFrame, store: Store | None, scale: str, budget: str = "", again: Again | None = None
) -> list[Verdict]:
    """Judge the claims that this study alone answers, from its frame. budget: a sentence printed with each verdict."""
    evidence, again = Evidence({study: frame}, store), again or partial(trains, Path(), scale)
    entries = [entry for entry in CLAIMS.values() if entry.claim.studies == (study,)]
    return [_judged(entry, evidence, scale, lambda _: budget, again) for entry in entries]


def trains(out: Path, scale: str, study: str, seeds: int = 0) -> str:
    """What trains the study at that scale, where nothing is known of how it was run."""
    return command("run", study, scale=scale, seeds=seeds, out=out)


def about(study: str, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Verdicts whose claim speaks of the study."""
    return [verdict for verdict in verdicts if study in verdict.claim.studies]


def _judged(entry: Entry, evidence: Evidence, scale: str, budget: Budget, again: Again) -> Verdict:
    claim, says = entry.claim, fulfilled(entry)
    if entry.ask is None:
        return Verdict(claim, scale, "not asked", entry.unanswered, published=says)
    absent = [study for study in claim.studies if study not in evidence.frames]
    if absent:
        commands = "; ".join(again(study, 0) for study in absent)
        refusal = [reason for study in absent if (reason := _refusal(study, scale))]
        why = (
            f"{refusal[0]}."
            if refusal
            else f"{' and '.join(absent)} {'has' if len(absent) == 1 else 'have'} not been run at this scale."
        )
        return Verdict(claim, scale, "not asked", why, published=says, command="" if refusal else commands)
    try:
        verdict = judge(claim, entry.ask(*(evidence.cells(study) for study in claim.studies)), evidence, scale)
    except NotAsked as reason:
        return Verdict(claim, scale, "not asked", f"{reason}.", published=says)
    settings = "; ".join(dict.fromkeys(said for study in claim.studies if (said := budget(study))))
    if verdict.outcome == "undecided":
        seeds = verdict.more_seeds or (3 if verdict.seeds + verdict.chosen_on < 3 else 0)
        if seeds or "not measured" in verdict.why:
            verdict = replace(verdict, command=" && ".join(again(study, seeds) for study in claim.studies))
    return replace(verdict, budget=settings, published=says)


def _refusal(study: str, scale: str) -> str:
    """The reason why a study is not offered at a shipped scale; empty where it is, or the scale is somebody's own."""
    asked = load_study(study)
    if scale in asked.scales or not (GRIDS / "scales" / f"{scale}.yaml").is_file():
        return ""
    reason = f": {asked.refuses[scale]}" if scale in asked.refuses else ""
    return f"{study} is not offered at scale {scale}{reason}"


@cache
def fulfilled(entry: Entry) -> bool | None:
    """Whether the paper's own numbers fulfill the claim; None where it prints none of those that are compared."""
    if entry.ask is None:
        return None
    papers = {study: published(load_study(study).paper) for study in entry.claim.studies}
    frames = {study: paper.frame for study, paper in papers.items() if paper is not None}
    items = {paper.item for paper in papers.values() if paper is not None}
    if len(items) < len(papers):  # none printed, or one item that two of our studies are laid beside
        return None
    evidence = _Published(frames)
    try:
        return evidence.true(entry.ask(*(evidence.cells(study) for study in entry.claim.studies)))
    except NotAsked:
        return None


class _Published(Evidence):
    """The paper's own numbers as evidence: one number a cell, taken as it is printed."""

    def true(self, statement: Statement) -> bool:
        if isinstance(statement, Best):
            winner, loser = self.best_on_first_seed(statement.winners), self.best_on_first_seed(statement.losers)
            return winner is not None and loser is not None and self._value(winner) > self._value(loser)
        outcomes = [self._fulfills(part) for part in statement.parts]
        assert isinstance(statement, All | Most)
        return all(outcomes) if isinstance(statement, All) else sum(outcomes) > len(outcomes) / 2

    def _fulfills(self, part: Comparison) -> bool:
        value = self._value(part.quantity)
        return holds(part, value, value)

    def _value(self, quantity: Quantity) -> float:
        printed = self.estimate(quantity)
        if printed is None:
            raise NotAsked("the paper does not print it")
        return printed.effect

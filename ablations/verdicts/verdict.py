"""Claims and their verdicts as plain data: for the terminal, the report page and CSV files."""

from dataclasses import dataclass
from math import inf
from typing import Literal

Outcome = Literal["holds", "does not hold", "undecided", "not asked"]
Relation = Literal["above", "at most", "within"]  # above the bound; at most the bound; within -bound to bound


def region(relation: Relation, bound: float) -> tuple[float, float]:
    """From where to where a quantity fulfills its comparison. What is to be above the bound may not be on it."""
    return {"above": (bound, inf), "at most": (-inf, bound), "within": (-bound, bound)}[relation]


@dataclass(frozen=True)
class Claim:
    """A statement of the paper. `key` names it; `where` says where it stands; `group` is for the order on a page.

    short: the statement in a few words, for a row of a figure; empty where no figure has one.
    """

    key: str
    group: str
    statement: str
    where: str
    inequality: str  # over cells, for people
    studies: tuple[str, ...]  # whose cells it speaks of; empty where none of ours can answer it
    caveat: str = ""
    short: str = ""


@dataclass(frozen=True)
class JudgedComparison:
    """A comparison of a claim as it was judged: a contrast of cells against a bound.

    effect: its mean over the seeds judged on. low, high: its 95% interval, NaN where there is none. unit: "points" of
    accuracy, "nats", or empty.
    """

    label: str  # "crop > color − crop"
    relation: Relation
    bound: float
    unit: str
    effect: float
    low: float
    high: float
    outcome: Outcome


@dataclass(frozen=True)
class Verdict:
    """A claim, judged at one scale.

    deciding: the comparison that decided, or, where undecided, the one that is in the way; None where nothing is
    measured or asked. why: a sentence, how it was judged or why it could not be. seeds: how many were judged on.
    chosen_on: how many other seeds chose the cells compared. published: whether the paper's own numbers fulfill the
    inequality; None where it prints none. more_seeds: about how many seeds in all would settle what is undecided; None
    where none would, or nothing is undecided. command: what trains these.
    """

    claim: Claim
    scale: str
    outcome: Outcome
    why: str
    parts: tuple[JudgedComparison, ...] = ()
    deciding: JudgedComparison | None = None
    seeds: int = 0
    chosen_on: int = 0
    budget: str = ""
    published: bool | None = None
    more_seeds: int | None = None
    command: str = ""

"""A study repeated at several training budgets, in words: its table, and its answer in sentences. Pure."""

from collections.abc import Iterable

import pandas as pd

from ablations.studies.metrics import label, measured
from ablations.tables.budgets import FAILS, HOLDS, OPEN, UNDECIDED
from ablations.tables.findings import Findings


def sentences(findings: Findings) -> list[str]:
    """The answer: how many claims hold, from which budget on; and the rank agreement at every budget."""
    if not (findings.done["role"] == "cell").any():
        return ["Nothing is measured yet."]
    claims = _claims(findings) if findings.info.seeds > 1 else ["No verdict follows from one seed."]
    return [*claims, *_ranks(findings)]


def text_table(findings: Findings) -> pd.DataFrame:
    """Claims down, where each first holds and budgets across; below them rank agreement and levels."""
    columns = {epochs: f"{pairs:,} ({epochs})" for epochs, pairs in findings.budgets.items()}
    rows: list[tuple[str, dict[int, str], str]] = []
    for claim, epochs in findings.first_held.items():
        outcomes = findings.judged[claim].set_index("epochs")["outcome"].to_dict()
        rows.append((claim, outcomes, columns[epochs] if epochs else "–"))
    for over, those in findings.agreements.groupby("over", sort=False):
        ranks = {row.epochs: f"{_rho(row.rho)} (p {row.p:.2g})" for row in those.itertuples()}
        rows.append((f"Spearman's rho, {over}", ranks, ""))
    for name, line in findings.levels.groupby("name", sort=False):
        means = {row.epochs: measured(row.mean, row.low, row.high) for row in line.itertuples()}
        rows.append((f"{label(findings.info.headline)}: {name}", means, ""))
    table = [[name, first, *(cells.get(epochs, "–") for epochs in columns)] for name, cells, first in rows]
    return pd.DataFrame(table, columns=["image pairs per cell (epochs)", "first holds at", *columns.values()])


def _claims(findings: Findings) -> list[str]:
    pairs, first, known = findings.budgets, findings.first_held, findings.judged
    largest = max((int(rows["epochs"].iloc[-1]) for rows in known.values() if len(rows)), default=None)
    if largest is None:
        return ["No claim is judged yet."]
    held: dict[int, list[str]] = {}  # claims by the budget at which they first hold, the others by their last outcome
    others: dict[str, list[str]] = {FAILS: [], UNDECIDED: [], OPEN: []}
    for claim, rows in known.items():
        notes, epochs = [], first[claim]
        if len(rows) and rows["epochs"].iloc[-1] < largest:
            notes.append(f"judged up to {pairs[rows['epochs'].iloc[-1]]:,}")
        if epochs is None and (earlier := rows.loc[rows["outcome"] == HOLDS, "epochs"].tolist()):
            notes.append(f"held at {_and(f'{pairs[each]:,}' for each in earlier)}")
        named = f"“{claim}”" + (f" ({'; '.join(notes)})" if notes else "")
        if epochs is not None:
            held.setdefault(epochs, []).append(named)
        else:
            others[rows["outcome"].iloc[-1] if len(rows) else OPEN].append(named)
    many = sum(map(len, held.values()))
    said = [", ".join(f"{_verb(held[each], 'first hold')} at {pairs[each]:,}" for each in sorted(held))] if held else []
    said += [_verb(claims, outcome) for outcome, claims in others.items() if claims]
    count = f"{many or 'none'} of the {len(known)} claims {'hold' if many > 1 else 'holds'}"
    meaning = ["To first hold at a budget is to hold there and at every larger one that is judged."] if held else []
    return [f"At the largest budget judged, {pairs[largest]:,} image pairs, {count}: {'; '.join(said)}.", *meaning]


def _ranks(findings: Findings) -> list[str]:
    ranks = findings.agreements[findings.agreements["over"] == "all cells"]
    said = [f"{_rho(row.rho)} at {findings.budgets[row.epochs]:,}" for row in ranks.itertuples()]
    return [f"Spearman's rho with the paper's map, all cells: {', '.join(said)} image pairs."] if said else []


def _verb(claims: list[str], outcome: str) -> str:
    """The claims and what they do, or are: “a” and “b” are undecided."""
    one = len(claims) == 1
    verbs = {
        "first hold": "first holds" if one else "first hold",
        FAILS: FAILS if one else "do not hold",
        UNDECIDED: f"{'is' if one else 'are'} undecided",
        OPEN: f"{'is' if one else 'are'} not measured yet",
    }
    return f"{_and(claims)} {verbs[outcome]}"


def _rho(rho: float) -> str:
    return f"{rho:.2f}".replace("-", "−")


def _and(names: Iterable[str]) -> str:
    *start, last = names
    return f"{', '.join(start)} and {last}" if start else last

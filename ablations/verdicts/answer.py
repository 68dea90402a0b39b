"""A study's answer in one sentence, drawn from its data: what does best, by how much, and whether that can be told."""

from collections.abc import Iterator
from math import inf

import pandas as pd

from ablations.stats.intervals import Interval
from ablations.store.trials import Store
from ablations.studies.info import StudyInfo
from ablations.studies.metrics import LABELED, called, label, text
from ablations.studies.plot import METRIC
from ablations.tables.cells import VALIDATION
from ablations.verdicts.compared import beside, compared, correlated
from ablations.verdicts.contrasts import Axes, Cells, Contrast, NotAsked, mean
from ablations.verdicts.evidence import Estimate, Evidence
from ablations.verdicts.ranking import ranking

MOST = 3  # names of cells that are listed


def answer(frame: pd.DataFrame, info: StudyInfo, store: Store | None = None) -> str:
    """Answer any study's question in a sentence, the paper's or one's own.

    The best cell is chosen on the first seed and judged on the others, so that it is not praised for its luck.
    """
    evidence, metric = Evidence({info.study: frame}, store), info.figure.metrics[0]
    if info.figure.reference is not None:
        return ranking(evidence, info)
    if info.figure.compare is not None:
        return compared(evidence, info)
    if info.figure.kind == "scatter" and info.figure.hue == METRIC:
        return correlated(evidence, info)
    shown = list(_shown(evidence, info, metric))
    best, first = evidence.best_on_first_seed(shown), min(evidence.seeds(info.study), default=0)
    if best is None:
        later = metric in frame and bool(frame.loc[frame["role"] == "cell", metric].notna().any())
        return "Nothing is measured yet on the first seed, which chooses." if later else "Nothing is measured yet."
    of = label(metric)
    unit = "%" if "%" in of else ""
    levels = beside(frame, metric)
    judged = evidence.estimate(best, {first})
    if judged is None:
        best, alone = _highest(shown, evidence)
        return (
            f"“{best.label}” is highest, {text(alone.effect, metric)}{unit} {_name(of)}{levels}, "
            "but no verdict follows from one seed."
        )
    split = metric == LABELED and VALIDATION in frame and bool(frame[VALIDATION].notna().any())
    by = " by the probe's validation split" if split else ""
    level = f"{text(judged.effect, metric)}{unit} {_name(of)}{levels}"
    on = f"the {judged.seeds} others" if judged.seeds > 1 else "the other"
    start = f"Chosen on the first seed{by}, “{best.label}” reaches {level} on {on}"
    return f"{start}{_against(best, [one for one in shown if one != best], evidence, first)}."


def _shown(evidence: Evidence, info: StudyInfo, metric: str) -> Iterator[Contrast]:
    """One contrast a cell of the figure: averaged over the axes that it averages over, tuned over those it chooses."""
    plot, cells = info.figure, evidence.cells(info.study)
    shown = plot.shown(cells.axes)
    groups: dict[Axes, dict[Axes, list[Contrast]]] = {}
    for one in _every(cells, metric):
        ((cell, _),) = one.weights
        value = dict(cell.axes)
        tuned = groups.setdefault(tuple((axis, value[axis]) for axis in shown), {})
        tuned.setdefault(tuple((axis, value[axis]) for axis in plot.average), []).append(one)
    for axes, tuned in groups.items():
        chosen = [evidence.best_on_first_seed(group) if plot.choose else group[0] for group in tuned.values()]
        known = [one for one in chosen if one is not None]
        if len(known) == len(chosen):  # else an average over fewer cells would not compare with the others
            yield mean(known, called(axes))


def _every(cells: Cells, metric: str) -> list[Contrast]:
    """The metric in every cell; empty where the table has no column of that name."""
    try:
        return cells.every(metric)
    except NotAsked:
        return []


def _highest(shown: list[Contrast], evidence: Evidence) -> tuple[Contrast, Estimate]:
    """The cell with the highest value, whatever chooses, and that value: for one seed."""
    estimates = {one: known for one in shown if (known := evidence.estimate(one)) is not None}
    best = max(estimates, key=lambda one: estimates[one].effect)
    return best, estimates[best]


def _against(best: Contrast, others: list[Contrast], evidence: Evidence, first: int) -> str:
    """Words for how the chosen cell compares with every other one on the other seeds, each at 5% by their number."""
    gaps = {one.label: evidence.estimate(best - one, {first}) for one in others}
    level = 1 - 0.05 / max(len(gaps), 1)
    measured = {name: gap for name, gap in gaps.items() if gap is not None}
    several = {name: gap for name, gap in measured.items() if gap.seeds > 1}
    if not several:
        return "; one seed gives no verdict" if measured else ", the only cell measured there"
    known = {name: gap.interval(level) or Interval(-inf, inf) for name, gap in several.items()}
    behind = [name for name, bounds in known.items() if bounds.low > 0]
    ahead = [name for name, bounds in known.items() if bounds.high < 0]
    level_with = sorted(
        (name for name in known if name not in behind and name not in ahead),
        key=lambda name: round(several[name].mean, 6),
    )
    said = [f"ahead of {_all(len(behind), len(known))} other cells"] if behind else []
    said += [f"behind {_some(ahead)}"] if ahead else []
    said += [f"not to be told from {_some(level_with)}"] if level_with else []
    said += [f"{len(gaps) - len(known)} not measured there"] if len(known) < len(gaps) else []
    together = f" (95% for all {len(known)} together)" if len(known) > 1 else " (95%)"
    return f": {' and '.join(said) if len(said) < 3 else ', '.join(said)}{together}"


def _all(part: int, whole: int) -> str:
    return f"all {whole}" if part == whole and whole > 1 else f"{part} of {whole}"


def _some(names: list[str]) -> str:
    """The first three names, and how many more there are."""
    named = names if len(names) == MOST + 1 else names[:MOST]  # "and 1 more" says no less than its name
    quoted = [f"“{name}”" for name in named]
    more = [f"{len(names) - MOST} more"] if len(names) > MOST + 1 else []
    *start, last = [*quoted, *more]
    return f"{', '.join(start)} and {last}" if start else last


def _name(of: str) -> str:
    return of.split(" (")[0].removesuffix(" top-1") if "(%)" in of else of

"""A study's answer in one sentence, drawn from its data: what does best, by how much, and whether that can be told."""

import math
from collections.abc import Iterator

import pandas as pd

from ablations.figures.context import Context
from ablations.measures import label, text
from ablations.store import Store
from ablations.tables import baselines
from ablations.verdicts.contrasts import Axes, Cells, Contrast, NotAsked, called, mean
from ablations.verdicts.evidence import Estimate, Evidence


def answer(frame: pd.DataFrame, context: Context, store: Store | None = None) -> str:
    """For any study, the paper's or one's own.

    The best cell is chosen on the first seed and judged on the others, so that it is not praised for its luck; the
    runner-up too.
    """
    evidence, metric = Evidence({context.study: frame}, store), context.figure.metrics[0]
    if len(context.figure.metrics) > 1 and metric != "top1":  # a question of one metric against another, not of cells
        return _metrics(evidence, context)
    ranked = _ranked(evidence, list(_shown(evidence, context, metric)))
    if not ranked:
        later = metric in frame and bool(frame.loc[frame["role"] == "cell", metric].notna().any())
        return "Nothing is measured yet on the first seed, which chooses." if later else "Nothing is measured yet."
    best, first = ranked[0], min(evidence.seeds(context.study))
    of = label(metric)
    unit = "%" if "%" in of else ""
    levels = [f"{name.replace('_', ' ')} {text(level, metric)}" for name, level in baselines(frame, metric).items()
              if math.isfinite(level)]  # fmt: skip
    beside = f" ({', '.join(levels)})" if levels else ""
    found = evidence.estimate(best, {first})
    if found is None:
        alone = evidence.estimate(best)
        assert alone is not None
        return (
            f"“{best.label}” is highest, {text(alone.effect, metric)}{unit} {_name(of)}{beside}, "
            "but no verdict follows from one seed."
        )
    on = f"the {found.seeds} seeds" if found.seeds > 1 else "the seed"
    start = (
        f"“{best.label}” does best: {text(found.effect, metric)}{unit} {_name(of)}{beside}, on {on} that did "
        "not choose it"
    )
    if len(ranked) == 1:
        return f"{start}."
    gap = evidence.estimate(best - ranked[1], {first})
    return f"{start}; {_behind(ranked[1].label, gap, metric, unit)}."


def _shown(evidence: Evidence, context: Context, metric: str) -> Iterator[Contrast]:
    """One contrast a cell of the figure: averaged over the axes that it averages over, tuned over those it chooses."""
    plot, cells = context.figure, evidence.cells(context.study)
    shown = plot.shown(cells.axes)
    groups: dict[Axes, dict[Axes, list[Contrast]]] = {}
    for one in _every(cells, metric):
        ((cell, _),) = one.weights
        value = dict(cell.axes)
        tuned = groups.setdefault(tuple((axis, value[axis]) for axis in shown), {})
        tuned.setdefault(tuple((axis, value[axis]) for axis in plot.average), []).append(one)
    for axes, tuned in groups.items():
        chosen = [evidence.choose(group) if plot.choose else group[0] for group in tuned.values()]
        found = [one for one in chosen if one is not None]
        if len(found) == len(chosen):  # else an average over fewer cells would not compare with the others
            yield mean(found, called(axes))


def _every(cells: Cells, metric: str) -> list[Contrast]:
    """All of them; none where the metric has no column yet."""
    try:
        return cells.every(metric)
    except NotAsked:
        return []


def _metrics(evidence: Evidence, context: Context) -> str:
    """Each metric's mean over all cells that are done."""
    said = []
    for metric in context.figure.metrics:
        done = [
            cell
            for cell in _every(evidence.cells(context.study), metric)
            if min(evidence.seeds(context.study)) in evidence.per_seed(cell)
        ]
        found = evidence.estimate(mean(done, metric)) if done else None
        if found is not None:
            said.append(f"{label(metric).removesuffix(' (%)')} {text(found.effect, metric)}")
    return f"On average over the cells: {', '.join(said)}." if said else "Nothing is measured yet."


def _ranked(evidence: Evidence, cells: list[Contrast]) -> list[Contrast]:
    """The two best on the first seed, the best first."""
    ranked: list[Contrast] = []
    for _ in range(2):
        best = evidence.choose([cell for cell in cells if cell not in ranked])
        if best is None:
            break
        ranked.append(best)
    return ranked


def _behind(name: str, gap: Estimate | None, metric: str, unit: str) -> str:
    if gap is None:
        return f"the next, “{name}”, is not measured on them"
    points = " points" if unit else ""
    size = text(abs(gap.effect), metric)
    said = f"the next, “{name}”, is {size}{points} {'behind' if gap.effect >= 0 else 'ahead there'}"
    found = gap.interval()
    if found is None:
        return f"{said}, and one seed gives no interval"
    low, high = sorted((found.low, found.high)) if gap.effect >= 0 else sorted((-found.low, -found.high))
    told = "a difference" if low > 0 else "which is no difference that can be told"
    return f"{said} (95% interval {_signed(low, metric)} to {_signed(high, metric)}), {told}"


def _signed(value: float, metric: str) -> str:
    return ("+" if value >= 0 else "−") + text(abs(value), metric)


def _name(of: str) -> str:
    return of.split(" (")[0].removesuffix(" top-1") if "(%)" in of else of

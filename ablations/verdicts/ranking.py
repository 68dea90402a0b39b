"""A study's answer where one value of an axis is the reference: what every other one loses or gains against it.

A value is paired with the reference (see ablations.verdicts.differences). The intervals are corrected for their number
(Bonferroni): all of them together are to hold in 95% of studies.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ablations.console.text import span
from ablations.stats.intervals import Interval
from ablations.studies.info import StudyInfo
from ablations.studies.metrics import label, short, text
from ablations.studies.plot import METRIC
from ablations.tables.cells import reference_value
from ablations.verdicts.claims.registry import TIE
from ablations.verdicts.compared import beside, sides_by_metric, signed, value_called
from ablations.verdicts.contrasts import mean
from ablations.verdicts.differences import Side, matched
from ablations.verdicts.evidence import Estimate, Evidence

# What is said of a difference, in the order in which it is said.
BELOW = "Below it"
TIED = f"A tie, within ±{TIE} points"
UNTOLD = "Not to be told from it"
ABOVE = "Above it"
ALONE = "No verdict from one seed"
GROUPS = (BELOW, TIED, UNTOLD, ABOVE, ALONE)


@dataclass(frozen=True)
class Difference:
    """A value minus the reference. `interval` is None where nothing is known of how it varies, as from one seed."""

    value: str
    estimate: Estimate
    interval: Interval | None


@dataclass(frozen=True)
class Ranking:
    """Differences of the compared axis's values from the reference in one metric, the lowest first.

    level: the reference's own mean, over so many cells. absent: values that have nothing to be paired with it.
    """

    metric: str
    reference: str
    level: float
    cells: int
    differences: tuple[Difference, ...]
    absent: tuple[str, ...]


def ranking(evidence: Evidence, info: StudyInfo) -> str:
    """Words for each metric's differences: below the reference, a tie with it, not to be told from it, above it."""
    by_metric = rankings(evidence, info)
    if not by_metric:
        return f"“{info.figure.reference}”, which all others are compared with, is not measured yet."
    if not any(one.differences for one in by_metric):
        return f"Nothing is measured yet to compare with “{by_metric[0].reference}”."
    said = [sentence for one in by_metric for sentence in _sentences(one, evidence, info)]
    return " ".join([*said, *_intervals(by_metric)])


def rankings(evidence: Evidence, info: StudyInfo) -> list[Ranking]:
    """A ranking for each metric in which the reference is measured; all intervals are corrected together."""
    axis, wanted = str(info.figure.compare), reference_value(info)
    if axis == METRIC:
        known, called = [short(metric) for metric in info.figure.metrics], short(str(wanted))
    else:
        values = evidence.cells(info.study).values(axis)
        known = [value_called(axis, value) for value in values]
        called = next((value_called(axis, value) for value in values if value == wanted), "")
    tables = {
        metric: (sides[called], _paired(evidence, sides, called))
        for (_, metric), sides in sides_by_metric(evidence, info).items()
        if called in sides
    }
    level = 1 - 0.05 / max(1, sum(len(estimates) for _, estimates in tables.values()))
    by_metric = []
    for metric, (reference, estimates) in tables.items():
        own = evidence.estimate(mean(list(reference.values()), called))
        ordered = sorted(estimates.items(), key=lambda one: one[1].effect)
        by_metric.append(
            Ranking(
                metric=metric,
                reference=called,
                level=own.effect if own else float("nan"),
                cells=len(reference),
                differences=tuple(Difference(value, gap, gap.interval(level)) for value, gap in ordered),
                absent=tuple(value for value in known if value not in (called, *estimates)),
            )
        )
    return by_metric


def _paired(evidence: Evidence, sides: Mapping[str, Side], called: str) -> dict[str, Estimate]:
    """Every other value minus the reference, where some seed has cells that both have."""
    pairs = {value: matched(evidence, [sides[called], side]) for value, side in sides.items() if value != called}
    return {value: pair.difference(evidence, 1, 0) for value, pair in pairs.items() if pair is not None}


def _sentences(one: Ranking, evidence: Evidence, info: StudyInfo) -> Iterator[str]:
    of = "" if info.figure.compare == METRIC else f" {short(one.metric)}"
    level = f"{text(one.level, one.metric)}{'%' if _percent(one.metric) else ''}{of}"
    levels = beside(evidence.frames[info.study], one.metric)
    over = f", over the cells that both have (up to {one.cells})" if one.cells > 1 else ""
    yield f"Against “{one.reference}” at {level}{levels}{over}, the lowest first."
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for difference in one.differences:
        groups[_group(difference, one.metric)].append(_written(difference, one.metric))
    yield from (f"{group}: {', '.join(written)}." for group, written in groups.items() if written)
    if one.absent:
        yield f"No pair measured: {_quoted(one.absent)}."


def _group(difference: Difference, metric: str) -> str:
    bounds = difference.interval
    if difference.estimate.seeds < 2:
        return ALONE
    if bounds is None:
        return UNTOLD
    if _percent(metric) and max(-bounds.low, bounds.high) <= TIE:
        return TIED
    return BELOW if bounds.high < 0 else ABOVE if bounds.low > 0 else UNTOLD


def _written(difference: Difference, metric: str) -> str:
    bounds = difference.interval
    interval = f" ({signed(bounds.low, metric)} to {signed(bounds.high, metric)})" if bounds else ""
    return f"“{difference.value}” {signed(difference.estimate.effect, metric)}{interval}"


def _intervals(by_metric: Sequence[Ranking]) -> Iterator[str]:
    """A sentence on what the numbers in brackets are, and what they cover; nothing where there are none."""
    every = [difference for one in by_metric for difference in one.differences]
    judged = [difference.estimate for difference in every if difference.interval is not None]
    if not judged:
        return
    start = "In points, with" if all(_percent(one.metric) for one in by_metric) else "With"
    corrected = f", Bonferroni over {len(every)} comparisons" if len(every) > 1 else ""
    covered = [estimate for estimate in judged if estimate.images]
    tested = f" and {min(covered, key=lambda estimate: estimate.images or 0).tested()}" if covered else ""
    if alone := [one.value for one in every if one.interval is not None and not one.estimate.images]:
        which = f" of {_quoted(alone)}" if covered else ""
        tested += f", but not over test images{which}, whose answers are not at hand"
    seeds = span([estimate.seeds for estimate in judged])
    yield (
        f"{start} 95% intervals (paired{corrected}) over {seeds} seeds{tested}; "
        "where two overlap, the order of these two is open."
    )
    if lost := list(dict.fromkeys(cell for estimate in judged for cell in estimate.unanswered)):
        yield f"Not all answers of {_quoted(lost)} are at hand: intervals with these are as wide as accuracies allow."


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _percent(metric: str) -> bool:
    return "(%)" in label(metric)
